//! What a circuit breaker adds to a call: a permit and an outcome while it is closed, a rejection while it is open.
//!
//! Each run checks that it took the branch in its title. A figure of one thread is its CPU time. A figure of two is the time in which *both*
//! made one call, ending it in the same second of the same window, with nothing in between: the worst that a shared window can come to.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use criterion::Criterion;
use tollgate_benches::clock::{CpuStopwatch, Stopwatch};
use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{CircuitBreaker, Config, Order, Outcome, SlidingWindowType, State};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args();
    for (name, sliding_window_type, sliding_window_size) in [
        ("window of 10 s", SlidingWindowType::TimeBased, 10),
        ("window of 60 s", SlidingWindowType::TimeBased, 60),
        ("window of 100 calls", SlidingWindowType::CountBased, 100),
    ] {
        let config = Config { sliding_window_type, sliding_window_size, ..Config::gateway() };
        for threads in [1, 2] {
            closed(
                &mut criterion,
                &format!("breaker, closed: permit + success, {name}, threads: {threads}"),
                &config,
                threads,
            );
        }
    }
    open(&mut criterion);
    criterion.final_summary();
}

fn closed(criterion: &mut Criterion, title: &str, config: &Config, threads: usize) {
    let breaker = CircuitBreaker::new(config).expect("a possible config");
    criterion.bench_function(title, |bencher| {
        bencher.iter_custom(|calls| {
            let start = Barrier::new(threads);
            let work = || {
                start.wait();
                let (watch, cpu_watch) = (Stopwatch::start(), CpuStopwatch::start());
                for call in 0..calls {
                    // 50 000 calls a second.
                    let now = Nanos::new(20_000 * call);
                    let permit = breaker.try_acquire(black_box(now)).expect("closed");
                    assert_eq!(permit.record(black_box(Outcome::Success), now), None);
                }
                if threads == 1 { cpu_watch.elapsed() } else { watch.elapsed() }
            };
            let took = thread::scope(|scope| {
                let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).max().expect("at least one")
            });
            assert_eq!(breaker.state(), State::Closed);
            took
        });
    });
}

fn open(criterion: &mut Criterion) {
    let breaker = CircuitBreaker::new(&Config::gateway()).expect("a possible config");
    for _ in 0..Config::gateway().consecutive_failures {
        let _ = breaker.try_acquire(Nanos::ZERO).expect("closed").record(Outcome::Unreachable, Nanos::ZERO);
    }
    criterion.bench_function("breaker, open: rejected", |bencher| {
        bencher.iter_custom(|calls| {
            let watch = CpuStopwatch::start();
            for _ in 0..calls {
                let rejected = breaker.try_acquire(black_box(Nanos::from_secs(1))).expect_err("open");
                assert_eq!(rejected.state, State::Open);
                black_box(rejected.retry_after);
            }
            watch.elapsed()
        });
    });
    assert!(breaker.order(Order::Close, Nanos::ZERO).is_some(), "open to the end");
}
