//! What the tester's oracle takes for one exchange: it runs beside the load client, on the same machine.
//!
//! A million clients (and a thousand, which fit the cache) in random order at 150 000 requests a second, held to 5 per 5 s and admitted or
//! denied as a sliding window would. Each round judges the next 1024 exchanges; the clock goes on from round to round, so that the state
//! is what it would be in a long run. The counts of admissions prove that all were judged, and that none was too many.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use tollgate_client::{Exchange, Nanos, Outcome};
use tollgate_tester::oracle::{History, Oracle, Promise};

/// Exchanges that a thread of the engine hands over at once.
const BATCH: u64 = 1_024;
/// Between two requests of all clients together.
const STEP: u64 = 6_667;
const PERIOD: u64 = 5_000_000_000;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let is_test = !std::env::args().any(|argument| argument == "--bench");
    let mut group = criterion.benchmark_group("judge an exchange");
    group.throughput(Throughput::Elements(BATCH));
    for algorithm in ["sliding-window", "fixed-window", "token-bucket"] {
        for clients in if is_test { vec![1_000] } else { vec![1_000, 1_000_000] } {
            group.bench_function(BenchmarkId::new(algorithm, clients), |bencher| {
                let promise = Promise::parse("5/5s", algorithm).expect("a promise").with_lag(None);
                let mut oracle = Oracle::new(promise, History::Unused);
                let mut traffic = Traffic::new(clients);
                // All rings have grown by then.
                for _ in 0..if is_test { 1 } else { 6 * clients as u64 / BATCH } {
                    oracle.exchanges(&traffic.next());
                }
                bencher.iter_batched(
                    || traffic.next(),
                    |batch| oracle.exchanges(black_box(&batch)),
                    criterion::BatchSize::SmallInput,
                );
                let counters = oracle.counters();
                assert_eq!((counters.exchanges, counters.too_many), (traffic.n, 0));
                assert_eq!(counters.admissions + counters.denials, counters.exchanges);
            });
        }
    }
    group.finish();
    criterion.final_summary();
}

/// Requests of clients at random, answered by a sliding window (which also keeps what the other algorithms promise).
struct Traffic {
    n: u64,
    random: u64,
    /// When the last five of each client were admitted, and which of them was the first.
    clients: Vec<([u64; 5], u8)>,
}

impl Traffic {
    fn new(clients: usize) -> Self {
        Self { n: 0, random: 1, clients: vec![([0; 5], 0); clients] }
    }

    fn next(&mut self) -> Vec<Exchange> {
        (0..BATCH).map(|_| self.exchange()).collect()
    }

    fn exchange(&mut self) -> Exchange {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let id = (self.random >> 33) as usize % self.clients.len();
        let sent = 2 * PERIOD + self.n * STEP;
        let (admitted, first) = &mut self.clients[id];
        let oldest = &mut admitted[usize::from(*first)];
        let outcome = if *oldest + PERIOD < sent { Outcome::Allowed } else { Outcome::Denied };
        if outcome == Outcome::Allowed {
            (*oldest, *first) = (sent, (*first + 1) % 5);
        }
        let (n, sent, done) = (self.n, Nanos::new(sent), Nanos::new(sent + 300_000 + (self.random >> 48)));
        self.n += 1;
        Exchange { n, id: id as u32, connection: 0, due: sent, sent, done, outcome, status: None }
    }
}
