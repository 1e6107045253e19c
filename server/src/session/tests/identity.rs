//! Who a client is: cookies, addresses, and what proxies say about them.

use std::net::IpAddr;

use super::*;
use crate::identity::{ClientIdSource, Trusted};

fn service_by(source: &str, settings: ServiceSettings) -> Service {
    let client_id: ClientIdSource = source.parse().expect("a source");
    service_with(&[fixed("1/5s")], ServiceSettings { client_id, ..settings })
}

fn trusting(networks: &[&str]) -> ServiceSettings {
    let trusted = Trusted(networks.iter().map(|network| network.parse().expect("a network")).collect());
    ServiceSettings { trusted, ..ServiceSettings::default() }
}

fn ask_from(service: &Service, peer: &str, target: &str, fields: &str) -> Answer {
    let peer: IpAddr = peer.parse().expect("an address");
    let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let mut got = give(&mut Session::new(Some(peer)), service, request.as_bytes(), Nanos::ZERO);
    got.answers.remove(0)
}

#[test]
fn a_cookie_names_the_client_by_its_first_value() {
    let service = service_by("cookie:session", ServiceSettings::default());
    for (cookies, status, says) in [
        ("Cookie: session=a\r\n", 200, ""),
        ("cookie: theme=dark; session=a; x=y\r\n", 503, ""),
        ("Cookie: session=b; session=a\r\n", 200, ""),
        ("Cookie: session=a; session=c\r\n", 503, ""),
        ("Cookie: x; session = a ;\r\n", 503, ""),
        ("Cookie: session=a=b\r\n", 200, ""),
        ("", 400, "the cookie session is missing: send `Cookie: session=ID`"),
        ("Cookie: Session=a; xsession=a; sessionx=a\r\n", 400, "is missing"),
        ("Cookie: session=\r\n", 400, "is empty"),
        ("Cookie: session\r\n", 400, "is missing"),
        ("Cookie: session=c\r\nCookie: session=d\r\n", 400, "is repeated"),
    ] {
        let answer = ask_from(&service, "192.0.2.1", "/", cookies);
        assert_eq!(answer.status, status, "{cookies}");
        assert!(answer.body.contains(says), "{cookies}: {}", answer.body);
    }
}

#[test]
fn behind_proxies_a_client_is_the_address_that_they_give() {
    for (source, name) in [("x-forwarded-for", "X-Forwarded-For: "), ("forwarded", "Forwarded: for=")] {
        let service = service_by(source, trusting(&["10.0.0.0/8"]));
        let ask = |peer: &str, client: &str| ask_from(&service, peer, "/", &format!("{name}{client}\r\n")).status;
        // Through whichever proxy, it is one client.
        assert_eq!((ask("10.0.0.1", "192.0.2.7"), ask("10.0.0.2", "192.0.2.7")), (200, 503), "{source}");
        assert_eq!(ask("10.0.0.1", "192.0.2.8"), 200, "{source}");
        // Who comes by itself is who it is, whatever it says.
        assert_eq!((ask("192.0.2.9", "192.0.2.10"), ask("192.0.2.9", "192.0.2.11")), (200, 503), "{source}");
        assert_eq!(ask("192.0.2.7", "192.0.2.12"), 503, "{source}");
    }
}

#[test]
fn several_clients_of_one_proxy_are_told_apart_on_one_connection() {
    let service = service_by("x-forwarded-for", trusting(&["10.0.0.0/8"]));
    let request = |client: &str| format!("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {client}\r\n\r\n");
    let input: String = ["2001:db8:1:2::7", "2001:db8:1:2::8", "2001:db8:1:3::7"].map(request).concat();
    let mut session = Session::new(Some("10.0.0.1".parse().expect("an address")));
    let statuses = give(&mut session, &service, input.as_bytes(), Nanos::ZERO).statuses();
    assert_eq!(statuses, [200, 503, 200], "an IPv6 client counts by its /64");
}

#[test]
fn only_trusted_peers_may_ask_for_decisions() {
    let settings = ServiceSettings { decide: true, ..trusting(&["10.0.0.0/8"]) };
    let service = service_by("query:clientId", settings);
    for path in ["/check?clientId=a", "/check/envoy/?clientId=a", "/v1/decide"] {
        for peer in ["192.0.2.7", "127.0.0.1", "2001:db8::1"] {
            let answer = ask_from(&service, peer, path, "X-Forwarded-For: 10.0.0.1\r\n");
            assert_eq!(answer.status, 403, "{path} {peer}");
            assert!(answer.body.contains("name it in trusted-proxies"), "{}", answer.body);
        }
    }
    let request = b"GET /check?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n";
    let nobody = give(&mut Session::new(None), &service, request, Nanos::ZERO);
    assert_eq!(nobody.statuses(), [403], "a peer without an address is nobody's friend");
    // Nobody's quota is touched by that, and `/` is everybody's.
    assert_eq!(ask_from(&service, "10.0.0.1", "/check?clientId=a", "").status, 200);
    assert_eq!(ask_from(&service, "192.0.2.7", "/?clientId=b", "").status, 200);
}

#[test]
fn an_address_that_a_proxy_gives_is_the_client_of_a_decision_too() {
    let settings = ServiceSettings { decide: true, ..trusting(&["10.0.0.0/8"]) };
    let service = service_by("x-forwarded-for", settings);
    let check = |path: &str, fields: &str| ask_from(&service, "10.0.0.1", path, fields).status;
    assert_eq!(check("/check/nginx", "X-Forwarded-For: 192.0.2.7\r\n"), 200);
    assert_eq!(check("/check/forward", "X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n"), 503);
    assert_eq!(check("/check/haproxy", "X-Forwarded-For: 192.0.2.8\r\n"), 200);
}

#[test]
fn a_peer_that_is_a_client_stays_trusted_or_not() {
    let settings = ServiceSettings { decide: true, ..trusting(&["10.0.0.0/8"]) };
    let service = service_by("peer-ip", settings);
    let input = "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /check HTTP/1.1\r\nHost: h\r\n\r\n";
    for (peer, statuses) in [("10.0.0.1", [200, 429]), ("192.0.2.7", [200, 403])] {
        let mut session = Session::new(Some(peer.parse().expect("an address")));
        assert_eq!(give(&mut session, &service, input.as_bytes(), Nanos::ZERO).statuses(), statuses, "{peer}");
    }
}
