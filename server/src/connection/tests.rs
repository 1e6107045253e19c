//! Connections over real sockets, each case on both engines.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tollgate_limiter::{Limiter, Settings};

use crate::boot::{BootSettings, Drained, IoMode, ListenerSettings, Running, Timeouts, start};
use crate::preflight::allowed_cpus;
use crate::service::{Service, ServiceSettings};

/// A server on one core, with settings a case may change first.
struct Gate {
    running: Running,
}

impl Gate {
    fn open(io: IoMode) -> Gate {
        Gate::with(io, |_| {})
    }

    fn with(io: IoMode, change: impl FnOnce(&mut BootSettings)) -> Gate {
        let cpu = allowed_cpus().expect("affinity")[0];
        let mut settings = BootSettings {
            listeners: vec![FREE_PORT],
            cores: vec![cpu],
            io,
            backlog: 128,
            max_connections: 1000,
            timeouts: Timeouts::default(),
            upstreams: Arc::default(),
        };
        change(&mut settings);
        let limiter = Arc::new(Limiter::new(&Settings { seed: 1, ..Settings::default() }).expect("defaults are valid"));
        let running = start(&settings, move |_, _| Service::new(Arc::clone(&limiter), ServiceSettings::default()));
        Gate { running: running.expect("starts") }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.running.ready().addresses[0]).expect("connect");
        // So that a case that fails says so instead of hanging.
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("timeout");
        stream
    }

    fn drain(self) -> Drained {
        self.running.stopper().stop();
        self.running.wait().expect("no core died")
    }
}

const FREE_PORT: ListenerSettings =
    ListenerSettings { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), upstream: None };

const PATIENCE: Duration = Duration::from_secs(20);

fn request(id: &str) -> String {
    format!("GET /?clientId={id} HTTP/1.1\r\nHost: gate\r\n\r\n")
}

/// Reads one answer and returns its head.
fn answer(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("ASCII");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .expect("a length")
        .parse()
        .expect("a number");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the content");
    head
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {head:?}"))
}

/// Everything until the end of the stream.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an orderly end");
    rest
}

#[test]
fn few_connections_are_spread_evenly_over_the_cores_of_the_ring() {
    // Two executors may share a CPU; a machine with one will do.
    let gate = Gate::with(IoMode::Ring, |settings| settings.cores = vec![settings.cores[0]; 2]);
    let mut streams: Vec<TcpStream> = (0..32).map(|_| gate.connect()).collect();
    for stream in &mut streams {
        stream.write_all(request("7").as_bytes()).expect("send");
        answer(stream);
    }
    let loads = gate.running.loads();
    assert_eq!(loads.iter().sum::<usize>(), 32);
    assert!(loads.iter().all(|load| (14..=18).contains(load)), "{loads:?}");
    drop(streams);
    assert_eq!(gate.drain().cut_off, 0);
}

