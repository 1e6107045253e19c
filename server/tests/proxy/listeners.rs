//! One process with several listeners: the same quotas, each in its own way.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::Signal;

use crate::got::{Got, ask, get, try_get};
use crate::support::clock::wait_until;
use crate::support::peer::{Ending, Peer};
use crate::support::process::is_stopped;
use crate::support::server::{Engine, Launch, Server, on_both_engines};
use crate::upstream::Upstream;
use crate::{ok, request};

const ANSWER: &str = "mode = \"answer\"\n";
const DECIDE: &str = "mode = \"decide\"\n";
const TO_APP: &str = "mode = \"proxy\"\nupstream = \"app\"\n";
const OPEN: &str = "limit = \"1M/1s,fixed-window\"\n";

/// A gate that listens only at these listeners, in front of these upstreams.
fn launch(engine: Engine, settings: &str, listeners: &[&str], upstreams: &[(&str, SocketAddr, &str)]) -> Launch {
    let mut config = settings.to_owned();
    for listener in listeners {
        config += &format!("[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}");
    }
    for (name, address, more) in upstreams {
        config += &format!("[upstream.{name}]\nservers = [\"{address}\"]\n{more}\n");
    }
    Launch::new(engine).without_listen().config(&config)
}

/// A connection to one of the listeners.
fn to(server: &Server, listener: usize) -> Peer {
    Peer::connect(server.addresses[listener])
}

fn get_from(server: &Server, listener: usize, path: &str) -> Got {
    ask(&mut to(server, listener), &request(path))
}

#[test]
fn what_is_used_up_at_one_listener_is_used_up_at_all() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("from the shop"));
        let listeners = [ANSWER, DECIDE, TO_APP];
        let limit = "limit = \"3/1h,fixed-window\"\n";
        let server = launch(engine, limit, &listeners, &[("app", upstream.address, "")]).cores("auto").start();
        let once = || ["/", "/check", "/cart"].iter().enumerate().map(|(at, path)| get_from(&server, at, path));
        let texts: Vec<(u16, String)> = once().map(|got| (got.status, got.text().to_owned())).collect();
        assert_eq!(texts, [(200, "OK".to_owned()), (200, String::new()), (200, "from the shop".to_owned())]);
        assert_eq!(once().map(|got| got.status).collect::<Vec<_>>(), [503, 429, 503]);
        assert_eq!(upstream.seen().line(), "GET /cart?clientId=7 HTTP/1.1");
        assert_eq!(upstream.unseen(), [], "denied means untouched");
        // Each has its own way: /check is a path like any other except where decisions are given.
        let another = |listener| ask(&mut to(&server, listener), &request("/check").replace('7', "8")).status;
        assert_eq!([another(0), another(1), another(2)], [404, 200, 200]);
        assert_eq!(upstream.seen().line(), "GET /check?clientId=8 HTTP/1.1");
        server.signal(Signal::TERM);
        let (code, logged) = server.wait();
        assert_eq!(code, Some(0));
        let counted = "9 requests: 5 allowed, 3 denied, 1 rejected";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}

#[test]
fn each_upstream_gets_the_requests_of_its_own_listeners() {
    on_both_engines(|engine| {
        let (app, api) = (Upstream::answering(ok("app")), Upstream::answering(ok("api")));
        let listeners = [TO_APP, "mode = \"proxy\"\nupstream = \"api\"\n", TO_APP];
        let upstreams = [("app", app.address, ""), ("api", api.address, "")];
        let server = launch(engine, OPEN, &listeners, &upstreams).start();
        assert_eq!(server.screen().iter().filter(|line| line.starts_with("  upstream ")).count(), 2);
        let mut peers = [0, 1, 2].map(|listener| to(&server, listener));
        for round in 0..5 {
            let texts = peers.each_mut().map(|peer| ask(peer, &request(&format!("/{round}"))).text().to_owned());
            assert_eq!(texts, ["app", "api", "app"]);
        }
        assert_eq!((app.unseen().len(), api.unseen().len()), (10, 5));
        assert_eq!((app.visits(), api.visits()), (1, 1), "two listeners share what is kept of their upstream");
    });
}

