//! HTTP/1.x on the wire. The cases are in `protocol_cases`; here each is sent in one piece, byte by byte, and behind another request.

use super::protocol_cases::{
    CHUNKS, Case, FRAMING, HOST_AND_FIELDS, LINES_AND_REQUEST_LINES, PERSISTENCE_AND_EXPECTATIONS,
};
use super::support::peer::{Ending, Peer, get};
use super::support::server::{Engine, Server, on_both_engines};

/// What is left of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The next request on it is answered.
    Open,
    /// It ends, with all answers received, by FIN; no reset destroys them.
    Closed,
}

fn server(engine: Engine) -> Server {
    Server::start(engine, "--limit 1000k/1s,fixed-window")
}

/// Text to bytes, with characters up to U+00FF as one byte each.
fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c as u32).expect("an octet")).collect()
}

/// How a case reaches the server.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    AtOnce,
    InSingleBytes,
    BehindAnother,
}

fn deliver(server: &Server, delivery: Delivery, case: &[u8], text: &str, statuses: &[u16], after: After) {
    let mut peer = server.connect();
    match delivery {
        Delivery::AtOnce => peer.send(case),
        // Rejected before the end, it is still read for a while, so that the answer is not destroyed.
        Delivery::InSingleBytes => case.chunks(1).for_each(|byte| peer.send(byte)),
        Delivery::BehindAnother => {
            peer.send([get("a").as_bytes(), case].concat());
            assert_eq!(peer.answer().status, 200);
        }
    }
    let context = format!("{delivery:?}: {text:?}");
    for (number, status) in statuses.iter().enumerate() {
        let answer = peer.try_answer().unwrap_or_else(|ending| panic!("{ending:?} instead of {status}: {context}"));
        assert_eq!(answer.status, *status, "{context}");
        let last = number + 1 == statuses.len();
        assert_eq!(answer.closes(), last && after == After::Closed, "Connection: {context}");
        if answer.status >= 400 && answer.status != 503 {
            assert!(answer.body.ends_with('\n'), "it says what is wrong: {context}");
        }
    }
    expect(&mut peer, after, &context);
}

fn expect(peer: &mut Peer, after: After, context: &str) {
    match after {
        After::Open => {
            peer.send(get("a"));
            let next = peer.try_answer().map(|answer| answer.status);
            assert_eq!(next, Ok(200), "the connection does not go on: {context}");
        }
        After::Closed => assert_eq!(peer.try_answer(), Err(Ending::Closed), "{context}"),
    }
}

fn run(cases: &[Case]) {
    on_both_engines(|engine| {
        let server = server(engine);
        for (text, statuses, after) in cases {
            for delivery in [Delivery::AtOnce, Delivery::InSingleBytes, Delivery::BehindAnother] {
                deliver_one(&server, delivery, text, statuses, *after);
            }
        }
    });
}

/// A request that waits for `100 Continue` is sent it as soon as its head is there and its content is not.
fn deliver_one(server: &Server, delivery: Delivery, text: &str, statuses: &[u16], after: After) {
    let continued = text.contains("Expect: 100-continue") && text.contains("/1.1") && text.ends_with("abc");
    match delivery {
        // The bytes may arrive together, and then nothing is to be waited for.
        Delivery::InSingleBytes if continued => {}
        _ => deliver(server, delivery, &octets(text), text, statuses, after),
    }
}

#[test]
fn request_lines_and_line_ends() {
    run(LINES_AND_REQUEST_LINES);
}

#[test]
fn hosts_and_field_lines() {
    run(HOST_AND_FIELDS);
}

#[test]
fn content_has_one_length_or_the_request_is_rejected() {
    run(FRAMING);
}

#[test]
fn chunked_content() {
    on_both_engines(|engine| {
        let server = server(engine);
        for (chunks, statuses, after) in CHUNKS {
            let text = format!("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            for delivery in [Delivery::AtOnce, Delivery::InSingleBytes, Delivery::BehindAnother] {
                deliver(&server, delivery, &octets(&text), &text, statuses, *after);
            }
        }
    });
}

#[test]
fn connections_persist_by_version_and_option_and_expectations_are_met_or_refused() {
    run(PERSISTENCE_AND_EXPECTATIONS);
}

#[test]
fn http10_is_told_that_the_connection_is_kept() {
    on_both_engines(|engine| {
        let server = server(engine);
        let mut peer = server.connect();
        for _ in 0..2 {
            peer.send("GET /?clientId=a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
            assert_eq!(peer.answer().field("Connection"), Some("keep-alive"));
        }
        peer.send(get("a"));
        assert_eq!(peer.answer().field("Connection"), None, "1.1 keeps without a word");
    });
}

#[test]
fn whoever_expects_100_is_told_to_go_on_or_is_denied_at_once() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/1h,fixed-window");
        let head = "GET /?clientId=a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
        let mut peer = server.connect();
        peer.send(head);
        assert_eq!(peer.answer().status, 100);
        peer.send("hello");
        assert_eq!(peer.answer().status, 200);
        // 9110 10.1.1: whether the content follows a final answer cannot be known.
        peer.send(head);
        let denied = peer.answer();
        assert_eq!((denied.status, denied.closes()), (503, true));
        peer.sees_close();
    });
}

#[test]
fn heads_and_bodies_have_bounds() {
    on_both_engines(|engine| {
        let server = server(engine);
        let head = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let ok = "/?clientId=a";
        let padding = |length: usize| format!("A: {}\r\n", "b".repeat(length));
        let bare = head(ok, &padding(0)).len();
        for (bytes, status, after) in [
            (head(&format!("{ok}&x={}", "y".repeat(8192)), ""), 414, After::Closed),
            (format!("GET /{}", "y".repeat(9000)), 414, After::Closed),
            (head(ok, &padding(8192)), 431, After::Closed),
            (head(ok, &padding(8192 - bare)), 200, After::Open),
            (head(ok, &padding(8193 - bare)), 431, After::Closed),
            (head(ok, &"A: b\r\n".repeat(63)), 200, After::Open),
            (head(ok, &"A: b\r\n".repeat(64)), 431, After::Closed),
            (head(ok, &format!("{}: b\r\n", "A".repeat(9000))), 431, After::Closed),
            (head(ok, "Content-Length: 1048576\r\n") + &"x".repeat(1 << 20), 200, After::Open),
            (head(ok, "Content-Length: 1048577\r\n") + &"x".repeat(1000), 413, After::Closed),
            (
                head(ok, "Transfer-Encoding: chunked\r\n")
                    + &format!("80000\r\n{}\r\n", "x".repeat(1 << 19)).repeat(2)
                    + "1\r\n",
                413,
                After::Closed,
            ),
        ] {
            let text = format!("{}... of {} bytes", &bytes[..40.min(bytes.len())], bytes.len());
            deliver(&server, Delivery::AtOnce, bytes.as_bytes(), &text, &[status], after);
        }
    });
}

/// The peer goes on sending what is not wanted; the answer must survive that, and the server must not read for ever.
#[test]
fn a_rejection_reaches_a_peer_that_is_still_sending() {
    on_both_engines(|engine| {
        let server = server(engine);
        for _ in 0..20 {
            let mut peer = server.connect();
            peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
            let _ = peer.try_send("x".repeat(300_000));
            assert_eq!(peer.answer().status, 413);
            peer.sees_close();
        }
    });
}
