//! The PROXY protocol on real connections.

use super::support::clock::wait_until;
use super::support::peer::Peer;
use super::support::server::{Server, on_both_engines};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: gate\r\n\r\n";

fn from(address: &str) -> String {
    format!("PROXY TCP4 {address} 198.51.100.1 51234 80\r\n{REQUEST}")
}

#[test]
fn clients_behind_a_proxy_are_known_by_the_address_that_it_gives() {
    on_both_engines(|engine| {
        let args = "--limit 1/1h,fixed-window --client-id peer-ip --proxy-protocol on";
        let server = Server::start(engine, args);
        let ask = |bytes: &[u8]| {
            let mut peer = server.connect();
            let (first, last) = bytes.split_at(20);
            peer.send(first);
            peer.send(last);
            peer.answer().status
        };
        assert_eq!(ask(from("192.0.2.7").as_bytes()), 200);
        assert_eq!(ask(from("192.0.2.7").as_bytes()), 503);
        assert_eq!(ask(from("192.0.2.8").as_bytes()), 200);
        let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\xc6\x33\x64\x01\xc8\x22\0\x50";
        let binary = [&binary[..], REQUEST.as_bytes()].concat();
        assert_eq!((ask(&binary), ask(&binary)), (200, 503));
        assert_eq!(ask(from("192.0.2.9").as_bytes()), 503, "the same client in either version");
    });
}

#[test]
fn what_is_no_header_or_comes_from_a_stranger_is_closed_and_logged_once_in_a_while() {
    on_both_engines(|engine| {
        for (trusted, says) in [
            ("127.0.0.0/8", "no PROXY header came first: let the proxy send one, or turn proxy-protocol off"),
            ("10.0.0.0/8", "this address may not send PROXY headers: name it in trusted-proxies"),
        ] {
            let server = Server::start(engine, &format!("--proxy-protocol on --trusted-proxies {trusted}"));
            for _ in 0..50 {
                let mut peer = server.connect();
                peer.try_send(REQUEST);
                // Reset or closed, as the kernel finds what was sent unread or not; never answered.
                assert!(peer.receive().is_err());
            }
            if trusted == "127.0.0.0/8" {
                let mut peer = server.connect();
                peer.send(from("192.0.2.7").replace("/ ", "/?clientId=7 "));
                assert_eq!(peer.answer().status, 200, "others are served");
            }
            let logged = server.logged();
            let lines: Vec<&String> = logged.iter().filter(|line| line.contains("a connection was closed")).collect();
            assert!(lines.len() == 1 && lines[0].contains(says) && lines[0].contains("127.0.0.1"), "{logged:#?}");
        }
    });
}

#[test]
fn half_a_header_is_waited_for_no_longer_than_a_head() {
    on_both_engines(|engine| {
        let config = "proxy-protocol = true\n[timeouts]\nhead = \"100ms\"\n";
        let server = super::support::server::Launch::new(engine).config(config).start();
        let mut peer: Peer = server.connect();
        peer.send("PROXY TCP4 192.0.2.7");
        wait_until("the gate closes", || !peer.pass_over());
    });
}
