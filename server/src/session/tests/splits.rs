//! However the bytes are cut into reads, requests and answers are the same; and where requests end is what a second parser says. The checks
//! are those of the fuzz targets (see `server/fuzz/src/lib.rs`), here with generated requests and with the seeds.

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};

use crate::checks;

/// Whole requests, sound and unsound, from which pipelines are made.
fn request() -> impl Strategy<Value = String> {
    let method = select(vec!["GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "BREW", "get", "CONNECT"]);
    let target = prop_oneof![
        6 => "/\\?clientId=[ab]",
        1 => "/\\?clientId=%4[0-9a-g]",
        1 => "/check(|/nginx|/envoy|/forward|/haproxy)\\?clientId=[ab](|&cost=[023x]|&peek=1)",
        1 => Just("/v1/decide".to_owned()),
        1 => select(vec!["/", "/x", "*", "http://h/?clientId=a", "h:80", "http://", "/?a#b"]).prop_map(str::to_owned),
    ];
    let version = prop_oneof![8 => Just("1.1"), 2 => Just("1.0"), 1 => select(vec!["1.3", "2.0", "1", "1.11"])];
    let end = prop_oneof![30 => Just("\r\n"), 1 => select(vec!["\n", "\r", "\r\n ", "\r\n\r\n"])];
    let fields = vec(field(), 0..4);
    (method, target, version, end, fields, body()).prop_map(|(method, target, version, end, fields, body)| {
        let (framing, content) = body;
        let fields = fields.concat();
        format!("{method} {target} HTTP/{version}{end}Host: h\r\n{fields}{framing}\r\n{content}")
    })
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec![
            "Accept: */*\r\n", "Content-Type: application/json\r\n", "X-Original-URI: /?clientId=a\r\n", "X-Client: a\r\n", "x-client:b\r\n", "Connection: keep-alive\r\n", "A:\r\n",
        ]),
        2 => select(vec![
            "Connection: close\r\n", "Expect: 100-continue\r\n", "Expect: x\r\n", "Connection: a,,CLOSE\r\n",
        ]),
        1 => select(vec![
            "Host: i\r\n", "A : b\r\n", "A: b\r\n c\r\n", "A: \u{1}\r\n", "A: b\n", "\r\n", ": a\r\n", "Content-Length: 1\r\n",
            "Transfer-Encoding: x\r\n", "Host:\r\n",
        ]),
    ]
    .prop_map(str::to_owned)
}

/// Framing fields, and content that fits them or nearly so.
fn body() -> impl Strategy<Value = (String, String)> {
    let chunk = (
        "[0-9]{1,40}",
        prop_oneof![6 => Just(""), 1 => select(vec![";a", ";a=b", " ;a=\"\\\"\"", ";", "x", ";a=\u{1}"])],
    )
        .prop_map(|(data, extension)| format!("{:x}{extension}\r\n{data}\r\n", data.len()));
    let last = select(vec![
        "0\r\n\r\n",
        "0\r\n\r\n",
        "00\r\nA: b\r\n\r\n",
        "0;a=b\r\n\r\n",
        "0\r\n\n",
        "\r\n\r\n",
        "0\r\nA\r\n\r\n",
    ]);
    prop_oneof![
        6 => Just((String::new(), String::new())),
        2 => "[a-z]{0,60}|\\{\"requests\": \\[\\{\"id\": \"[ab]?\"\\}\\]\\}".prop_map(|content| (format!("Content-Length: {}\r\n", content.len()), content)),
        2 => (vec(chunk, 0..4), last)
            .prop_map(|(chunks, last)| ("Transfer-Encoding: chunked\r\n".to_owned(), chunks.concat() + last)),
        1 => select(vec!["Content-Length: x\r\n", "Content-Length: 3, 3\r\n", "Content-Length: 2000000\r\n"])
            .prop_map(|field| (field.to_owned(), "abc".to_owned())),
    ]
}

/// One change to the bytes of a pipeline.
#[derive(Clone, Debug)]
enum Change {
    None,
    Replace(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Truncate(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let byte = prop_oneof![select(b"\r\n \t:,;0a\0".to_vec()), any::<u8>()];
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => Just(Change::None),
        1 => (index(), byte.clone()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        1 => index().prop_map(Change::Remove),
        1 => (index(), byte).prop_map(|(at, byte)| Change::Insert(at, byte)),
        1 => index().prop_map(Change::Truncate),
    ]
}

fn pipeline() -> impl Strategy<Value = Vec<u8>> {
    (vec(request(), 1..8), change()).prop_map(|(requests, change)| {
        let mut bytes: Vec<u8> = requests.concat().into_bytes();
        let length = bytes.len();
        match change {
            Change::None => {}
            Change::Replace(at, byte) => bytes[at.index(length)] = byte,
            Change::Remove(at) => drop(bytes.remove(at.index(length))),
            Change::Insert(at, byte) => bytes.insert(at.index(length), byte),
            Change::Truncate(at) => bytes.truncate(at.index(length)),
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_any_pipeline_gives_the_same_answers(
        choice in 0_usize..3,
        input in pipeline(),
        cuts in vec(prop_oneof![0_usize..4, 0_usize..200], 0..20),
    ) {
        checks::check_cuts(choice, &input, &cuts);
    }

    #[test]
    fn any_split_of_a_chunked_body_ends_in_the_same_place(
        (_, content) in body(),
        change in change(),
        cuts in vec(any::<u8>(), 0..20),
    ) {
        let mut content = content.into_bytes();
        match change {
            Change::Replace(at, byte) if !content.is_empty() => {
                let at = at.index(content.len());
                content[at] = byte;
            }
            Change::Insert(at, byte) => {
                let at = at.index(content.len() + 1);
                content.insert(at, byte);
            }
            _ => {}
        }
        let data = [&[cuts.len() as u8], &cuts[..], &content[..]].concat();
        checks::check_chunked(&data);
    }
}

/// The seeds of a fuzz target, which are its input to the byte.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let seeds: Vec<Vec<u8>> = fs::read_dir(folder)
        .expect("the seeds")
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("a seed"))
        .collect();
    assert!(seeds.len() >= 10, "{} seeds of {target}", seeds.len());
    seeds
}

#[test]
fn the_seeds_of_the_fuzz_targets_hold() {
    seeds("session").iter().for_each(|seed| checks::check_session(seed));
    seeds("chunked").iter().for_each(|seed| checks::check_chunked(seed));
}
