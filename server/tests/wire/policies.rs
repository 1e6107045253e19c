//! Several policies on one gate: all must allow, whichever way a request comes in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;

use rustix::process::Signal;

use super::support::application::Application;
use super::support::peer::{Peer, get};
use super::support::server::{Engine, Launch, Server, on_both_engines};

const BY_ADDRESS: &str = r#"
limit = "5/1h,fixed-window"
[[policy]]
name = "per-address"
client-id = "peer-ip"
limit = "10/1h,fixed-window"
max-clients = 100
"#;

fn start(engine: Engine, args: &str) -> Server {
    Launch::new(engine).config(BY_ADDRESS).args(args).start()
}

fn from(last: u8, gate: SocketAddr) -> Peer {
    Peer::connect_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), gate)
}

/// How many of `count` requests of one client pass.
fn passed(peer: &mut Peer, id: &str, count: usize) -> usize {
    peer.send(get(id).repeat(count));
    (0..count).filter(|_| peer.answer().status == 200).count()
}

#[test]
fn a_client_within_its_own_quota_is_denied_by_its_address_and_keeps_its_own() {
    on_both_engines(|engine| {
        let server = start(engine, "");
        let mut peer = from(1, server.address);
        assert_eq!((passed(&mut peer, "a", 6), passed(&mut peer, "b", 5)), (5, 5));
        for _ in 0..20 {
            let denied = peer.get("c");
            assert_eq!(denied.status, 503);
            assert!((3590..=3600).contains(&denied.retry_after()), "{denied:?}");
            let policies = r#""default";q=5;w=3600, "per-address";q=10;w=3600"#;
            assert_eq!(denied.field("RateLimit-Policy"), Some(policies));
            assert!(
                denied.field("RateLimit").is_some_and(|said| said.starts_with(r#""per-address";r=0;t="#)),
                "{denied:?}"
            );
        }
        let mut elsewhere = from(2, server.address);
        assert_eq!(passed(&mut elsewhere, "c", 9), 5, "nothing of its own quota was charged for the denials");
        assert_eq!(passed(&mut elsewhere, "a", 1), 0, "an address of one's own gives no second quota");
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let counted = "41 requests: 15 allowed, 26 denied, 0 rejected";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}

#[test]
fn on_all_cores_at_once_no_policy_lets_more_through_than_its_quota() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").config(BY_ADDRESS).start();
        let gate = server.address;
        let ask = |last: u8| {
            let mut peer = from(last, gate);
            let requests: String = (0..40).map(|n| get(&(n % 8).to_string())).collect();
            peer.send(requests);
            (0..40).map(|n| (n % 8, peer.answer().status == 200)).collect::<Vec<(usize, bool)>>()
        };
        // Three addresses with four connections each: by address there are 30, by id 40.
        let asked: Vec<(u8, Vec<(usize, bool)>)> = thread::scope(|scope| {
            let asking: Vec<_> =
                (0..12).map(|n| 1 + n % 3).map(|last| (last, scope.spawn(move || ask(last)))).collect();
            asking.into_iter().map(|(last, asking)| (last, asking.join().expect("a peer"))).collect()
        });
        let all = || asked.iter().flat_map(|(last, told)| told.iter().map(move |(id, passed)| (*last, *id, *passed)));
        let passed =
            |of: &dyn Fn(u8, usize) -> bool| all().filter(|&(last, id, passed)| passed && of(last, id)).count();
        for last in 1..=3 {
            let passed = passed(&|its, _| its == last);
            assert!((1..=10).contains(&passed), "{passed} from 127.0.0.{last}");
        }
        for id in 0..8 {
            let passed = passed(&|_, its| its == id);
            assert!(passed <= 5, "{passed} of client {id}");
        }
    });
}

#[test]
fn a_policy_without_its_id_rejects_or_is_skipped_as_it_says() {
    let by_tenant = |missing: &str| {
        format!(
            "limit = \"9/1h,fixed-window\"\n[[policy]]\nname = \"per-tenant\"\nclient-id = \"header:X-Tenant\"\nlimit = \"1/1h\"\nmissing = \"{missing}\"\n"
        )
    };
    on_both_engines(|engine| {
        for (missing, status) in [("reject", 400), ("skip", 200)] {
            let server = Launch::new(engine).config(&by_tenant(missing)).start();
            let mut peer = server.connect();
            for _ in 0..2 {
                let answer = peer.get("7");
                assert_eq!(answer.status, status, "{missing}");
                assert_eq!(answer.body.contains("the header field X-Tenant is missing"), status == 400, "{answer:?}");
            }
            let mut ask = |tenant: &str| {
                peer.send(get("7").replace("\r\n\r\n", &format!("\r\nX-Tenant: {tenant}\r\n\r\n")));
                peer.answer().status
            };
            assert_eq!(["t", "t", "u"].map(&mut ask), [200, 503, 200], "{missing}");
        }
    });
}

#[test]
fn what_a_policy_denies_never_reaches_the_service() {
    on_both_engines(|engine| {
        let application = Application::start();
        let server = start(engine, &format!("--upstream {}", application.address));
        let mut peer = from(1, server.address);
        let first = peer.get("a");
        assert_eq!(first.body, "application\n");
        assert!(first.field("RateLimit").is_some_and(|said| said.starts_with(r#""default";r=4;"#)), "{first:?}");
        assert_eq!((passed(&mut peer, "a", 5), passed(&mut peer, "b", 5), passed(&mut peer, "c", 5)), (4, 5, 0));
        assert_eq!(application.touched(), 10);
        assert_eq!(passed(&mut from(2, server.address), "c", 9), 5);
    });
}

#[test]
fn proxies_and_programs_are_told_what_all_policies_say() {
    on_both_engines(|engine| {
        let server =
            Launch::new(engine).config(&BY_ADDRESS.replace("peer-ip", "x-forwarded-for")).args("--decide on").start();
        let mut peer = server.connect();
        let mut check = |address: &str, id: &str| {
            peer.send(format!(
                "GET /check/nginx HTTP/1.1\r\nHost: gate\r\nX-Forwarded-For: {address}\r\nX-Original-URI: /?clientId={id}\r\n\r\n"
            ));
            peer.answer().status
        };
        assert!((0..10).all(|n| check("192.0.2.1", &format!("{}", n % 2)) == 200));
        assert_eq!((check("192.0.2.1", "c"), check("192.0.2.2", "c")), (403, 200));
        let asked: Vec<String> = (0..7).map(|n| format!(r#"{{"id": "c", "peer": "192.0.2.{}"}}"#, 1 + n % 2)).collect();
        let content = format!(r#"{{"requests": [{}]}}"#, asked.join(","));
        let head = "POST /v1/decide HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n";
        peer.send(format!("{head}Content-Length: {}\r\n\r\n{content}", content.len()));
        let answer = peer.answer();
        assert_eq!(answer.body.matches("\"allow\"").count(), 3, "three by the address that has room: {answer:?}");
    });
}

#[test]
fn all_listeners_count_by_the_same_policies() {
    let listener = |mode: &str| format!("[[listener]]\naddress = \"127.0.0.1:0\"\nmode = \"{mode}\"\n");
    let config = format!("max-ids-per-peer = \"3/1h\"\n{BY_ADDRESS}{}{}", listener("answer"), listener("decide"));
    on_both_engines(|engine| {
        let server = Launch::new(engine).without_listen().config(&config).start();
        let mut peers = [0, 1].map(|number| Peer::connect(server.addresses[number]));
        assert_eq!([passed(&mut peers[0], "a", 4), passed(&mut peers[1], "a", 4)], [4, 1]);
        assert_eq!([passed(&mut peers[0], "b", 3), passed(&mut peers[1], "c", 4)], [3, 2]);
        let elsewhere = |number: usize| from(2, server.addresses[number]);
        assert_eq!((0..6).filter(|n| elsewhere(n % 2).get(&format!("new-{n}")).status == 200).count(), 3);
    });
}

#[test]
fn policies_are_shown_with_their_promise_when_it_starts() {
    on_both_engines(|engine| {
        let server = start(engine, "");
        let shown = server.screen().iter().find(|line| line.starts_with("  policy ")).expect("a line").clone();
        assert!(
            shown.contains("per-address, by peer-ip (missing: reject): 10/1h fixed-window: 10 per window"),
            "{shown}"
        );
        assert_eq!(server.connect().get("7").status, 200);
    });
}
