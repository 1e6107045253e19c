//! Many decisions in one request.

use super::*;

fn deciding(quota: &str) -> Service {
    service_with(&[fixed(quota)], ServiceSettings { decide: true, ..ServiceSettings::default() })
}

fn post(content: &str) -> String {
    let length = content.len();
    format!(
        "POST /v1/decide HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{content}"
    )
}

/// The decisions told for `content`, in short: what is left of an allowed one's quota, why a denied one is.
fn decide(service: &Service, content: &str) -> Vec<String> {
    let got = ask(service, post(content));
    let answer = got.only();
    assert_eq!((answer.status, answer.field("Content-Type")), (200, Some("application/json")), "{answer:?}");
    let told: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    let short = |one: &serde_json::Value| match one["decision"].as_str() {
        Some("allow") => one["remaining"].to_string(),
        Some("deny") => format!("{} for {}", one["reason"].as_str().expect("a reason"), one["retry_after_ms"]),
        other => panic!("{other:?}"),
    };
    told["decisions"].as_array().expect("a list").iter().map(short).collect()
}

#[test]
fn decisions_stand_in_the_order_of_the_requests_and_are_made_in_it() {
    let service = deciding("2/5s");
    let content = r#"{"requests": [{"id": "a"}, {"id": "b"}, {"id": "a"}, {"id": "a"}]}"#;
    assert_eq!(decide(&service, content), ["1", "1", "0", "quota for 5000"]);
    // The clients are those of `/`, by the same names.
    let statuses = ["a", "b", "c"].map(|id| ask(&service, get("").replace("=a", &format!("={id}"))).only().status);
    assert_eq!(statuses, [503, 200, 200]);
    let tally = service.tally();
    assert_eq!((tally.allowed, tally.denied), (5, 2));
}

#[test]
fn each_request_may_have_a_cost_and_all_may_just_be_looked_at() {
    let service = deciding("10/5s");
    let costs = r#"{"requests": [{"id": "a", "cost": 7}, {"id": "a", "cost": 4}, {"id": "a", "cost": 3}, {"id": "a", "cost": 0}]}"#;
    assert_eq!(decide(&service, costs), ["3", "quota for 5000", "0", "0"]);
    let peek = r#"{"peek": true, "requests": [{"id": "a"}, {"id": "b", "cost": 10}, {"id": "b", "cost": 11}]}"#;
    for _ in 0..2 {
        assert_eq!(decide(&service, peek), ["quota for 5000", "0", "cost for null"]);
    }
    assert_eq!(service.tally().peeked, 6);
}

