//! Who goes first, and who is shed, when not all can be served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::got::{ask, get};
use crate::support::clock::{PATIENCE, Stopwatch};
use crate::support::peer::Peer;
use crate::support::server::{Launch, Server, on_both_engines};
use crate::upstream::Upstream;
use crate::{gate_with, ok, waiting};

/// One slot, and delays that nobody is shed for.
const PATIENT: &str = "max-in-flight = 1\nqueue = { max = 3, timeout = \"60s\" }
[overload]\ntarget-delay = \"59s\"\ninterval = \"60s\"\ntarget-lag = \"off\"\n";

/// A verdict on the upstream after a moment, and none on the gate, which may be short of CPU here.
const QUICK: &str = "[overload]\ntarget-delay = \"2ms\"\ninterval = \"20ms\"\ntarget-lag = \"off\"\n";

const PRIORITIES: &str = "[[priority]]\nclass = \"critical_plus\"\nmatch = { path-prefix = \"/checkout\" }
[[priority]]\nclass = \"sheddable\"\nmatch = { header = \"X-Batch=yes\", method = \"GET\" }\n";

fn request(client: &str, path: &str) -> String {
    format!("GET {path}?clientId={client} HTTP/1.1\r\nHost: h\r\n\r\n")
}

fn sheddable(path: &str) -> String {
    format!("GET {path}?clientId=7 HTTP/1.1\r\nHost: h\r\nX-Batch: yes\r\n\r\n")
}

/// An upstream that answers what is asked below `/hold` when the gate's client leaves, that is never, and all else at once.
fn holding() -> Upstream {
    Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            if request.line().contains("/hold") {
                visit.ending();
                return;
            }
            visit.peer.try_send(ok(request.line()));
        }
    })
}

/// An upstream that takes its time.
fn slow() -> Upstream {
    Upstream::start(|visit| {
        while visit.request().is_some() {
            thread::park_timeout(Duration::from_millis(5));
            visit.peer.try_send(ok(""));
        }
    })
}

/// A client whose request has the only slot, until it is dropped.
fn holder(server: &Server, upstream: &Upstream) -> Peer {
    let mut holder = server.connect();
    holder.send(request("7", "/hold"));
    upstream.seen();
    holder
}

