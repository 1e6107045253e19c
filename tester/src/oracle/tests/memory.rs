//! What the oracle remembers, and what that costs.

use tollgate_client::{Exchange, Nanos, Outcome};

use super::super::{History, Oracle, Promise};
use super::traffic::Rng;
use super::{MS, exact};

/// Bytes for each client when so many have so many admissions each, one after the other.
fn bytes_per_client(promise: Promise, admissions: u64) -> f64 {
    let mut oracle = Oracle::new(promise, History::Unused);
    for n in 0..admissions * CLIENTS {
        let sent = Nanos::new(1_000 * MS + n * 1_000);
        let outcome = Outcome::Allowed;
        let id = (n % CLIENTS) as u32;
        oracle.exchange(&Exchange { n, id, connection: 0, due: sent, sent, done: sent, outcome, status: None });
    }
    oracle.counters().memory as f64 / CLIENTS as f64
}

#[test]
fn a_client_takes_32_bytes_and_16_for_each_admission_in_the_window() {
    for (limit, admissions) in [("5/1h", 2), ("5/1h", 5), ("12/1h", 12)] {
        let bytes = bytes_per_client(exact(limit, "sliding-window"), admissions);
        assert!(bytes < 32.0 + 16.0 * admissions as f64 + SHARED, "{limit} with {admissions}: {bytes}");
    }
    // What rings have outgrown is for those that grow later: here all grow together.
    let bytes = bytes_per_client(exact("1000/1h", "sliding-window"), 1_000);
    assert!(bytes < 32.0 + 21.0 * 1_000.0, "{bytes}");
    // The first has room for two more.
    assert!(bytes_per_client(exact("5/1h", "sliding-window"), 1) < 32.0 + 24.0 + SHARED);
    // A fixed window is followed, which takes 24 more.
    let bytes = bytes_per_client(exact("5/1h", "fixed-window"), 9);
    assert!(bytes < 32.0 + 24.0 + 21.0 * 9.0, "{bytes}");
    let bytes = bytes_per_client(exact("5/1h", "token-bucket"), 100);
    assert!(bytes < 32.0 + SHARED, "{bytes}");
}

#[test]
fn admissions_that_left_the_window_take_no_room() {
    let promise = exact("1000/1ms", "sliding-window");
    assert!(bytes_per_client(promise, 1_000) < 32.0 + 24.0 + SHARED);
}

#[test]
fn a_ring_remembers_the_latest_sent_through_all_its_sizes() {
    for seed in 0..200 {
        let mut rng = Rng(seed);
        let limit = 1 + rng.below(60);
        let promise = Promise::parse(&format!("{limit}/1s"), "sliding-window").unwrap().with_tick(Nanos::ZERO);
        let (mut oracle, mut sent_at, mut too_many) = (Oracle::new(promise, History::Unused), Vec::new(), 0);
        for n in 0..300 {
            // In the order of done, with flights of up to 300 ms.
            let done = 1_000 + n * 1_200 / limit;
            let sent = done - rng.below(300);
            oracle.exchange(&super::exchange(n, sent, done, Outcome::Allowed));
            let latest = sent_at.len().checked_sub(limit as usize).map(|place| sent_at[place]);
            let length = latest.map(|first: u64| (done - first.min(sent)) * MS);
            too_many += u64::from(length.is_some_and(|length| length < promise.shortest()));
            let place = sent_at.partition_point(|other| *other <= sent);
            sent_at.insert(place, sent);
        }
        assert_eq!(oracle.finish().counters.too_many, too_many, "seed {seed}, limit {limit}");
    }
}

const CLIENTS: u64 = 1_024;
/// The list of pages, a bit for each client, and what a client has of the free list.
const SHARED: f64 = 8.0;
