//! Peers that are slow, rude, many or gone: each gets what it is due by its deadline, and nobody else notices.

use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::support::clock::{PATIENCE, Stopwatch, wait_until};
use super::support::peer::{Ending, Peer, get};
use super::support::process::{is_stopped, open_files};
use super::support::server::{Launch, Server, on_both_engines};

#[test]
fn a_head_that_is_not_finished_in_time_gets_408_and_the_end() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).config("[timeouts]\nhead = \"300ms\"\n").start();
        for begun in ["G", "GET /?clientId=7 HTTP/1.1\r\nHost: h\r\n", "\r\nGET"] {
            let mut peer = server.connect();
            let watch = Stopwatch::start();
            peer.send(begun);
            let answer = peer.answer();
            assert_eq!((answer.status, answer.closes()), (408, true), "{begun:?}");
            peer.sees_close();
            assert!(watch.elapsed() >= Duration::from_millis(290), "{begun:?} after {:?}", watch.elapsed());
        }
    });
}

#[test]
fn every_head_on_a_connection_has_its_own_deadline() {
    on_both_engines(|engine| {
        let server =
            Launch::new(engine).config("limit = \"1/1h,fixed-window\"\n[timeouts]\nhead = \"400ms\"\n").start();
        let mut peer = server.connect();
        // Three requests that take 200 ms each: together too long, and each in time.
        for number in 0..3 {
            let request = get(&number.to_string());
            let (first, second) = request.split_at(20);
            peer.send(first);
            peer.sees_nothing_for(Duration::from_millis(100));
            peer.send(second);
            assert_eq!(peer.answer().status, 200, "{number}");
            peer.sees_nothing_for(Duration::from_millis(100));
        }
        // A pipelined beginning counts as well.
        peer.send(get("x") + "GET ");
        assert_eq!([peer.answer().status, peer.answer().status], [200, 408]);
        peer.sees_close();
    });
}

#[test]
fn content_that_does_not_come_gets_408_or_the_end_if_it_was_answered() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).config("[timeouts]\nbody = \"300ms\"\n").start();
        let mut peer = server.connect();
        peer.send("GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc");
        assert_eq!(peer.answer().status, 408);
        peer.sees_close();
        let mut peer = server.connect();
        peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc");
        assert_eq!(peer.answer().status, 405);
        peer.sees_close();
    });
}

#[test]
fn idle_connections_are_closed_without_a_word_and_busy_ones_are_not() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).config("[timeouts]\nidle = \"600ms\"\n").start();
        let (mut silent, mut once, mut busy) = (server.connect(), server.connect(), server.connect());
        let watch = Stopwatch::start();
        assert_eq!(once.get("7").status, 200);
        for number in 0..4 {
            assert_eq!(busy.get(&number.to_string()).status, 200);
            busy.sees_nothing_for(Duration::from_millis(250));
        }
        assert!(watch.elapsed() >= Duration::from_secs(1));
        silent.sees_close();
        once.sees_close();
        assert_eq!(busy.get("end").status, 200);
    });
}

/// Descriptors that the engine opens for itself when it first has work, or sleeps; hundreds of connections are told from them.
const OWN_FILES: usize = 5;

/// The attack that holds a thread, or a slot, per connection elsewhere.
#[test]
fn slowloris_is_shown_the_door_while_others_are_served() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).config("[timeouts]\nhead = \"1s\"\n").start();
        let base = open_files(server.pid());
        let mut polite = server.connect();
        let mut attackers = server.connect_many(500);
        let mut seen = [0; 2];
        let watch = Stopwatch::start();
        for number in 0.. {
            assert_eq!(polite.get(&format!("p{number}")).status, 200);
            // One byte at a time: none of them moves the deadline.
            for attacker in &mut attackers {
                let _ = attacker.try_send("G");
            }
            polite.sees_nothing_for(Duration::from_millis(20));
            attackers.retain_mut(|attacker| match attacker.poll() {
                Ok(()) | Err(Ending::Silent) if attacker.received().is_empty() => true,
                Ok(()) | Err(_) => {
                    let status = attacker.try_answer().map(|answer| answer.status);
                    seen[usize::from(status == Ok(408))] += 1;
                    false
                }
            });
            if attackers.is_empty() {
                break;
            }
            assert!(watch.elapsed() < PATIENCE, "{} attackers are still connected", attackers.len());
        }
        assert_eq!(seen, [0, 500], "each got its 408");
        assert!(watch.elapsed() >= Duration::from_millis(990), "{:?}", watch.elapsed());
        wait_until("the descriptors are given back", || open_files(server.pid()) <= base + OWN_FILES);
    });
}

