//! Decisions told to proxies: what each is told, and that they share the counters of `/`.

use tollgate_limiter::{Ladder, Override};

use super::*;
use crate::{identity::ClientIdSource, service::LimitedStatus};

fn deciding(quota: &str) -> Service {
    service_with(&[fixed(quota)], ServiceSettings { decide: true, ..ServiceSettings::default() })
}

/// The one answer to a request for `path` with further header lines.
fn check(service: &Service, path: &str, fields: &str) -> Answer {
    let mut got = ask(service, format!("GET {path} HTTP/1.1\r\nHost: gate\r\n{fields}\r\n"));
    assert_eq!((got.answers.len(), got.unconsumed), (1, 0), "{got:?}");
    assert!(!got.closes(), "{got:?}");
    got.answers.remove(0)
}

/// Each caller, and how it passes on that the end client asked for `/shop?clientId=a`.
const CALLERS: [(&str, &str, u16); 5] = [
    ("/check/nginx", "X-Original-URI: /shop?clientId=a\r\n", 403),
    ("/check/envoy/shop?clientId=a", "", 429),
    ("/check/forward", "X-Forwarded-Uri: /shop?clientId=a\r\n", 503),
    ("/check/haproxy", "X-Original-URI: /shop?clientId=a\r\n", 429),
    ("/check?clientId=a", "", 429),
];

#[test]
fn every_caller_is_told_in_the_statuses_that_it_understands() {
    for (path, fields, denied) in CALLERS {
        let service = deciding("1/5s");
        let yes = check(&service, path, fields);
        assert_eq!((yes.status, yes.field("X-Tollgate-Decision")), (200, Some("allow")), "{path}");
        let no = check(&service, path, fields);
        assert_eq!((no.status, no.field("X-Tollgate-Decision")), (denied, Some("deny")), "{path}");
        assert_eq!((yes.field("Retry-After"), no.field("Retry-After")), (None, Some("5")), "{path}");
        assert_eq!((yes.field("X-Tollgate-Reason"), no.field("X-Tollgate-Reason")), (Some("none"), Some("quota")));
        assert_eq!((yes.field("X-Tollgate-Policy"), no.field("X-Tollgate-Policy")), (Some("none"), Some("default")));
        for answer in [yes, no] {
            assert_eq!(answer.field("Cache-Control"), Some("no-store"), "{path}");
            assert_eq!(answer.field("RateLimit"), Some("\"default\";r=0;t=5"), "{path}");
            assert_eq!((answer.field("Content-Length"), &*answer.body), (Some("0"), ""), "{path}");
        }
    }
}

#[test]
fn all_callers_and_the_clients_themselves_share_one_quota() {
    let service = deciding("6/5s");
    let mut statuses: Vec<u16> = CALLERS.iter().map(|(path, fields, _)| check(&service, path, fields).status).collect();
    statuses.push(check(&service, "/?clientId=a", "").status);
    assert_eq!(statuses, [200; 6]);
    let denied: Vec<u16> = CALLERS.iter().map(|(path, fields, _)| check(&service, path, fields).status).collect();
    assert_eq!(denied, CALLERS.map(|(_, _, status)| status));
    assert_eq!(check(&service, "/?clientId=a", "").status, 503);
    let tally = service.tally();
    assert_eq!((tally.allowed, tally.denied, tally.rejected), (6, 6, 0));
}

#[test]
fn the_status_that_an_end_client_gets_to_see_is_the_configured_one() {
    let settings =
        ServiceSettings { decide: true, limited_status: LimitedStatus::TooManyRequests, ..ServiceSettings::default() };
    let service = service_with(&[fixed("1/5s")], settings);
    let statuses = [0, 0].map(|_| check(&service, "/check/forward", CALLERS[2].1).status);
    assert_eq!(statuses, [200, 429]);
}

