//! A limiter that breaks its promise is found out, where the traffic lets it.

use tollgate_client::{Exchange, Nanos, Outcome};

use super::super::Promise;
use super::limiter::{Answer, Fault, Limiter};
use super::{History, MS, exact, judge};

/// Each client asks every 7 ms for ten windows, over two cores in turn, and is answered within a millisecond.
fn hammer(limiter: &mut Limiter) -> Vec<Exchange> {
    let (mut exchanges, mut n) = (Vec::new(), 0);
    for at in (0..10_000).step_by(7) {
        for id in 0..3 {
            let sent = 1_000 * MS + at * MS + u64::from(id) * 10_000;
            let (outcome, delay) = match limiter.decide(id, n as u32, sent + 200_000, 0) {
                Answer::Allow { delay } => (Outcome::Allowed, delay),
                Answer::Deny => (Outcome::Denied, 0),
            };
            let (sent, done) = (Nanos::new(sent), Nanos::new(sent + 500_000 + delay));
            exchanges.push(Exchange { n, id, connection: 0, due: sent, sent, done, outcome, status: None });
            n += 1;
        }
    }
    exchanges.sort_by_key(|exchange| exchange.done);
    exchanges
}

/// Admissions too many and wrong denials that are proven against a limiter of its own kind.
fn found(promise: Promise, fault: Fault) -> (u64, u64) {
    let held_to = promise.with_tick(Nanos::from_millis(5)).with_lag(Some(Nanos::from_millis(5)));
    let counters = judge(held_to, History::Unused, &hammer(&mut Limiter::new(promise, fault))).counters;
    (counters.too_many, counters.wrong_denials)
}

const ALGORITHMS: [&str; 5] = ["sliding-window", "fixed-window", "token-bucket", "leaky-bucket", "leaky-bucket:100ms"];

#[test]
fn every_kind_of_fault_is_found_under_steady_fire() {
    for algorithm in ALGORITHMS {
        let promise = exact("5/1s", algorithm);
        assert_eq!(found(promise, Fault::None), (0, 0), "{algorithm}");
        for fault in [Fault::OneMore, Fault::PerCore, Fault::Early, Fault::Forgets(40)] {
            let (too_many, wrong) = found(promise, fault);
            assert!(too_many > 0 && wrong == 0, "{algorithm} {fault:?}: {too_many} {wrong}");
        }
        for fault in [Fault::OneLess, Fault::Grudge] {
            let (too_many, wrong) = found(promise, fault);
            assert!(too_many == 0 && wrong > 0, "{algorithm} {fault:?}: {too_many} {wrong}");
        }
    }
}

#[test]
fn a_weaker_algorithm_is_told_from_the_one_that_was_promised() {
    let sliding = exact("5/1s", "sliding-window");
    for weaker in ["fixed-window", "token-bucket"] {
        let exchanges = hammer(&mut Limiter::new(exact("5/1s", weaker), Fault::None));
        // Steady fire opens each fixed window at the same distance; one that rests and then fires at the edge doesn't.
        let rested = exchanges.into_iter().filter(|exchange| exchange.sent > Nanos::from_millis(1_500));
        let edge: Vec<_> = rested.collect();
        let report = judge(sliding, History::Unused, &edge);
        assert_eq!(report.counters.too_many > 0, weaker == "token-bucket", "{weaker}");
    }
    let mut limiter = Limiter::new(exact("5/1s", "fixed-window"), Fault::None);
    let times = [1_000, 1_900, 1_901, 1_902, 1_903, 2_001, 2_002, 2_003, 2_004, 2_005];
    let exchanges = times.map(|at| {
        assert_eq!(limiter.decide(1, 0, at * MS, 0), Answer::Allow { delay: 0 });
        super::exchange(at, at, at, Outcome::Allowed)
    });
    assert_eq!(judge(sliding, History::Unused, &exchanges).counters.too_many, 4);
    assert_eq!(judge(exact("5/1s", "fixed-window"), History::Unused, &exchanges).counters.too_many, 0);
}

#[test]
fn a_burst_over_many_connections_is_counted_whatever_the_order_of_its_answers() {
    for algorithm in ["sliding-window", "fixed-window", "token-bucket"] {
        let burst = |count| (0..count).map(|n| super::exchange(n, 1_000 + n * 3 % 5, 1_010 + n, Outcome::Allowed));
        let too_many = |count| {
            let burst: Vec<_> = burst(count).collect();
            judge(exact("5/1s", algorithm), History::Unused, &burst).counters.too_many
        };
        assert_eq!((too_many(5), too_many(6), too_many(8)), (0, 1, 3), "{algorithm}");
    }
}
