//! Which heads go the fast road, and which must not.

use super::Hints;
use super::reading::read;
use crate::http::head::{self, Framing, Head};

/// A head with every kind of gap, and fields that have none.
const KNOWN: &str = "HTTP/1.1 429 Too Many Requests\r\nDate: Sat, 21 Nov 2026 09:00:00 GMT\r\nContent-Length: 12\r\n\
    Retry-After: 7\r\nRateLimit: \"default\";r=0;t=7\r\nConnection: keep-alive\r\nX-Empty:\r\n\r\n";

#[test]
fn a_head_with_other_values_is_recognised() {
    let cases = [
        ("09:00:00", "09:00:01"),
        ("Sat, 21 Nov 2026 09:00:00 GMT", "now"),
        (" Sat, 21 Nov 2026 09:00:00 GMT", ""),
        ("Length: 12", "Length: 99"),
        ("Length: 12", "Length:0"),
        ("Length: 12", "Length: 18446744073709551615 "),
        ("Retry-After: 7", "Retry-After: 120"),
        ("Retry-After: 7", "Retry-After: tomorrow"),
        ("r=0;t=7", "r=10;t=7;w=60, \"other\""),
        ("X-Empty:", "X-Empty: \u{e4}~!"),
    ];
    let mut one = warm(&[KNOWN]);
    for (from, to) in cases {
        let raw = KNOWN.replace(from, to);
        let expected = Some((full(&raw), raw.len()));
        assert_eq!(warm(&[KNOWN]).recognise(raw.as_bytes()), expected, "{to}");
        assert_eq!(warm(&[KNOWN]).recognise((raw.clone() + "more").as_bytes()), expected, "{to}, more follows");
        assert_eq!(one.recognise(raw.as_bytes()), expected, "{to}, after all the others");
        assert_eq!(one.recognise(KNOWN.as_bytes()), Some((full(KNOWN), KNOWN.len())), "the first one after {to}");
    }
}

#[test]
fn a_head_that_may_mean_something_else_is_not() {
    let cases = [
        ("HTTP/1.1", "HTTP/1.0"),
        ("429", "428"),
        ("Too", "To"),
        ("keep-alive", "close"),
        ("keep-alive", "keep-alivE"),
        ("Connection", "connection"),
        ("Length: 12", "Length: +12"),
        ("Length: 12", "Length: 12,12"),
        ("Length: 12", "Length: 12x"),
        ("Length: 12", "Length:"),
        ("Length: 12", "Length: 18446744073709551616"),
        ("Length: 12", "Length: 12\r\nContent-Length: 12"),
        ("Length: 12", "Length: 12\r\nTransfer-Encoding: chunked"),
        ("Length: 12", "Length: 12\r"),
        ("Length: 12", "Length: 12\n"),
        ("Content-Length: 12\r\n", ""),
        ("Content-Length", "content-length"),
        ("09:00:00", "09:00\n00"),
        ("09:00:00", "09:00\r00"),
        ("09:00:00", "09:00\x0000"),
        ("09:00:00", "09:00\t00"),
        ("09:00:00", "09:00\x7f00"),
        ("GMT\r\n", "GMT\r\n folded\r\n"),
        ("Retry-After: 7", "Retry-After: 7\x01"),
        ("Retry-After", "Retry-Later"),
        ("X-Empty:\r\n\r\n", "X-Empty:\x01\r\n\r\n"),
        ("X-Empty:\r\n\r\n", "X-Empty:\x7f\r\n\r\n"),
        ("X-Empty:\r\n\r\n", "X-Empty:\r\n"),
        ("X-Empty:\r\n\r\n", "X-Empty:\r\n\r"),
        ("X-Empty:\r\n\r\n", "X-Empty:\r\nConnection: close\r\n\r\n"),
        (KNOWN, ""),
        (KNOWN, "HTTP/1.1 4"),
    ];
    for (from, to) in cases {
        let raw = KNOWN.replace(from, to);
        assert_ne!(raw, KNOWN);
        assert_eq!(warm(&[KNOWN]).recognise(raw.as_bytes()), None, "{to:?}");
    }
}

#[test]
fn what_is_said_twice_or_as_a_list_is_compared_byte_by_byte() {
    for field in ["Content-Length: 2, 2", "Content-Length: 2\r\nContent-Length: 2", "Retry-After: 2\r\nRetry-After: 2"]
    {
        let raw = format!("HTTP/1.1 200 OK\r\n{field}\r\nDate: now\r\n\r\n");
        let mut hints = warm(&[&raw]);
        assert_eq!(hints.recognise(raw.as_bytes()), Some((full(&raw), raw.len())), "{field}");
        let later = raw.replace("now", "later");
        assert_eq!(hints.recognise(later.as_bytes()), Some((full(&later), later.len())), "{field}");
        assert_eq!(hints.recognise(raw.replacen('2', "3", 4).as_bytes()), None, "{field}");
        assert_eq!(hints.recognise(raw.replacen(": 2", ": 3", 1).as_bytes()), None, "{field}");
    }
}

#[test]
fn a_value_cannot_make_a_known_head_too_long() {
    let raw = KNOWN.replace("09:00:00", &"9".repeat(head::MAX_HEAD));
    assert_eq!(warm(&[KNOWN]).recognise(raw.as_bytes()), None);
    let longest = KNOWN.replace("09:00:00", &"9".repeat(head::MAX_HEAD - KNOWN.len() + "09:00:00".len()));
    assert_eq!(warm(&[KNOWN]).recognise(longest.as_bytes()), Some((full(&longest), head::MAX_HEAD)));
}

#[test]
fn one_head_is_known_for_each_class_of_status() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let created = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\n";
    let mut hints = warm(&[chunked, KNOWN]);
    assert_eq!(hints.recognise(chunked.as_bytes()), Some((full(chunked), chunked.len())));
    assert_eq!(hints.recognise(KNOWN.as_bytes()), Some((full(KNOWN), KNOWN.len())));
    let mut hints = warm(&[chunked, KNOWN, created]);
    assert_eq!(hints.recognise(chunked.as_bytes()), None);
    assert_eq!(hints.recognise(created.as_bytes()).map(|(head, _)| head.framing), Some(Framing::Length(5)));
}

#[test]
fn the_rest_of_a_head_that_looks_like_a_known_one_is_not_taken_for_it() {
    let known = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let pieces = ["HTTP/1.1 500 Oops\r\nX: ", known];
    let reading = read(pieces.into_iter().map(str::as_bytes), |_| false, &mut warm(&[known]));
    assert_eq!(reading.answers.iter().map(|seen| seen.status).collect::<Vec<_>>(), [500]);
}

#[test]
fn strict_hints_know_nothing() {
    let mut hints = Hints::strict();
    hints.learn(KNOWN.as_bytes(), full(KNOWN));
    assert_eq!(hints.recognise(KNOWN.as_bytes()), None);
}

fn warm(heads: &[&str]) -> Hints {
    let mut hints = Hints::new();
    for raw in heads {
        hints.learn(raw.as_bytes(), full(raw));
    }
    hints
}

fn full(raw: &str) -> Head {
    assert_eq!(head::end(raw.as_bytes(), 0), Ok(Some(raw.len())));
    Head::parse(raw.as_bytes()).expect("a head")
}