#[test]
fn off_means_that_nothing_is_there() {
    let service = open_service();
    for (path, fields, _) in CALLERS {
        let answer = check(&service, path, fields);
        assert_eq!((answer.status, &*answer.body), (404, "nothing is here: ask for /\n"), "{path}");
    }
    let answer = check(&deciding("1/5s"), "/check/apache", "");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("/check/forward"), "{}", answer.body);
}

#[test]
fn whatever_the_end_client_sent_is_no_reason_not_to_decide() {
    let service = deciding("1000/5s");
    for request in [
        "POST /check/envoy/?clientId=a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        "PROPFIND /check/envoy/?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n",
        "OPTIONS /check/envoy/?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n",
        "HEAD /check/envoy/?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /check/envoy/?clientId=a HTTP/1.1\r\nHost: h\r\nExpect: patience\r\n\r\n",
        "GET /check/envoy/?clientId=a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ] {
        assert_eq!(ask(&service, request).only().status, 200, "{request}");
    }
    // What it asks for says nothing about its cost.
    let answer = check(&service, "/check/envoy/?clientId=b&cost=900&peek=1", "");
    assert_eq!(answer.field("RateLimit"), Some("\"default\";r=999;t=5"));
}

#[test]
fn who_names_no_client_is_turned_away_and_told_why() {
    let service = deciding("1000/5s");
    for (path, fields, status, says) in [
        ("/check/nginx", "", 403, "X-Original-URI is missing or repeated"),
        ("/check/nginx", "X-Original-URI: /?clientId=a\r\nX-Original-URI: /?clientId=b\r\n", 403, "or repeated"),
        ("/check/nginx", "X-Original-URI: /?clientId=\r\n", 403, "clientId is empty"),
        ("/check/nginx", "X-Original-URI:\r\n", 403, "clientId is missing"),
        ("/check/haproxy", "X-Forwarded-Uri: /?clientId=a\r\n", 400, "X-Original-URI is missing"),
        ("/check/forward", "X-Original-URI: /?clientId=a\r\n", 400, "X-Forwarded-Uri is missing"),
        ("/check/envoy/?clientid=a", "", 400, "clientId is missing"),
        ("/check", "X-Client-Id: a\r\n", 400, "clientId is missing"),
    ] {
        let answer = check(&service, path, fields);
        assert_eq!(answer.status, status, "{path} {fields}");
        assert!(answer.body.contains(says), "{path} {fields}: {}", answer.body);
        let told = ["X-Tollgate-Decision", "X-Tollgate-Reason", "Cache-Control"].map(|name| answer.field(name));
        assert_eq!(told, [Some("deny"), Some("client-id"), Some("no-store")], "{path} {fields}");
    }
    assert_eq!(service.tally().rejected, 8);
}

#[test]
fn a_field_that_names_the_client_is_the_same_field_for_a_proxy() {
    let settings = ServiceSettings {
        decide: true,
        client_id: ClientIdSource::Header("X-Api-Key".to_owned()),
        ..ServiceSettings::default()
    };
    let service = service_with(&[fixed("4/5s")], settings);
    for path in ["/check/nginx", "/check/envoy/shop", "/check/forward", "/check/haproxy"] {
        assert_eq!(check(&service, path, "X-Api-Key: a\r\n").status, 200, "{path}");
    }
    assert_eq!(check(&service, "/check", "x-api-key: a\r\n").status, 429);
    // What an end client adds does not make it somebody else.
    let forged = "X-Client-Id: z\r\nX-Original-URI: /?clientId=z\r\nX-Forwarded-For: 192.0.2.1\r\nX-Api-Key: a\r\n";
    assert_eq!(check(&service, "/check/nginx", forged).status, 403);
}

