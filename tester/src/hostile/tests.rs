//! Against Tollgate, and against small servers that treat their peers badly.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::script::{Script, Step};
use super::seen::Due;
use super::*;
use crate::process::Condition;
use crate::process::testing::{tollgate, wait_until};

const SECOND: Nanos = Nanos::from_secs(1);

fn visit(kind: Kind, address: std::net::SocketAddr, count: u32, span: Nanos) -> Treatment {
    run(kind, &Target::new(address), count, span, 7, &Control::default()).expect("a poll")
}

#[test]
fn tollgate_gives_every_peer_its_due_and_lives() {
    let server = tollgate("--cores 1");
    let before = server.vitals().expect("it runs");
    thread::scope(|scope| {
        for kind in Kind::ALL {
            let address = server.address();
            scope.spawn(move || {
                let treatment = visit(kind, address, 20, Nanos::from_millis(1500));
                println!("{kind}: {treatment}");
                assert!(treatment.is_proper(), "{kind}: {treatment}\n{:#?}", treatment.examples);
                let ends: u64 = End::ALL.map(|end| treatment.ended(end)).iter().sum();
                assert_eq!((treatment.peers, treatment.not_made), (ends, 0), "{kind}: {treatment}");
                assert!(treatment.peers >= 20, "{kind}: {treatment}");
            });
        }
    });
    assert_eq!(server.condition(), Condition::Alive);
    wait_until("it has let go of its peers", || {
        server.vitals().is_some_and(|now| now.files <= before.files.map(|files| files + 5))
    });
}

#[test]
fn slow_senders_are_shown_the_door_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("tollgate.toml");
    std::fs::write(&config, "[timeouts]\nhead = \"500ms\"\nbody = \"500ms\"\n").expect("a file");
    let server = tollgate(&format!("--cores 1 --config '{}'", config.display()));
    let treatment = visit(Kind::SlowHeads, server.address(), 50, Nanos::from_secs(2));
    assert!(treatment.is_proper(), "{treatment}\n{:#?}", treatment.examples);
    assert!(treatment.answers[&408] >= 50 && treatment.ended(End::Closed) >= 50, "{treatment}");
    assert!(treatment.longest >= Nanos::from_millis(490) && treatment.longest <= SECOND, "{:?}", treatment.longest);
}

/// A server that does this to each connection.
fn server(treat: fn(TcpStream)) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    // It ends with the test binary; a connection to it ends with its peer.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || treat(stream));
        }
    });
    address
}

/// Reads on until the peer is gone.
fn drain(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

fn say(mut stream: &TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn a_server_that_wrongs_its_peers_is_found_out() {
    let reset: fn(TcpStream) = |stream| {
        let mut first = [0; 1];
        let _ = (&stream).read(&mut first);
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    };
    let close: fn(TcpStream) = |stream| {
        let _ = stream.shutdown(Shutdown::Write);
        drain(stream);
    };
    let break_down: fn(TcpStream) = |stream| {
        say(&stream, b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
        drain(stream);
    };
    let babble: fn(TcpStream) = |stream| {
        say(&stream, b"what?");
        drain(stream);
    };
    let truncate: fn(TcpStream) = |stream| {
        say(&stream, &OK[..30]);
        let _ = stream.shutdown(Shutdown::Write);
        drain(stream);
    };
    // The request behind the malformed one, as a smuggler would have it.
    let overlook: fn(TcpStream) = |stream| {
        say(&stream, &OK.repeat(20));
        let _ = stream.shutdown(Shutdown::Write);
        drain(stream);
    };
    for (kind, treat, what) in [
        (Kind::HalfClosers, reset, "reset"),
        (Kind::ShortVisitors, reset, "reset"),
        (Kind::ShortVisitors, close, "closed"),
        (Kind::OddIds, close, "answers [], closed"),
        (Kind::OddIds, break_down, "answers [500], left"),
        (Kind::SlowHeads, break_down, "answers [500], left"),
        (Kind::BrokenPipelines, close, "answers [], closed"),
        (Kind::BrokenPipelines, overlook, "200, 200], closed"),
        (Kind::LongBodies, overlook, "200, 200], closed"),
        (Kind::SlowBodies, babble, "something malformed"),
        (Kind::ShortVisitors, truncate, "something malformed"),
    ] {
        let treatment = visit(kind, server(treat), 5, Nanos::from_millis(300));
        assert_eq!(treatment.wronged, treatment.peers, "{kind}: {treatment}\n{:#?}", treatment.examples);
        assert!(!treatment.is_proper() && treatment.examples[0].contains(what), "{kind}: {:#?}", treatment.examples);
    }
}

#[test]
fn a_peer_plays_its_part_to_the_letter() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let repeat = Step::Repeat { bytes: b"cd".to_vec(), times: 3 };
    let drip = Step::Drip { bytes: b"efg".to_vec(), every: Nanos::from_millis(20) };
    let steps = [Step::Send(b"ab".to_vec()), repeat, drip, Step::Send(b"h".to_vec()), Step::Finish];
    let clock = Clock::start();
    let script = Script::new("all that there is", steps, Due::OrderlyEnd);
    let mut peer = Peer::connect(listener.local_addr().expect("bound"), script, 0, clock.now()).expect("a connection");
    let (mut stream, _) = listener.accept().expect("the peer");
    let heard = thread::spawn(move || {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).map(|_| heard).expect("an end")
    });
    let end = loop {
        peer.is_ready(true, true);
        if let Some(end) = peer.turn(clock.now(), &mut [0; 64], &mut Hints::new()) {
            break end;
        }
        assert!(clock.now() < PATIENCE, "it has played");
    };
    assert_eq!((end, heard.join().expect("a reader")), (End::Closed, b"abcdcdcdefgh".to_vec()));
    assert!(clock.now() >= Nanos::from_millis(40), "a byte at a time");
}

#[test]
fn a_connection_that_is_reset_before_it_was_seen_was_one_all_the_same() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let connect = || Peer::connect(address, Script::send("a byte", "x", Due::AnyEnd), 0, Nanos::ZERO);
    let end_of = |mut peer: Peer| {
        peer.is_ready(true, true);
        peer.turn(Nanos::ZERO, &mut [0; 64], &mut Hints::new())
    };
    let peer = connect().expect("on its way");
    let (stream, _) = listener.accept().expect("the peer");
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(stream);
    assert_eq!(end_of(peer), Some(End::Reset));
    drop(listener);
    if let Ok(peer) = connect() {
        assert_eq!(end_of(peer), Some(End::NoConnection));
    }
}