#[test]
fn resets_at_any_byte_leave_nothing_behind() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1000k/1s,fixed-window");
        let base = open_files(server.pid());
        let request = get("7")
            + "GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n01234567890123456789"
            + &get("8");
        for round in 0..3 {
            for cut in 0..=request.len() {
                let mut peer = server.connect();
                peer.send(&request[..cut]);
                if round == 1 && cut >= get("7").len() {
                    assert_eq!(peer.answer().status, 200);
                }
                if round < 2 {
                    peer.reset();
                }
            }
        }
        wait_until("the descriptors are given back", || open_files(server.pid()) <= base + OWN_FILES);
        assert_eq!(server.connect().get("9").status, 200);
    });
}

#[test]
fn a_peer_that_says_nothing_and_one_that_leaves_at_once_harm_nobody() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "");
        let silent = server.connect_many(50);
        for _ in 0..200 {
            drop(server.connect());
        }
        let mut half_closed = server.connect();
        half_closed.finish();
        half_closed.sees_close();
        assert_eq!(server.connect().get("7").status, 200);
        drop(silent);
    });
}

#[test]
fn two_thousand_connections_at_once_are_all_served() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args("--limit 1/1h,fixed-window --max-clients 100k").start();
        let address = server.address;
        let burst = |thread: usize| {
            let mut peers: Vec<Peer> = (0..500).map(|_| Peer::connect(address)).collect();
            for (number, peer) in peers.iter_mut().enumerate() {
                peer.send(get(&format!("{thread}-{number}")));
            }
            peers.iter_mut().map(|peer| usize::from(peer.answer().status == 200)).sum::<usize>()
        };
        let served: usize = thread::scope(|scope| {
            let bursts: Vec<_> = (0..4).map(|thread| scope.spawn(move || burst(thread))).collect();
            bursts.into_iter().map(|burst| burst.join().expect("a burst")).sum()
        });
        assert_eq!(served, 2000);
    });
}

#[test]
fn a_process_that_was_stopped_for_a_while_goes_on_within_its_limits() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).args("--limit 3/1h,fixed-window --limit 50/1s,token-bucket").start();
        let mut spent = server.connect();
        spent.send(get("7").repeat(4));
        assert_eq!([(); 4].map(|()| spent.answer().status), [200, 200, 200, 503]);
        let mut waiting = server.connect_many(20);
        server.signal(Signal::STOP);
        wait_until("it is stopped", || is_stopped(server.pid()));
        // They connect and ask, and the kernel holds it all for the process.
        let mut late = server.connect();
        late.send(get("late").repeat(4));
        for (number, peer) in waiting.iter_mut().enumerate() {
            peer.send(get(&format!("waiting{number}")));
        }
        spent.send(get("7"));
        spent.sees_nothing_for(Duration::from_millis(1500));
        server.signal(Signal::CONT);
        assert_eq!(spent.answer().status, 503, "the stop gives nobody a new quota");
        assert_eq!([(); 4].map(|()| late.answer().status), [200, 200, 200, 503]);
        assert!(waiting.iter_mut().all(|peer| peer.answer().status == 200));
    });
}

/// Packets are lost in a network of the script's own, so that nobody else notices. Where no such network may be made, it says so.
#[test]
fn peers_that_vanish_cost_no_descriptor_for_longer_than_their_deadline() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts/vanished_peers.sh");
    let run = Command::new(script).arg(env!("CARGO_BIN_EXE_tollgate")).output().expect("bash");
    let said = String::from_utf8_lossy(&run.stdout);
    println!("{said}");
    assert!(matches!(run.status.code(), Some(0 | SKIPPED)), "{said}{}", String::from_utf8_lossy(&run.stderr));
}

/// What a script exits with that may not do what it has to.
const SKIPPED: i32 = 77;
