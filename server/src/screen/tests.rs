use super::*;
use std::time::Duration;

use crate::config::Config;

const EVERYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);

fn screen(config: &Config) -> Screen<'_> {
    Screen {
        addresses: &[EVERYWHERE],
        listeners: &config.listeners,
        cores: &[0, 1],
        cores_allowed: 4,
        io: "ring: as asked".to_owned(),
        quotas: &config.quotas,
        max_clients: 1_000_000,
        memory_bytes: 30_000_000,
        when_full: config.when_full,
        client_id: &config.client_id,
        policies: &config.policies,
        max_ids_per_peer: &config.max_ids_per_peer,
        limited_status: config.limited_status,
        ratelimit_headers: config.ratelimit_headers,
        trusted_proxies: &config.trusted_proxies,
        overrides: &config.overrides,
        allowed: config.allow.len(),
        denied: config.deny.len(),
        bans: config.bans.as_ref(),
        upstreams: &config.upstreams,
    }
}

#[test]
fn the_plain_gate_shows_its_promise_and_ends_with_where_it_listens() {
    let text = format!("{}", screen(&Config::default()));
    let (before, last) = text.trim_end().rsplit_once("\n\n").unwrap();
    assert_eq!(last, "listening on http://0.0.0.0:8080");
    let shown: Vec<&str> = before.lines().collect();
    let resolution = about(Config::default().quotas[0].resolution());
    let limit =
        format!("  limit      5/5s sliding-window: at most 5 in any 5s; a used unit returns at most {resolution} late");
    let meant = [
        concat!("tollgate ", env!("CARGO_PKG_VERSION")),
        "",
        "  cores      2 of 4 allowed: 0,1",
        "  io         ring: as asked",
        &limit,
        "  clients    1M, by query:clientId, in 29 MiB reserved; when full: remember",
        "  over limit 503, RateLimit headers on",
        "  try        curl -i 'http://127.0.0.1:8080/?clientId=7'",
    ];
    assert_eq!(shown, meant);
}

#[test]
fn lists_overrides_and_bans_are_counted() {
    let group = |n: usize| Override {
        tier: None,
        clients: (0..n).map(|n| n.to_string()).collect(),
        quotas: vec!["9/1s".parse().unwrap()],
    };
    let config = Config {
        overrides: vec![group(2), group(1)],
        allow: vec!["a".to_owned()],
        bans: Some(
            Bans::new(20, Duration::from_secs(10), vec![Duration::from_secs(60), Duration::from_secs(600)]).unwrap(),
        ),
        ..Config::default()
    };
    let text = screen(&config).to_string();
    assert!(text.contains("  lists      3 clients with quotas of their own, 1 client always allowed\n"), "{text}");
    assert!(text.contains("  bans       20 denials within 10s: out for 1m, then 10m\n"), "{text}");
}

#[test]
fn who_may_speak_for_others_is_shown_where_it_matters() {
    let listener = Listener { mode: Mode::Decide, proxy_protocol: true, ..Listener::default() };
    let config = Config { listeners: vec![listener], ..Config::default() };
    let text = screen(&config).to_string();
    assert!(text.contains("  decisions  for 127.0.0.0/8, ::1/128: /check, /check/nginx,"), "{text}");
    assert!(
        text.contains("  peers      named by PROXY headers from 127.0.0.0/8, ::1/128; others are closed\n"),
        "{text}"
    );
    let nobody = Config { trusted_proxies: Trusted(Vec::new()), ..config };
    assert!(screen(&nobody).to_string().contains("  decisions  for nobody: "));
}

#[test]
fn every_algorithm_says_its_worst_case_in_words() {
    let promised = |text: &str, algorithm| {
        let typed: crate::config::TypedQuota = text.parse().unwrap();
        promise(&typed.build(algorithm).unwrap())
    };
    let cases = [
        ("5/5s", Algorithm::FixedWindow, "5 per window that opens at the first request, so at most 9 in any 5s"),
        ("10/1s,burst=20", Algorithm::TokenBucket, "bursts of 20, refilled at 10/1s, so at most 30 in any 1s"),
        ("10/1s,max-delay=2s", Algorithm::LeakyBucket, "evenly spaced, waiting at most 2s, at most 11 in any 1s"),
    ];
    for (text, algorithm, words) in cases {
        assert_eq!(promised(text, algorithm), words);
    }
    assert!(promised("5/5s,shadow", Algorithm::FixedWindow).ends_with("(shadow: counted, not enforced)"));
}

#[test]
fn the_line_to_try_reaches_this_gate() {
    let curl = |source: ClientIdSource, address: &str| {
        let config = Config { client_id: source, ..Config::default() };
        Screen { addresses: &[address.parse().unwrap()], ..screen(&config) }.curl()
    };
    assert_eq!(curl(ClientIdSource::PeerIp, "[::]:80"), "curl -i http://[::1]:80/");
    let odd = ClientIdSource::Query("it's a&b".to_owned());
    assert_eq!(curl(odd, "192.0.2.1:80"), "curl -i 'http://192.0.2.1:80/?it%27s%20a%26b=7'");
    let key = ClientIdSource::Header("X-Api-Key".to_owned());
    assert_eq!(curl(key, "192.0.2.1:80"), "curl -i -H 'X-Api-Key: 7' http://192.0.2.1:80/");
    let session = ClientIdSource::Cookie("session".to_owned());
    assert_eq!(curl(session, "192.0.2.1:80"), "curl -i -b 'session=7' http://192.0.2.1:80/");
}

#[test]
fn spans_are_shown_rounded_up() {
    assert_eq!(about(Nanos::new(305_176)), "0.31ms");
    assert_eq!(about(Nanos::new(1)), "1ns");
    assert_eq!(about(Nanos::from_millis(2)), "2ms");
    assert_eq!(about(Nanos::new(2_000_001)), "2.01ms");
}

#[test]
fn a_closed_pipe_does_not_stop_the_gate() {
    struct Closed(io::ErrorKind);
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let config = Config::default();
    assert!(screen(&config).show(&mut Closed(io::ErrorKind::BrokenPipe)).is_ok());
    assert!(screen(&config).show(&mut Closed(io::ErrorKind::StorageFull)).is_err());
}
