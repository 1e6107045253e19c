//! What every model shares: the smallest limiter there is, requests to it, and loom with our bound.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::model::Builder;
use loom::thread::{self, JoinHandle};
use tollgate_limiter::{Capacity, Limiter, Nanos, Quota, Settings, announce_loads};

/// Runs `model`, of two threads or short ones, in every order with at most [`PREEMPTIONS`] involuntary switches, and says how many there
/// were.
///
/// # Panics
///
/// When the model does, and when there was nothing to interleave: such a model proves nothing.
pub fn explore(race: &str, model: impl Fn() + Send + Sync + 'static) {
    announce_loads(true);
    run(race, model);
}

/// Runs `model`, of three threads that each claim a slot, in the orders that loom finds by itself: it misses some in which one thread
/// loads what another then writes, and takes seconds instead of hours.
///
/// # Panics
///
/// As [`explore`].
pub fn explore_three(race: &str, model: impl Fn() + Send + Sync + 'static) {
    announce_loads(false);
    run(race, model);
}

fn run(race: &str, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    let bound = builder.preemption_bound.unwrap_or(0).max(PREEMPTIONS);
    builder.preemption_bound = Some(bound);
    let rounds = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&rounds);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let rounds = rounds.load(Ordering::Relaxed);
    // Past the test harness, which would keep it to itself.
    let _ = writeln!(std::io::stdout(), "{race}: {rounds} interleavings with at most {bound} preemptions");
    assert!(rounds > 1, "{race}: nothing was interleaved");
}

/// A limiter in which every client has the same three candidate slots.
pub fn limiter(quotas: &[&str]) -> Arc<Limiter> {
    build(&Settings { quotas: quotas.iter().map(|quota| quota.parse().expect("a quota")).collect(), ..settings() })
}

/// The same with more settings: take [`settings`] for the rest.
pub fn build(settings: &Settings) -> Arc<Limiter> {
    Arc::new(Limiter::new(settings).expect("possible settings"))
}

/// One shard of three lines, which have one slot each under `cfg(loom)`.
pub fn settings() -> Settings {
    let quota: Quota = "1/50ms".parse().expect("a quota");
    let capacity = Capacity::clients(1).expect("one client");
    Settings { quotas: vec![quota], capacity, shards: 1, seed: 7, ..Settings::default() }
}

/// One request of `id` at `millis` by the clock of the thread that asks.
pub fn passes(limiter: &Limiter, id: &str, millis: u64) -> bool {
    limiter.decide(limiter.key(id.as_bytes()), at(millis)).is_allow()
}

/// Whether a request of `id` would pass at `millis`.
pub fn would_pass(limiter: &Limiter, id: &str, millis: u64) -> bool {
    limiter.peek(limiter.key(id.as_bytes()), 1, at(millis)).is_allow()
}

/// [`passes`] on a thread of its own.
pub fn spawn_request(limiter: &Arc<Limiter>, id: &'static str, millis: u64) -> JoinHandle<bool> {
    let limiter = Arc::clone(limiter);
    thread::spawn(move || passes(&limiter, id, millis))
}

/// What a thread answered.
pub fn join(thread: JoinHandle<bool>) -> bool {
    thread.join().expect("no thread of a model panics")
}

/// An instant.
pub const fn at(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

/// Enough for every race here to be lost by the code with its protection removed. `LOOM_MAX_PREEMPTIONS` may ask for more, not for less.
const PREEMPTIONS: usize = 3;
