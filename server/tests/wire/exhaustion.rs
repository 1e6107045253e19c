//! Descriptors, connections, memory: what happens when they run out, and that it is over when there are some again.

use std::thread;
use std::time::Duration;

use super::support::clock::{Stopwatch, wait_until};
use super::support::peer::{Peer, get};
use super::support::process::{cpu_time, open_files, resident_bytes};
use super::support::server::{Engine, Launch, Server, on_both_engines};

#[test]
fn out_of_descriptors_it_waits_without_spinning_and_recovers_by_itself() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).limits("ulimit -n 100").args("--limit 1/1h,fixed-window").start();
        let mut first = server.connect();
        assert_eq!(first.get("0").status, 200);
        let mut held = server.connect_many(150);
        wait_until("all descriptors are in use", || open_files(server.pid()) >= 100);
        let before = cpu_time(server.pid());
        let mut waiting = held.split_off(140);
        for (number, peer) in waiting.iter_mut().enumerate() {
            peer.send(get(&format!("late{number}")));
        }
        waiting[0].sees_nothing_for(Duration::from_secs(2));
        let used = cpu_time(server.pid()) - before;
        assert!(used <= Duration::from_millis(400), "{used:?} of CPU time in 2 s of waiting");
        assert_eq!(first.get("1").status, 200, "those that are connected are served");
        // There is room again: those that waited in the queue are served, none is lost.
        drop(held);
        assert!(waiting.iter_mut().all(|peer| peer.answer().status == 200));
        assert_eq!(server.connect().get("2").status, 200);
        drop((first, waiting));
        let logged = server.logged();
        assert!(logged.iter().any(|line| line.contains("ulimit -n") || line.contains("descriptor")), "{logged:#?}");
        assert!(logged.len() <= 10, "it is not to flood the log: {logged:#?}");
    });
}

#[test]
fn beyond_the_connection_cap_newcomers_wait_their_turn() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args("--max-connections 10 --limit 1/1h,fixed-window").start();
        let mut inside = server.connect_many(10);
        for (number, peer) in inside.iter_mut().enumerate() {
            assert_eq!(peer.get(&format!("in{number}")).status, 200);
        }
        let mut outside = server.connect_many(3);
        for (number, peer) in outside.iter_mut().enumerate() {
            peer.send(get(&format!("out{number}")));
        }
        let before = cpu_time(server.pid());
        outside[0].sees_nothing_for(Duration::from_secs(1));
        let used = cpu_time(server.pid()) - before;
        assert!(used <= Duration::from_millis(300), "{used:?} of CPU time in 1 s of waiting");
        assert_eq!(inside[0].get("again").status, 200);
        inside.truncate(7);
        assert!(outside.iter_mut().all(|peer| peer.answer().status == 200));
    });
}

#[test]
fn idle_connections_cost_at_most_two_kibibytes_each() {
    for engine in Engine::ALL {
        let server = Launch::new(engine).args("--limit 1000k/1s,fixed-window").start();
        let warm_up: Vec<_> = server.connect_many(64);
        drop(warm_up);
        assert_eq!(server.connect().get("warm").status, 200);
        let count = CONNECTIONS.min(allowed_connections());
        let before = resident_bytes(server.pid());
        let mut peers = server.connect_many(count);
        for peer in &mut peers {
            assert_eq!(peer.get("7").status, 200);
        }
        let each = (resident_bytes(server.pid()).saturating_sub(before)) / count as u64;
        println!("{engine:?}: {each} bytes for each of {count} idle connections");
        assert!(each <= 2048, "{engine:?}: {each} bytes for each of {count} idle connections");
        let base = open_files(server.pid()) - count;
        drop(peers);
        wait_until("the descriptors are given back", || open_files(server.pid()) <= base + 1);
    }
}

const CONNECTIONS: usize = 10_000;

/// Half of the descriptors that this process may have; the server has as many for itself.
fn allowed_connections() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
}

#[test]
fn peers_that_never_read_are_bounded_in_memory_and_closed_while_others_are_served() {
    on_both_engines(|engine| {
        let config = "limit = \"1000k/1s,fixed-window\"\n[timeouts]\nwrite = \"1500ms\"\n";
        let server = Launch::new(engine).config(config).start();
        let (address, pid) = (server.address, server.pid());
        let mut polite = server.connect();
        assert_eq!(polite.get("warm").status, 200);
        let before = resident_bytes(pid);
        let block = get("7").repeat(1000);
        let greedy = || {
            let mut peer = Peer::connect_with_small_buffers(address);
            let watch = Stopwatch::start();
            // Until the server closes, which is what ends it.
            peer.stuff_until_closed(block.as_bytes());
            assert!(watch.elapsed() >= Duration::from_millis(1490), "closed too early: {:?}", watch.elapsed());
        };
        let most = thread::scope(|scope| {
            let peers: Vec<_> = (0..GREEDY).map(|_| scope.spawn(greedy)).collect();
            let mut most = before;
            while peers.iter().any(|peer| !peer.is_finished()) {
                most = most.max(resident_bytes(pid));
                assert_eq!(polite.get("p").status, 200);
                polite.sees_nothing_for(Duration::from_millis(10));
            }
            most
        });
        let each = (most - before).saturating_sub(SHARED) / GREEDY;
        println!("{engine:?}: {each} bytes for each peer that does not read");
        assert!(each <= 128 << 10, "{each} bytes for each peer that does not read");
    });
}

const GREEDY: u64 = 40;
/// Receive buffers that all connections of a core share; the kernel gives them to the process when they are first written.
const SHARED: u64 = 2 << 20;

#[test]
fn a_peer_that_reads_slowly_gets_every_answer() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1000k/1s,fixed-window");
        let mut peer = Peer::connect_with_small_buffers(server.address);
        let block = get("7").repeat(1000);
        // Until the server, whose answers nobody takes, has stopped reading.
        let sent = peer.stuff(block.as_bytes(), Duration::from_millis(200));
        let count = 1000 * sent.div_ceil(block.len());
        let mut sender = peer.twin();
        thread::scope(|scope| {
            scope.spawn(|| sender.send(&block[sent % block.len()..]));
            for number in 0..count {
                assert_eq!(peer.answer().status, 200, "{number} of {count}");
            }
        });
    });
}

#[test]
fn a_flood_of_new_ids_takes_no_memory_and_frees_nobody() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 5/1h,fixed-window --max-clients 10k");
        let mut watched = server.connect();
        let mut passed = [0; 50];
        let mut ask = |watched: &mut Peer| {
            let requests: String = (0..50).map(|id| get(&format!("watched{id}"))).collect();
            watched.send(requests);
            for count in &mut passed {
                *count += usize::from(watched.answer().status == 200);
            }
            *passed.iter().max().expect("some")
        };
        for _ in 0..6 {
            ask(&mut watched);
        }
        let mut flood = server.connect();
        let mut before = 0;
        for batch in 0_u64..150 {
            let requests: String = (0..1000)
                .map(|n| get(&format!("{:016x}", (batch * 1000 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15))))
                .collect();
            flood.send(requests);
            for _ in 0..1000 {
                flood.answer();
            }
            if batch == 30 {
                before = resident_bytes(server.pid());
            }
            if batch % 5 == 0 {
                assert!(ask(&mut watched) <= 5, "a watched client got more than its quota after {batch} batches");
            }
        }
        let grown = resident_bytes(server.pid()).saturating_sub(before);
        assert!(grown <= 256 << 10, "grown by {grown} bytes in a flood of 120 000 ids");
        assert_eq!(passed, [5; 50]);
    });
}
