//! Carries a plan out: threads with a poll each, and one that merges what they measure.

mod collect;
mod connect;
mod connection;
mod control;
mod health;
mod pause;
mod publish;
mod settings;
mod tally;
mod worker;

use std::io;
use std::thread;

use crossbeam::channel;

pub use collect::Interval;
pub use control::{Control, Stage};
pub use settings::{Classes, Close, EngineSettings, Wait};

use crate::plan::Plan;
use crate::summary::{Health, Served};
use crate::{Clock, Nanos, Outcome, Record};
use collect::Collector;
use publish::Publisher;
use tally::counted_ids;
use worker::{Left, Worker};

/// A request and what became of it, as an [`Observer`] sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its number in the plan.
    pub n: u64,
    /// Its client.
    pub id: u32,
    /// The connection that it went over, counted within its thread; [`u32::MAX`] if it was never sent.
    pub connection: u32,
    /// When it was to be sent. In a closed loop, when it was.
    pub due: Nanos,
    /// When it was handed to the kernel: just before.
    pub sent: Nanos,
    /// When the whole answer had been read: just after. Or when the request ended otherwise.
    pub done: Nanos,
    /// How it ended.
    pub outcome: Outcome,
    /// The answer's status.
    pub status: Option<u16>,
}

/// Sees every exchange of one thread, on that thread: what it does there, the measurement pays for.
pub trait Observer: Send {
    /// A request has ended.
    fn exchange(&mut self, exchange: &Exchange);
}

/// Nobody looks.
impl Observer for () {
    fn exchange(&mut self, _: &Exchange) {}
}

/// Somebody looks, or nobody.
impl<O: Observer> Observer for Option<O> {
    fn exchange(&mut self, exchange: &Exchange) {
        if let Some(observer) = self {
            observer.exchange(exchange);
        }
    }
}

/// A plan that was carried out.
#[derive(Clone, Debug)]
pub struct Run {
    /// From the start to the end of the plan; where it has none or was stopped before, to when sending stopped.
    pub duration: Nanos,
    /// Whether it was stopped before the plan was at its end.
    pub interrupted: bool,
    /// Requests that the schedule asked for in that time; none in a closed loop.
    pub offered: Option<u64>,
    /// All that was measured.
    pub total: Record,
    /// What each simulated client got; empty if they are too many to count: more than 16 million, or on so many threads that
    /// it would take more than 32 bytes for each.
    pub clients: Vec<Served>,
    /// How the generator fared.
    pub health: Health,
}

/// Carries `plan` out. `on_interval` is called on this thread, once an interval, with what all threads measured in it.
///
/// # Errors
///
/// When the kernel gives no thread, no poll, or takes one away. A server that can't be reached is no error: its requests end as refused.
pub fn run(
    plan: &Plan,
    settings: &EngineSettings,
    control: &Control,
    on_interval: impl FnMut(&Interval),
) -> io::Result<Run> {
    observed(plan, settings, control, |_| (), on_interval).map(|(run, _)| run)
}

/// [`run`], with an observer for each thread.
///
/// # Errors
///
/// As [`run`].
pub fn observed<O: Observer>(
    plan: &Plan,
    settings: &EngineSettings,
    control: &Control,
    observer: impl Fn(u32) -> O,
    on_interval: impl FnMut(&Interval),
) -> io::Result<(Run, Vec<O>)> {
    let load_at_start = health::busy_cpus().unwrap_or(0.0);
    let cpus = if settings.pin { allowed_cpus()? } else { Vec::new() };
    let (published, from_workers) = channel::unbounded();
    let (to_workers, cleared) = channel::unbounded();
    let worker = |number| {
        let publisher = Publisher::new(published.clone(), cleared.clone(), settings.interval);
        Worker::new(number, plan, settings, control, publisher, observer(number))
    };
    // All of them before the first one runs: what can't be had is said at once.
    let workers = (0..settings.workers()).map(worker).collect::<io::Result<Vec<_>>>()?;
    // And before the run begins: what millions of clients take to be made ready doesn't make them late.
    let (cpu_before, clock) = (health::process_cpu(), Clock::start());
    let (left, total) = thread::scope(|scope| {
        let mut threads = Vec::new();
        for (number, worker) in workers.into_iter().enumerate() {
            let cpu = cpus.get(number % cpus.len().max(1)).copied();
            let work = move || {
                cpu.map_or(Ok(()), pin)?;
                worker.run(clock)
            };
            let thread = thread::Builder::new().name(format!("load-{number}")).spawn_scoped(scope, work);
            threads.push(thread.inspect_err(|_| {
                control.stop();
                control.stop();
            })?);
        }
        drop(published);
        let total = Collector::new(settings, control, from_workers, to_workers).collect(on_interval);
        let left: io::Result<Vec<_>> =
            threads.into_iter().map(|thread| thread.join().expect("a worker that doesn't panic")).collect();
        Ok::<_, io::Error>((left?, total))
    })?;
    let cpu = health::process_cpu() - cpu_before;
    Ok(together(plan, left, total, Health { cpu, load_at_start, ..Health::default() }))
}

/// The run that these threads have carried out.
fn together<O>(plan: &Plan, left: Vec<Left<O>>, total: Record, mut health: Health) -> (Run, Vec<O>) {
    let interrupted = left.iter().any(|worker| worker.interrupted);
    let last = |instant: fn(&Left<O>) -> Nanos| left.iter().map(instant).max().unwrap_or_default();
    let stopped = last(if plan.is_scheduled() { |worker| worker.stopped_at } else { |worker| worker.last_sent });
    let duration = match plan.stop().after {
        Some(end) if !interrupted && plan.stop().requests.is_none() => end,
        Some(end) => end.min(stopped),
        None => stopped,
    };
    let mut clients = vec![Served::default(); counted_ids(plan, left.len() as u32)];
    let mut observers = Vec::new();
    for worker in left {
        worker.tally.add_to(&mut clients);
        health.threads.push(worker.health);
        health.longest_backlog += worker.longest_backlog;
        observers.push(worker.observer);
    }
    let offered = plan.is_scheduled().then_some(total.ledger.planned);
    (Run { duration, interrupted, offered, total, clients, health }, observers)
}

fn allowed_cpus() -> io::Result<Vec<usize>> {
    let set = rustix::thread::sched_getaffinity(None)?;
    Ok((0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

fn pin(cpu: usize) -> io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// A thread looks up from what it waits for at least this often: how long a key press may take to be noticed.
pub const LONGEST_WAIT: Nanos = Nanos::from_millis(20);
