//! The oracle finds each fault that a limiter can have, and none where there is none.
//!
//! The load is the same for all: two threads, clients that use connections of both, and pauses in which what was used comes back. It
//! comes to every client's limit often and never waits for it, so what a limiter does at its limit is seen hundreds of times a second.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use tollgate_client::engine;
use tollgate_client::plan::{Plan, PlanSettings, Rate, RequestSettings, Schedule, Stop};
use tollgate_client::{Control, EngineSettings, Nanos};
use tollgate_tester::oracle::online::Watch;
use tollgate_tester::oracle::{Broken, History, Promise, Report, Verdict};

use crate::faulty::{Algorithm, Fault, Faulty, Quota};
use crate::support::{haproxy, nginx, tollgate};

/// 2000 requests a second of 100 clients, for so long: four times what 5 a second for each allows.
fn judged(address: SocketAddr, promise: Promise, seconds: u64) -> Report {
    let span = Nanos::from_secs(seconds);
    let plan = Plan::new(PlanSettings {
        seed: seconds,
        schedule: Schedule::Open {
            rate: Rate::Constant(2_000).over(None).expect("a rate"),
            arrival: Default::default(),
        },
        stop: Stop { after: Some(span), requests: None },
        clients: 100,
        request: RequestSettings { url: format!("http://{address}/"), ..RequestSettings::default() },
        ..PlanSettings::default()
    });
    let settings = EngineSettings {
        connections: const { NonZeroU32::new(16).unwrap() },
        threads: const { NonZeroU32::new(2).unwrap() },
        pipeline: const { NonZeroU32::new(4).unwrap() },
        timeout: Nanos::from_secs(10),
        drain: Nanos::from_secs(10),
        ..EngineSettings::to(address)
    };
    let watch = Watch::start(promise, History::Unused).expect("a thread");
    let (run, taps) = engine::observed(&plan.expect("a plan"), &settings, &Control::default(), |_| watch.tap(), |_| {})
        .expect("a run");
    assert_eq!(run.total.ledger.residual(), 0);
    watch.finish(taps)
}

fn promise(algorithm: &str) -> Promise {
    Promise::parse("5/1s", algorithm).expect("a promise")
}

const FIVE: Quota = Quota { limit: 5, window: Nanos::from_secs(1) };

#[test]
fn every_fault_is_found_within_seconds() {
    let faults = [
        (Fault::OffByOne, Algorithm::SlidingLog, "sliding-window"),
        (Fault::OffByOne, Algorithm::FixedWindow, "fixed-window"),
        (Fault::OffByOne, Algorithm::TokenBucket, "token-bucket"),
        (Fault::QuotaPerConnection, Algorithm::SlidingLog, "sliding-window"),
        (Fault::QuotaPerCore, Algorithm::SlidingLog, "sliding-window"),
        (Fault::QuotaPerCore, Algorithm::TokenBucket, "token-bucket"),
        (Fault::DoubleAtTheEdge, Algorithm::SlidingLog, "sliding-window"),
        (Fault::LostUpdates, Algorithm::SlidingLog, "sliding-window"),
        (Fault::Forgets { beyond: 50 }, Algorithm::SlidingLog, "sliding-window"),
        (Fault::DeniesEarly, Algorithm::SlidingLog, "sliding-window"),
        (Fault::DeniesForEver, Algorithm::SlidingLog, "sliding-window"),
        (Fault::IgnoresTheId, Algorithm::SlidingLog, "sliding-window"),
    ];
    for (fault, algorithm, promised) in faults {
        let limiter = Faulty::start(FIVE, algorithm, Some(fault));
        let report = judged(limiter.address(), promise(promised), 4);
        let Verdict::Violation(witnesses) = &report.verdict else { panic!("{fault:?}: {report}") };
        let denies = matches!(fault, Fault::DeniesEarly | Fault::DeniesForEver | Fault::IgnoresTheId);
        let is_denial = |broken: &Broken| matches!(broken, Broken::Denied { .. });
        assert!(witnesses.iter().all(|witness| is_denial(&witness.broken) == denies), "{fault:?}: {report}");
    }
}

#[test]
fn a_limiter_without_a_fault_is_acquitted() {
    for (algorithm, promised) in [
        (Algorithm::SlidingLog, "sliding-window"),
        (Algorithm::FixedWindow, "fixed-window"),
        (Algorithm::TokenBucket, "token-bucket"),
    ] {
        let limiter = Faulty::start(FIVE, algorithm, None);
        let report = judged(limiter.address(), promise(promised), 4);
        assert_eq!(report.verdict, Verdict::Conforms, "{algorithm:?}: {report}");
    }
}

#[test]
fn our_gate_keeps_its_promises_by_every_algorithm_on_both_engines_and_any_number_of_cores() {
    for algorithm in ["sliding-window", "fixed-window", "token-bucket", "leaky-bucket"] {
        for (io, cores) in [("ring", 1), ("ring", 2), ("glommio", 1), ("glommio", 2)] {
            let gate = tollgate(&format!("--limit 5/1s --algorithm {algorithm} --io {io} --cores {cores}"));
            let report = judged(gate.address(), promise(algorithm), 3);
            assert_eq!(report.verdict, Verdict::Conforms, "{algorithm} on {io}, {cores} cores: {report}");
        }
    }
}

#[test]
fn nginx_keeps_what_limit_req_promises() {
    // 5 a second and a burst of 4: a bucket of 5 that fills by one each 200 ms.
    let report = judged(nginx("5r/s", "burst=4 nodelay").address(), promise("token-bucket:5"), 5);
    assert_eq!(report.verdict, Verdict::Conforms, "{report}");
}

#[test]
fn haproxy_keeps_an_average_and_no_window() {
    // Its counter is an estimate from two windows, of which it promises a period's average: twice the limit at an edge.
    let haproxy = haproxy(5, "1s");
    let lenient = Promise::parse("10/1s", "sliding-window").expect("a promise").with_lag(None);
    let report = judged(haproxy.address(), lenient, 5);
    assert_eq!(report.verdict, Verdict::Conforms, "{report}");
}