#[test]
fn resetters_reset_and_silent_visitors_close() {
    for (kind, is_reset) in [(Kind::Resetters, true), (Kind::SilentVisitors, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let target = Target::new(listener.local_addr().expect("bound"));
        let visits = thread::spawn(move || run(kind, &target, 1, Nanos::from_millis(10), 7, &Control::default()));
        let (mut stream, _) = listener.accept().expect("a visitor");
        let end = stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
        assert_eq!(end.is_err_and(|kind| kind == ErrorKind::ConnectionReset), is_reset, "{kind}: {end:?}");
        assert!(visits.join().expect("no panic").expect("a poll").is_proper());
    }
}

#[test]
fn a_server_that_keeps_what_it_owes_for_too_long_is_found_out() {
    let treatment = visit(Kind::BadChunks, server(drain), 5, Nanos::from_millis(100));
    assert_eq!((treatment.wronged, treatment.unanswered, treatment.ended(End::TimedOut)), (5, 5, 5), "{treatment}");
}

#[test]
fn a_server_that_is_not_there_treats_nobody_properly() {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let treatment = visit(Kind::Resetters, address, 5, Nanos::from_millis(100));
    assert!(treatment.peers >= 5 && treatment.ended(End::NoConnection) == treatment.peers, "{treatment}");
    assert!(!treatment.is_proper() && !Treatment::default().is_proper());
}

#[test]
fn answers_to_half_a_request_count_in_the_order_they_came() {
    // It answers, refuses, and lingers, whatever was asked.
    let refuse: fn(TcpStream) = |stream| {
        say(&stream, &[OK, REFUSED].concat());
        let _ = stream.shutdown(Shutdown::Write);
        drain(stream);
    };
    let treatment = visit(Kind::LongBodies, server(refuse), 5, Nanos::from_millis(200));
    assert!(treatment.is_proper(), "{treatment}\n{:#?}", treatment.examples);
    assert_eq!(treatment.answers.get(&200), treatment.answers.get(&400));
    let line = treatment.to_string();
    assert!(line.starts_with(&format!("{0} peers: 200×{0} 400×{0}; closed {0}", treatment.peers)), "{line}");
}

#[test]
fn peers_are_called_off_by_whoever_has_the_control() {
    for stops in [1, 2] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let target = Target::new(listener.local_addr().expect("bound"));
        let (control, clock) = (Control::default(), Clock::start());
        let treatment = thread::scope(|scope| {
            let run = scope.spawn(|| run(Kind::SlowHeads, &target, 100, Nanos::from_secs(3600), 7, &control));
            let _all: Vec<_> = listener.incoming().take(100).collect();
            (0..stops).for_each(|_| _ = control.stop());
            run.join().expect("no panic").expect("a poll")
        });
        assert!(clock.now() < PATIENCE, "at once");
        assert!(treatment.is_proper() && treatment.ended(End::Left) == 100, "{treatment}");
    }
}

#[test]
fn no_peers_take_no_longer_than_the_others() {
    assert_eq!(visit(Kind::OddIds, server(drain), 0, Nanos::from_millis(50)), Treatment::default());
}