#[test]
fn a_denial_names_the_quota_that_it_is_by_also_where_no_field_does() {
    let settings = ServiceSettings { decide: true, ratelimit_headers: false, ..ServiceSettings::default() };
    let service = service_with(&[fixed("5/5s"), fixed("2/1h")], settings);
    let got = ask(&service, post(r#"{"requests": [{"id": "a", "cost": 2}, {"id": "a"}, {"id": "b", "cost": 9}]}"#));
    let denied = [
        r#"{"decision":"deny","reason":"quota","policy":"default-2","retry_after_ms":3600000}"#,
        r#"{"decision":"deny","reason":"cost","policy":"default"}"#,
    ];
    assert!(denied.iter().all(|told| got.only().body.contains(told)), "{}", got.only().body);
}

#[test]
fn an_id_is_the_text_that_json_makes_of_it() {
    let service = deciding("1/5s");
    let content = r#"{"requests": [{"id": "\u0061"}, {"id": "a"}, {"id": "é"}, {"id": "\u00e9"}]}"#;
    assert_eq!(decide(&service, content), ["0", "quota for 5000", "0", "quota for 5000"]);
}

#[test]
fn what_is_not_understood_gets_400_that_says_so_and_charges_nobody() {
    let service = deciding("1/5s");
    let long = format!(r#"{{"requests": [{{"id": "a"}}, {{"id": "{}"}}]}}"#, "x".repeat(257));
    let many = format!(r#"{{"requests": [{}]}}"#, vec![r#"{"id": "a"}"#; 257].join(","));
    for (content, says) in [
        ("", "EOF while parsing"),
        ("{", "EOF while parsing"),
        ("[]", "send {\"requests\": [{\"id\": \"7\""),
        (r#"{"peek": true}"#, "missing field `requests`"),
        (r#"{"requests": []}"#, "requests is empty"),
        (r#"{"requests": [{"id": "a"}], "peak": true}"#, "unknown field `peak`"),
        (r#"{"requests": [{"id": "a"}, {"cost": 3}]}"#, "missing field `id`"),
        (r#"{"requests": [{"id": "a"}, {"id": 7}]}"#, "invalid type: integer `7`, expected a"),
        (r#"{"requests": [{"id": "a"}, {"id": "b", "cost": -1}]}"#, "integer `-1`, expected u32"),
        (r#"{"requests": [{"id": "a"}, {"id": "b", "cost": 4294967296}]}"#, "expected u32"),
        (r#"{"requests": [{"id": "a"}, {"id": "b", "costs": 1}]}"#, "unknown field `costs`"),
        (r#"{"requests": [{"id": "a"}, {"id": ""}]}"#, "requests[1].id is empty"),
        (r#"{"requests": [{"id": "a"}]} x"#, "trailing characters"),
        (&long, "requests[1].id is too long: send at most 256 bytes"),
        (&many, "requests has 257 members: send at most 256 at a time"),
    ] {
        let got = ask(&service, post(content));
        let answer = got.only();
        assert_eq!((answer.status, got.closes()), (400, false), "{content}");
        assert!(answer.body.contains(says), "{content}: {}", answer.body);
        assert!(answer.body.len() < 300 && answer.body.lines().count() == 1, "{content}: {}", answer.body);
    }
    assert_eq!(ask(&service, get("")).only().status, 200, "the quota of client a is untouched");
}

#[test]
fn deep_nesting_is_refused_and_no_crash() {
    let service = deciding("1/5s");
    for opening in ["[", "{\"requests\":", "{\"requests\":[{\"id\":"] {
        let content = opening.repeat(60_000 / opening.len());
        assert_eq!(ask(&service, post(&content)).only().status, 400);
    }
}

#[test]
fn a_head_that_cannot_be_a_batch_is_answered_before_its_content() {
    let service = deciding("9/5s");
    let head = |method: &str, fields: &str| format!("{method} /v1/decide HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let json = "Content-Type: application/json\r\n";
    let too_long = format!("{json}Content-Length: 65537\r\n");
    for (method, fields, status, says) in [
        ("GET", "", 405, "use POST"),
        ("PUT", json, 405, "use POST"),
        ("POST", "", 415, "send Content-Type: application/json"),
        ("POST", "Content-Type: text/plain\r\nContent-Length: 2\r\n", 415, "send Content-Type"),
        ("POST", "Content-Type: application/jsonp\r\n", 415, "send Content-Type"),
        ("POST", &too_long, 413, "send at most 65536 bytes, and 256 requests"),
    ] {
        let answer = &ask(&service, head(method, fields)).answers[0];
        assert_eq!(answer.status, status, "{method} {fields}");
        assert!(answer.body.contains(says), "{method} {fields}: {}", answer.body);
        assert_eq!(answer.field("Allow"), (status == 405).then_some("POST"));
    }
    // The content is passed over, and the next request is found behind it.
    let input = head("POST", &too_long) + &"x".repeat(65_537) + &get("");
    assert_eq!(ask(&service, input).statuses(), [413, 200]);
    assert_eq!(ask(&service, head("POST", "content-type: Application/JSON; charset=utf-8\r\n")).only().status, 400);
}

#[test]
fn nothing_is_there_while_decisions_are_off() {
    assert_eq!(ask(&open_service(), post(r#"{"requests": [{"id": "a"}]}"#)).only().status, 404);
}

#[test]
fn chunked_content_is_put_together_within_the_same_bound() {
    let service = deciding("9/5s");
    let head =
        "POST /v1/decide HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let content = "12\r\n{\"requests\": [{\"id\r\nb;x=y\r\n\": \"a\"}]}\n\n\r\n0\r\nA: b\r\n\r\n";
    let input = format!("{head}{content}{}", get(""));
    let whole = ask(&service, &input);
    assert_eq!((whole.statuses(), whole.unconsumed), (vec![200, 200], 0), "{whole:?}");

    let endless = ask(&service, format!("{head}{}", format!("8000\r\n{}\r\n", " ".repeat(0x8000)).repeat(3)));
    assert_eq!((endless.statuses(), endless.closes()), (vec![413], true));
    let cut = ask(&service, format!("{head}5\r\n{{\"req"));
    assert_eq!((cut.statuses(), cut.next), (vec![], Next::Read));
}

#[test]
fn however_a_batch_is_cut_into_reads_it_is_one_batch() {
    let content = r#"{"requests": [{"id": "a"}, {"id": "b"}, {"id": "a", "cost": 3}]}"#;
    let input = post(content) + &get("");
    let whole = ask(&deciding("2/5s"), &input);
    for cut in 1..input.len() {
        let (service, mut session) = (deciding("2/5s"), Session::new(Some(LOCALHOST)));
        let mut out = Vec::new();
        let first = session.on_bytes(&input.as_bytes()[..cut], Nanos::ZERO, &service, &mut out);
        assert_eq!(first.next, Next::Read, "{cut}");
        let last = session.on_bytes(&input.as_bytes()[first.consumed..], Nanos::ZERO, &service, &mut out);
        assert_eq!((last.next, first.consumed + last.consumed), (Next::Read, input.len()), "{cut}");
        let bodies: Vec<String> = read_answers(&out, &[]).into_iter().map(|answer| answer.body).collect();
        let meant: Vec<String> = whole.answers.iter().map(|answer| answer.body.clone()).collect();
        assert_eq!(bodies, meant, "{cut}");
    }
}

#[test]
fn who_expects_100_continue_gets_it_when_the_head_is_right_and_only_then() {
    let service = deciding("9/5s");
    let head = |kind: &str| {
        format!(
            "POST /v1/decide HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Type: {kind}\r\nContent-Length: 27\r\n\r\n"
        )
    };
    let mut session = Session::new(Some(LOCALHOST));
    assert_eq!(give(&mut session, &service, head("application/json").as_bytes(), Nanos::ZERO).statuses(), [100]);
    let got = give(&mut session, &service, br#"{"requests": [{"id": "a"}]}"#, Nanos::ZERO);
    assert_eq!(got.statuses(), [200]);
    let refused = ask(&service, head("text/plain"));
    assert_eq!((refused.statuses(), refused.closes()), (vec![415], true));
}

#[test]
fn who_stops_in_the_middle_of_a_batch_is_told_so() {
    let service = deciding("9/5s");
    let input = post(r#"{"requests": [{"id": "a"}]}"#);
    for (status, end) in [
        (400, Session::on_eof as fn(&mut Session, Nanos, &Service, &mut Vec<u8>) -> Next),
        (408, |session, _, service, out| session.on_head_timeout(service, out)),
    ] {
        let mut session = Session::new(Some(LOCALHOST));
        let mut out = Vec::new();
        let _ = session.on_bytes(&input.as_bytes()[..input.len() - 1], Nanos::ZERO, &service, &mut out);
        assert!(matches!(end(&mut session, Nanos::ZERO, &service, &mut out), Next::Close(_)));
        assert_eq!(read_answers(&out, &[])[0].status, status);
    }
    assert_eq!(service.tally().allowed, 0);
}

#[test]
fn as_many_requests_as_are_taken_fit_the_content_and_the_output() {
    let service = deciding("9/5s");
    let asked: Vec<String> = (0..256).map(|n| format!(r#"{{"id": "{n:0>200}", "cost": 4294967295}}"#)).collect();
    let content = format!(r#"{{"requests": [{}]}}"#, asked.join(","));
    assert!(content.len() <= 64 << 10, "{}", content.len());
    let got = ask(&service, post(&content));
    let answer = got.only();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.len() < super::super::OUT_BYTES, "{}", answer.body.len());
}

#[test]
fn an_unlimited_client_has_no_number_left_and_a_listed_one_no_time_to_wait() {
    let limiter = Limiter::new(&Settings {
        capacity: Capacity::clients(1000).expect("a capacity"),
        allow: vec!["free".to_owned()],
        deny: vec!["out".to_owned()],
        ..Settings::default()
    });
    let settings = ServiceSettings { decide: true, ..ServiceSettings::default() };
    let service = Service::new(Arc::new(limiter.expect("a limiter")), settings);
    let got = ask(&service, post(r#"{"requests": [{"id": "free"}, {"id": "out"}]}"#));
    let meant =
        r#"{"decisions":[{"decision":"allow","reset_after_ms":0,"delay_ms":0},{"decision":"deny","reason":"list"}]}"#;
    assert_eq!(got.only().body, meant);
}
