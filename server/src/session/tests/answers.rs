//! What the answers say, to the byte where it matters.

use tollgate_limiter::{Ladder, Override};

use super::*;
use crate::{http::Limits, identity::ClientIdSource, service::LimitedStatus};

/// The bytes of the answers to `input`.
fn bytes(service: &Service, input: &str) -> String {
    let mut out = Vec::new();
    let _ = Session::new(None).on_bytes(input.as_bytes(), Nanos::ZERO, service, &mut out);
    String::from_utf8(out).expect("ASCII")
}

fn at(service: &Service, input: &str, now: Nanos) -> Answer {
    let mut got = give(&mut Session::new(None), service, input.as_bytes(), now);
    assert_eq!(got.answers.len(), 1, "{got:?}");
    got.answers.remove(0)
}

#[test]
fn an_allowed_request_gets_200_and_what_is_left_of_its_quota() {
    // The default algorithm: that its times are rounded up a little is not worth a second in `t`.
    let service = service_with(&["5/5s".parse().expect("a quota")], ServiceSettings::default());
    assert_eq!(
        bytes(&service, &get("")),
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\
         RateLimit-Policy: \"default\";q=5;w=5\r\nRateLimit: \"default\";r=4;t=5\r\n\r\nOK"
    );
}

#[test]
fn a_denied_request_gets_503_and_the_seconds_to_wait() {
    let service = service("1/5s");
    bytes(&service, &get(""));
    assert_eq!(
        bytes(&service, &get("")),
        "HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\nRetry-After: 5\r\n\
         RateLimit-Policy: \"default\";q=1;w=5\r\nRateLimit: \"default\";r=0;t=5\r\n\r\n"
    );
}

