//! Several servers, restarts, drains.

use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;

use crate::got::{ask, get};
use crate::support::clock::wait_until;
use crate::support::process::open_files;
use crate::support::server::{Launch, on_both_engines};
use crate::upstream::{Upstream, Visit};
use crate::{gate, gate_with, ok, request};

fn named(name: &'static str) -> impl Fn(&mut Visit) + Send + Sync + 'static {
    move |visit| while visit.request().is_some() && visit.peer.try_send(ok(name)) {}
}

#[test]
fn servers_take_turns_and_one_that_refuses_is_passed_over() {
    on_both_engines(|engine| {
        let (one, two) = (Upstream::start(named("one")), Upstream::start(named("two")));
        let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let args = format!(
            "--limit 1M/s,fixed-window --upstream {} --upstream {closed} --upstream {}",
            one.address, two.address
        );
        let server = Launch::new(engine).args(&args).start();
        let mut peer = server.connect();
        let texts: Vec<String> = (0..60).map(|_| ask(&mut peer, &request("/")).text().to_owned()).collect();
        let ones = texts.iter().filter(|text| *text == "one").count();
        assert_eq!(
            texts.iter().filter(|text| *text == "two").count() + ones,
            60,
            "nobody hears of the one that refuses"
        );
        assert!((20..=40).contains(&ones), "{ones} of 60 to the first");
    });
}

#[test]
fn the_server_with_the_fewest_requests_in_flight_gets_the_next() {
    on_both_engines(|engine| {
        let quick = Upstream::start(named("quick"));
        let stuck = Upstream::start(|visit| while visit.request().is_some() {});
        let args = format!("--limit 1M/s,fixed-window --upstream {} --upstream {}", stuck.address, quick.address);
        let server = Launch::new(engine).args(&args).start();
        let mut victim = server.connect();
        victim.send(request("/"));
        stuck.seen();
        let mut peer = server.connect();
        for _ in 0..20 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "quick");
        }
        assert_eq!(stuck.unseen(), []);
    });
}

#[test]
fn an_upstream_that_restarts_is_used_again_at_once() {
    on_both_engines(|engine| {
        let first = Upstream::start(|visit| {
            // As a process that is killed: its connections are reset.
            for _ in 0..2 {
                if visit.request().is_some() {
                    visit.peer.send(ok("first"));
                }
            }
            visit.peer.twin().reset();
        });
        let address = first.address;
        let server = gate(engine, address);
        let mut peer = server.connect();
        for _ in 0..2 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "first");
        }
        drop(first);
        let down = ask(&mut peer, &request("/"));
        assert_eq!(down.status, 502);
        let second = Upstream::on(TcpListener::bind(address).expect("the same port"), named("second"));
        for _ in 0..20 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "second");
        }
        assert_eq!(second.visits(), 1);
    });
}

#[test]
fn while_a_drain_waits_for_answers_the_next_gate_can_listen_already() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.request();
            visit.ending();
        });
        let config = format!("limit = \"1M/1s,fixed-window\"\n[upstream.app]\nservers = [\"{}\"]\n", upstream.address);
        let mut server = Launch::new(engine).args("--drain-timeout 1h").config(&config).start();
        let mut peer = server.connect();
        peer.send(request("/hold"));
        upstream.seen();
        server.signal(Signal::TERM);
        wait_until("the address is free", || TcpListener::bind(server.address).is_ok());
        assert!(!server.has_ended(), "somebody waits for an answer");
        drop(peer);
        wait_until("the gate ends", || server.has_ended());
    });
}

#[test]
fn a_drain_lets_what_is_upstream_be_answered_and_then_closes() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(request) = visit.request() {
                if request.line().contains("/slow") {
                    let Some(_) = visit.bytes(0).ok() else { return };
                    std::thread::park_timeout(Duration::from_millis(300));
                }
                visit.peer.try_send(ok("answered"));
            }
        });
        let mut server = gate(engine, upstream.address);
        let mut idle = server.connect();
        assert_eq!(ask(&mut idle, &request("/")).text(), "answered");
        upstream.seen();
        let mut peer = server.connect();
        peer.send(request("/slow"));
        upstream.seen();
        server.signal(Signal::TERM);
        let got = get(&mut peer);
        assert_eq!((got.text(), got.closes()), ("answered", true));
        peer.sees_close();
        idle.sees_close();
        drop((peer, idle));
        wait_until("the gate ends", || server.has_ended());
        let (code, logged) = server.wait();
        assert_eq!(code, Some(0), "{logged:#?}");
    });
}

#[test]
fn connections_and_descriptors_come_back_whatever_happened() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(request) = visit.request() {
                match request.line().as_bytes().get(5) {
                    Some(b'0') => return,
                    Some(b'1') => return visit.peer.twin().reset(),
                    Some(b'2') => visit.peer.send("nonsense\r\n\r\n"),
                    Some(b'3') => return visit.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
                    _ => visit.peer.send(ok("fine")),
                }
            }
        });
        let server = gate_with(engine, upstream.address, "breaker = { state = \"disabled\" }");
        ask(&mut server.connect(), &request("/0"));
        let mut before = 0;
        wait_until("the first descriptors are back", || {
            let now = open_files(server.pid());
            std::mem::replace(&mut before, now) == now
        });
        for round in 0..200 {
            let mut peer = server.connect();
            peer.send(request(&format!("/{}", round % 6)));
            if round % 3 > 0 {
                let _ = peer.receive();
            }
        }
        // One connection at rest may stay, or a few, if several were in use at a time.
        wait_until("descriptors come back", || open_files(server.pid()) <= before + 8);
        assert_eq!(ask(&mut server.connect(), &request("/5")).text(), "fine");
    });
}