#[test]
fn the_important_are_served_first_and_take_the_places_of_others_in_a_full_queue() {
    on_both_engines(|engine| {
        let upstream = holding();
        let server = gate_with(engine, upstream.address, &format!("{PATIENT}{PRIORITIES}"));
        let holder = holder(&server, &upstream);
        let mut oldest = waiting(&server, &sheddable("/batch/1"));
        let mut batch = waiting(&server, &sheddable("/batch/2"));
        let mut common = waiting(&server, &request("7", "/cart"));
        let mut late = server.connect();
        let shed = ask(&mut late, &sheddable("/batch/3"));
        assert_eq!((shed.status, shed.retries_soon()), (503, true), "the queue is full");
        let mut important = waiting(&server, &request("7", "/checkout"));
        let shed = get(&mut oldest);
        assert_eq!((shed.status, shed.retries_soon()), (503, true), "its place was needed");
        assert_eq!(shed.field("Proxy-Status"), Some("tollgate; error=connection_limit_reached"));
        drop(holder);
        for path in ["/checkout?", "/cart?", "/batch/2?"] {
            assert!(upstream.seen().line().contains(path), "{path} is next");
        }
        for peer in [&mut important, &mut common, &mut batch] {
            assert_eq!(get(peer).status, 200);
        }
        drop((important, common, batch, oldest, late));
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let counted = "10 requests: 4 allowed, 0 denied, 4 rejected, 2 shed (2 sheddable)";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}

#[test]
fn a_client_over_its_quota_is_denied_and_not_shed_however_full_it_is() {
    on_both_engines(|engine| {
        let upstream = holding();
        let config = format!(
            "limit = \"2/1h,fixed-window\"\n[[override]]\nclients = [\"7\"]\nlimit = \"1M/1s,fixed-window\"
            [upstream.app]\nservers = [\"{}\"]\n{PATIENT}{PRIORITIES}",
            upstream.address
        );
        let server = Launch::new(engine).config(&config).start();
        let holder = holder(&server, &upstream);
        let mut batch = waiting(&server, &sheddable("/batch"));
        let mut common = waiting(&server, &request("7", "/cart"));
        let mut flood = server.connect();
        flood.send(request("greedy", "/checkout").repeat(2));
        // The first waits, and the second takes the place of the sheddable one.
        assert_eq!(get(&mut batch).status, 503);
        for _ in 0..100 {
            let mut peer = server.connect();
            let denied = ask(&mut peer, &request("greedy", "/checkout"));
            assert!(denied.field("RateLimit").is_some_and(|limit| limit.contains("r=0")), "{denied:?}");
            assert_eq!((denied.status, denied.field("Proxy-Status")), (503, None));
        }
        drop(holder);
        assert_eq!(get(&mut common).status, 200, "nobody who was denied took its place");
        drop((flood, common, batch));
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let counted = "107 requests: 4 allowed, 100 denied, 2 rejected, 1 shed (1 sheddable)";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}

/// Asks again and again for a while; says how many were answered 200, and how many 503.
fn ask_for(address: SocketAddr, sent: &str, span: Duration) -> [usize; 2] {
    let watch = Stopwatch::start();
    let (mut counts, mut peer) = ([0; 2], Peer::connect(address));
    while watch.elapsed() < span {
        let got = ask(&mut peer, sent);
        match got.status {
            200 => counts[0] += 1,
            503 => counts[1] += 1,
            status => panic!("{status}"),
        }
        if got.closes() {
            peer = Peer::connect(address);
        }
    }
    counts
}

/// The same on a connection for each of these.
fn press(server: &Server, sent: &[String], span: Duration) -> Vec<[usize; 2]> {
    let address = server.address;
    thread::scope(|scope| {
        let threads: Vec<_> = sent.iter().map(|sent| scope.spawn(move || ask_for(address, sent, span))).collect();
        threads.into_iter().map(|thread| thread.join().expect("counts")).collect()
    })
}

#[test]
fn under_a_load_that_is_too_high_the_important_are_served_more_often_than_not() {
    on_both_engines(|engine| {
        let upstream = slow();
        let settings = format!("max-in-flight = 1\nqueue = {{ max = 8, timeout = \"1s\" }}\n{PRIORITIES}");
        let server = gate_with(engine, upstream.address, &settings);
        let mut sent = vec![sheddable("/batch"); 16];
        sent[0] = request("7", "/checkout");
        let counts = press(&server, &sent, Duration::from_secs(1));
        let [served, shed] = counts[0];
        assert!(served > shed, "the important one: {:?}, others {:?}", counts[0], &counts[1..]);
        let others = counts[1..].iter().map(|[_, shed]| shed).sum::<usize>();
        assert!(others > 0, "{counts:?}");
    });
}

#[test]
fn the_level_is_logged_when_it_rises_and_when_all_is_well_again() {
    on_both_engines(|engine| {
        let upstream = holding();
        let server = gate_with(
            engine,
            upstream.address,
            &format!("max-in-flight = 1\nqueue = {{ timeout = \"20ms\" }}\n{QUICK}"),
        );
        let held = holder(&server, &upstream);
        // For longer than a few intervals nobody gets anywhere, then everybody.
        let [served, shed] = ask_for(server.address, &request("7", "/"), Duration::from_millis(500));
        assert!(served == 0 && shed > 0, "{served} and {shed}");
        drop(held);
        let [served, _] = ask_for(server.address, &request("7", "/"), Duration::from_secs(2));
        assert!(served > 0);
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        for level in ["level=2 shedding", "level=0 normal"] {
            assert!(logged.iter().any(|line| line.contains(level)), "{level}: {logged:#?}");
        }
    });
}

#[test]
fn when_even_common_requests_are_shed_the_connections_that_they_came_on_are_closed() {
    on_both_engines(|engine| {
        let upstream = holding();
        let server = gate_with(engine, upstream.address, &format!("max-in-flight = 1\n{QUICK}"));
        let holder = holder(&server, &upstream);
        // Nobody gets anywhere, so the queue can't be found in order.
        let (watch, mut peer) = (Stopwatch::start(), server.connect());
        loop {
            let shed = ask(&mut peer, &request("7", "/"));
            assert_eq!((shed.status, shed.retries_soon()), (503, true));
            if shed.closes() {
                break;
            }
            assert!(watch.elapsed() < PATIENCE, "no connection is closed");
        }
        peer.sees_close();
        drop((peer, holder));
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        assert!(logged.iter().any(|line| line.contains("level=3 protecting")), "{logged:#?}");
    });
}

#[test]
fn an_upstream_that_refuses_gets_fewer_requests_at_a_time() {
    on_both_engines(|engine| {
        let (under_way, peak) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (counter, highest) = (Arc::clone(&under_way), Arc::clone(&peak));
        let upstream = Upstream::start(move |visit| {
            while visit.request().is_some() {
                highest.fetch_max(counter.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::park_timeout(Duration::from_millis(5));
                counter.fetch_sub(1, Ordering::SeqCst);
                visit.peer.try_send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
            }
        });
        let settings = "max-in-flight = 16\nbreaker = { state = \"disabled\" }";
        let server = gate_with(engine, upstream.address, settings);
        let sent = vec![request("7", "/"); 16];
        let press = |span| press(&server, &sent, Duration::from_millis(span));
        press(1_000);
        peak.store(0, Ordering::SeqCst);
        press(500);
        let peak = peak.load(Ordering::SeqCst);
        assert!((1..=3).contains(&peak), "{peak} at a time, of 16");
    });
}