#[test]
fn head_gets_the_head_of_get_and_nothing_else() {
    let service = service("1/5s");
    for target in ["/?clientId=a", "/?clientId=a", "/", "/other"] {
        let request = |method: &str| format!("{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        // Another client, so that both are allowed or both denied.
        let of_get = bytes(&service, &request("GET").replace("=a", "=b"));
        let of_head = bytes(&service, &request("HEAD"));
        let (head, _) = of_get.split_once("\r\n\r\n").expect("a head");
        assert_eq!(of_head, format!("{head}\r\n\r\n"), "{target}");
    }
    // Rejects too, even those whose head could not be read.
    for request in ["HEAD / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\n\n", "HEAD / HTTP/3.0\r\n\r\n"] {
        assert!(bytes(&service, request).ends_with("\r\n\r\n"), "{request:?}");
    }
}

#[test]
fn retry_after_is_never_earlier_than_the_truth_and_never_zero() {
    let service = service("1/5s");
    at(&service, &get(""), Nanos::ZERO);
    for (now, seconds) in [
        (Nanos::ZERO, "5"),
        (Nanos::new(1), "5"),
        (Nanos::from_secs(1), "4"),
        (Nanos::from_millis(1001), "4"),
        (Nanos::from_millis(4999), "1"),
    ] {
        let answer = at(&service, &get(""), now);
        assert_eq!((answer.status, answer.field("Retry-After")), (503, Some(seconds)), "{now}");
        assert_eq!(answer.field("RateLimit"), Some(format!("\"default\";r=0;t={seconds}").as_str()));
    }
    assert_eq!(at(&service, &get(""), Nanos::from_secs(5)).status, 200);
}

#[test]
fn the_status_of_a_denial_is_configured() {
    let settings = ServiceSettings {
        limited_status: LimitedStatus::TooManyRequests,
        ratelimit_headers: false,
        ..ServiceSettings::default()
    };
    let service = service_with(&[fixed("1/5s")], settings);
    assert_eq!(bytes(&service, &get("")).matches("RateLimit").count(), 0);
    assert_eq!(
        bytes(&service, &get("")),
        "HTTP/1.1 429 Too Many Requests\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\nRetry-After: 5\r\n\r\n"
    );
    for text in ["429", "503"] {
        assert_eq!(text.parse::<LimitedStatus>().map(|status| status.to_string()).as_deref(), Ok(text));
    }
    let error = "500".parse::<LimitedStatus>().expect_err("500").to_string();
    assert_eq!(error, "a denial is answered with 429 or 503, not with \"500\"");
}

#[test]
fn stacked_quotas_are_all_advertised_and_the_binding_one_is_reported() {
    let quotas = ["3/1s", "4/1m", "9/1500ms"].map(fixed);
    let service = service_with(&quotas, ServiceSettings::default());
    let policy = "\"default\";q=3;w=1, \"default-2\";q=4;w=60, \"default-3\";q=9";
    let first = at(&service, &get(""), Nanos::ZERO);
    assert_eq!(first.field("RateLimit-Policy"), Some(policy));
    assert_eq!(first.field("RateLimit"), Some("\"default\";r=2;t=1"));
    let statuses = [0, 2000, 4000].map(|millis| at(&service, &get(""), Nanos::from_millis(millis)).status);
    assert_eq!(statuses, [200, 200, 200]);
    let denied = at(&service, &get(""), Nanos::from_secs(6));
    assert_eq!(denied.field("RateLimit"), Some("\"default-2\";r=0;t=54"));
    assert_eq!(denied.field("Retry-After"), Some("54"));
}

#[test]
fn clients_with_quotas_of_their_own_are_told_theirs() {
    let limiter = Limiter::new(&Settings {
        quotas: vec![fixed("5/5s")],
        capacity: Capacity::clients(1000).expect("a capacity"),
        overrides: vec![Override { ids: vec!["big".to_owned()], quotas: vec![fixed("30/1m")] }],
        allow: vec!["free".to_owned()],
        deny: vec!["out".to_owned()],
        ..Settings::default()
    });
    let service = Service::new(Arc::new(limiter.expect("a limiter")), ServiceSettings::default());
    let policy = |id: &str| {
        let answer = at(&service, &format!("GET /?clientId={id} HTTP/1.1\r\nHost: h\r\n\r\n"), Nanos::ZERO);
        (answer.status, answer.field("RateLimit-Policy").unwrap_or("none").to_owned())
    };
    for _ in 0..2 {
        assert_eq!(policy("a"), (200, "\"default\";q=5;w=5".to_owned()));
        assert_eq!(policy("big"), (200, "\"default\";q=30;w=60".to_owned()));
        assert_eq!(policy("free"), (200, "none".to_owned()));
        assert_eq!(policy("out").0, 503);
    }
    let out = at(&service, "GET /?clientId=out HTTP/1.1\r\nHost: h\r\n\r\n", Nanos::ZERO);
    let names: Vec<&str> = out.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Date", "Content-Length"], "there is nothing to wait for");
}

#[test]
fn a_ban_says_how_long_it_lasts() {
    let limiter = Limiter::new(&Settings {
        quotas: vec![fixed("1/1s")],
        capacity: Capacity::clients(1000).expect("a capacity"),
        bans: Some(Ladder::new(2, Nanos::from_secs(10), &[Nanos::from_secs(60)]).expect("a ladder")),
        ..Settings::default()
    });
    let service = Service::new(Arc::new(limiter.expect("a limiter")), ServiceSettings::default());
    let waits: Vec<Option<String>> = (0..4)
        .map(|millis| at(&service, &get(""), Nanos::from_millis(millis)).field("Retry-After").map(str::to_owned))
        .collect();
    assert_eq!(waits[0], None);
    assert_eq!(waits[1].as_deref(), Some("1"));
    assert_eq!(waits[3].as_deref(), Some("60"));
}

#[test]
fn shadow_quotas_are_not_advertised() {
    let quotas = ["1/5s".parse::<Quota>().expect("a quota").shadow()];
    let service = service_with(&quotas, ServiceSettings::default());
    for _ in 0..3 {
        let answer = at(&service, &get(""), Nanos::ZERO);
        assert_eq!((answer.status, answer.field("RateLimit-Policy")), (200, None));
    }
}

#[test]
fn ids_that_cannot_be_used_get_400_that_says_so_and_cost_nothing() {
    let service = service("1/5s");
    let long = format!("/?clientId={}", "a".repeat(257));
    let long_decoded = format!("/?clientId={}", "%41".repeat(257));
    for (target, says) in [
        ("/", "missing"),
        ("/?", "missing"),
        ("/?clientid=a", "missing"),
        ("/?xclientId=a", "missing"),
        ("/?clientIdx=a", "missing"),
        ("/?a=clientId=a", "missing"),
        ("/?clientId", "empty"),
        ("/?clientId=", "empty"),
        ("/?clientId=&clientId=a", "empty"),
        (&long, "at most 256 bytes"),
        (&long_decoded, "at most 256 bytes"),
        ("/?clientId=%", "%25"),
        ("/?clientId=%4", "%25"),
        ("/?clientId=a%zz", "%25"),
        ("/?clientId=a%+1", "%25"),
    ] {
        let answer = at(&service, &format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"), Nanos::ZERO);
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.body.contains("clientId") && answer.body.contains(says), "{target}: {}", answer.body);
        assert_eq!(answer.field("Content-Type"), Some("text/plain"));
        assert!(!answer.closes(), "{target}");
        assert_eq!(answer.field("RateLimit"), None);
    }
    assert_eq!(at(&service, &get(""), Nanos::ZERO).status, 200, "the quota of client a is untouched");
}

#[test]
fn one_client_is_one_client_however_it_is_written() {
    let service = service("1/5s");
    let long = "b".repeat(256);
    for (one, same) in [
        ("clientId=7", "clientId=%37"),
        ("clientId=jo%2Fe", "clientId=jo/e"),
        ("clientId=a%2Bb", "clientId=a+b"),
        ("clientId=e+%66", "clientId=e%2Bf"),
        ("x=1&clientId=c", "clientId=c&clientId=d"),
        ("x&&=y&clientId=e", "client%49d=e"),
        ("x=%zz&clientId=f", "%=&clientId=f"),
        ("clientId=g=h", "clientId=g%3Dh"),
        ("clientId=%00", "clientId=%00&"),
        (&format!("clientId={long}"), &format!("clientId={}", "%62".repeat(256))),
    ] {
        let status =
            |query: &str| at(&service, &format!("GET /?{query} HTTP/1.1\r\nHost: h\r\n\r\n"), Nanos::ZERO).status;
        assert_eq!((status(one), status(same)), (200, 503), "{one} and {same}");
    }
    let status = |query: &str| at(&service, &format!("GET /?{query} HTTP/1.1\r\nHost: h\r\n\r\n"), Nanos::ZERO).status;
    assert_eq!((status("clientId=p+q"), status("clientId=p%20q")), (200, 200), "+ is not a space");
}

#[test]
fn a_header_field_can_name_the_client() {
    let settings =
        ServiceSettings { client_id: ClientIdSource::Header("X-Api-Key".to_owned()), ..ServiceSettings::default() };
    let service = service_with(&[fixed("1/5s")], settings);
    let status = |fields: &str| {
        let answer = at(&service, &format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"), Nanos::ZERO);
        (answer.status, answer.body)
    };
    assert_eq!(status("x-api-KEY:  k1 \r\n").0, 200);
    assert_eq!(status("X-Api-Key: k1\r\n").0, 503);
    assert_eq!(status("X-Api-Key: %6b1\r\n").0, 200, "taken as it is");
    for (fields, says) in [
        ("", "missing"),
        ("X-Api-Key:\r\n", "empty"),
        ("X-Api-Key: a\r\nX-Api-Key: a\r\n", "repeated"),
        (&format!("X-Api-Key: {}\r\n", "a".repeat(257)), "too long"),
    ] {
        let (status, body) = status(fields);
        assert_eq!(status, 400, "{fields:?}");
        assert!(body.contains("X-Api-Key") && body.contains(says), "{fields:?}: {body}");
    }
}

#[test]
fn the_address_of_the_peer_can_name_the_client() {
    let settings = ServiceSettings { client_id: ClientIdSource::PeerIp, ..ServiceSettings::default() };
    let service = service_with(&[fixed("1/5s")], settings);
    assert!(service.needs_peer());
    for (peer, status) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 503),
        ("::ffff:192.0.2.1", 503),
        ("192.0.2.2", 200),
        ("2001:db8:1:2::1", 200),
        ("2001:db8:1:2:ffff::9", 503),
        ("2001:db8:1:3::1", 200),
    ] {
        let mut session = Session::new(Some(peer.parse().expect("an address")));
        let got = give(&mut session, &service, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", Nanos::ZERO);
        assert_eq!(got.statuses(), [status], "{peer}");
        // The key is kept: the same answer without the address.
        let again = give(&mut session, &service, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", Nanos::ZERO);
        assert_eq!(again.statuses(), [503], "{peer} again");
    }
    let unknown = give(&mut Session::new(None), &service, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", Nanos::ZERO);
    assert_eq!(unknown.statuses(), [400]);
}

#[test]
fn errors_say_what_to_do() {
    let service = open_service();
    for (request, status, says) in [
        ("POST / HTTP/1.1\r\nHost: h\r\n\r\n", 405, "use GET or HEAD"),
        ("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501, "use GET or HEAD"),
        ("GET /x HTTP/1.1\r\nHost: h\r\n\r\n", 404, "ask for /"),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "send /?clientId=ID"),
        ("GET / HTTP/1.1\r\n\r\n", 400, "requires it"),
        ("\u{16}\u{3}\u{1}", 400, "http://"),
    ] {
        let got = ask(&service, request);
        assert_eq!(got.only().status, status);
        assert!(got.only().body.contains(says), "{:?}", got.only().body);
        assert_eq!(got.only().field("Content-Type"), Some("text/plain"));
        let allow = (status == 405).then_some("GET, HEAD");
        assert_eq!(got.only().field("Allow"), allow, "{request:?}");
        assert_eq!(got.only().field("Date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    }
}

#[test]
fn the_date_follows_the_clock_that_is_given() {
    let service = service("1/5s");
    for (seconds, date) in [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT")] {
        service.set_unix_time(seconds);
        // Allowed or denied, refused, rejected.
        for request in [&get(""), "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", "GET\r\n\r\n"] {
            assert_eq!(ask(&service, request).only().field("Date"), Some(date), "{request:?}");
        }
    }
}

#[test]
fn limits_are_settings() {
    let settings = ServiceSettings {
        limits: Limits { head_bytes: 100, headers: 2, body_bytes: 3, id_bytes: 4 },
        ..ServiceSettings::default()
    };
    let service = service_with(&[fixed("1000/1s")], settings);
    for (request, status) in [
        (get(""), 200),
        (get("A: b\r\n"), 200),
        (get("A: b\r\nC: d\r\n"), 431),
        (get(&format!("A: {}\r\n", "b".repeat(70))), 431),
        (get("Content-Length: 3\r\n") + "abc", 200),
        (get("Content-Length: 4\r\n") + "abcd", 413),
        (get("Transfer-Encoding: chunked\r\n") + "4\r\nabcd\r\n0\r\n\r\n", 413),
        (get("").replace("=a", "=abcd"), 200),
        (get("").replace("=a", "=abcde"), 400),
    ] {
        assert_eq!(ask(&service, &request).statuses(), [status], "{request:?}");
    }
}
