//! The faulty limiter is right by default, shows each of its faults, and leaves nothing behind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_client::engine;
use tollgate_client::plan::{Plan, PlanSettings, RequestSettings, Stop};
use tollgate_client::{Clock, Control, EngineSettings, Nanos, Outcome};

use crate::faulty::{Algorithm, Fault, Faulty, Gate, Quota};

const FIVE: Quota = Quota { limit: 5, window: Nanos::from_secs(3_600) };
const ALGORITHMS: [Algorithm; 3] = [Algorithm::SlidingLog, Algorithm::FixedWindow, Algorithm::TokenBucket];

/// How many of so many pipelined requests of an id are admitted on this connection.
fn admitted(stream: &mut TcpStream, id: &str, requests: usize) -> usize {
    let request = format!("GET /?clientId={id} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(request.repeat(requests).as_bytes()).expect("sent");
    let (mut answers, mut input) = (String::new(), [0; 4096]);
    while ["\r\n\r\nOK", ": 0\r\n\r\n"].iter().map(|end| answers.matches(end).count()).sum::<usize>() < requests {
        let read = stream.read(&mut input).expect("answers");
        answers.push_str(std::str::from_utf8(&input[..read]).expect("text"));
    }
    answers.matches("200 OK").count()
}

fn connect(faulty: &Faulty) -> TcpStream {
    TcpStream::connect(faulty.address()).expect("it listens")
}

#[test]
fn without_a_fault_every_id_gets_its_quota_over_whichever_connections() {
    for algorithm in ALGORITHMS {
        let faulty = Faulty::start(FIVE, algorithm, None);
        let (mut one, mut other) = (connect(&faulty), connect(&faulty));
        let got = [
            admitted(&mut one, "a", 3),
            admitted(&mut other, "a", 3),
            admitted(&mut one, "b", 9),
            admitted(&mut other, "b", 9),
        ];
        assert_eq!(got, [3, 2, 5, 0], "{algorithm:?}");
    }
}

/// What an id is admitted of so many requests at these instants, with a quota of 5 in 1000 ms.
fn admitted_at(instants: &[(u64, usize)], algorithm: Algorithm, fault: Option<Fault>) -> Vec<usize> {
    let now = Arc::new(AtomicU64::new(0));
    let quota = Quota { window: Nanos::from_secs(1), ..FIVE };
    let clock = Arc::clone(&now);
    let gate = Gate::new(quota, algorithm, fault, move || Nanos::from_millis(clock.load(Ordering::Relaxed)));
    let admitted = |(millis, requests): &(u64, usize)| {
        now.store(*millis, Ordering::Relaxed);
        (0..*requests).filter(|_| gate.admits("a", 0)).count()
    };
    instants.iter().map(admitted).collect()
}

#[test]
fn a_window_brings_all_back_and_a_bucket_one_by_one() {
    for (algorithm, expected) in ALGORITHMS.into_iter().zip([[5, 0, 0, 5], [5, 0, 0, 5], [5, 0, 2, 3]]) {
        assert_eq!(admitted_at(&[(0, 9), (199, 9), (599, 9), (1_000, 9)], algorithm, None), expected, "{algorithm:?}");
    }
}

#[test]
fn a_window_sold_as_sliding_admits_twice_the_quota_around_its_edge_and_one_that_denies_for_ever_nothing_after() {
    let cases = [(None, [1, 4, 1]), (Some(Fault::DoubleAtTheEdge), [1, 4, 5]), (Some(Fault::DeniesForEver), [1, 4, 0])];
    for (fault, expected) in cases {
        assert_eq!(admitted_at(&[(0, 1), (900, 9), (1_000, 9)], Algorithm::SlidingLog, fault), expected, "{fault:?}");
    }
}

#[test]
fn each_fault_shows() {
    // What three connections get one after the other: nine requests each.
    let cases = [
        (Fault::OffByOne, [6, 0, 0]),
        (Fault::DeniesEarly, [4, 0, 0]),
        (Fault::QuotaPerConnection, [5, 5, 5]),
        (Fault::QuotaPerCore, [5, 5, 0]),
    ];
    for (fault, expected) in cases {
        let faulty = Faulty::start(FIVE, Algorithm::SlidingLog, Some(fault));
        assert_eq!(expected.map(|_| admitted(&mut connect(&faulty), "a", 9)), expected, "{fault:?}");
    }
    let of_all = Faulty::start(FIVE, Algorithm::SlidingLog, Some(Fault::IgnoresTheId));
    assert_eq!(["a", "b"].map(|id| admitted(&mut connect(&of_all), id, 9)), [5, 0]);
    let forgetful = Faulty::start(FIVE, Algorithm::SlidingLog, Some(Fault::Forgets { beyond: 2 }));
    assert_eq!(["a", "b", "a", "c", "a"].map(|id| admitted(&mut connect(&forgetful), id, 9)), [5, 5, 0, 5, 5]);
}

#[test]
fn under_load_only_lost_updates_admit_too_much() {
    for (fault, requests) in [(None, 40_000), (Some(Fault::LostUpdates), 2_000)] {
        let faulty = Faulty::start(FIVE, Algorithm::SlidingLog, fault);
        let plan = PlanSettings {
            clients: 8,
            stop: Stop { after: None, requests: Some(requests) },
            request: RequestSettings { url: format!("http://{}/", faulty.address()), ..RequestSettings::default() },
            ..PlanSettings::default()
        };
        let settings = EngineSettings::to(faulty.address());
        let clock = Clock::start();
        let plan = Plan::new(plan).expect("a possible plan");
        let run = engine::run(&plan, &settings, &Control::default(), |_| {}).expect("threads and polls");
        let rate = requests as f64 / clock.now().as_secs_f64();
        let admitted = run.total.ledger.count(Outcome::Allowed);
        assert_eq!(run.total.ledger.answers(), requests);
        assert_eq!(admitted > 40, fault.is_some(), "{admitted} admitted");
        println!("{fault:?}: {rate:.0} requests/s");
    }
}

#[test]
fn dropped_it_has_neither_port_nor_connection_left() {
    let faulty = Faulty::start(FIVE, Algorithm::SlidingLog, None);
    let mut stream = connect(&faulty);
    assert_eq!(admitted(&mut stream, "a", 1), 1);
    let address = faulty.address();
    drop(faulty);
    assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0, "hung up");
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}
