//! Carrying a trial out: the load, the rude peers, the restart, and everybody who watches.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::thread;

use tollgate_client::engine::{self, EngineSettings};
use tollgate_client::plan::{Pick, Plan, PlanError};
use tollgate_client::summary::Header;
use tollgate_client::{Clock, Control, Interval, Ledger, Nanos, Run, Summary, engine::Stage};

use super::eyes::{Eyes, Log};
use super::plan::length;
use super::{Load, Target, Trial};
use crate::hostile::{self, Treatment};
use crate::oracle::online::Watch;
use crate::oracle::{History, Promise, Report};
use crate::process::{Allowance, Condition, Growth, Server, StartError, Vitals};
use crate::scenario::{Around, Needs, Shape, Work};
use crate::summary::{Course, Point};
use crate::upstream::{SLOW, Upstream};

/// Where trials are run.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The server.
    pub server: Server,
    /// The service behind it, if it is a gate in front of one of ours.
    pub upstream: Option<Upstream>,
    /// How it is asked.
    pub target: Target,
    /// What its limiter promised; `None` if nobody says.
    pub promise: Option<Promise>,
    /// What scenarios go by.
    pub around: Around<'a>,
    /// Stops a trial, and the loop.
    pub control: Control,
    /// The clock of the whole program.
    pub clock: Clock,
    /// What tells this program's ids from those of another, at another time.
    pub nonce: u64,
    /// Runs so far. Each has ids of its own: the oracle takes clients to be new.
    pub runs: u64,
    /// Every exchange of the last trial goes there.
    pub log: Option<PathBuf>,
    /// The server at rest, when it had been warmed up; what is more later has grown.
    pub baseline: Option<Vitals>,
}

/// What a trial saw.
#[derive(Debug)]
pub struct Seen {
    /// What was done.
    pub work: Work,
    /// How the load ended.
    pub summary: Summary,
    /// The load, over time.
    pub course: Course,
    /// What the oracle says; `None` if it wasn't told what to expect.
    pub report: Option<Report>,
    /// How those fared who asked for the slow path.
    pub slow: Option<Ledger>,
    /// How the rude peers were treated.
    pub treatment: Option<Treatment>,
    /// What had become of the server.
    pub condition: Condition,
    /// For how long it answered nothing meanwhile, if that was too long and it then did.
    pub hung: Option<Nanos>,
    /// Its last lines.
    pub last_lines: Vec<String>,
    /// The server at rest afterwards.
    pub vitals: Option<Vitals>,
    /// CPU time that it took during the load.
    pub server_cpu: Option<Nanos>,
    /// Whether it was stopped and started in the middle.
    pub restarted: bool,
    /// When it was back, from the start of the load.
    pub back: Option<Nanos>,
    /// From the start of the load to when the server was at rest again.
    pub length: Nanos,
}

/// Why a trial couldn't be carried out.
#[derive(Debug)]
pub enum TrialError {
    /// The URL or the load can't be made into a plan.
    Plan(PlanError),
    /// The engine couldn't start or go on.
    Engine(io::Error),
    /// The rude peers couldn't be played.
    Hostile(io::Error),
    /// The log couldn't be written.
    Log(PathBuf, io::Error),
}

