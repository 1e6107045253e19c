//! Signals: nothing that was read goes unanswered, nothing that was queued is reset, and it is over in time.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::support::clock::{PATIENCE, Stopwatch, wait_until};
use super::support::peer::{Ending, Peer, get};
use super::support::process::is_stopped;
use super::support::server::{Engine, Launch, Server, on_both_engines};

const OPEN: &str = "--limit 1000k/1s,fixed-window";

#[test]
fn idle_connections_end_and_the_process_exits_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        on_both_engines(|engine| {
            let server = Launch::new(engine).cores("auto").args(OPEN).start();
            let mut kept = server.connect_many(20);
            assert!(kept.iter_mut().all(|peer| peer.get("7").status == 200));
            let watch = Stopwatch::start();
            server.signal(signal);
            for peer in &mut kept {
                peer.sees_close();
            }
            drop(kept);
            let (code, logged) = server.wait();
            assert_eq!(code, Some(0), "{logged:#?}");
            assert!(watch.elapsed() < Duration::from_secs(8), "{:?}", watch.elapsed());
        });
    }
}

#[test]
fn a_request_that_has_begun_may_be_finished_and_its_answer_says_close() {
    on_both_engines(|engine| {
        let server = Server::start(engine, OPEN);
        let mut in_head = server.connect();
        in_head.send("GET /?clientId=7 HTTP/1.1\r\n");
        let mut in_content = server.connect();
        in_content.send("GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
        let mut idle = server.connect();
        assert_eq!(idle.get("7").status, 200);
        server.signal(Signal::TERM);
        // The idle one is closed: so the drain has begun.
        idle.sees_close();
        in_head.send("Host: h\r\n\r\n");
        in_content.send("cde");
        for peer in [&mut in_head, &mut in_content] {
            let answer = peer.answer();
            assert_eq!((answer.status, answer.closes()), (200, true));
            peer.sees_close();
        }
        drop((idle, in_head, in_content));
        assert_eq!(server.wait().0, Some(0));
    });
}

#[test]
fn answers_that_are_held_back_still_go_out() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 2/1s,leaky-bucket,max-delay=1h");
        let mut held = server.connect();
        held.send(get("7").repeat(4));
        assert_eq!(held.answer().status, 200);
        server.signal(Signal::TERM);
        let closing: Vec<bool> =
            (0..3).map(|_| held.answer()).map(|answer| answer.status == 200 && answer.closes()).collect();
        assert_eq!(closing, [false, false, true]);
        held.sees_close();
        assert_eq!(server.wait().0, Some(0));
    });
}

/// The signal finds connections that were not even accepted, with their requests in the kernel.
#[test]
fn connections_in_the_accept_queue_are_served() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args(OPEN).start();
        server.signal(Signal::STOP);
        wait_until("it is stopped", || is_stopped(server.pid()));
        let mut queued = server.connect_many(200);
        for peer in &mut queued {
            peer.send(get("7"));
        }
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        for (number, peer) in queued.iter_mut().enumerate() {
            let status = peer.try_answer().map(|answer| answer.status);
            assert_eq!(status, Ok(200), "number {number} in the queue");
            assert_eq!(peer.try_answer(), Err(Ending::Closed));
        }
        drop(queued);
        assert_eq!(server.wait().0, Some(0));
    });
}

/// How the exchanges of clients under load came out.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    /// FIN instead of an answer to a request that was sent after the signal.
    closed: AtomicUsize,
    /// No connection any more.
    refused: AtomicUsize,
    /// Everything that must not be.
    broken: AtomicUsize,
}