#[test]
fn listeners_in_front_of_one_upstream_share_its_slots() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| while visit.request().is_some() {});
        let settings = "max-in-flight = 1\nqueue = { max = 0, timeout = \"1s\" }";
        let server = launch(engine, OPEN, &[TO_APP, TO_APP], &[("app", upstream.address, settings)]).start();
        let mut first = to(&server, 0);
        first.send(request("/stuck"));
        upstream.seen();
        assert_eq!(get_from(&server, 1, "/").status, 503);
        drop(first);
    });
}

/// A connection that a proxy opens on behalf of somebody, in pieces.
fn introduced(server: &Server, header: &[u8], request: &str) -> Peer {
    let mut peer = server.connect();
    let bytes = [header, request.as_bytes()].concat();
    for piece in bytes.chunks(header.len() - 3) {
        peer.send(piece);
    }
    peer
}

#[test]
fn the_upstream_sees_the_client_that_a_proxy_header_names() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("from the shop"));
        let settings = "limit = \"2/1h,fixed-window\"\nclient-id = \"peer-ip\"\n";
        let listener = TO_APP.to_owned() + "proxy-protocol = true\n";
        let server = launch(engine, settings, &[&listener], &[("app", upstream.address, "")]).start();
        let forged = "GET /cart HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 198.51.100.9\r\nX-Forwarded-Host: evil\r\n\r\n";
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 80\r\n";
        let mut peer = introduced(&server, line, forged);
        for _ in 0..2 {
            assert_eq!(get(&mut peer).text(), "from the shop");
            let seen = upstream.seen();
            assert_eq!(seen.field("X-Forwarded-For"), Some("198.51.100.9, 192.0.2.7"));
            let forwarded = "for=192.0.2.7;host=\"shop.example\";proto=http";
            assert!(seen.field("Forwarded").is_some_and(|field| field.ends_with(forwarded)), "{seen:?}");
            assert_eq!(seen.field("X-Forwarded-Host"), Some("shop.example"), "it is the client's, who isn't believed");
            peer.send(forged);
        }
        assert_eq!(get(&mut peer).status, 503, "and it is the client that is counted");
        let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\xc6\x33\x64\x01\xc8\x22\0\x50";
        assert_eq!(get(&mut introduced(&server, binary, forged)).status, 200);
        assert_eq!(upstream.seen().field("X-Forwarded-For"), Some("198.51.100.9, 192.0.2.8"));
        // The proxy itself, that looks whether we are well: it is trusted, and so is what it says.
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        assert_eq!(get(&mut introduced(&server, local, forged)).status, 200);
        let seen = upstream.seen();
        assert_eq!(seen.field("X-Forwarded-For"), Some("198.51.100.9, 127.0.0.1"));
        assert_eq!(seen.field("X-Forwarded-Host"), Some("evil"));
        // A denial that comes with the header is answered as well.
        assert_eq!(get(&mut introduced(&server, line, forged)).status, 503);
        assert_eq!(upstream.unseen(), []);
    });
}

#[test]
fn the_upstream_never_hears_of_a_connection_that_begins_without_a_header() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("from the shop"));
        let listener = TO_APP.to_owned() + "proxy-protocol = true\n";
        let start = |more: &str| {
            launch(engine, &format!("{OPEN}{more}"), &[&listener], &[("app", upstream.address, "")]).start()
        };
        let server = start("");
        for nonsense in [request("/"), "PROXY me\r\n".to_owned() + &request("/")] {
            let mut peer = server.connect();
            peer.try_send(nonsense);
            assert!(peer.receive().is_err(), "closed or reset, and not answered");
        }
        // One that says nothing at all is closed by a drain; one that has begun may finish.
        let mut silent = server.connect();
        let mut begun = server.connect();
        begun.send("PROXY TCP4 192.0.2.7 ");
        assert_eq!(get(&mut introduced(&server, b"PROXY UNKNOWN\r\n", &request("/"))).status, 200);
        upstream.seen();
        server.signal(Signal::TERM);
        silent.sees_close();
        begun.send("198.51.100.1 51234 80\r\n".to_owned() + &request("/last"));
        let last = get(&mut begun);
        assert_eq!((last.status, last.closes()), (200, true));
        drop((silent, begun));
        let (code, logged) = server.wait();
        assert_eq!(code, Some(0));
        assert!(logged.iter().any(|line| line.contains("no PROXY header came first")), "{logged:#?}");
        assert_eq!(upstream.seen().line(), "GET /last?clientId=7 HTTP/1.1");
        // A stranger's header isn't even read.
        let server = start("trusted-proxies = [\"10.0.0.0/8\"]\n");
        let mut peer = server.connect();
        peer.try_send("PROXY UNKNOWN\r\n".to_owned() + &request("/"));
        assert!(peer.receive().is_err());
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        assert!(logged.iter().any(|line| line.contains("may not send PROXY headers")), "{logged:#?}");
        // Half a header is waited for no longer than a head.
        let settings = "[timeouts]\nhead = \"100ms\"\n";
        let server = launch(engine, OPEN, &[&listener], &[("app", upstream.address, settings)]);
        let server = server.args("--log error").start();
        let mut peer = server.connect();
        peer.send("PROXY TCP4");
        wait_until("the gate closes", || !peer.pass_over());
        assert_eq!(upstream.unseen(), []);
    });
}

