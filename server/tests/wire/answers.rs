//! What is answered: statuses, fields, and which requests come from the same client.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::support::answer::Answer;
use super::support::clock::Stopwatch;
use super::support::peer::{Peer, get};
use super::support::server::{Launch, Server, on_both_engines};

#[test]
fn five_requests_pass_and_the_sixth_is_told_how_long_to_wait() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "");
        let mut peer = server.connect();
        // In one batch, so that they all fall into one window however slow the machine is.
        let watch = Stopwatch::start();
        peer.send(get("7").repeat(6));
        for left in (0..5).rev() {
            let answer = peer.answer();
            assert_eq!((answer.status, answer.phrase.as_str(), answer.body.as_str()), (200, "OK", "OK"));
            assert_eq!(
                answer.names(),
                ["Date", "Content-Type", "Content-Length", "RateLimit-Policy", "RateLimit"],
                "{answer:?}"
            );
            assert_eq!(answer.field("Content-Type"), Some("text/plain"));
            assert_eq!(answer.field("RateLimit-Policy"), Some(r#""default";q=5;w=5"#));
            assert_eq!(answer.remaining(), Some(left));
        }
        let answer = peer.answer();
        assert_eq!((answer.status, answer.phrase.as_str(), answer.body.as_str()), (503, "Service Unavailable", ""));
        assert_eq!(answer.names(), ["Date", "Content-Length", "Retry-After", "RateLimit-Policy", "RateLimit"]);
        let wait = answer.retry_after();
        // Never earlier than the truth; later by what rounding up to seconds and the sliding window's resolution, T/16384, come to.
        assert!(Duration::from_secs(wait) + watch.elapsed() >= Duration::from_secs(5), "{wait}");
        assert!(wait <= 6, "{wait}");
        assert_eq!(answer.field("RateLimit"), Some(format!(r#""default";r=0;t={wait}"#).as_str()));
        assert_eq!(peer.get("8").status, 200, "another client has a quota of its own");
    });
}

#[test]
fn whoever_waits_for_retry_after_seconds_is_let_in() {
    on_both_engines(|engine| {
        for algorithm in ["sliding-window", "fixed-window", "token-bucket"] {
            let server = Server::start(engine, &format!("--limit 2/1s --algorithm {algorithm}"));
            let mut peer = server.connect();
            // On a stalled machine the window may pass between two requests; a denial comes at the latest when it does not.
            let denied = (0..1000).map(|_| peer.get("7")).find(|answer| answer.status == 503).expect("a denial");
            assert!((1..=2).contains(&denied.retry_after()), "{denied:?}");
            peer.sees_nothing_for(Duration::from_secs(denied.retry_after()));
            assert_eq!(peer.get("7").status, 200, "{algorithm}");
        }
    });
}

#[test]
fn the_status_of_denials_and_the_ratelimit_fields_are_a_matter_of_flags() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/1h,fixed-window --limited-status 429 --ratelimit-headers off");
        let mut peer = server.connect();
        assert_eq!(peer.get("7").names(), ["Date", "Content-Type", "Content-Length"]);
        let denied = peer.get("7");
        assert_eq!((denied.status, denied.phrase.as_str()), (429, "Too Many Requests"));
        assert_eq!(denied.names(), ["Date", "Content-Length", "Retry-After"]);
    });
}

/// Targets that name the client of the first, and targets that name others.
const SAME: &[(&str, &[&str], &[&str])] = &[
    ("/?clientId=7", &["/?clientId=%37", "/?client%49d=7", "/?a=b&clientId=7"], &["/?clientId=77", "/?clientId=07"]),
    ("/?clientId=a+b", &["/?clientId=a%2Bb", "/?clientId=a%2bb"], &["/?clientId=a%20b", "/?clientId=ab"]),
    ("/?clientId=first&clientId=second", &["/?clientId=first"], &["/?clientId=second"]),
    ("/?xclientId=1&clientId=x", &["/?clientId=x", "/?clientId=x&xclientId=2"], &["/?clientId=1"]),
    ("/?clientId=%E2%82%AC", &["/?clientId=%e2%82%ac"], &["/?clientId=%E2%82"]),
    ("/?clientId=k=v", &["/?clientId=k%3Dv"], &["/?clientId=k"]),
    ("http://gate/?clientId=abs", &["/?clientId=abs", "HTTP://other:81?clientId=abs"], &["/?clientId=Abs"]),
];

