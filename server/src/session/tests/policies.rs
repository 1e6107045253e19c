//! Several policies, and ids per peer, as clients, proxies and programs see them.

use std::net::IpAddr;

use super::*;
use crate::identity::ClientIdSource;
use crate::policy::{IdsPerPeer, Missing, Policies, Policy};

fn limiter(quota: Quota) -> Limiter {
    let capacity = Capacity::clients(1000).expect("a capacity");
    Limiter::new(&Settings { quotas: vec![quota], capacity, ..Settings::default() }).expect("a limiter")
}

fn policy(name: &str, source: &str, quota: &str, missing: Missing) -> Policy {
    let client_id: ClientIdSource = source.parse().expect("a source");
    Policy { name: name.to_owned(), client_id, missing, limiter: limiter(fixed(quota)) }
}

/// A gate that lets 3 per 5 s of a client through, where these must allow, too.
fn service_and(further: Vec<Policy>, most_ids: Option<&str>) -> Service {
    let ids = most_ids.map(|most| IdsPerPeer {
        peer: ClientIdSource::ForwardedFor,
        seen: limiter(fixed(&format!("1/{}", most.split_once('/').expect("N/PERIOD").1))),
        fresh: limiter(fixed(most)),
    });
    let settings = ServiceSettings { decide: true, ..ServiceSettings::default() };
    service_with(&[fixed("3/5s")], settings).with_policies(Arc::new(Policies::new(further, ids)))
}

fn ask_from(service: &Service, peer: &str, target: &str, fields: &str) -> Answer {
    let peer: IpAddr = peer.parse().expect("an address");
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    give(&mut Session::new(Some(peer)), service, request.as_bytes(), Nanos::ZERO).answers.remove(0)
}

