//! What holds for all bytes: generated connections, most of them legal, some with a few bytes changed.

use super::Hints;
use super::reading::{Reading, read};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select};

proptest! {
    #[test]
    fn no_split_changes_what_is_read(connection in connection(), cuts in vec(any::<Index>(), 0..40), heads in heads()) {
        let whole = read_whole(&connection, heads, &mut Hints::strict());
        for hints in [&mut Hints::strict(), &mut Hints::new()] {
            let pieces = cut(&connection, &cuts);
            prop_assert_eq!(&read(pieces.into_iter(), to_head(heads), hints), &whole);
            prop_assert_eq!(&read(connection.chunks(1), to_head(heads), hints), &whole);
        }
    }

    #[test]
    fn no_hint_changes_what_is_read(before in vec(connection(), 0..4), connection in connection(), heads in heads()) {
        let mut hints = Hints::new();
        for other in &before {
            read_whole(other, heads, &mut hints);
        }
        let full = read_whole(&connection, heads, &mut Hints::strict());
        prop_assert_eq!(&read_whole(&connection, heads, &mut hints), &full);
        prop_assert_eq!(&read_whole(&connection, heads, &mut hints), &full, "read again");
    }

    #[test]
    fn no_change_of_one_byte_is_missed_by_the_fast_road(head in head(), at in any::<Index>(), byte in telling_byte()) {
        let mut hints = Hints::new();
        read_whole(&head, 0, &mut hints);
        let mut changed = head;
        let at = at.index(changed.len());
        changed[at] = byte;
        prop_assert_eq!(read_whole(&changed, 0, &mut hints), read_whole(&changed, 0, &mut Hints::strict()));
    }
}

fn read_whole(connection: &[u8], heads: u8, hints: &mut Hints) -> Reading {
    read([connection].into_iter(), to_head(heads), hints)
}

/// Eight requests' methods as bits, again and again.
fn to_head(heads: u8) -> impl Fn(usize) -> bool {
    move |n| heads & (1 << (n % 8)) != 0
}

/// Most connections ask for no `HEAD`.
fn heads() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0), 1 => any::<u8>()]
}

fn cut<'a>(mut bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable_by(|a, b| b.cmp(a));
    let mut pieces = Vec::new();
    for place in places {
        let (before, after) = bytes.split_at(place);
        pieces.push(after);
        bytes = before;
    }
    pieces.push(bytes);
    pieces.reverse();
    pieces
}

/// A few answers in a row, perhaps changed here and there, perhaps cut off.
fn connection() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop_oneof![3 => Just(Vec::new()), 1 => vec((any::<Index>(), telling_byte(), 0..3_u8), 1..4)];
    (vec(answer(), 1..6), changes).prop_map(|(answers, changes)| {
        let mut bytes = answers.concat();
        for (at, byte, kind) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        bytes
    })
}

/// One whole answer with the body that its head announces, or in one of ten cases another.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    (head_and_body(), 0..10_u8).prop_map(|((head, body), luck)| {
        let silent = [" 204 ", " 304 ", " 100 "].iter().any(|status| head.contains(status));
        if silent != (luck == 0) { head.into_bytes() } else { [head, body].concat().into_bytes() }
    })
}

fn head() -> impl Strategy<Value = Vec<u8>> {
    head_and_body().prop_map(|(head, _)| head.into_bytes())
}

/// Like one server's answers: few kinds, whose values differ.
fn head_and_body() -> impl Strategy<Value = (String, String)> {
    let framing = prop_oneof![
        8 => (0..30_usize).prop_map(|length| (format!("Content-Length: {length}\r\n"), "x".repeat(length))),
        4 => select(CHUNKED).prop_map(|body| ("Transfer-Encoding: chunked\r\n".to_owned(), body.to_owned())),
        1 => Just((String::new(), "till the end".to_owned())),
        1 => select(SAID_TWICE).prop_map(|lengths| (lengths.to_owned(), "xxx".to_owned())),
    ];
    (select(STATUS_LINES), vec(select(FIELDS), 0..4), framing).prop_map(|(status_line, mut fields, (framing, body))| {
        fields.sort_unstable();
        (format!("HTTP/{status_line}\r\n{}{framing}\r\n", fields.concat()), body)
    })
}

/// Bytes that mean something somewhere, and any.
fn telling_byte() -> impl Strategy<Value = u8> {
    prop_oneof![2 => select(&b"\r\n: ;,\t0129afx\0\x7f\xe4"[..]), 1 => any::<u8>()]
}

const STATUS_LINES: &[&str] = &[
    "1.1 200 OK",
    "1.1 200 OK",
    "1.1 429 No",
    "1.1 429 No",
    "1.1 204 None",
    "1.1 304 Same",
    "1.1 100 Go",
    "1.0 200 OK",
];

const FIELDS: &[&str] = &[
    "Date: 09:00:01\r\n",
    "Date: 09:00:02\r\n",
    "Retry-After: 5\r\n",
    "Retry-After: 60\r\n",
    "RateLimit: r=9;t=1\r\n",
    "RateLimit: r=10;t=1\r\n",
    "Connection: keep-alive\r\n",
    "X:\r\n",
];

const SAID_TWICE: &[&str] = &["Content-Length: 3, 3\r\n", "Content-Length: 3\r\nContent-Length: 3\r\n"];

const CHUNKED: &[&str] = &["0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "3;e=\"v\"\r\nabc\r\n00\r\nA: b\r\n\r\n"];
