//! A limiter that keeps its promise is never accused, whatever happens to requests and answers and in whatever order they are told.

use super::limiter::Fault;
use super::traffic::{Rng, World, in_batches, shuffled};
use super::{History, MS, Promise, is_violation, judge};
use tollgate_client::Nanos;

/// Worlds of every kind, as far as the promise forgives what is in them.
fn world(algorithm: &str, rng: &mut Rng) -> World {
    let limit = rng.pick(&["1/1s", "2/1s", "3/500ms", "5/1s", "7/250ms", "20/1s"]);
    let (tick, lag) = (rng.pick(&[0, 1, 20, 100]) * MS, rng.pick(&[0, 1, 50]) * MS);
    let drift_ppm = rng.pick(&[0, 500, 5_000]);
    let promise = Promise::parse(limit, algorithm).expect("a promise");
    let promise = promise.with_tick(Nanos::new(tick)).with_lag(Some(Nanos::new(lag))).with_drift_ppm(drift_ppm as u32);
    World {
        promise: if rng.one_in(4) { promise.charging_denials() } else { promise },
        fault: Fault::None,
        requests: 10 + rng.below(50),
        ids: 1 + rng.below(3),
        flight: rng.pick(&[0, 1, 10, 200, 1_500]) * MS,
        late: rng.pick(&[0, 0, 3, 10]),
        lost: rng.pick(&[0, 0, 3, 20]),
        tick,
        lag,
        drift_ppm: rng.pick(&[-drift_ppm, 0, drift_ppm]),
    }
}

fn is_never_accused(algorithms: &[&str]) {
    for seed in 0..CASES {
        let mut rng = Rng(seed);
        let world = world(rng.pick(algorithms), &mut rng);
        let exchanges = world.exchanges(&mut rng);
        let threads = 2 + rng.below(3);
        let orders = [in_batches(&exchanges, threads, &mut rng), shuffled(&exchanges, &mut rng), exchanges];
        let history = rng.pick(&[History::Unused, History::Unknown]);
        for exchanges in orders {
            let report = judge(world.promise, history, &exchanges);
            assert!(!is_violation(&report), "seed {seed}: {report}\n{world:?}");
        }
    }
}

#[test]
fn a_sliding_window_is_never_accused() {
    is_never_accused(&["sliding-window"]);
}

#[test]
fn a_fixed_window_is_never_accused() {
    is_never_accused(&["fixed-window"]);
}

#[test]
fn a_token_bucket_is_never_accused() {
    is_never_accused(&["token-bucket", "token-bucket:1", "token-bucket:12"]);
}

#[test]
fn a_leaky_bucket_is_never_accused() {
    is_never_accused(&["leaky-bucket", "leaky-bucket:0", "leaky-bucket:150ms"]);
}

/// For each algorithm, each in three orders.
const CASES: u64 = 15_000;
