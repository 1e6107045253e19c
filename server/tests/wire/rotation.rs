//! Clients that make up a new id for every request, and those who don't.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::support::application::Application;
use super::support::clock::Stopwatch;
use super::support::peer::{Peer, get};
use super::support::server::{Engine, Launch, Server, on_both_engines};

fn start(engine: Engine, args: &str) -> Server {
    Server::start(engine, &format!("--limit 5/1h,fixed-window {args}"))
}

fn from(last: u8, gate: SocketAddr) -> Peer {
    Peer::connect_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), gate)
}

/// Which of these ids pass, one request each.
fn passing(peer: &mut Peer, ids: &[String]) -> Vec<String> {
    ids.chunks(100).flat_map(|ids| pass(peer, ids)).collect()
}

fn pass(peer: &mut Peer, ids: &[String]) -> Vec<String> {
    peer.send(ids.iter().map(|id| get(id)).collect::<String>());
    ids.iter().filter(|_| peer.answer().status == 200).cloned().collect()
}

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n}")).collect()
}

#[test]
fn whoever_rotates_gets_so_many_ids_and_others_are_served() {
    on_both_engines(|engine| {
        let server =
            Launch::new(engine).cores("auto").args("--limit 5/1h,fixed-window --max-ids-per-peer 20/1h").start();
        // Many connections on all cores at once, each with ids that nobody had before.
        let gate = server.address;
        let mut known: Vec<String> = thread::scope(|scope| {
            let rotate = |n: usize| passing(&mut from(1, gate), &ids(&format!("made-up-{n}"), 100));
            let attackers: Vec<_> = (0..8).map(|n| scope.spawn(move || rotate(n))).collect();
            attackers.into_iter().flat_map(|attacker| attacker.join().expect("a peer")).collect()
        });
        assert_eq!(known.len(), 20, "of 800");
        let mut honest = from(2, server.address);
        assert_eq!(passing(&mut honest, &ids("honest", 20)).len(), 20);
        // Every id that was known goes on until its own quota ends: one of five is used.
        let mut attacker = from(1, server.address);
        for _ in 0..4 {
            assert_eq!(passing(&mut attacker, &known), known);
        }
        assert_eq!(passing(&mut attacker, &known), [""; 0]);
        let denied = attacker.get("one-more");
        assert_eq!((denied.status, denied.field("RateLimit")), (503, None));
        assert!((3590..=3600).contains(&denied.retry_after()), "{denied:?}");
        // What was denied for that cost the id nothing of its own quota.
        assert_eq!(passing(&mut from(3, server.address), &vec!["one-more".to_owned(); 6]).len(), 5);
        known.truncate(1);
        assert_eq!(
            passing(&mut from(3, server.address), &known),
            [""; 0],
            "nor does another address give a second quota"
        );
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let counted = "928 requests: 125 allowed, 803 denied, 0 rejected";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}

#[test]
fn when_a_window_is_over_new_ids_may_be_used_and_not_before() {
    on_both_engines(|engine| {
        let server = start(engine, "--max-ids-per-peer 2/2s");
        let mut peer = server.connect();
        let watch = Stopwatch::start();
        assert_eq!(passing(&mut peer, &ids("first", 3)).len(), 2);
        while peer.get("later").status != 200 {
            assert!(watch.elapsed() < Duration::from_secs(20), "still denied");
        }
        // The window opened before the first answer arrived.
        assert!(watch.elapsed() >= Duration::from_millis(1900), "{:?}", watch.elapsed());
    });
}

#[test]
fn the_peer_is_whom_a_trusted_proxy_names() {
    on_both_engines(|engine| {
        let server = start(engine, "--max-ids-per-peer 1/1h");
        let mut peer = server.connect();
        let mut ask = |client: &str, id: &str| {
            peer.send(get(id).replace("\r\n\r\n", &format!("\r\nX-Forwarded-For: {client}\r\n\r\n")));
            peer.answer().status
        };
        assert_eq!([ask("192.0.2.1", "a"), ask("192.0.2.1", "b"), ask("192.0.2.2", "b")], [200, 503, 200]);
        // An IPv6 address counts by its /64.
        assert_eq!([ask("2001:db8::1", "a"), ask("2001:db8::2", "c"), ask("2001:db8:1::1", "c")], [200, 503, 200]);
        // Nobody else is believed.
        let server = start(engine, "--max-ids-per-peer 1/1h --trusted-proxies 10.0.0.0/8");
        let mut peer = server.connect();
        let mut ask = |client: &str, id: &str| {
            peer.send(get(id).replace("\r\n\r\n", &format!("\r\nX-Forwarded-For: {client}\r\n\r\n")));
            peer.answer().status
        };
        assert_eq!([ask("192.0.2.1", "a"), ask("192.0.2.2", "b")], [200, 503]);
        let server = start(engine, "--max-ids-per-peer 1/1h --proxy-protocol on");
        let ask = |client: &str, id: &str| {
            let mut peer = server.connect();
            peer.send(format!("PROXY TCP4 {client} 198.51.100.1 51234 80\r\n{}", get(id)));
            peer.answer().status
        };
        assert_eq!([ask("192.0.2.1", "a"), ask("192.0.2.1", "b"), ask("192.0.2.2", "b")], [200, 503, 200]);
    });
}

#[test]
fn what_is_one_id_too_many_never_reaches_the_service() {
    on_both_engines(|engine| {
        let application = Application::start();
        let server = start(engine, &format!("--max-ids-per-peer 3/1h --upstream {}", application.address));
        assert_eq!(passing(&mut server.connect(), &ids("made-up", 50)), ids("made-up", 3));
        assert_eq!(application.touched(), 3);
        assert_eq!(from(2, server.address).get("honest").status, 200);
    });
}

#[test]
fn the_bound_is_shown_with_what_it_comes_to_when_it_starts() {
    on_both_engines(|engine| {
        let server = start(engine, "--max-ids-per-peer 100/1m");
        let shown = server.screen().iter().find(|line| line.starts_with("  ids ")).expect("a line").clone();
        assert_eq!(
            shown,
            "  ids        100 new ones per x-forwarded-for and window: at most 199 new and 299 in all in any 1m"
        );
    });
}
