//! What is said on a connection: requests however they come, answers however they are taken, and deadlines.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{Timespec, poll};

use super::{Gate, PATIENCE, answer, request, rest, status};
use crate::boot::IoMode;

on_both_engines! {
    answers_in_order_and_counts_per_client
    a_request_may_come_in_single_bytes
    pipelined_requests_are_all_answered
    a_half_closed_client_is_still_answered
    an_unfinished_head_is_answered_with_408
    trickling_bytes_do_not_move_the_deadline_of_a_head
    an_idle_connection_is_closed_without_a_word
    a_peer_that_does_not_read_is_not_read_and_closed
    a_slow_reader_gets_every_answer
    a_reader_that_pauses_is_read_again_and_again
    a_reset_costs_nothing
    a_refused_body_does_not_destroy_the_answer
}

fn answers_in_order_and_counts_per_client(io: IoMode) {
    let gate = Gate::open(io);
    let mut stream = gate.connect();
    let mut statuses = Vec::new();
    for _ in 0..6 {
        stream.write_all(request("7").as_bytes()).expect("send");
        statuses.push(status(&answer(&mut stream)));
    }
    stream.write_all(request("8").as_bytes()).expect("send");
    statuses.push(status(&answer(&mut stream)));
    assert_eq!(statuses, [200, 200, 200, 200, 200, 503, 200]);
}

fn a_request_may_come_in_single_bytes(io: IoMode) {
    let gate = Gate::open(io);
    let mut stream = gate.connect();
    stream.set_nodelay(true).expect("nodelay");
    for byte in request("7").into_bytes() {
        stream.write_all(&[byte]).expect("send");
    }
    assert_eq!(status(&answer(&mut stream)), 200);
}

fn pipelined_requests_are_all_answered(io: IoMode) {
    let gate = Gate::open(io);
    let mut stream = gate.connect();
    // Longer than any buffer on the way, so that requests are cut by buffer ends.
    let count = 500;
    let requests: String = (0..count).map(|id| request(&format!("client-number-{id}"))).collect();
    stream.write_all(requests.as_bytes()).expect("send");
    for id in 0..count {
        assert_eq!(status(&answer(&mut stream)), 200, "request {id}");
    }
}

fn a_half_closed_client_is_still_answered(io: IoMode) {
    let gate = Gate::open(io);
    let mut stream = gate.connect();
    stream.write_all((request("1") + &request("2")).as_bytes()).expect("send");
    stream.shutdown(Shutdown::Write).expect("half-close");
    assert_eq!(status(&answer(&mut stream)), 200);
    assert_eq!(status(&answer(&mut stream)), 200);
    assert!(rest(&mut stream).is_empty());
}

fn an_unfinished_head_is_answered_with_408(io: IoMode) {
    let gate = Gate::with(io, |settings| settings.timeouts.head = Duration::from_millis(300));
    let mut stream = gate.connect();
    // A complete request first: the deadline belongs to each head, not to the connection.
    stream.write_all(request("7").as_bytes()).expect("send");
    assert_eq!(status(&answer(&mut stream)), 200);
    stream.write_all(b"GET /?clientId=7 HTTP/1.1\r\nHost: g").expect("send");
    let head = answer(&mut stream);
    assert_eq!(status(&head), 408);
    assert!(head.contains("Connection: close"), "{head}");
    assert!(rest(&mut stream).is_empty());
}

fn trickling_bytes_do_not_move_the_deadline_of_a_head(io: IoMode) {
    let gate = Gate::with(io, |settings| settings.timeouts.head = Duration::from_millis(500));
    let mut stream = gate.connect();
    stream.write_all(b"GET /?clientId=7 HTTP/1.1\r\nX: ").expect("send");
    // One byte whenever nothing came for a while; the read is what waits.
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("timeout");
    let mut byte = [0];
    let mut trickled = 0;
    while let Err(error) = stream.read_exact(&mut byte) {
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        trickled += 1;
        assert!(trickled < 100, "five seconds are more than half of one");
        stream.write_all(b"x").expect("send");
    }
    assert_eq!(byte[0], b'H', "the 408 begins");
}

fn an_idle_connection_is_closed_without_a_word(io: IoMode) {
    let gate = Gate::with(io, |settings| settings.timeouts.idle = Duration::from_millis(300));
    let mut silent = gate.connect();
    let mut once = gate.connect();
    once.write_all(request("7").as_bytes()).expect("send");
    assert_eq!(status(&answer(&mut once)), 200);
    assert!(rest(&mut once).is_empty());
    assert!(rest(&mut silent).is_empty());
}