/// Carries the trial out, by clients that nobody was before.
///
/// # Errors
///
/// When that can't be done, for a reason that isn't the server's answers.
pub fn run(trial: &Trial, bench: &mut Bench<'_>) -> Result<Seen, TrialError> {
    let work = trial.work(&bench.around);
    let prefix = format!("{:x}.{:x}.", bench.nonce, bench.runs);
    bench.runs += 1;
    let plan = bench.target.plan(trial, &work, &prefix).map_err(TrialError::Plan)?;
    let plan_hash = bench.target.anywhere().plan(trial, &work, "").map_err(TrialError::Plan)?.hash();
    let settings = settings(&work, bench);
    let watch = promise_of(trial, bench).map(|promise| Watch::start(promise, History::Unused)).transpose();
    let watch = watch.map_err(TrialError::Engine)?;
    // Clients of their own: what a limiter knows of them is nothing to the load.
    let slow_prefix = format!("{prefix}slow.");
    let slow = bench.target.below(SLOW).plan(trial, &slow_work(&work), &slow_prefix).map_err(TrialError::Plan)?;
    let log = log(&work, bench)?;
    let before = bench.server.vitals();
    let started = bench.clock.now();
    let mut course = Course::default();
    let watchers = Watchers { watch: watch.as_ref(), log: log.as_ref() };
    let plans = Plans { load: &plan, slow: work.slow_beside.then_some(&slow) };
    let played = play(trial, &work, plans, &settings, bench, watchers, |interval| course.push(Point::from(interval)))?;
    let Played { run, eyes, slow, treatment, restarted, back, gone } = played;
    let taps = eyes.into_iter().filter_map(|eyes| eyes.tap).collect();
    log.map_or(Ok(()), Log::finish).map_err(|error| bench.unwritten(error))?;
    let after = bench.server.vitals();
    let vitals = settled(bench, promised_wait(bench.promise.as_ref(), &work.load));
    Ok(Seen {
        summary: summary(trial, &plan, plan_hash, &work.load, run),
        course,
        report: watch.map(|watch| watch.finish(taps)),
        slow,
        treatment,
        condition: bench.server.condition(),
        hung: bench.server.pulse().recovered.filter(|recovered| recovered.at >= started).map(|it| it.after),
        last_lines: gone.map_or_else(|| bench.server.last_lines(), |error| error.lines().map(str::to_owned).collect()),
        vitals,
        server_cpu: before.zip(after).filter(|_| !restarted).map(|(before, after)| after.cpu - before.cpu),
        restarted,
        back,
        length: bench.clock.now() - started,
        work,
    })
}

/// What to hold the limiter to. Behind a gate in front of a service, a 503 needn't be its denial: then only what it admits is judged.
fn promise_of(trial: &Trial, bench: &Bench<'_>) -> Option<Promise> {
    let is_ambiguous = trial.scenario.needs == Needs::Service;
    bench.promise.map(|promise| if is_ambiguous { promise.with_lag(None) } else { promise })
}

/// Clients who come once, one request after the other for as long as the load runs.
fn slow_work(work: &Work) -> Work {
    let load = Load { clients: u32::MAX, pick: Pick::Seq(None), ..work.load.clone() };
    Work { shape: Shape::Closed, ..Work::plain(load) }
}

/// What is sent.
#[derive(Clone, Copy)]
struct Plans<'a> {
    load: &'a Plan,
    /// To the slow path of the service, beside the load.
    slow: Option<&'a Plan>,
}

/// Who looks at the exchanges.
#[derive(Clone, Copy)]
struct Watchers<'a> {
    watch: Option<&'a Watch>,
    log: Option<&'a Log>,
}

/// What happened while the load ran.
struct Played<'a> {
    run: Run,
    eyes: Vec<Eyes<'a>>,
    slow: Option<Ledger>,
    treatment: Option<Treatment>,
    /// Whether the server was stopped in the middle, and when it was back or why it isn't.
    restarted: bool,
    back: Option<Nanos>,
    gone: Option<String>,
}