#[test]
fn a_core_that_panics_while_starting_is_an_error_with_its_words() {
    let settings = BootSettings {
        listeners: vec![FREE_PORT],
        cores: vec![allowed_cpus().expect("affinity")[0]; 2],
        io: IoMode::Auto,
        backlog: 16,
        max_connections: 10,
        timeouts: Timeouts::default(),
        upstreams: Arc::default(),
    };
    let limiter = Arc::new(Limiter::new(&Settings { seed: 1, ..Settings::default() }).expect("defaults are valid"));
    let error = start(&settings, move |core, _| {
        assert_eq!(core, 0, "no service for this one");
        Service::new(Arc::clone(&limiter), ServiceSettings::default())
    });
    let error = error.expect_err("the second core died").to_string();
    assert!(error.contains("no service for this one"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

/// Makes each case a test per engine.
macro_rules! on_both_engines {
    ($($case:ident)*) => {
        mod on_the_ring {
            $(#[test] fn $case() { super::$case(super::IoMode::Ring); })*
        }
        mod on_streams {
            $(#[test] fn $case() { super::$case(super::IoMode::Glommio); })*
        }
    };
}

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
    at_the_cap_a_newcomer_waits_for_somebody_to_leave
    a_drain_answers_what_is_queued_and_closes_what_is_idle
    a_drain_answers_a_request_that_comes_at_the_last_moment
    a_second_stop_does_not_wait
    a_reset_costs_nothing
    connections_after_a_long_sleep_are_served
    a_deadline_nearer_than_the_one_the_core_sleeps_for_is_kept
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
    // Where both ends have more than they take, each drops what the other sends, the news that there is room again included; then the kernel
    // tries again after 13 s, and after 26.
    let patience = 5 * PATIENCE;
    let gate = Gate::with(io, |settings| settings.timeouts.write = 2 * patience);
    let stream = gate.connect();
    stream.set_read_timeout(Some(patience)).expect("timeout");
    stream.set_write_timeout(Some(patience)).expect("timeout");
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

/// Whether nothing comes for a while.
fn is_silent(stream: &TcpStream) -> bool {
    let mut fds = [PollFd::new(stream, PollFlags::IN)];
    let span = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };
    loop {
        match poll(&mut fds, Some(&span)) {
            Ok(ready) => return ready == 0,
            Err(error) => assert_eq!(error, Errno::INTR),
        }
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

fn at_the_cap_a_newcomer_waits_for_somebody_to_leave(io: IoMode) {
    let gate = Gate::with(io, |settings| settings.max_connections = 2);
    let mut first = gate.connect();
    let mut second = gate.connect();
    for stream in [&mut first, &mut second] {
        stream.write_all(request("7").as_bytes()).expect("send");
        assert_eq!(status(&answer(stream)), 200);
    }
    let mut third = gate.connect();
    third.write_all(request("7").as_bytes()).expect("send");
    assert!(is_silent(&third), "nobody answers at the cap");
    drop(first);
    assert_eq!(status(&answer(&mut third)), 200);
}

fn a_drain_answers_what_is_queued_and_closes_what_is_idle(io: IoMode) {
    let gate = Gate::open(io);
    let mut idle = gate.connect();
    idle.write_all(request("idle").as_bytes()).expect("send");
    assert_eq!(status(&answer(&mut idle)), 200);
    let mut queued: Vec<TcpStream> = (0..100).map(|_| gate.connect()).collect();
    for (id, stream) in queued.iter_mut().enumerate() {
        stream.write_all(request(&format!("q{id}")).as_bytes()).expect("send");
    }
    let drained = std::thread::spawn(|| gate.drain());
    for stream in &mut queued {
        assert_eq!(status(&answer(stream)), 200);
        assert!(rest(stream).is_empty(), "an orderly end, no reset");
    }
    assert!(rest(&mut idle).is_empty());
    drop((queued, idle));
    assert_eq!(drained.join().expect("drains").cut_off, 0);
}

fn a_drain_answers_a_request_that_comes_at_the_last_moment(io: IoMode) {
    let gate = Gate::open(io);
    let address = gate.running.ready().addresses[0];
    let mut stream = gate.connect();
    stream.write_all(b"GET /?clientId=7 HTTP/1.1\r\n").expect("send");
    let mut witness = gate.connect();
    witness.write_all(request("witness").as_bytes()).expect("send");
    assert_eq!(status(&answer(&mut witness)), 200);
    let drained = std::thread::spawn(|| gate.drain());
    assert!(rest(&mut witness).is_empty(), "the drain has begun");
    stream.write_all(b"Host: gate\r\n\r\n").expect("send");
    let head = answer(&mut stream);
    assert_eq!(status(&head), 200);
    assert!(head.contains("Connection: close"), "{head}");
    assert!(rest(&mut stream).is_empty());
    drop((stream, witness));
    assert_eq!(drained.join().expect("drains").cut_off, 0);
    let refused = TcpStream::connect(address).expect_err("nobody listens any more");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

fn a_second_stop_does_not_wait(io: IoMode) {
    let gate = Gate::with(io, |settings| settings.timeouts.drain = Duration::from_secs(3600));
    let mut stream = gate.connect();
    // An unfinished request keeps a drain waiting.
    stream.write_all(b"GET / HTTP/1.1\r\n").expect("send");
    let stopper = gate.running.stopper();
    stopper.stop();
    stopper.stop();
    gate.running.wait().expect("no core died");
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

fn connections_after_a_long_sleep_are_served(io: IoMode) {
    let gate = Gate::with(io, |settings| settings.timeouts.idle = Duration::from_secs(2));
    // This one's deadline has to wake the core from its long sleep, as nothing else does.
    let mut idle = gate.connect();
    assert!(rest(&mut idle).is_empty());
    let mut stream = gate.connect();
    stream.write_all(request("7").as_bytes()).expect("send");
    assert_eq!(status(&answer(&mut stream)), 200);
}

fn a_deadline_nearer_than_the_one_the_core_sleeps_for_is_kept(io: IoMode) {
    let gate = Gate::with(io, |settings| settings.timeouts.head = Duration::from_secs(1));
    // The core goes to sleep until this one's minute is over.
    let idle = gate.connect();
    assert!(is_silent(&idle));
    let mut stream = gate.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n").expect("send");
    assert_eq!(status(&answer(&mut stream)), 408);
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