#[test]
fn a_program_may_name_a_cost_and_peek_without_being_charged() {
    let service = deciding("10/5s");
    for (query, status, left) in [
        ("clientId=a&cost=7", 200, "3"),
        ("clientId=a&cost=4&peek=1", 429, "0"),
        ("clientId=a&cost=3&peek=1", 200, "0"),
        ("clientId=a&cost=0", 200, "3"),
        ("clientId=a&cost=3&peek=0", 200, "0"),
        ("clientId=a&peek=1", 429, "0"),
    ] {
        let answer = check(&service, &format!("/check?{query}"), "");
        let expected = format!("\"default\";r={left};t=5");
        assert_eq!((answer.status, answer.field("RateLimit")), (status, Some(&*expected)), "{query}");
    }
    let too_dear = check(&service, "/check?clientId=b&cost=11", "");
    assert_eq!((too_dear.status, too_dear.field("X-Tollgate-Reason")), (429, Some("cost")));
    assert_eq!(too_dear.field("Retry-After"), None, "it will never pass");
    assert_eq!(too_dear.field("RateLimit"), Some("\"default\";r=0"));
    for (query, says) in [("clientId=b&cost=x", "send e.g. cost=3"), ("clientId=b&peek=yes", "send peek=1")] {
        let answer = check(&service, &format!("/check?{query}"), "");
        assert_eq!((answer.status, answer.field("X-Tollgate-Reason")), (400, Some("request")), "{query}");
        assert!(answer.body.contains(says), "{query}: {}", answer.body);
    }
    let tally = service.tally();
    assert_eq!((tally.allowed, tally.denied, tally.peeked, tally.rejected), (3, 1, 3, 2));
    let shown = "9 requests: 3 allowed, 1 denied, 2 rejected, 3 peeked";
    assert_eq!(tally.to_string(), shown);
}

#[test]
fn a_decision_that_is_due_later_is_told_later() {
    let leaky = Quota::with_algorithm_of("1/1s", Algorithm::LeakyBucket)
        .and_then(|quota| quota.with_max_delay(Nanos::from_secs(5)))
        .expect("a quota");
    let service = service_with(&[leaky], ServiceSettings { decide: true, ..ServiceSettings::default() });
    let request = b"GET /check/envoy/?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(ask(&service, request).only().status, 200);
    let got = ask(&service, request);
    assert_eq!((got.answers.len(), got.next), (0, Next::Wait(Nanos::from_secs(1))));
    // A look is told at once, and takes nobody's place.
    assert_eq!(check(&service, "/check?clientId=a&peek=1", "").status, 200);
}

#[test]
fn bans_and_lists_give_their_reason() {
    let limiter = Limiter::new(&Settings {
        quotas: vec![fixed("1/5s")],
        capacity: Capacity::clients(1000).expect("a capacity"),
        overrides: vec![Override { ids: vec!["big".to_owned()], quotas: vec![fixed("30/1m")] }],
        allow: vec!["free".to_owned()],
        deny: vec!["out".to_owned()],
        bans: Some(Ladder::new(2, Nanos::from_secs(10), &[Nanos::from_secs(60)]).expect("a ladder")),
        ..Settings::default()
    });
    let settings = ServiceSettings { decide: true, ..ServiceSettings::default() };
    let service = Service::new(Arc::new(limiter.expect("a limiter")), settings);
    let reason = |id: &str| {
        let answer = check(&service, &format!("/check?clientId={id}"), "");
        let reason = answer.field("X-Tollgate-Reason").map(str::to_owned);
        let may_come_back = !matches!(reason.as_deref(), Some("none" | "list"));
        assert_eq!(answer.field("Retry-After").is_some(), may_come_back, "{id}: {reason:?}");
        let by_quota = if reason.as_deref() == Some("quota") { "default" } else { "none" };
        assert_eq!(answer.field("X-Tollgate-Policy"), Some(by_quota), "{id}: {reason:?}");
        reason
    };
    let reasons = ["free", "free", "out", "big", "a", "a", "a", "a"].map(|id| reason(id).expect("always there"));
    assert_eq!(reasons, ["none", "none", "list", "none", "none", "quota", "ban", "ban"]);
}