/// The load on its threads, and beside it the rude peers and the restart, if there are to be any.
fn play<'a>(
    trial: &Trial,
    work: &Work,
    plans: Plans<'_>,
    settings: &EngineSettings,
    bench: &mut Bench<'_>,
    watchers: Watchers<'a>,
    on_interval: impl FnMut(&Interval),
) -> Result<Played<'a>, TrialError> {
    let Watchers { watch, log } = watchers;
    let Plans { load: plan, slow } = plans;
    let Bench { server, upstream, control, clock, .. } = bench;
    let (clock, control, started) = (*clock, &*control, clock.now());
    let (run, slow, treatment, restart) = thread::scope(|scope| {
        let rude = trial.scenario.beside.map(|kind| {
            let (target, span) = (hostile::Target::new(settings.target), length(plan));
            scope.spawn(move || hostile::run(kind, &target, RUDE_PEERS, span, trial.seed, control))
        });
        let restart = work.restarts.then(|| {
            let half = Nanos::new(length(plan).as_u64() / 2);
            scope.spawn(move || restart(server, started, half, clock, control, watch))
        });
        let slow = slow.map(|plan| {
            let settings = EngineSettings {
                threads: NonZeroU32::MIN,
                connections: SLOW_ASKERS,
                pipeline: NonZeroU32::MIN,
                ..settings.clone()
            };
            scope.spawn(move || engine::run(plan, &settings, control, |_| {}))
        });
        if let Some(upstream) = upstream {
            scope.spawn(move || upstream.follow(&work.upstream, started, clock, control));
        }
        let eyes = |_| Eyes { tap: watch.map(Watch::tap), log };
        let run = engine::observed(plan, settings, control, eyes, on_interval);
        let finished = "a thread that doesn't panic";
        (
            run,
            slow.map(|slow| slow.join().expect(finished)),
            rude.map(|rude| rude.join().expect(finished)),
            restart.map(|restart| restart.join().expect(finished)),
        )
    });
    let (run, eyes) = run.map_err(TrialError::Engine)?;
    let slow = slow.transpose().map_err(TrialError::Engine)?.map(|run| run.total.ledger);
    let treatment = treatment.transpose().map_err(TrialError::Hostile)?;
    let (restarted, back, gone) = match restart.transpose() {
        Ok(back) => (back.flatten().is_some(), back.flatten(), None),
        Err(error) => (true, None, Some(error.to_string())),
    };
    Ok(Played { run, eyes, slow, treatment, restarted, back, gone })
}

/// The log of this trial, if there is to be one. It can't say that the server forgot everything in between.
fn log(work: &Work, bench: &Bench<'_>) -> Result<Option<Log>, TrialError> {
    let path = bench.log.as_deref().filter(|_| !work.restarts);
    path.map(Log::create).transpose().map_err(|error| bench.unwritten(error))
}

/// What the server takes once it has given back what it can: where CPUs are short, a server that has got none looks at rest before it is. And
/// one that holds answers back keeps the connections of clients who have gone for so long: they may only have closed their sending half.
fn settled(bench: &Bench<'_>, held_back: Nanos) -> Option<Vitals> {
    let deadline = bench.clock.now() + GIVING_BACK + held_back.min(LONGEST_HELD);
    loop {
        let vitals = bench.server.at_rest(REST)?;
        let grown =
            bench.baseline.map_or_else(Vec::new, |before| Growth::between(&before, &vitals, &Allowance::default()));
        if grown.is_empty() || bench.clock.now() >= deadline || bench.control.stage() != Stage::Running {
            return Some(vitals);
        }
    }
}

fn settings(work: &Work, bench: &Bench<'_>) -> EngineSettings {
    let load = &work.load;
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    EngineSettings {
        connections: at_least_one(load.connections),
        threads: at_least_one(load.connections.min(THREADS)),
        pipeline: at_least_one(load.pipeline),
        requests_per_connection: NonZeroU32::new(load.churn),
        timeout: work.timeout,
        // Whoever asked last has as long as everybody else.
        drain: work.timeout + MARGIN,
        interval: INTERVAL,
        ..EngineSettings::to(bench.server.address())
    }
}

/// Stops the server after `wait` and starts it again, on the same port. When it was back, from `started`; `None` if it didn't come to that.
fn restart(
    server: &mut Server,
    started: Nanos,
    wait: Nanos,
    clock: Clock,
    control: &Control,
    watch: Option<&Watch>,
) -> Result<Option<Nanos>, StartError> {
    while clock.now() < started + wait {
        if control.stage() != Stage::Running {
            return Ok(None);
        }
        thread::sleep(engine::LONGEST_WAIT.min(started + wait - clock.now()).into());
    }
    server.stop();
    if let Some(watch) = watch {
        // The run's clock began later than our count of it, by however long its threads took to be made ready. So of no exchange that the
        // oracle doesn't know yet is it certain that the old server decided it; and of those sent from now on, that the new one does.
        watch.restarted(Nanos::ZERO, clock.now() - started);
    }
    server.restart()?;
    Ok(Some(clock.now() - started))
}

