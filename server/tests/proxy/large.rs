//! Content that is larger than any memory that the gate may take for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::dice::stream;
use crate::got::get;
use crate::support::clock::Stopwatch;
use crate::support::peer::Peer;
use crate::support::process::{cpu_time, resident_bytes};
use crate::support::server::{Server, on_both_engines};
use crate::upstream::{Upstream, find};
use crate::{gate_with, ok, request};

/// A GiB with the optimised gate; as much as takes seconds with the other.
const TOTAL: u64 = if cfg!(debug_assertions) { 128 << 20 } else { 1 << 30 };
const BLOCK: usize = 64 << 10;

fn send_all(peer: &mut Peer) {
    for at in (0..TOTAL).step_by(BLOCK) {
        peer.send(stream(at, BLOCK));
    }
}

fn receive_all(peer: &mut Peer) {
    let mut at = 0;
    loop {
        let length = peer.received().len();
        assert!(
            peer.received() == stream(at, length),
            "byte {at}, or one of the {length} behind it, is not the one that was sent"
        );
        peer.take(length);
        at += length as u64;
        if at >= TOTAL {
            assert_eq!(at, TOTAL, "and no byte more");
            return;
        }
        peer.receive().expect("content");
    }
}

fn down(peer: &mut Peer) {
    peer.send(request("/"));
    let end = loop {
        match find(&peer.received()[..peer.received().len().min(4096)], b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => peer.receive().expect("a head"),
        }
    };
    peer.take(end);
    receive_all(peer);
}

fn up(peer: &mut Peer) {
    peer.send(format!("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: {TOTAL}\r\n\r\n"));
    send_all(peer);
    assert_eq!(get(peer).text(), "thanks");
}

/// Memory of the gate: before, at most, and after `work`.
fn memory_during(server: &Server, work: impl FnOnce() + Send) -> [u64; 3] {
    let done = AtomicBool::new(false);
    let pid = server.pid();
    let before = resident_bytes(pid);
    let most = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = before;
            while !done.load(Ordering::Relaxed) {
                most = most.max(resident_bytes(pid));
                thread::park_timeout(Duration::from_millis(5));
            }
            most
        });
        work();
        done.store(true, Ordering::Relaxed);
        watch.join().expect("no panic")
    });
    [before, most, resident_bytes(pid)]
}

#[test]
fn content_of_any_size_passes_either_way_byte_by_byte_in_constant_memory() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(head) = visit.head() {
                if head.starts_with("POST") {
                    receive_all(&mut visit.peer);
                    visit.peer.send(ok("thanks"));
                } else {
                    visit.peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n"));
                    send_all(&mut visit.peer);
                }
            }
        });
        let server = gate_with(engine, upstream.address, "[http]\nbody-bytes = \"1024MiB\"");
        let mut peer = server.connect();
        for (name, pass) in [("down", down as fn(&mut Peer)), ("up", up)] {
            let (watch, used) = (Stopwatch::start(), cpu_time(server.pid()));
            let memory = memory_during(&server, || pass(&mut peer));
            let [before, most, after] = memory.map(|bytes| bytes >> 10);
            println!(
                "{engine:?}, {} MiB {name} in {:.1?} ({:.1?} of CPU time): {before} KiB before, {most} KiB at most, {after} KiB after",
                TOTAL >> 20,
                watch.elapsed(),
                cpu_time(server.pid()) - used,
            );
            assert!(most - before < 4 << 10, "the gate grew by {} KiB", most - before);
        }
    });
}
