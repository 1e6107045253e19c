//! Decisions for proxies and programs, asked over real connections.

use rustix::process::Signal;

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