fn summary(trial: &Trial, plan: &Plan, plan_hash: u64, load: &Load, run: Run) -> Summary {
    let Run { duration, interrupted, offered, total, clients, health } = run;
    let offered_rate =
        offered.filter(|_| duration > Nanos::ZERO).map(|offered| offered as f64 / duration.as_secs_f64());
    let header = Header {
        url: plan.request().host().to_owned(),
        options: Vec::new(),
        command: String::new(),
        seed: trial.seed,
        plan_hash,
        pipeline: load.pipeline,
        connections: load.connections,
    };
    Summary { header, interrupted, duration, offered_rate, total, clients, health }
}

impl Bench<'_> {
    fn unwritten(&self, error: io::Error) -> TrialError {
        TrialError::Log(self.log.clone().unwrap_or_default(), error)
    }
}

impl fmt::Display for TrialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(error) => error.fmt(f),
            Self::Engine(error) => write!(f, "cannot send ({error}): try fewer --connections"),
            Self::Log(path, error) => {
                write!(f, "--log {}: cannot write ({error}): name a place that can be written", path.display())
            }
            Self::Hostile(error) => write!(f, "cannot play rude peers ({error}): leave their scenarios out"),
        }
    }
}

impl std::error::Error for TrialError {}

/// How long the limiter promised at most to hold an answer back: a pipeline's are held back one after the other.
pub(crate) fn promised_wait(promise: Option<&Promise>, load: &Load) -> Nanos {
    let delay = promise.map_or(Nanos::ZERO, Promise::longest_delay);
    Nanos::new(delay.as_u64().saturating_mul(load.pipeline.into()))
}

/// Far fewer than any gate has room for: what they show is who waits for whom.
const SLOW_ASKERS: NonZeroU32 = NonZeroU32::new(16).unwrap();
/// As many as can be slow at once without being the load themselves.
const RUDE_PEERS: u32 = 50;
/// Two, so that the oracle sees what several threads interleave, and no more, so that the server has a CPU.
const THREADS: u32 = 2;
const INTERVAL: Nanos = Nanos::from_millis(250);
/// What a server has not given back by then, it keeps.
const GIVING_BACK: Nanos = Nanos::from_secs(10);
/// Nor is a trial worth more than this. What may be held back for longer is no growth of descriptors.
pub(crate) const LONGEST_HELD: Nanos = Nanos::from_secs(60);
/// So that what times out does so, and isn't given up.
const MARGIN: Nanos = Nanos::from_secs(1);
/// A server that isn't at rest by then is taken as it is.
const REST: Nanos = Nanos::from_secs(3);

#[cfg(test)]
mod tests {
    use tollgate_client::plan::{Affinity, Arrival};

    use super::*;

    #[test]
    fn answers_are_held_back_for_as_long_as_was_promised_one_after_the_other() {
        let load = |pipeline| Load {
            clients: 1,
            connections: 1,
            rate: 1,
            duration: Nanos::from_secs(1),
            arrival: Arrival::Constant,
            pick: Pick::Uniform,
            pipeline,
            churn: 0,
            affinity: Affinity::Spray,
        };
        for (algorithm, pipeline, seconds) in [
            ("leaky-bucket:12s", 1, 12),
            ("leaky-bucket:12s", 4, 48),
            ("leaky-bucket", 1, 5),
            ("token-bucket", 4, 0),
            ("sliding-window", 4, 0),
        ] {
            let promise = Promise::parse("5/5s", algorithm).expect("a promise");
            assert_eq!(promised_wait(Some(&promise), &load(pipeline)), Nanos::from_secs(seconds), "{algorithm}");
        }
        assert_eq!(promised_wait(None, &load(4)), Nanos::ZERO);
    }
}