#[test]
fn an_id_is_what_its_first_parameter_decodes_to() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/1h,fixed-window");
        let mut peer = server.connect();
        let mut status = |target: &str| {
            peer.send(format!("GET {target} HTTP/1.1\r\nHost: gate\r\n\r\n"));
            peer.answer().status
        };
        for (first, same, others) in SAME {
            assert_eq!(status(first), 200, "{first}");
            for target in *same {
                assert_eq!(status(target), 503, "{target} is {first}");
            }
            for target in *others {
                assert_eq!(status(target), 200, "{target} is not {first}");
            }
        }
    });
}

#[test]
fn requests_without_an_acceptable_id_are_told_so_and_cost_nothing() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/1h,fixed-window");
        let mut peer = server.connect();
        let longest = "x".repeat(256);
        for (target, said) in [
            ("/".to_owned(), "the query parameter clientId is missing"),
            ("/?".to_owned(), "is missing"),
            ("/?id=7".to_owned(), "is missing"),
            ("/?clientid=7".to_owned(), "is missing"),
            ("/?clientId".to_owned(), "is empty"),
            ("/?clientId=".to_owned(), "is empty"),
            ("/?clientId=&clientId=7".to_owned(), "is empty"),
            ("/?clientId=%".to_owned(), "without two hex digits"),
            ("/?clientId=7%2".to_owned(), "without two hex digits"),
            ("/?clientId=7%GG".to_owned(), "without two hex digits"),
            (format!("/?clientId=y{longest}"), "is too long: send at most 256 bytes"),
            (format!("/?clientId={longest}%79"), "is too long"),
        ] {
            peer.send(format!("GET {target} HTTP/1.1\r\nHost: gate\r\n\r\n"));
            let answer = peer.answer();
            assert_eq!(answer.status, 400, "{target}");
            assert!(answer.body.contains(said), "{target}: {:?}", answer.body);
            assert_eq!(answer.field("RateLimit"), None, "{target}");
            assert!(!answer.closes(), "{target}");
        }
        assert_eq!(peer.get("7").status, 200, "nothing was charged");
        assert_eq!(peer.get(&longest).status, 200, "256 bytes are not too long");
        assert_eq!(peer.get(&"%78".repeat(256)).status, 503, "nor are they when each is escaped");
    });
}

#[test]
fn only_get_and_head_of_the_root_are_served() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 2/1h,fixed-window");
        let mut peer = server.connect();
        for target in ["/other?clientId=7", "//?clientId=7", "/index.html", "/./?clientId=7", "/%2f"] {
            peer.send(format!("GET {target} HTTP/1.1\r\nHost: gate\r\n\r\n"));
            assert_eq!(peer.answer().status, 404, "{target}");
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            peer.send(format!("{method} /?clientId=7 HTTP/1.1\r\nHost: gate\r\n\r\n"));
            let answer = peer.answer();
            assert_eq!((answer.status, answer.field("Allow")), (405, Some("GET, HEAD")), "{method}");
        }
        assert_eq!(peer.get("7").remaining(), Some(1), "none of them cost anything");
    });
}

