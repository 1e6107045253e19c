//! Clients that leave, and clients that stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::dice::Dice;
use crate::got::{ask, get};
use crate::support::clock::{Stopwatch, wait_until};
use crate::support::peer::{Ending, Peer};
use crate::support::process::open_files;
use crate::support::server::{Server, on_both_engines};
use crate::upstream::{Upstream, Visit};
use crate::{gate_with, ok, request, waiting};

/// Settings with which nothing ends for taking too long, nor is shed because others do: if it ends, it was ended.
fn unhurried(slots: usize) -> String {
    let queue = "queue = { max = 2000, timeout = \"60s\" }";
    let timeouts = "timeouts = { connect = \"60s\", response-head = \"60s\", idle = \"60s\" }";
    format!("max-in-flight = {slots}\n{queue}\n{timeouts}\n[overload]\nenabled = false")
}

fn leaves_with(server: &Server, upstream: &Upstream, sent: &str) {
    let mut peer = server.connect();
    peer.send(sent);
    assert!(upstream.seen().head.contains("HTTP/1.1"));
    drop(peer);
    assert_eq!(upstream.seen().head, "cancelled");
}

#[test]
fn a_client_that_leaves_takes_its_requests_along() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            if let Some(head) = visit.head() {
                visit.say(&head);
                if head.contains("/begun") {
                    visit.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
                }
                visit.ending();
                visit.say("cancelled");
            }
        });
        let server = gate_with(engine, upstream.address, &unhurried(1));
        leaves_with(&server, &upstream, &request("/silent"));
        leaves_with(&server, &upstream, &request("/begun"));
        leaves_with(&server, &upstream, "POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
        // One that waits gives its place back as well.
        let mut first = server.connect();
        first.send(request("/first"));
        upstream.seen();
        let in_line = waiting(&server, &request("/waiting"));
        let before = open_files(server.pid());
        drop(in_line);
        wait_until("the gate knows that it has left", || open_files(server.pid()) < before);
        let mut last = server.connect();
        last.send(request("/last"));
        drop(first);
        // Two threads tell of these, in either order.
        let mut seen = [upstream.seen().head, upstream.seen().head];
        seen.sort();
        assert!(seen[0].starts_with("GET /last") && seen[1] == "cancelled", "whoever left is passed over: {seen:?}");
    });
}

#[test]
fn a_client_that_leaves_takes_all_its_pipelined_requests_along() {
    let ways: [fn(Peer); 2] = [drop, Peer::reset];
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            if visit.request().is_some() {
                visit.ending();
                visit.say("cancelled");
            }
        });
        let server = gate_with(engine, upstream.address, &unhurried(PIPELINED));
        for leave in ways {
            let mut peer = server.connect();
            peer.send(request("/").repeat(PIPELINED));
            for _ in 0..PIPELINED {
                assert!(upstream.seen().line().starts_with("GET /?"));
            }
            leave(peer);
            for _ in 0..PIPELINED {
                assert_eq!(upstream.seen().head, "cancelled");
            }
        }
    });
}

/// As many as may be under way.
const PIPELINED: usize = 16;

/// Answers `/quick`, and nothing else.
fn seldom() -> Upstream {
    Upstream::start(|visit| {
        while visit.request().is_some_and(|request| request.line().contains("/quick")) {
            visit.peer.try_send(ok("quick"));
        }
        visit.ending();
        visit.say("cancelled");
    })
}

/// Sends more requests than the gate takes at a time, so that it leaves the rest with the kernel.
fn sends_too_many(server: &Server, upstream: &Upstream) -> Peer {
    let mut peer = server.connect();
    // It is read again in between, and then no more.
    peer.send(request("/quick").repeat(TOO_MANY));
    for _ in 0..TOO_MANY {
        assert!(upstream.seen().line().contains("/quick"));
        assert_eq!(get(&mut peer).text(), "quick");
    }
    peer.send(request("/").repeat(TOO_MANY));
    for _ in 0..PIPELINED {
        assert!(upstream.seen().line().starts_with("GET /?"));
    }
    peer.send(request("/").repeat(TOO_MANY));
    peer
}

const TOO_MANY: usize = 40;

#[test]
fn a_client_that_leaves_while_it_is_not_read_takes_its_requests_along() {
    let ways: [fn(Peer); 2] = [drop, Peer::reset];
    on_both_engines(|engine| {
        let upstream = seldom();
        let server = gate_with(engine, upstream.address, &unhurried(PIPELINED));
        for leave in ways {
            leave(sends_too_many(&server, &upstream));
            all_are_cancelled(&upstream);
        }
        assert_eq!(upstream.unseen(), [], "what was not read is asked of nobody");
    });
}

#[test]
fn a_client_that_closes_its_sending_side_has_left_whether_it_is_read_or_not() {
    on_both_engines(|engine| {
        let upstream = seldom();
        let server = gate_with(engine, upstream.address, &unhurried(PIPELINED));
        let mut read = server.connect();
        read.send(request("/"));
        upstream.seen();
        read.finish();
        assert_eq!(upstream.seen().head, "cancelled");
        read.sees_close();
        let mut unread = sends_too_many(&server, &upstream);
        unread.finish();
        all_are_cancelled(&upstream);
        assert!(matches!(unread.receive(), Err(Ending::Closed | Ending::Reset)));
    });
}

