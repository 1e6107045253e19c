//! However an upstream's bytes are cut into reads, the client gets the same. The checks are those of the fuzz target (see
//! `server/fuzz/src/answers.rs`), here with generated answers and with the seeds.

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};

use super::reader::Asked;
use super::{Malformed, Progress};
use crate::checks::answers::{check, check_answers};

fn asked() -> impl Strategy<Value = Asked> {
    any::<[bool; 3]>().prop_map(|[head_only, http10, continues]| Asked { head_only, http10, continues })
}

fn answer() -> impl Strategy<Value = String> {
    let interim = prop_oneof![
        6 => Just(""),
        2 => select(vec!["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\nConnection: x\r\n\r\n"]),
        1 => Just("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    ];
    let line = prop_oneof![
        8 => select(vec!["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.0 200 OK", "HTTP/1.1 500 "]),
        2 => select(vec!["HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified"]),
        1 => select(vec!["HTTP/1.1 099 x", "HTTP/1.1 600 x", "HTTP/2.0 200 OK", "HTTP/1.1 20 OK", "nonsense", ""]),
    ];
    let end = prop_oneof![40 => Just("\r\n"), 1 => select(vec!["\n", "\r", "\r\n ", "\r\n\r\n"])];
    let fields = vec(
        select(vec![
            "Date: x\r\n",
            "A: b\r\n",
            "Connection: close\r\n",
            "Connection: a, keep-alive\r\n",
            "Set-Cookie: a\r\n",
            "A : b\r\n",
            "TE: x\r\n",
        ]),
        0..4,
    );
    let content = prop_oneof![
        3 => "[a-z]{0,20}".prop_map(|text| format!("Content-Length: {}\r\n\r\n{text}", text.len())),
        2 => "[a-z]{1,20}".prop_map(|text| format!("Content-Length: {}\r\n\r\n{text}", text.len() + 1)),
        3 => vec("[a-z]{1,9}", 0..4).prop_map(|chunks| chunked(&chunks) + "0\r\n\r\n"),
        1 => vec("[a-z]{1,9}", 0..4).prop_map(|chunks| chunked(&chunks) + "0\r\nX-T: 1\r\nContent-Length: 5\r\n\r\n"),
        1 => vec("[a-z]{1,9}", 0..4).prop_map(|chunks| chunked(&chunks)),
        1 => vec("[a-z]{1,9}", 0..4).prop_map(|chunks| chunked(&chunks) + "0\r\n\r\nmore"),
        1 => "[a-z]{0,20}".prop_map(|text| format!("\r\n{text}")),
        1 => select(vec![
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "Content-Length: x\r\n\r\n", "Transfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nx\r\n",
        ]).prop_map(str::to_owned),
    ];
    (interim, line, end, fields, content)
        .prop_map(|(interim, line, end, fields, content)| format!("{interim}{line}{end}{}{content}", fields.concat()))
}

fn chunked(chunks: &[String]) -> String {
    let chunks: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
    format!("Transfer-Encoding: chunked\r\n\r\n{chunks}")
}

proptest! {
    #[test]
    fn any_cuts_of_any_answer_are_one_answer(asked in asked(), answer in answer(), cuts in vec(0_usize..30, 0..12)) {
        check(asked, answer.as_bytes(), &cuts);
    }

    #[test]
    fn a_damaged_answer_is_read_or_refused_and_never_panics(
        asked in asked(), answer in answer(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cuts in vec(0_usize..30, 0..6),
    ) {
        let mut bytes = answer.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check(asked, &bytes, &cuts);
    }
}

#[test]
fn heads_without_end_are_refused() {
    for (text, malformed) in [
        (format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(20_000)), Malformed::HeadTooLong),
        (format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(129)), Malformed::HeadTooLong),
        ("HTTP/1.1 102 Processing\r\n\r\n".repeat(17), Malformed::Interim),
    ] {
        assert_eq!(check(Asked::default(), text.as_bytes(), &[7, 100, 1000]).progress, Err(malformed));
    }
}

#[test]
fn what_follows_an_answer_spoils_its_connection_and_nothing_else() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let alone = check(Asked::default(), answer.as_bytes(), &[]);
    assert_eq!(alone.progress, Ok(Progress::Done { keeps: true, closes: false }));
    let followed = check(Asked::default(), format!("{answer}H").as_bytes(), &[3]);
    assert_eq!(followed.progress, Ok(Progress::Done { keeps: false, closes: false }));
    assert_eq!((followed.heads, followed.content), (alone.heads, alone.content));
}

#[test]
fn the_seeds_of_the_fuzz_target_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/answers");
    let seeds: Vec<_> = fs::read_dir(folder).expect("seeds").map(|entry| entry.expect("a file").path()).collect();
    assert!(seeds.len() >= 8, "{seeds:?}");
    for seed in seeds {
        check_answers(&fs::read(seed).expect("a seed"));
    }
}
