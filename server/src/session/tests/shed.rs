//! A core that can't keep up: who is turned away, how each caller is told, and when.

use std::rc::Rc;
use std::sync::Arc;

use tollgate_limiter::Nanos;

use super::super::{Next, Session};
use super::{LOCALHOST, fixed, get, give, service_with};
use crate::overload::class::{Class, HeaderMatch, Match, Rule};
use crate::overload::codel::Delays;
use crate::overload::cursor::Priority;
use crate::overload::gatekeeper::{Gatekeeper, GatekeeperSettings};
use crate::service::{Service, ServiceSettings};

const NOW: Nanos = Nanos::from_secs(63);

/// Of a core that is so far behind that it has let in the one request of each class that it will for now, but for those of `critical_plus`.
fn gatekeeper() -> Rc<Gatekeeper> {
    let header = Some(HeaderMatch { name: "X-Vip".to_owned(), value: None });
    let path_prefix = Some("/checkout".to_owned());
    let priorities = [Match { header, ..Match::default() }, Match { path_prefix, ..Match::default() }]
        .map(|matching| Rule { class: Class::CriticalPlus, matching });
    let ms = Nanos::from_millis;
    let delays = Delays { target: ms(5), interval: ms(100) };
    let gatekeeper = Gatekeeper::new(&GatekeeperSettings { delays, priorities: Arc::from(priorities) }, 0);
    for turn in 1..=150 {
        let now = ms(60_000 + turn * 20);
        gatekeeper.note(ms(20), now);
        for user in 0..100 {
            gatekeeper.admits(Priority::new(Class::Critical, user, now), now);
        }
    }
    Rc::new(gatekeeper)
}

fn service() -> Service {
    let settings = ServiceSettings {
        decide: true,
        trusted: crate::identity::Trusted(vec!["127.0.0.0/8".parse().expect("a network")]),
        ..ServiceSettings::default()
    };
    service_with(&[fixed("3/1h")], settings).with_gatekeeper(Some(gatekeeper()))
}

/// What comes of `request` when it is time; and whether it had to wait for that.
fn told(service: &Service, request: &str) -> (super::Answer, bool) {
    let mut session = Session::new(Some(LOCALHOST));
    let mut got = give(&mut session, service, request.as_bytes(), NOW);
    let wait = match got.next {
        Next::Wait(span) => span,
        _ => Nanos::ZERO,
    };
    if wait > Nanos::ZERO {
        assert!(got.answers.is_empty() && wait >= Nanos::from_millis(100), "{got:?}");
        got = give(&mut session, service, b"", NOW.saturating_add(wait));
    }
    (got.answers.remove(0), wait > Nanos::ZERO)
}

#[test]
fn every_caller_is_told_in_words_that_it_understands_and_a_moment_later() {
    let service = service();
    let original = "X-Original-URI: /shop?clientId=a\r\n";
    let cases = [
        ("GET /?clientId=a", "", 503),
        ("GET /check?clientId=a", "", 503),
        ("GET /check/nginx", original, 403),
        ("GET /check/envoy/shop?clientId=b", "", 429),
        ("GET /check/haproxy", "X-Original-URI: /shop?clientId=b\r\n", 503),
        ("GET /check/forward", "X-Forwarded-Uri: /shop?clientId=b\r\n", 503),
        ("POST /v1/decide", "Content-Type: application/json\r\nContent-Length: 0\r\n", 503),
    ];
    for (request, fields, status) in cases {
        let (answer, waited) = told(&service, &format!("{request} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
        assert_eq!((answer.status, waited), (status, true), "{request}: {answer:?}");
        let seconds = answer.field("Retry-After").expect("when to come back");
        assert!(["1", "2", "3"].contains(&seconds), "{request}: {seconds}");
        let reason = request.contains("/check").then_some("overload");
        assert_eq!(answer.field("X-Tollgate-Reason"), reason, "{request}");
        assert_eq!(answer.field("X-Tollgate-Policy"), reason.and(Some("none")), "{request}: no quota denied it");
        assert!(answer.field("Connection").is_none(), "a new connection would only be more work");
    }
    let tally = service.tally();
    assert_eq!((tally.shed.total(), tally.allowed, tally.denied), (7, 0, 0));
}

#[test]
fn the_important_go_on_and_who_only_peeks_is_told() {
    let service = service();
    let (answer, waited) = told(&service, &get("X-Vip: 1\r\n"));
    assert_eq!((answer.status, waited), (200, false));
    let (answer, waited) = told(&service, "GET /check?clientId=a&peek=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((answer.status, waited), (200, false));
    assert_eq!(service.tally().shed.total(), 0);
}

#[test]
fn a_proxys_question_is_worth_what_its_client_asked_for() {
    for (request, fields) in [
        ("/check/nginx", "X-Original-URI: /checkout?clientId=a\r\n"),
        ("/check/envoy/checkout?clientId=a", ""),
        ("/check/forward", "X-Forwarded-Uri: /checkout/7?clientId=a\r\n"),
    ] {
        let (answer, _) = told(&service(), &format!("GET {request} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
        assert_eq!(answer.status, 200, "{request}");
    }
}

#[test]
fn who_is_over_its_quota_is_denied_and_not_shed_and_told_a_moment_later() {
    let service = service();
    (0..3).for_each(|_| drop(told(&service, &get(""))));
    let (answer, waited) = told(&service, &get(""));
    assert_eq!((answer.status, waited, answer.body.as_str()), (503, true, ""));
    assert_eq!((service.tally().shed.total(), service.tally().denied), (3, 1));
}

#[test]
fn what_follows_a_request_that_is_held_back_is_answered_after_it() {
    let service = service();
    let mut session = Session::new(Some(LOCALHOST));
    let post = "POST /?clientId=a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    let input = format!("{}{post}{}", get(""), get("X-Vip: 1\r\n"));
    let mut rest = input.as_bytes();
    let (mut now, mut statuses) = (NOW, Vec::new());
    loop {
        let mut out = Vec::new();
        let turn = session.on_bytes(rest, now, &service, &mut out);
        rest = &rest[turn.consumed..];
        statuses.extend(super::read_answers(&out, &[false; 3]).iter().map(|answer| answer.status));
        match turn.next {
            Next::Wait(span) => now = now.saturating_add(span),
            next => break assert_eq!(next, Next::Read),
        }
    }
    assert_eq!(statuses, [503, 405, 200]);
}

#[test]
fn a_drain_waits_for_one_answer_that_is_held_back_and_not_for_all_that_follow() {
    let service = service();
    (0..3).for_each(|_| drop(told(&service, &get("X-Vip: 1\r\n"))));
    let mut session = Session::new(Some(LOCALHOST));
    let got = give(&mut session, &service, get("").repeat(9).as_bytes(), NOW);
    let Next::Wait(span) = got.next else { panic!("{got:?}") };
    session.drain();
    let got = give(&mut session, &service, get("").repeat(8).as_bytes(), NOW.saturating_add(span));
    assert_eq!(got.statuses(), [503; 9]);
    assert!(got.closes() && got.answers[8].closes(), "{got:?}");
}
