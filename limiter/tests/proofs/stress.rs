//! Real threads: what they admit together is exactly what one of them would.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tollgate_limiter::{Algorithm, Limiter, Nanos, WhenFull};

use crate::traffic::{limiter, quota, settings, tiny};

const THREADS: u64 = 4;
const SECOND: Nanos = Nanos::from_secs(1);

/// Runs `work` in all threads at once and adds up what they return.
fn together(work: impl Fn(u64) -> u64 + Sync) -> u64 {
    let start = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(thread)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    })
}

fn count(limiter: &Limiter, id: &[u8], requests: u64, now: impl Fn() -> Nanos) -> u64 {
    let key = limiter.key(id);
    (0..requests).filter(|_| limiter.decide(key, now()).is_allow()).count() as u64
}

#[test]
fn threads_admit_a_hot_client_exactly_its_quota_while_time_stands_still() {
    for (text, algorithm, exactly) in [
        ("19/1h", Algorithm::SlidingWindow, 19),
        ("50000/1h", Algorithm::FixedWindow, 50_000),
        ("50000/1h", Algorithm::TokenBucket, 50_000),
        ("3600/1h", Algorithm::LeakyBucket, 3_601),
    ] {
        let limiter = limiter(&[quota(text, algorithm)]);
        let admitted = together(|_| count(&limiter, b"hot", 25_000, || SECOND));
        assert_eq!(admitted, exactly, "{text} by {algorithm}");
    }
}

#[test]
fn threads_admit_a_hot_client_exactly_its_quota_while_time_moves() {
    // Time moves by 1 ns with every request, and one in ten passes, so the bucket is never full again after the burst.
    let limiter = limiter(&[quota("100/1us", Algorithm::TokenBucket).with_burst(500).expect("possible")]);
    let clock = AtomicU64::new(0);
    let admitted = together(|_| {
        count(&limiter, b"hot", 20_000, || Nanos::new(1_000_000 + clock.fetch_add(1, Ordering::Relaxed) / 1_000))
    });
    let elapsed = clock.load(Ordering::Relaxed) / 1_000;
    let rest = count(&limiter, b"hot", 1_000, || Nanos::new(1_000_000 + elapsed));
    assert_eq!(admitted + rest, 500 + elapsed / 10, "in {elapsed} ns");
}

#[test]
fn threads_that_claim_the_same_new_clients_share_one_quota_each() {
    for algorithm in Algorithm::ALL {
        let quota = quota("3/1h", algorithm);
        let limiter = Limiter::new(&tollgate_limiter::Settings {
            capacity: tollgate_limiter::Capacity::clients(4_000).expect("more than none"),
            ..settings(&[quota])
        })
        .expect("possible");
        let exactly = if algorithm == Algorithm::LeakyBucket { 4 } else { 3 };
        let admitted: Vec<AtomicU64> = (0..4_000).map(|_| AtomicU64::new(0)).collect();
        together(|_| {
            for (id, admitted) in (0_u64..).zip(&admitted) {
                admitted.fetch_add(count(&limiter, &id.to_le_bytes(), 3, || SECOND), Ordering::Relaxed);
            }
            0
        });
        for (id, admitted) in admitted.into_iter().enumerate() {
            assert_eq!(admitted.into_inner(), exactly, "client {id} by {algorithm}");
        }
    }
}

/// One of the two sees a slot that has just expired, the other one does not and takes another: without care the client would have two.
#[test]
fn two_threads_whose_clocks_differ_give_a_new_client_one_slot() {
    let quota = quota("1/1s", Algorithm::FixedWindow);
    for round in 0..3_000 {
        let limiter = Limiter::new(&tiny(&[quota], WhenFull::Remember)).expect("possible");
        // Eleven of twelve slots are taken; the first expires at 2 s.
        for id in 0..11_u8 {
            let now = SECOND.saturating_add(Nanos::from_millis(if id == 0 { 0 } else { 500 }));
            assert!(limiter.decide(limiter.key(&[id]), now).is_allow());
        }
        let (key, ready) = (limiter.key(b"new"), AtomicU64::new(0));
        let ask = |now: u64| {
            // A barrier would wake one thread after the other.
            ready.fetch_add(1, Ordering::AcqRel);
            while ready.load(Ordering::Acquire) < 2 {
                thread::yield_now();
            }
            u64::from(limiter.decide(key, Nanos::new(now)).is_allow())
        };
        let admitted = thread::scope(|scope| {
            let other = scope.spawn(|| ask(2_000_000_000));
            ask(1_999_999_999) + other.join().expect("no thread panics")
        });
        assert_eq!(admitted, 1, "in round {round}");
    }
}

#[test]
fn threads_in_a_table_that_is_always_full_admit_no_client_more_than_its_quota() {
    for algorithm in [Algorithm::SlidingWindow, Algorithm::FixedWindow] {
        for when_full in [WhenFull::Remember, WhenFull::Refuse] {
            let limiter = Limiter::new(&tiny(&[quota("3/1s", algorithm)], when_full)).expect("possible");
            let mut before = vec![0; CLIENTS];
            for half_second in 2..60 {
                let now = Nanos::from_millis(500 * half_second);
                let admitted: Vec<AtomicU64> = (0..CLIENTS).map(|_| AtomicU64::new(0)).collect();
                together(|thread| {
                    for turn in 0..150 {
                        let client = (turn * (2 * thread + 1) + thread) as usize % CLIENTS;
                        admitted[client].fetch_add(count(&limiter, &[client as u8], 2, || now), Ordering::Relaxed);
                    }
                    0
                });
                for (client, (before, admitted)) in before.iter_mut().zip(admitted).enumerate() {
                    let admitted = admitted.into_inner();
                    let bound = if algorithm == Algorithm::SlidingWindow { 3 } else { 5 };
                    assert!(admitted <= 3, "{admitted} at once for client {client} at {now} by {algorithm}");
                    assert!(
                        *before + admitted <= bound,
                        "in two half seconds to {now} for client {client} by {algorithm}"
                    );
                    *before = admitted;
                }
            }
        }
    }
}

const CLIENTS: usize = 40;
