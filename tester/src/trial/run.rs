//! Carrying a trial out: the load, the rude peers, the restart, and everybody who watches.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::thread;

use tollgate_client::engine::{self, EngineSettings};
use tollgate_client::plan::{Plan, PlanError};
use tollgate_client::summary::Header;
use tollgate_client::{Clock, Control, Interval, Nanos, Run, Summary, engine::Stage};

use super::eyes::{Eyes, Log};
use super::plan::length;
use super::{Load, Target, Trial};
use crate::hostile::{self, Treatment};
use crate::oracle::online::Watch;
use crate::oracle::{History, Promise, Report};
use crate::process::{Allowance, Fate, Growth, Server, StartError, Vitals};
use crate::scenario::{Around, Work};
use crate::summary::{Course, Point};

/// Where trials are run.
#[derive(Debug)]
pub struct Bench<'a> {
    /// The server.
    pub server: Server,
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
    /// How the rude peers were treated.
    pub treatment: Option<Treatment>,
    /// What had become of the server.
    pub fate: Fate,
    /// Its last lines.
    pub last_lines: Vec<String>,
    /// The server at rest afterwards.
    pub vitals: Option<Vitals>,
    /// CPU time that it took during the load.
    pub server_cpu: Option<Nanos>,
    /// Whether it was stopped and started in the middle.
    pub restarted: bool,
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
    let settings = settings(&work.load, bench);
    let watch = bench.promise.map(|promise| Watch::start(promise, History::Unused)).transpose();
    let watch = watch.map_err(TrialError::Engine)?;
    let log = log(&work, bench)?;
    let before = bench.server.vitals();
    let started = bench.clock.now();
    let mut course = Course::default();
    let watchers = Watchers { watch: watch.as_ref(), log: log.as_ref() };
    let played = play(trial, &work, &plan, &settings, bench, watchers, |interval| course.push(Point::from(interval)))?;
    let Played { run, eyes, treatment, restarted, gone } = played;
    let taps = eyes.into_iter().filter_map(|eyes| eyes.tap).collect();
    log.map_or(Ok(()), Log::finish).map_err(|error| bench.unwritten(error))?;
    let after = bench.server.vitals();
    let vitals = settled(bench);
    Ok(Seen {
        summary: summary(trial, &plan, plan_hash, &work.load, run),
        course,
        report: watch.map(|watch| watch.finish(taps)),
        treatment,
        fate: bench.server.fate(),
        last_lines: gone.map_or_else(|| bench.server.last_lines(), |error| error.lines().map(str::to_owned).collect()),
        vitals,
        server_cpu: before.zip(after).filter(|_| !restarted).map(|(before, after)| after.cpu - before.cpu),
        restarted,
        length: bench.clock.now() - started,
        work,
    })
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
    treatment: Option<Treatment>,
    /// Whether the server was stopped in the middle, and why it didn't come back.
    restarted: bool,
    gone: Option<String>,
}

/// The load on its threads, and beside it the rude peers and the restart, if there are to be any.
fn play<'a>(
    trial: &Trial,
    work: &Work,
    plan: &Plan,
    settings: &EngineSettings,
    bench: &mut Bench<'_>,
    watchers: Watchers<'a>,
    on_interval: impl FnMut(&Interval),
) -> Result<Played<'a>, TrialError> {
    let Watchers { watch, log } = watchers;
    let Bench { server, control, clock, .. } = bench;
    let (clock, control, started) = (*clock, &*control, clock.now());
    let (run, treatment, restart) = thread::scope(|scope| {
        let rude = trial.scenario.beside.map(|kind| {
            let (target, span) = (hostile::Target::new(settings.target), length(plan));
            scope.spawn(move || hostile::run(kind, &target, RUDE_PEERS, span, trial.seed, control))
        });
        let restart = work.restarts.then(|| {
            let half = Nanos::new(length(plan).as_u64() / 2);
            scope.spawn(move || restart(server, started, half, clock, control, watch))
        });
        let eyes = |_| Eyes { tap: watch.map(Watch::tap), log };
        let run = engine::observed(plan, settings, control, eyes, on_interval);
        let finished = "a thread that doesn't panic";
        (run, rude.map(|rude| rude.join().expect(finished)), restart.map(|restart| restart.join().expect(finished)))
    });
    let (run, eyes) = run.map_err(TrialError::Engine)?;
    let treatment = treatment.transpose().map_err(TrialError::Hostile)?;
    let (restarted, gone) = match restart.transpose() {
        Ok(restarted) => (restarted.unwrap_or(false), None),
        Err(error) => (true, Some(error.to_string())),
    };
    Ok(Played { run, eyes, treatment, restarted, gone })
}

/// The log of this trial, if there is to be one. It can't say that the server forgot everything in between.
fn log(work: &Work, bench: &Bench<'_>) -> Result<Option<Log>, TrialError> {
    let path = bench.log.as_deref().filter(|_| !work.restarts);
    path.map(Log::create).transpose().map_err(|error| bench.unwritten(error))
}

/// What the server takes once it has given back what it can: where CPUs are short, a server that has got none looks at rest before it is.
fn settled(bench: &Bench<'_>) -> Option<Vitals> {
    let deadline = bench.clock.now() + GIVING_BACK;
    loop {
        let vitals = bench.server.at_rest(REST)?;
        let grown =
            bench.baseline.map_or_else(Vec::new, |before| Growth::between(&before, &vitals, &Allowance::default()));
        if grown.is_empty() || bench.clock.now() >= deadline || bench.control.stage() != Stage::Running {
            return Some(vitals);
        }
    }
}

fn settings(load: &Load, bench: &Bench<'_>) -> EngineSettings {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    EngineSettings {
        connections: at_least_one(load.connections),
        threads: at_least_one(load.connections.min(THREADS)),
        pipeline: at_least_one(load.pipeline),
        requests_per_connection: NonZeroU32::new(load.churn),
        interval: INTERVAL,
        ..EngineSettings::to(bench.server.address())
    }
}

/// Stops the server after `wait` and starts it again, on the same port. Whether it came to that.
fn restart(
    server: &mut Server,
    started: Nanos,
    wait: Nanos,
    clock: Clock,
    control: &Control,
    watch: Option<&Watch>,
) -> Result<bool, StartError> {
    while clock.now() < started + wait {
        if control.stage() != Stage::Running {
            return Ok(false);
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
    Ok(true)
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

/// As many as can be slow at once without being the load themselves.
const RUDE_PEERS: u32 = 50;
/// Two, so that the oracle sees what several threads interleave, and no more, so that the server has a CPU.
const THREADS: u32 = 2;
const INTERVAL: Nanos = Nanos::from_millis(250);
/// What a server has not given back by then, it keeps.
const GIVING_BACK: Nanos = Nanos::from_secs(10);
/// A server that isn't at rest by then is taken as it is.
const REST: Nanos = Nanos::from_secs(3);