/// Connections change cores after they were accepted; idle cores sleep before they come.
#[test]
fn connections_keep_their_listener_whichever_core_takes_them() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("from the shop"));
        let listeners = [ANSWER, TO_APP, DECIDE];
        let server = launch(engine, OPEN, &listeners, &[("app", upstream.address, "")]).cores("auto").start();
        let mut silent = to(&server, 2);
        for _ in 0..5 {
            // Longer than a core waits for nothing before it sleeps.
            silent.sees_nothing_for(Duration::from_millis(200));
            let mut peers: Vec<Peer> = (0..30).map(|number| to(&server, number % 3)).collect();
            for (number, peer) in peers.iter_mut().enumerate() {
                let got = ask(peer, &request(["/", "/cart", "/check"][number % 3]));
                let expected = ["OK", "from the shop", ""][number % 3];
                assert_eq!((got.status, got.text()), (200, expected), "connection {number}");
                let told = got.field("X-Tollgate-Decision").is_some();
                assert_eq!(told, number % 3 == 2, "connection {number}");
            }
        }
    });
}

#[test]
fn a_drain_serves_what_waits_at_every_listener_and_closes_all() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("from the shop"));
        let listeners = [ANSWER, TO_APP, ANSWER];
        let launch = launch(engine, OPEN, &listeners, &[("app", upstream.address, "")]).cores("auto");
        // A listener that stays open would keep it from ending in our patience.
        let server = launch.args("--drain-timeout 1h").start();
        let addresses = server.addresses.clone();
        let mut idle: Vec<Peer> = (0..3).map(|listener| to(&server, listener)).collect();
        idle.iter_mut().for_each(|peer| assert_eq!(ask(peer, &request("/")).status, 200));
        server.signal(Signal::STOP);
        wait_until("it is stopped", || is_stopped(server.pid()));
        let mut queued: Vec<Peer> = (0..60).map(|number| to(&server, number % 3)).collect();
        queued.iter_mut().for_each(|peer| peer.send(request("/")));
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        for (number, peer) in queued.iter_mut().enumerate() {
            let status = try_get(peer, false).map(|got| got.status);
            assert_eq!(status, Ok(200), "number {number} in the queues");
            assert_eq!(peer.receive(), Err(Ending::Closed));
        }
        idle.iter_mut().for_each(Peer::sees_close);
        drop((queued, idle));
        assert_eq!(server.wait().0, Some(0));
        for address in addresses {
            assert!(TcpStream::connect(address).is_err(), "{address} is still open");
        }
    });
}

#[test]
fn the_example_for_the_day_of_a_sale_stands_in_front_of_a_shop_and_decides_beside_it() {
    let example = include_str!("../../../examples/sale-day.toml");
    on_both_engines(|engine| {
        let shop = Upstream::answering(ok("hello from the shop"));
        let here = |text: &str, port: &str| {
            assert!(text.contains(port), "{port}");
            text.replace(port, "127.0.0.1:0")
        };
        let config = here(&here(example, "127.0.0.1:8080"), "127.0.0.1:8081");
        let config = config.replace("127.0.0.1:9000", &shop.address.to_string());
        let server = Launch::new(engine).without_listen().config(&config).start();
        let mut customer = to(&server, 0);
        assert_eq!(ask(&mut customer, &request("/")).text(), "hello from the shop");
        let told = get_from(&server, 1, "/check");
        assert_eq!((told.status, told.field("X-Tollgate-Decision")), (200, Some("allow")));
        let limit = told.field("RateLimit").expect("what is left");
        assert!(
            limit.contains(";r=8;") || limit.contains(";r=9;"),
            "both are counted, unless a second has passed: {limit}"
        );
    });
}