#[test]
fn fields_name_all_policies_and_the_one_that_binds() {
    let service = service_and(vec![policy("per-address", "peer-ip", "4/10s", Missing::Reject)], None);
    let ask = |id: &str| ask_from(&service, "192.0.2.1", &format!("/?clientId={id}"), "");
    let first = ask("a");
    let all = r#""default";q=3;w=5, "per-address";q=4;w=10"#;
    assert_eq!((first.status, first.field("RateLimit-Policy")), (200, Some(all)));
    assert_eq!(first.field("RateLimit"), Some(r#""default";r=2;t=5"#));
    assert_eq!(ask("a").field("RateLimit"), Some(r#""default";r=1;t=5"#));
    assert_eq!(ask("b").field("RateLimit"), Some(r#""per-address";r=1;t=10"#));
    assert_eq!(ask("a").field("RateLimit"), Some(r#""default";r=0;t=5"#));
    let denied = ask("b");
    assert_eq!((denied.status, denied.field("Retry-After")), (503, Some("10")), "the quota of b has room");
    assert_eq!(denied.field("RateLimit-Policy"), Some(all));
    assert_eq!(denied.field("RateLimit"), Some(r#""per-address";r=0;t=10"#));
    let elsewhere = ask_from(&service, "192.0.2.2", "/?clientId=b", "");
    assert_eq!(elsewhere.field("RateLimit"), Some(r#""default";r=1;t=5"#), "one of b was charged, and no more");
    let over_both = ask("a");
    assert_eq!(over_both.field("Retry-After"), Some("10"), "the longer one");
    let tally = service.tally();
    assert_eq!((tally.allowed, tally.denied), (5, 2));
}

#[test]
fn an_id_that_a_policy_misses_is_rejected_or_the_policy_is_skipped() {
    let tenant = |missing| service_and(vec![policy("per-tenant", "header:X-Tenant", "1/1h", missing)], None);
    let ask = |service: &Service, fields: &str| ask_from(service, "192.0.2.1", "/?clientId=a", fields);
    let strict = tenant(Missing::Reject);
    let rejected = ask(&strict, "");
    let says = "the header field X-Tenant is missing: send `X-Tenant: ID`\n";
    assert_eq!((rejected.status, &*rejected.body), (400, says));
    let lenient = tenant(Missing::Skip);
    let skipped = ask(&lenient, "");
    assert_eq!((skipped.status, skipped.field("RateLimit")), (200, Some(r#""default";r=2;t=5"#)));
    for service in [&strict, &lenient] {
        assert_eq!(ask(service, "x-tenant: t\r\n").status, 200);
        assert_eq!(ask(service, "X-Tenant: t\r\n").field("RateLimit"), Some(r#""per-tenant";r=0;t=3600"#));
        // What is there and can't be read is no missing id: nobody gets round a policy by sending nonsense.
        for (fields, says) in [("X-Tenant: t\r\nX-Tenant: u\r\n", "is repeated"), ("X-Tenant:\r\n", "is empty")] {
            let rejected = ask(service, fields);
            assert!(rejected.status == 400 && rejected.body.contains(says), "{rejected:?}");
        }
    }
    let tally = strict.tally();
    assert_eq!((tally.allowed, tally.denied, tally.rejected), (1, 1, 3));
}

#[test]
fn a_client_id_by_address_goes_with_policies_by_anything() {
    let settings = ServiceSettings { client_id: ClientIdSource::PeerIp, ..ServiceSettings::default() };
    let further = vec![
        policy("per-proxied", "x-forwarded-for", "1/1h", Missing::Reject),
        policy("per-session", "cookie:s", "9/1h", Missing::Reject),
        policy("per-item", "query:item", "9/1h", Missing::Skip),
    ];
    let service = service_with(&[fixed("9/5s")], settings).with_policies(Arc::new(Policies::new(further, None)));
    let mut session = Session::new(Some(LOCALHOST));
    let mut ask = |client: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: s=1\r\nX-Forwarded-For: {client}\r\n\r\n");
        give(&mut session, &service, request.as_bytes(), Nanos::ZERO).only().status
    };
    assert_eq!(["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(&mut ask), [200, 503, 200], "on one connection");
}

#[test]
fn proxies_and_programs_are_told_what_all_policies_say() {
    let further = || {
        vec![
            policy("per-address", "x-forwarded-for", "2/10s", Missing::Reject),
            policy("per-item", "query:item", "9/1h", Missing::Skip),
        ]
    };
    let service = service_and(further(), None);
    let check = |path: &str, client: &str, uri: &str| {
        let fields = format!("X-Forwarded-For: {client}\r\nX-Original-URI: {uri}\r\nX-Forwarded-Uri: {uri}\r\n");
        let answer = ask_from(&service, "127.0.0.1", path, &fields);
        (
            answer.status,
            answer.field("X-Tollgate-Reason").map(str::to_owned),
            answer.field("Retry-After").map(str::to_owned),
            answer.field("X-Tollgate-Policy").expect("always there").to_owned(),
        )
    };
    let (pass, deny) = (Some("none".to_owned()), Some("quota".to_owned()));
    let (none, per_address) = (|| "none".to_owned(), || "per-address".to_owned());
    assert_eq!(check("/check/nginx", "192.0.2.1", "/a?clientId=a&item=1"), (200, pass.clone(), None, none()));
    assert_eq!(check("/check/envoy/a?clientId=b", "192.0.2.1", ""), (200, pass.clone(), None, none()));
    let told = Some("10".to_owned());
    assert_eq!(check("/check/nginx", "192.0.2.1", "/a?clientId=c"), (403, deny.clone(), told.clone(), per_address()));
    assert_eq!(check("/check/forward", "192.0.2.1", "/a?clientId=c"), (503, deny.clone(), told.clone(), per_address()));
    assert_eq!(check("/check?clientId=c&peek=1", "192.0.2.1", ""), (429, deny.clone(), told, per_address()));
    assert_eq!(check("/check?clientId=c&cost=2&peek=1", "192.0.2.2", ""), (200, pass, None, none()));
    assert_eq!(check("/check?clientId=c&cost=3", "192.0.2.2", ""), (429, Some("cost".to_owned()), None, per_address()));
    let refused = ask_from(&service, "127.0.0.1", "/check/nginx", "X-Original-URI: /?clientId=a&item=\r\n");
    assert_eq!((refused.status, &*refused.body), (403, "the query parameter item is empty: send /?item=ID\n"));
}

fn post(service: &Service, requests: &str) -> (u16, String) {
    let content = format!("{{\"requests\": [{requests}]}}");
    let length = content.len();
    let got = ask(
        service,
        format!(
            "POST /v1/decide HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{content}"
        ),
    );
    (got.only().status, got.only().body.clone())
}

#[test]
fn in_a_batch_each_request_says_what_the_policies_count_by() {
    let further = vec![
        policy("per-address", "peer-ip", "2/10s", Missing::Reject),
        policy("per-tenant", "header:X-Tenant", "9/1h", Missing::Skip),
    ];
    let service = service_and(further, Some("2/1h"));
    let one = |id: &str, peer: &str| format!(r#"{{"id": "{id}", "peer": "{peer}", "ids": {{"per-tenant": "t"}}}}"#);
    let all = [one("a", "192.0.2.1"), one("a", "192.0.2.1"), one("a", "192.0.2.1"), one("a", "192.0.2.2")].join(",");
    let (status, body) = post(&service, &all);
    let told: Vec<&str> = body.split("\"decision\":").skip(1).map(|one| &one[..one.len().min(12)]).collect();
    assert_eq!(status, 200);
    let kinds: Vec<bool> = told.iter().map(|one| one.starts_with("\"allow\"")).collect();
    assert_eq!(kinds, [true, true, false, true], "{body}");
    assert!(body.contains(r#""reason":"quota","policy":"per-address","retry_after_ms":10000"#), "{body}");
    let rotated = [one("b", "192.0.2.3"), one("c", "192.0.2.3"), one("d", "192.0.2.3")].join(",");
    let (_, body) = post(&service, &rotated);
    assert!(body.ends_with(r#"{"decision":"deny","reason":"ids","retry_after_ms":3600000}]}"#), "{body}");
    for (request, says) in [
        (r#"{"id": "a"}"#, "requests[0].peer is missing: send the address that max-ids-per-peer counts by"),
        (r#"{"id": "a", "peer": "here"}"#, "the content is not understood: invalid IP address syntax"),
        (r#"{"id": "a", "peer": "::1", "ids": {"per-address": "::1"}}"#, "requests[0].ids names no policy"),
        (r#"{"id": "a", "peer": "::1", "ids": {"per-tenant": ""}}"#, "requests[0].ids.per-tenant is missing"),
        (
            r#"{"id": "a", "peer": "::1", "ids": {"tenant": "t"}}"#,
            "requests[0].ids names no policy that takes ids here: \"tenant\"",
        ),
    ] {
        let (status, body) = post(&service, request);
        assert!(status == 400 && body.contains(says), "{request}: {status} {body}");
    }
    let strict = service_and(vec![policy("per-address", "forwarded", "2/10s", Missing::Reject)], None);
    let (status, body) = post(&strict, r#"{"id": "a"}"#);
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("requests[0].peer is missing: send the address that the policy per-address counts by"));
}

#[test]
fn one_id_too_many_is_a_denial_that_charges_nobody_and_the_ids_before_it_go_on() {
    let service = service_and(vec![policy("per-address", "peer-ip", "9/1h", Missing::Reject)], Some("2/1m"));
    let ask = |peer: &str, id: &str| ask_from(&service, peer, &format!("/?clientId={id}"), "");
    assert_eq!(["a", "b"].map(|id| ask("192.0.2.1", id).status), [200, 200]);
    for _ in 0..9 {
        let denied = ask("192.0.2.1", "c");
        assert_eq!((denied.status, denied.field("Retry-After")), (503, Some("60")));
        assert_eq!(denied.field("RateLimit"), None, "it isn't a bound on requests");
    }
    assert_eq!(ask("192.0.2.1", "a").field("RateLimit"), Some(r#""default";r=1;t=5"#));
    assert_eq!(ask("192.0.2.2", "c").field("RateLimit"), Some(r#""default";r=2;t=5"#), "nothing of c was charged");
    assert_eq!(ask("192.0.2.1", "b").field("RateLimit"), Some(r#""default";r=1;t=5"#));
    // Through a trusted proxy it is the address that this gives.
    let proxied = |client: &str, id: &str| {
        let fields = format!("X-Forwarded-For: {client}\r\n");
        ask_from(&service, "127.0.0.1", &format!("/?clientId={id}"), &fields).status
    };
    assert_eq!(["d", "e"].map(|id| proxied("192.0.2.9", id)), [200, 200]);
    assert_eq!((proxied("192.0.2.9", "f"), proxied("192.0.2.1", "g"), proxied("192.0.2.10", "f")), (503, 503, 200));
    assert_eq!(service.tally().denied, 11);
}

#[test]
fn an_id_that_its_quota_denies_is_none_of_its_peers_ids() {
    let service = service_and(Vec::new(), Some("1/1m"));
    let ask = |peer: &str, id: &str| ask_from(&service, peer, &format!("/?clientId={id}"), "").status;
    assert_eq!([1; 4].map(|_| ask("192.0.2.1", "a")), [200, 200, 200, 503]);
    assert_eq!((ask("192.0.2.2", "a"), ask("192.0.2.2", "b")), (503, 200));
}
