//! A limiter that is started again has forgotten everything, and nobody holds that against it.

use tollgate_client::Outcome::{self, Allowed, Denied};
use tollgate_client::{Exchange, Nanos};

use super::super::{History, Oracle, Promise};
use super::limiter::Fault;
use super::traffic::{Rng, World, in_batches};
use super::{MS, exact, exchange, is_violation};

/// Too many and wrongly denied, when the limiter is known to have been started again between 1490 and 1510 ms.
fn proven(promise: Promise, requests: &[(u64, u64, Outcome)]) -> (u64, u64) {
    let mut oracle = Oracle::new(promise, History::Unknown);
    oracle.restarted(Nanos::from_millis(1_490), Nanos::from_millis(1_510));
    for (n, (sent, done, outcome)) in (0..).zip(requests) {
        oracle.exchange(&exchange(n, *sent, *done, *outcome));
    }
    let counters = oracle.finish().counters;
    (counters.too_many, counters.wrong_denials)
}

#[test]
fn what_ended_before_a_restart_has_nothing_to_do_with_what_came_after() {
    for algorithm in ["sliding-window", "fixed-window", "token-bucket"] {
        let promise = exact("2/1s", algorithm);
        let before = [(1_400, 1_401, Allowed), (1_480, 1_490, Allowed)];
        let after = [(1_510, 1_511, Allowed), (1_520, 1_521, Allowed)];
        let one_more = (1_530, 1_531, Allowed);
        let both = [before, after].concat();
        assert_eq!(proven(promise, &both), (0, 0), "{algorithm}");
        assert_eq!(proven(promise, &[both.as_slice(), &[one_more]].concat()), (1, 0), "{algorithm}");
        // One that was under way proves nothing.
        let across = [(1_489, 1_512, Allowed), (1_509, 1_513, Allowed)];
        assert_eq!(proven(promise, &[across, after].concat()), (0, 0), "{algorithm}");
    }
}

#[test]
fn after_a_restart_all_have_their_units_again_but_for_what_was_under_way() {
    for algorithm in ["sliding-window", "fixed-window", "token-bucket"] {
        let promise = exact("2/1s", algorithm);
        let before = [(1_400, 1_401, Allowed), (1_480, 1_490, Allowed)];
        let across = [(1_489, 1_500, Allowed), (1_490, 1_530, Outcome::TimedOut)];
        let denial = [(1_520, 1_521, Denied)];
        assert_eq!(proven(promise, &[before, [denial[0]; 2]].concat()), (0, 2), "{algorithm}");
        assert_eq!(proven(promise, &[across.as_slice(), &denial].concat()), (0, 0), "{algorithm}");
        assert_eq!(proven(promise, &[denial[0], across[0], across[1]]), (0, 0), "{algorithm}");
        // Denied by whom?
        assert_eq!(proven(promise, &[(1_480, 1_520, Denied)]), (0, 0), "{algorithm}");
    }
}

#[test]
fn a_limiter_that_is_restarted_is_never_accused() {
    for seed in 0..5_000 {
        let mut rng = Rng(seed);
        let algorithm = rng.pick(&["sliding-window", "fixed-window", "token-bucket", "leaky-bucket"]);
        let promise = Promise::parse("3/500ms", algorithm).unwrap().with_lag(Some(Nanos::from_millis(20)));
        let world = World {
            promise,
            fault: Fault::None,
            requests: 30,
            ids: 2,
            flight: rng.pick(&[0, 10, 200]) * MS,
            late: rng.pick(&[0, 5]),
            lost: rng.pick(&[0, 10]),
            tick: 20 * MS,
            lag: 20 * MS,
            drift_ppm: 0,
        };
        let (first, second) = (world.exchanges(&mut rng), world.exchanges(&mut rng));
        // The second life begins in the middle of the first, which it ends: what was under way then is reset.
        let restart = first[first.len() / 2].done;
        let later = |exchange: &Exchange| {
            let by = |at: Nanos| at + restart;
            Exchange { n: exchange.n + 100, sent: by(exchange.sent), done: by(exchange.done), ..*exchange }
        };
        let cut = |exchange: &Exchange| match exchange.done > restart {
            true => Exchange { done: restart + Nanos::from_millis(1), outcome: Outcome::ResetBefore, ..*exchange },
            false => *exchange,
        };
        let mut ended: Vec<_> = first.iter().filter(|exchange| exchange.sent < restart).map(cut).collect();
        ended.extend(second.iter().map(later));
        let mut oracle = Oracle::new(promise, History::Unused);
        let (old, new): (Vec<_>, Vec<_>) = in_batches(&ended, 2, &mut rng).into_iter().partition(|e| e.done <= restart);
        old.iter().for_each(|exchange| oracle.exchange(exchange));
        oracle.restarted(restart - Nanos::new(rng.below(100 * MS)), restart + Nanos::new(rng.below(100 * MS)));
        new.iter().for_each(|exchange| oracle.exchange(exchange));
        let report = oracle.finish();
        assert!(!is_violation(&report), "seed {seed}: {report}\n{world:?}");
    }
}
