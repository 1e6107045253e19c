//! When a connection is kept and when it closes (RFC 9112 section 9), and what the answer says about it.

use super::*;
use crate::{
    http::{CloseReason, Reject},
    session::Waiting,
};

#[test]
fn connections_are_kept_as_version_and_options_say() {
    let service = open_service();
    for (version, fields, says, next) in [
        ("1.1", "", None, Next::Read),
        ("1.1", "Connection: keep-alive\r\n", None, Next::Read),
        ("1.1", "Connection: close\r\n", Some("close"), Next::Close(CloseReason::PeerAsked)),
        ("1.1", "connection: CLOSE\r\n", Some("close"), Next::Close(CloseReason::PeerAsked)),
        ("1.1", "Connection: a, close ,b\r\n", Some("close"), Next::Close(CloseReason::PeerAsked)),
        ("1.1", "Connection: a\r\nConnection: close\r\n", Some("close"), Next::Close(CloseReason::PeerAsked)),
        ("1.1", "Connection: keep-alive, close\r\n", Some("close"), Next::Close(CloseReason::PeerAsked)),
        ("1.1", "Connection: closed, not-close\r\n", None, Next::Read),
        ("1.1", "X-Connection: close\r\n", None, Next::Read),
        ("1.0", "", Some("close"), Next::Close(CloseReason::Http10)),
        ("1.0", "Connection: keep-alive\r\n", Some("keep-alive"), Next::Read),
        ("1.0", "Connection: Keep-Alive\r\n", Some("keep-alive"), Next::Read),
        ("1.0", "Connection: keep-alive, close\r\n", Some("close"), Next::Close(CloseReason::PeerAsked)),
        ("1.0", "Keep-Alive: timeout=5\r\n", Some("close"), Next::Close(CloseReason::Http10)),
    ] {
        // An allowed request, and one that is refused.
        for (target, status) in [("/?clientId=a", 200), ("/other", 404)] {
            let got = ask(&service, format!("GET {target} HTTP/{version}\r\nHost: h\r\n{fields}\r\n"));
            assert_eq!(got.only().status, status);
            assert_eq!((got.only().field("Connection"), got.next), (says, next), "{version} {fields:?} {target}");
        }
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let got = ask(&open_service(), "GET /?clientId=a HTTP/1.0\r\n\r\n");
    assert_eq!(got.statuses(), [200]);
}

#[test]
fn nothing_after_a_closing_request_is_answered_and_the_close_lingers() {
    let service = open_service();
    let got = ask(&service, get("Connection: close\r\n") + &get(""));
    assert_eq!((got.statuses(), got.next), (vec![200], Next::Linger(CloseReason::PeerAsked)));
    assert_eq!(got.unconsumed, 0);
}

#[test]
fn a_closed_session_stays_closed() {
    let service = open_service();
    let mut session = Session::new(None);
    assert!(give(&mut session, &service, get("Connection: close\r\n").as_bytes(), Nanos::ZERO).closes());
    let got = give(&mut session, &service, get("").as_bytes(), Nanos::ZERO);
    assert_eq!((got.answers.len(), got.next), (0, Next::Linger(CloseReason::PeerAsked)));
}

#[test]
fn a_half_closed_peer_gets_its_answers() {
    let service = open_service();
    let mut session = Session::new(None);
    assert_eq!(give(&mut session, &service, (get("") + &get("")).as_bytes(), Nanos::ZERO).statuses(), [200, 200]);
    let mut out = Vec::new();
    assert_eq!(session.on_eof(Nanos::ZERO, &service, &mut out), Next::Close(CloseReason::PeerDone));
    assert!(out.is_empty());
}

#[test]
fn a_peer_that_stops_in_the_middle_of_a_request_is_told_so() {
    let service = open_service();
    for (input, has_content) in [
        ("GET / HTTP/1.1\r\n".to_owned(), true),
        ("HEAD / HTTP/1.1\r\n".to_owned(), false),
        (get("Content-Length: 5\r\n") + "hel", true),
        (get("Content-Length: 5\r\n").replace("GET", "HEAD"), false),
    ] {
        let mut session = Session::new(None);
        give(&mut session, &service, input.as_bytes(), Nanos::ZERO);
        let mut out = Vec::new();
        let next = session.on_eof(Nanos::ZERO, &service, &mut out);
        assert_eq!(next, Next::Close(CloseReason::Rejected(Reject::Incomplete)), "{input:?}");
        let answers = read_answers(&out, &[!has_content]);
        assert_eq!((answers[0].status, answers[0].closes()), (400, true), "{input:?}");
        assert_eq!(out.ends_with(b"\r\n\r\n"), !has_content, "{input:?}");
    }
}

#[test]
fn an_idle_connection_that_times_out_is_told_nothing() {
    let service = open_service();
    for input in ["", "\r\n", &get("")] {
        let mut session = Session::new(None);
        give(&mut session, &service, input.as_bytes(), Nanos::ZERO);
        assert_eq!(session.waiting(), Waiting::NextRequest, "{input:?}");
        let mut out = Vec::new();
        assert_eq!(session.on_head_timeout(&service, &mut out), Next::Close(CloseReason::Idle), "{input:?}");
        assert!(out.is_empty());
    }
}

#[test]
fn content_that_takes_too_long_gets_408_unless_the_request_is_answered_already() {
    let service = open_service();
    for (head, owed) in [
        (get("Content-Length: 5\r\n"), true),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n".to_owned(), false),
    ] {
        let mut session = Session::new(None);
        give(&mut session, &service, head.as_bytes(), Nanos::ZERO);
        let mut out = Vec::new();
        let next = session.on_head_timeout(&service, &mut out);
        assert_eq!(next, Next::Close(CloseReason::Rejected(Reject::Timeout)));
        let statuses: Vec<u16> = read_answers(&out, &[]).iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, if owed { vec![408] } else { vec![] });
    }
}

#[test]
fn a_draining_session_closes_after_the_last_request_that_has_arrived() {
    let service = service("2/5s");
    for (input, statuses) in [
        (get(""), &[200][..]),
        (get("") + &get("") + &get(""), &[200, 503, 503]),
        (get("") + "\r\n" + &get("") + "GET / HTT", &[503, 503]),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab".to_owned() + &get(""), &[405, 503]),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na".to_owned(), &[405]),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nX\r\n\r\n".to_owned(), &[405]),
        (get("") + "BAD\n", &[503, 400]),
    ] {
        let mut session = Session::new(None);
        session.drain();
        let got = give(&mut session, &service, input.as_bytes(), Nanos::ZERO);
        assert_eq!(got.statuses(), statuses, "{input:?}");
        assert!(got.closes(), "{input:?}");
        let closing: Vec<bool> = got.answers.iter().map(Answer::closes).collect();
        let (last, others) = closing.split_last().expect("an answer");
        assert!(*last && !others.contains(&true), "{input:?}: {closing:?}");
    }
}
