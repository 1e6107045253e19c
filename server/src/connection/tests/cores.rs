//! What the cores do with connections: share them, cap them, wake for them, and drain them.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::{Limiter, Settings};

use super::{FREE_PORT, Gate, answer, is_silent, request, rest, status};
use crate::boot::{BootSettings, IoMode, Timeouts, start};
use crate::preflight::allowed_cpus;
use crate::service::{Service, ServiceSettings};

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
        gatekeeper: None,
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

on_both_engines! {
    at_the_cap_a_newcomer_waits_for_somebody_to_leave
    a_drain_answers_what_is_queued_and_closes_what_is_idle
    a_drain_answers_a_request_that_comes_at_the_last_moment
    a_second_stop_does_not_wait
    connections_after_a_long_sleep_are_served
    a_deadline_nearer_than_the_one_the_core_sleeps_for_is_kept
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
