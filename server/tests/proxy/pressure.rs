//! Caps, queues, slow readers, and memory.

use std::thread;
use std::time::Duration;

use crate::dice::stream;
use crate::got::{ask, get};
use crate::support::clock::{Stopwatch, wait_until};
use crate::support::process::resident_bytes;
use rustix::process::Signal;

use crate::support::server::{Server, on_both_engines};
use crate::upstream::Upstream;
use crate::{gate_with, ok, request, waiting};

#[test]
fn beyond_the_cap_requests_wait_their_turn_and_beyond_the_queue_they_are_shed() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(request) = visit.request() {
                if request.line().contains("/hold") {
                    visit.head();
                } else {
                    visit.peer.try_send(ok("served"));
                }
            }
        });
        let settings = "max-in-flight = 2\nqueue = { max = 2, timeout = \"20s\" }\n[overload]\nenabled = false";
        let server = gate_with(engine, upstream.address, settings);
        let mut holders = server.connect_many(2);
        for holder in &mut holders {
            holder.send(request("/hold"));
            upstream.seen();
        }
        let mut in_line = [0; 2].map(|_| waiting(&server, &request("/wait")));
        let mut late = server.connect();
        let shed = ask(&mut late, &request("/late"));
        assert_eq!((shed.status, shed.retries_soon()), (503, true));
        assert_eq!(shed.field("Proxy-Status"), Some("tollgate; error=connection_limit_reached"));
        assert_eq!(upstream.unseen(), [], "nobody but the holders got through");
        drop(holders);
        for peer in &mut in_line {
            assert_eq!(get(peer).text(), "served");
        }
        assert_eq!(ask(&mut late, &request("/late")).text(), "served");
        drop((in_line, late));
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let counted = "8 requests: 5 allowed, 0 denied, 2 rejected, 1 shed";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}

#[test]
fn who_waits_too_long_is_shed_and_the_place_is_free_again() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| while visit.request().is_some() {});
        let settings = "max-in-flight = 1\nqueue = { max = 1, timeout = \"150ms\" }\n[overload]\nenabled = false";
        let server = gate_with(engine, upstream.address, settings);
        let mut holder = server.connect();
        holder.send(request("/hold"));
        upstream.seen();
        let mut peer = server.connect();
        for _ in 0..3 {
            let watch = Stopwatch::start();
            let shed = ask(&mut peer, &request("/wait"));
            assert_eq!((shed.status, shed.retries_soon()), (503, true));
            assert!(watch.elapsed() >= Duration::from_millis(150), "{:?}", watch.elapsed());
        }
    });
}

const BLOCK: usize = 64 << 10;

fn grown(server: &Server, before: u64) -> u64 {
    resident_bytes(server.pid()).saturating_sub(before)
}

#[test]
fn a_client_that_does_not_read_stops_the_upstream_and_hurts_nobody_else() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(request) = visit.request() {
                if request.line().contains("/endless") {
                    visit.peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                    let chunk = [b"10000\r\n", stream(0, BLOCK), b"\r\n"].concat();
                    visit.peer.stuff(&chunk, Duration::from_millis(300));
                    visit.say("stopped");
                    visit.ending();
                } else {
                    visit.peer.try_send(ok("quick"));
                }
            }
        });
        let server = gate_with(engine, upstream.address, "");
        let before = resident_bytes(server.pid());
        let mut deaf = server.connect();
        deaf.send(request("/endless"));
        upstream.seen();
        assert_eq!(upstream.seen().head, "stopped");
        let grown = grown(&server, before);
        assert!(grown < 2 << 20, "the gate keeps {grown} bytes for one that doesn't read");
        let mut quick = server.connect();
        for _ in 0..20 {
            assert_eq!(ask(&mut quick, &request("/quick")).text(), "quick");
        }
    });
}

#[test]
fn a_client_that_never_reads_is_closed_and_its_upstream_connection_with_it() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.request();
            visit.peer.send("HTTP/1.1 200 OK\r\n\r\n");
            visit.peer.stuff_until_closed(stream(0, BLOCK));
            visit.say("cancelled");
        });
        let server = gate_with(engine, upstream.address, "[timeouts]\nwrite = \"300ms\"");
        let mut deaf = server.connect();
        deaf.send(request("/"));
        upstream.seen();
        assert_eq!(upstream.seen().head, "cancelled");
    });
}

#[test]
fn an_upstream_that_does_not_read_stops_the_client_and_costs_no_memory() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.head();
            visit.say("begun");
            thread::park_timeout(Duration::from_secs(20));
        });
        let server = gate_with(engine, upstream.address, "[http]\nbody-bytes = \"1024MiB\"");
        let before = resident_bytes(server.pid());
        let mut peer = server.connect();
        peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n");
        upstream.seen();
        let sent = peer.stuff(stream(0, BLOCK), Duration::from_millis(300));
        assert!(sent > BLOCK, "{sent}");
        let grown = grown(&server, before);
        assert!(grown < 2 << 20, "the gate keeps {grown} bytes for an upstream that doesn't read");
        wait_until("the gate is idle", || {
            let busy = crate::support::process::cpu_time(server.pid());
            thread::park_timeout(Duration::from_millis(200));
            crate::support::process::cpu_time(server.pid()) - busy < Duration::from_millis(50)
        });
    });
}
