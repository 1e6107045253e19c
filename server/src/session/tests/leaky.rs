//! The leaky bucket answers later instead of denying: the session holds the answer, and all that follows it.

use super::*;
use crate::{http::CloseReason, session::Waiting};

/// Two per second, evenly spaced, waiting at most 600 ms.
fn leaky() -> Service {
    let quota = Quota::new(2, Nanos::from_secs(1))
        .and_then(|quota| quota.with_algorithm(Algorithm::LeakyBucket))
        .and_then(|quota| quota.with_max_delay(Nanos::from_millis(600)))
        .expect("a leaky bucket");
    service_with(&[quota], ServiceSettings::default())
}

/// Calls a session as its driver does, waiting whenever told to; answers with the instants at which each was given.
fn drive(session: &mut Session, service: &Service, input: &str) -> (Vec<(u64, u16)>, Next) {
    let mut rest = input.as_bytes();
    let mut now = Nanos::ZERO;
    let mut answers = Vec::new();
    loop {
        let mut out = Vec::new();
        let turn = session.on_bytes(rest, now, service, &mut out);
        answers.extend(read_answers(&out, &[]).iter().map(|answer| (now.as_u64() / 1_000_000, answer.status)));
        rest = &rest[turn.consumed..];
        match turn.next {
            Next::Wait(span) => now = now.saturating_add(span),
            next => return (answers, next),
        }
    }
}

#[test]
fn answers_leave_at_an_even_pace_and_in_order() {
    let service = leaky();
    let input = get("") + &get("") + "GET /x HTTP/1.1\r\nHost: h\r\n\r\n" + &get("");
    let (answers, next) = drive(&mut Session::new(None), &service, &input);
    assert_eq!(answers, [(0, 200), (500, 200), (500, 404), (1000, 200)]);
    assert_eq!(next, Next::Read);
}

#[test]
fn who_would_wait_too_long_is_denied_at_once() {
    let service = leaky();
    let statuses: Vec<(Next, Vec<u16>)> =
        (0..3).map(|_| ask(&service, get(""))).map(|got| (got.next, got.statuses())).collect();
    assert_eq!(statuses[0], (Next::Read, vec![200]));
    assert_eq!(statuses[1], (Next::Wait(Nanos::from_millis(500)), vec![]));
    assert_eq!(statuses[2], (Next::Read, vec![503]));
}

#[test]
fn a_call_before_its_time_changes_nothing() {
    let service = leaky();
    let mut session = Session::new(None);
    let got = give(&mut session, &service, (get("") + &get("")).as_bytes(), Nanos::ZERO);
    assert_eq!((got.statuses(), got.next), (vec![200], Next::Wait(Nanos::from_millis(500))));
    assert_eq!(session.waiting(), Waiting::NextRequest);
    let got = give(&mut session, &service, b"", Nanos::from_millis(200));
    assert_eq!((got.statuses(), got.next), (vec![], Next::Wait(Nanos::from_millis(300))));
    let mut out = Vec::new();
    assert_eq!(session.on_eof(Nanos::from_millis(400), &service, &mut out), Next::Wait(Nanos::from_millis(100)));
    let got = give(&mut session, &service, b"", Nanos::from_millis(500));
    assert_eq!((got.statuses(), got.next), (vec![200], Next::Read));
    assert_eq!(session.on_eof(Nanos::from_millis(500), &service, &mut out), Next::Close(CloseReason::PeerDone));
}

#[test]
fn content_and_delay_run_together() {
    let service = leaky();
    let input = get("") + &get("Content-Length: 5\r\nConnection: close\r\n") + "hello";
    let (answers, next) = drive(&mut Session::new(None), &service, &input);
    assert_eq!(answers, [(0, 200), (500, 200)]);
    assert_eq!(next, Next::Close(CloseReason::PeerAsked));
}