#[test]
fn head_is_counted_and_answered_like_get_without_the_body() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/1h,fixed-window");
        let mut peer = server.connect();
        for (target, status) in [("/?clientId=7", 200), ("/?clientId=7", 503), ("/", 400), ("/other", 404)] {
            peer.send(format!("HEAD {target} HTTP/1.1\r\nHost: gate\r\n\r\n"));
            let head = peer.answer_to_head();
            peer.send(format!("GET {} HTTP/1.1\r\nHost: gate\r\n\r\n", target.replace('7', &status.to_string())));
            let whole = peer.answer();
            assert_eq!(head.status, status, "{target}");
            if status != 503 {
                assert_eq!(head.status, whole.status, "{target}");
                assert_eq!(
                    (head.names(), head.field("Content-Length")),
                    (whole.names(), whole.field("Content-Length"))
                );
            }
        }
        assert_eq!(peer.get("7").status, 503, "HEAD was charged to 7");
    });
}

#[test]
fn a_client_may_be_named_by_a_header_field() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/1h,fixed-window --client-id header:X-Api-Key");
        let mut peer = server.connect();
        for (fields, status) in [
            ("X-Api-Key: a\r\n", 200),
            ("x-api-key:  a \r\n", 503),
            ("X-API-KEY: b\r\n", 200),
            ("X-Api-Key: %62\r\n", 200),
            ("X-Api-Key: c\r\nX-Api-Key: c\r\n", 400),
            ("X-Api-Key:\r\n", 400),
            ("X-Api-Key2: a\r\n", 400),
            ("", 400),
            ("X-Api-Key: c\r\n", 200),
        ] {
            peer.send(format!("GET /?clientId=a HTTP/1.1\r\nHost: gate\r\n{fields}\r\n"));
            assert_eq!(peer.answer().status, status, "{fields:?}");
        }
    });
}

#[test]
fn a_client_may_be_its_address() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 2/1h,fixed-window --client-id peer-ip");
        let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(server.connect().get("a").remaining(), Some(1));
        assert_eq!(
            server.connect().get("b").remaining(),
            Some(0),
            "one client whatever it asks for, and on every connection"
        );
        assert_eq!(server.connect().get("c").status, 503);
        let mut peer = Peer::connect_from(other, server.address);
        assert_eq!([peer.get("a").status, peer.get("a").status, peer.get("a").status], [200, 200, 503]);
    });
}

#[test]
fn ipv6_peers_are_known_by_their_network_and_mapped_ones_by_their_ipv4_address() {
    on_both_engines(|engine| {
        let launch = |listen: &str| {
            Launch::new(engine).listen(listen).args("--limit 1/1h,fixed-window --client-id peer-ip").start()
        };
        let server = launch("[::1]:0");
        assert_eq!([(); 2].map(|()| server.connect().get("a").status), [200, 503]);
        // All mapped addresses share one /64: by network, the first IPv4 client would use up everybody's quota.
        let server = launch("[::ffff:127.0.0.1]:0");
        let address = (Ipv4Addr::LOCALHOST, server.address.port()).into();
        for source in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)] {
            let ask = || Peer::connect_from(source.into(), address).get("a").status;
            assert_eq!([ask(), ask()], [200, 503], "{source}");
        }
    });
}

#[test]
fn answers_tell_the_time_of_day() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "");
        let mut peer = server.connect();
        let date = |answer: &Answer| answer.field("Date").expect("checked").to_owned();
        let first = date(&peer.get("a"));
        // The clock goes on while nobody asks, also when the core sleeps.
        peer.sees_nothing_for(Duration::from_millis(2100));
        peer.send(get("b"));
        let second = date(&peer.answer());
        assert_ne!(first, second);
        peer.send("BAD\r\n\r\n");
        assert!(peer.answer().field("Date").is_some());
    });
}

/// RateLimit-Policy says `q=10`; a fuller bucket behind it would read like a mistake.
#[test]
fn no_more_than_the_quota_is_announced_as_remaining() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 10/1h,token-bucket,burst=20");
        let mut peer = server.connect();
        let announced: Vec<_> = (0..20).map(|_| peer.get("7").remaining()).collect();
        let meant: Vec<_> = (0..20).rev().map(|left| Some(left.min(10))).collect();
        assert_eq!(announced, meant);
    });
}
