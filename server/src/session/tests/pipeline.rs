//! Several requests in one read: answered in order, into one buffer, which is bounded.

use super::*;
use crate::session::OUT_BYTES;

#[test]
fn pipelined_requests_are_answered_in_order() {
    let service = service("1/5s");
    let input =
        get("") + &get("") + "GET /x HTTP/1.1\r\nHost: h\r\n\r\n\r\n" + &get("").replace("=a", "=b") + "GET /?cl";
    let got = ask(&service, &input);
    assert_eq!(got.statuses(), [200, 503, 404, 200]);
    assert_eq!((got.next, got.unconsumed), (Next::Read, "GET /?cl".len()));
}

#[test]
fn a_peer_that_pipelines_without_reading_fills_one_buffer_and_no_more() {
    let service = open_service();
    let input = get("").repeat(2000);
    let mut session = Session::new(None);
    let mut rest = input.as_bytes();
    let mut answers = 0;
    let mut flushes = 0;
    loop {
        let mut out = Vec::new();
        let turn = session.on_bytes(rest, Nanos::ZERO, &service, &mut out);
        assert!(out.len() < OUT_BYTES + 1024);
        answers += read_answers(&out, &[]).len();
        rest = &rest[turn.consumed..];
        if turn.next == Next::Read {
            break;
        }
        assert_eq!(turn.next, Next::Flush);
        assert!(out.len() >= OUT_BYTES);
        flushes += 1;
    }
    assert_eq!((answers, rest.len()), (2000, 0));
    assert!(flushes >= 4, "{flushes}");
}

#[test]
fn what_follows_a_reject_is_not_read() {
    let got = ask(&open_service(), get("") + "GET / HTTP/1.1\r\n\r\n" + &get(""));
    assert_eq!(got.statuses(), [200, 400]);
    assert!(got.closes());
    assert_eq!(got.unconsumed, 0);
}

#[test]
fn a_session_is_small() {
    assert!(size_of::<Session>() <= 128, "{}", size_of::<Session>());
}
