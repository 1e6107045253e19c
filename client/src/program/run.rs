//! The recipe: read, check, ask, plan, connect, run, report.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::thread;

use rustix::rand::{GetRandomFlags, getrandom};

use crate::cli::Args;
use crate::engine::{self, Control, EngineSettings, Interval, Run};
use crate::plan::Plan;
use crate::program::conflict::Conflict;
use crate::program::exit::{Exit, Findings};
use crate::program::failure::Failure;
use crate::program::keys::Listener;
use crate::program::meant::{Meant, Surroundings};
use crate::program::output::Outputs;
use crate::program::terminal::{Guard, Seats};
use crate::program::{prompt, target};
use crate::report::{Judged, Report, Validity};
use crate::summary::{Header, Summary};
use crate::view::{Palette, Title, View};

/// Does what the command line says; its first word is the program.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let exit = obey(args).unwrap_or_else(|failure| {
        failure.tell();
        failure.exit()
    });
    exit.into()
}

fn obey(args: impl IntoIterator<Item = OsString>) -> Result<Exit, Failure> {
    let (args, given) = Args::read(args)?;
    let cpus = thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32);
    Conflict::check(&args, cpus)?;
    let seats = Seats::look();
    let seed = random_seed().map_err(Failure::System)?;
    let clients = clients(&args, seats)?;
    let meant = Meant::of(args, given, Surroundings { cpus, hands: seats.hands, seed, clients })?;
    let plan = Plan::new(meant.plan()?)?;
    let mut outputs = Outputs::create(meant.args())?;
    let target = target::find(plan.request().host(), plan.request().port(), &meant.args().sources)?;

    let mut unwritten = Ok(());
    let seats = Seats { eyes: seats.eyes && !meant.args().plain, ..seats };
    let run = watched(&plan, &meant.engine(target), meant.title(&plan), seats, |interval| {
        if unwritten.is_ok() {
            unwritten = outputs.interval(interval);
        }
    })?;
    let summary = summary(meant.header(&plan), run);
    let report = Report::new(&summary, &meant.args().fail_if);
    outputs.finish(&report, &summary)?;
    // Told only now: while it ran, there was a picture in the way, and the run was worth finishing.
    unwritten?;
    Ok(judge(&summary, &report, meant.args().require_valid))
}

/// Asks whoever sits there, if it wasn't said.
fn clients(args: &Args, seats: Seats) -> Result<u32, Failure> {
    match args.clients {
        Some(clients) => Ok(clients),
        None if seats.hands && seats.eyes => prompt::clients(&mut io::stdin().lock(), &mut io::stderr(), CLIENTS)
            .map_err(Failure::System)?
            .ok_or(Failure::NoAnswer),
        None => Ok(CLIENTS),
    }
}

/// Runs with a view, and with ears for keys and signals; afterwards the terminal is as before.
fn watched(
    plan: &Plan,
    settings: &EngineSettings,
    title: Title,
    seats: Seats,
    mut also: impl FnMut(&Interval),
) -> Result<Run, Failure> {
    let control = Control::default();
    let _terminal = Guard::enter(seats.hands, seats.eyes).map_err(Failure::System)?;
    let _listener = Listener::start(&control, seats.hands).map_err(Failure::System)?;
    let mut view = if seats.eyes {
        View::live(title, Palette::from_env()).map_err(Failure::System)?
    } else {
        View::lines(title, seats.hands)
    };
    let run = engine::run(plan, settings, &control, |interval| {
        view.show(interval);
        also(interval);
    });
    run.map_err(Failure::Engine)
}

fn summary(header: Header, run: Run) -> Summary {
    let Run { duration, interrupted, offered, total, clients, health } = run;
    let offered_rate = offered.filter(|_| duration.as_u64() > 0).map(|offered| offered as f64 / duration.as_secs_f64());
    Summary { header, interrupted, duration, offered_rate, total, clients, health }
}

fn judge(summary: &Summary, report: &Report<'_>, require_valid: bool) -> Exit {
    let (requests, connections) = (&summary.total.ledger, &summary.total.connections);
    Exit::after(Findings {
        balanced: requests.residual() == 0 && connections.residual() == 0 && connections.open() == 0,
        interrupted: summary.interrupted,
        invalid: require_valid && report.verdict().validity() != Validity::Valid,
        gate_broke: report.gates().iter().any(Judged::is_broken),
    })
}

/// A seed, if nobody gave one: short enough to be typed again, and exact in every reader of JSON.
///
/// # Errors
///
/// When the system has no randomness.
pub fn random_seed() -> io::Result<u64> {
    let mut bytes = [0; 4];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(u32::from_ne_bytes(bytes).into())
}

/// Clients, if nobody says how many.
const CLIENTS: u32 = 1_000;