fn a_peer_that_does_not_read_is_not_read_and_closed(io: IoMode) {
    let gate = Gate::with(io, |settings| settings.timeouts.write = Duration::from_secs(1));
    let mut stream = gate.connect();
    let batch: String = (0..100).map(|id| request(&format!("client-{id}"))).collect();
    // Writing comes to a stop when the gate stops reading, and fails when it has closed the connection.
    let mut written = 0usize;
    let error = loop {
        match stream.write(batch.as_bytes()) {
            Ok(length) => written += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    // Both kernels' socket buffers are full of requests and answers; the gate itself held one batch.
    assert!(written < 64 << 20, "{written} bytes went in");
    let mut other = gate.connect();
    other.write_all(request("other").as_bytes()).expect("send");
    assert_eq!(status(&answer(&mut other)), 200, "others are served");
    drop((stream, other));
    assert_eq!(gate.drain().cut_off, 0);
}

fn a_slow_reader_gets_every_answer(io: IoMode) {
    let gate = Gate::open(io);
    let mut stream = gate.connect();
    let count = 40_000;
    let mut writer = stream.try_clone().expect("clone");
    let written = std::thread::spawn(move || {
        for id in 0..count {
            writer.write_all(request(&format!("client-{id}")).as_bytes()).expect("the gate goes on reading in the end");
        }
        writer.shutdown(Shutdown::Write).expect("half-close");
    });
    // Nothing is read until the gate has stopped reading: the answers alone are 6 MB.
    wait_until_stuck(&written, &stream);
    let answers = rest(&mut stream);
    written.join().expect("writer");
    let text = String::from_utf8(answers).expect("ASCII");
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), count);
    assert!(text.ends_with("OK"), "the last answer is whole");
}

fn a_reader_that_pauses_is_read_again_and_again(io: IoMode) {
    // Both ends get more than they take, and what the gate's end drops has to come again before anything moves.
    let gate = Gate::with(io, |settings| settings.timeouts.write = 2 * PATIENCE);
    let stream = gate.connect();
    stream.set_nodelay(true).expect("nodelay");
    for round in 0..10 {
        let mut writer = stream.try_clone().expect("clone");
        let count = 5_000;
        let written = std::thread::spawn(move || {
            // One by one, so that each is answered by itself and any of them can be the one that does not fit.
            for id in 0..count {
                writer.write_all(request(&format!("client-{id}")).as_bytes()).expect("the gate reads on in the end");
            }
        });
        wait_until_stuck(&written, &stream);
        let mut answers = BufReader::new(&stream);
        for _ in 0..count {
            answer(&mut answers);
        }
        assert!(answers.buffer().is_empty(), "one answer each, in round {round}");
        written.join().expect("writer");
    }
}

/// Until everything is sent, or the answers that nobody reads have filled both ends and the gate reads no more: how much that is, is the
/// kernel's business.
fn wait_until_stuck(written: &JoinHandle<()>, stream: &TcpStream) {
    let span = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let mut before = 0;
    loop {
        let waiting = rustix::io::ioctl_fionread(stream).expect("a count");
        if written.is_finished() || (waiting > 0 && waiting == before) {
            return;
        }
        before = waiting;
        poll(&mut [], Some(&span)).expect("a wait");
    }
}

fn a_reset_costs_nothing(io: IoMode) {
    let gate = Gate::open(io);
    for turn in 0..50 {
        let mut stream = gate.connect();
        stream.write_all(&request("7").as_bytes()[..turn % 40]).expect("send");
        // A linger of zero turns the close into a reset.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("linger");
    }
    let mut stream = gate.connect();
    stream.write_all(request("8").as_bytes()).expect("send");
    assert_eq!(status(&answer(&mut stream)), 200);
    drop(stream);
    assert_eq!(gate.drain().cut_off, 0);
}

fn a_refused_body_does_not_destroy_the_answer(io: IoMode) {
    let gate = Gate::open(io);
    let mut stream = gate.connect();
    let length = 64 << 20;
    let head = format!("POST /?clientId=7 HTTP/1.1\r\nHost: gate\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("send");
    stream.write_all(&[b'x'; 100_000]).expect("send");
    let head = answer(&mut stream);
    assert!([405, 413].contains(&status(&head)), "{head}");
    stream.shutdown(Shutdown::Write).expect("half-close");
    assert!(rest(&mut stream).is_empty(), "an orderly end");
}