/// Sees the end of every connection to the upstream that has a request on it. Others may be at rest.
fn all_are_cancelled(upstream: &Upstream) {
    for _ in 0..PIPELINED {
        assert_eq!(upstream.seen().head, "cancelled");
    }
}

#[test]
fn a_client_that_resets_while_the_upstream_takes_none_of_its_content_is_let_go() {
    on_both_engines(|engine| {
        let released = Arc::<AtomicBool>::default();
        let is_released = Arc::clone(&released);
        let upstream = Upstream::start(move |visit| {
            visit.head();
            visit.say("begun");
            while !is_released.load(Ordering::SeqCst) {
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        let any_size = "[http]\nbody-bytes = \"1024MiB\"\n[timeouts]\nbody = \"10m\"\nwrite = \"10m\"";
        let server = gate_with(engine, upstream.address, &format!("{}\n{any_size}", unhurried(1)));
        let mut peer = server.connect();
        peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n");
        assert_eq!(upstream.seen().head, "begun");
        peer.stuff(&[b'x'; 16 << 10], Duration::from_millis(100));
        let before = open_files(server.pid());
        peer.reset();
        wait_until("both of its connections are closed", || open_files(server.pid()) <= before - 2);
        released.store(true, Ordering::SeqCst);
    });
}

/// Answers as asked: not at all, half, slowly, at once.
fn moody(visit: &mut Visit) {
    while let Some(request) = visit.request() {
        let mood = request.line().as_bytes().iter().skip_while(|byte| **byte != b'/').nth(1);
        match mood {
            Some(b'h') => break,
            Some(b'b') => {
                visit.peer.try_send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
                break;
            }
            Some(b's') => thread::park_timeout(Duration::from_millis(2)),
            _ => {}
        }
        visit.peer.try_send(ok("whole"));
    }
    visit.ending();
}

#[test]
fn whoever_leaves_at_whatever_moment_leaves_no_slot_and_no_descriptor_behind() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(moody);
        let server = gate_with(engine, upstream.address, &unhurried(4));
        let before = open_files(server.pid());
        let mut dice = Dice::new(4);
        let mut staying = Vec::new();
        for _ in 0..LEAVING {
            let text: String = (0..=dice.below(3))
                .map(|_| {
                    let path = dice.pick(&["/hold", "/begun", "/slow", "/quick"]);
                    let posts = format!("POST {path}?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
                    if dice.one_in(2) { posts } else { request(path) }
                })
                .collect();
            let mut peer = server.connect();
            // Whole, or cut anywhere.
            let length = if dice.one_in(2) { text.len() } else { dice.below(text.len()) };
            peer.send(&text[..length]);
            if dice.one_in(2) {
                let _ = peer.poll();
            }
            // A few at a time are there, so that some wait for a slot, and get one, while others leave.
            staying.push(peer);
            if staying.len() > 8 {
                let peer = staying.swap_remove(dice.below(8));
                if dice.one_in(2) { drop(peer) } else { peer.reset() }
            }
        }
        drop(staying);
        let mut holders = server.connect_many(5);
        for holder in &mut holders {
            holder.send(request("/held"));
        }
        let held = |upstream: &Upstream| upstream.unseen().iter().filter(|seen| seen.line().contains("/held")).count();
        let mut all = 0;
        wait_until("every slot is free, and then in use", || {
            all += held(&upstream);
            all == 4
        });
        holders[4].sees_nothing_for(Duration::from_millis(20));
        assert_eq!(held(&upstream), 0, "and not one more");
        drop(holders);
        // One connection at rest for each slot may stay.
        wait_until("the descriptors are back", || open_files(server.pid()) <= before + 4);
    });
}

const LEAVING: usize = 600;

#[test]
fn deadlines_begin_anew_with_every_request_however_requests_are_cut() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("in time"));
        let server = gate_with(engine, upstream.address, "[timeouts]\nhead = \"2s\"\nidle = \"2s\"");
        // One that always has half a head there, and one that only ever gets answers of the gate's own.
        let (mut halves, mut denied) = (server.connect(), server.connect());
        let request = request("/");
        let (front, back) = request.split_at(30);
        halves.send(front);
        let watch = Stopwatch::start();
        while watch.elapsed() < Duration::from_millis(2500) {
            halves.send(format!("{back}{front}"));
            assert_eq!(get(&mut halves).text(), "in time");
            assert_eq!(ask(&mut denied, "GET /?nobody HTTP/1.1\r\nHost: h\r\n\r\n").status, 400);
            thread::park_timeout(Duration::from_millis(10));
        }
    });
}

#[test]
fn a_client_that_stops_in_the_middle_of_its_content_gets_408_and_the_upstream_its_peace() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.head();
            visit.say("begun");
            visit.ending();
            visit.say("cancelled");
        });
        let server = gate_with(engine, upstream.address, "[timeouts]\nbody = \"300ms\"\nlinger = \"100ms\"");
        let mut peer = server.connect();
        peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
        let got = get(&mut peer);
        assert_eq!((got.status, got.closes()), (408, true));
        assert_eq!((upstream.seen().head.as_str(), upstream.seen().head.as_str()), ("begun", "cancelled"));
        let mut peer: Peer = server.connect();
        peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
        assert_eq!(upstream.seen().head, "begun");
        peer.send("xyz\r\n");
        assert_eq!(get(&mut peer).status, 400, "content that turns out to be none");
        assert_eq!(upstream.seen().head, "cancelled");
    });
}