/// Asks on kept connections, `per_connection` requests on each, until the server is gone.
fn load(address: SocketAddr, per_connection: usize, signalled: &AtomicBool, tally: &Tally) {
    loop {
        let Ok(stream) = TcpStream::connect_timeout(&address, PATIENCE) else {
            tally.refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut peer = Peer::on(stream);
        for _ in 0..per_connection {
            let sent = peer.try_send(get("7"));
            // Read after the send: a request that was sent before the signal is never taken for one that came after it.
            let before_signal = !signalled.load(Ordering::SeqCst);
            match peer.try_answer() {
                Ok(answer) if answer.status == 200 => {
                    tally.answered.fetch_add(1, Ordering::Relaxed);
                    if answer.closes() {
                        break;
                    }
                }
                Err(Ending::Closed) if !(before_signal && sent) => {
                    tally.closed.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                outcome => {
                    eprintln!(
                        "{outcome:?} to a request sent {} the signal",
                        if before_signal { "before" } else { "after" }
                    );
                    tally.broken.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
}

fn drain_under_load(engine: Engine, after: usize) {
    let server = Launch::new(engine).cores("auto").args(OPEN).args("--drain-timeout 10s").start();
    let (tally, signalled) = (Tally::default(), AtomicBool::new(false));
    let address = server.address;
    thread::scope(|scope| {
        for number in 0..8 {
            // Half of the clients keep their connections for long, half make new ones all the time.
            let per_connection = if number % 2 == 0 { usize::MAX } else { 3 };
            let (tally, signalled) = (&tally, &signalled);
            scope.spawn(move || load(address, per_connection, signalled, tally));
        }
        wait_until("the load is on", || tally.answered.load(Ordering::Relaxed) >= after);
        signalled.store(true, Ordering::SeqCst);
        server.signal(Signal::TERM);
    });
    let watch = Stopwatch::start();
    let (code, logged) = server.wait();
    assert_eq!(code, Some(0), "{logged:#?}");
    assert!(watch.elapsed() < Duration::from_secs(12), "{:?}", watch.elapsed());
    assert_eq!(tally.broken.load(Ordering::Relaxed), 0, "{engine:?}: {tally:?}");
    println!("{engine:?}: {tally:?}");
}

#[test]
fn under_load_every_request_that_was_sent_is_answered_or_never_read() {
    for engine in Engine::ALL {
        for cycle in 0..25 {
            drain_under_load(engine, 50 + cycle * 37);
        }
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    on_both_engines(|engine| {
        let mut server = Server::start(engine, &format!("{OPEN} --drain-timeout 1h"));
        let mut idle = server.connect();
        assert_eq!(idle.get("7").status, 200);
        let mut unfinished = server.connect();
        unfinished.send("GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
        server.signal(Signal::TERM);
        idle.sees_close();
        unfinished.sees_nothing_for(Duration::from_millis(500));
        assert!(!server.has_ended(), "it waits for the request to be finished");
        server.signal(Signal::TERM);
        let watch = Stopwatch::start();
        assert_eq!(server.wait().0, Some(0));
        assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
    });
}

#[test]
fn the_drain_timeout_ends_the_wait_for_those_who_do_not_finish() {
    on_both_engines(|engine| {
        let server = Server::start(engine, &format!("{OPEN} --drain-timeout 700ms"));
        let mut unfinished = server.connect();
        unfinished.send("GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
        let mut idle = server.connect();
        assert_eq!(idle.get("7").status, 200);
        let watch = Stopwatch::start();
        server.signal(Signal::TERM);
        let (code, logged) = server.wait();
        assert_eq!(code, Some(0));
        assert!(watch.elapsed() >= Duration::from_millis(690), "{:?}", watch.elapsed());
        assert!(watch.elapsed() < Duration::from_secs(8), "{:?}", watch.elapsed());
        assert!(logged.iter().any(|line| line.contains("cut off")), "{logged:#?}");
    });
}

#[test]
fn killed_under_load_it_starts_again_on_the_same_port_at_once() {
    on_both_engines(|engine| {
        let mut address = "127.0.0.1:0".to_owned();
        for _ in 0..10 {
            let watch = Stopwatch::start();
            let server = Launch::new(engine).listen(&address).args("--limit 1/1h,fixed-window").start();
            let mut peers = server.connect_many(20);
            // Nothing durable is promised: the limits start empty.
            assert_eq!([peers[0].get("7").status, peers[0].get("7").status], [200, 503]);
            println!("{engine:?}: started and answered after {:?}", watch.elapsed());
            for peer in &mut peers {
                peer.send(get("8"));
            }
            address = server.address.to_string();
            server.kill();
            for peer in &mut peers {
                while let Ok(answer) = peer.try_answer() {
                    assert!(matches!(answer.status, 200 | 503));
                }
            }
        }
    });
}
