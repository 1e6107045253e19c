//! Decisions for proxies and programs, asked over real connections.

use std::thread;

use rustix::process::Signal;

use super::support::peer::Peer;
use super::support::server::{Launch, on_both_engines};

#[test]
fn proxies_and_clients_of_one_gate_share_its_quotas_and_its_counts() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args("--limit 4/1h,fixed-window --decide on").start();
        let ask = |path: &str, fields: &str| {
            let mut peer = server.connect();
            peer.send(format!("GET {path} HTTP/1.1\r\nHost: gate\r\n{fields}\r\n"));
            peer.answer().status
        };
        let original = "X-Original-URI: /shop?clientId=7\r\n";
        let forwarded = "X-Forwarded-Uri: /shop?clientId=7\r\n";
        let passed = [
            ask("/check/nginx", original),
            ask("/check/envoy/shop?clientId=7", ""),
            ask("/check/forward", forwarded),
            ask("/?clientId=7", ""),
        ];
        assert_eq!(passed, [200; 4]);
        let turned_away = [
            ask("/check/nginx", original),
            ask("/check/envoy/shop?clientId=7", ""),
            ask("/check/haproxy", original),
            ask("/check?clientId=7&peek=1", ""),
            ask("/check/nginx", ""),
        ];
        assert_eq!(turned_away, [403, 429, 429, 429, 403]);
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let counted = "9 requests: 4 allowed, 3 denied, 1 rejected, 1 peeked";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}

#[test]
fn batches_from_many_connections_are_decided_once_each() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args("--limit 30/1h,fixed-window --decide on").start();
        let asked: Vec<String> = (0..100).map(|n| format!(r#"{{"id": "{}"}}"#, n % 10)).collect();
        let content = format!(r#"{{"requests": [{}]}}"#, asked.join(","));
        let head = "POST /v1/decide HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n";
        let request = format!("{head}Content-Length: {}\r\n\r\n{content}", content.len());
        let allowed: usize = thread::scope(|scope| {
            let request = &request;
            let ask = move |mut peer: Peer| {
                let (first, last) = request.split_at(request.len() / 2);
                peer.send(first);
                peer.send(last);
                let answer = peer.answer();
                assert_eq!(answer.status, 200, "{answer:?}");
                assert_eq!(peer.get("other").status, 200, "the connection goes on");
                answer.body.matches("\"allow\"").count()
            };
            let threads: Vec<_> =
                server.connect_many(8).into_iter().map(|peer| scope.spawn(move || ask(peer))).collect();
            threads.into_iter().map(|thread| thread.join().expect("answers")).sum()
        });
        assert_eq!(allowed, 300, "30 for each of 10 clients, of the 80 that each asked for");
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let counted = "808 requests: 308 allowed, 500 denied, 0 rejected";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}
