//! Ten times what a service can do: how much of it is still done, and for whom.
//!
//! Gate and service on the first CPU (it sleeps while it serves), the clients on the second. In each round: `critical_plus` alone at a tenth of the capacity (*quiet*); as
//! much as the service answers to 64 connections that ask as fast as they are answered (*best*); then ten times that, of which
//! `critical_plus` is three tenths of the best, and the rest `sheddable`, each request when it is due, whatever became of those before.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;

use crate::guarded::{Ask, Programs, SERVICE_TIME, Seen, WORKERS};
use crate::process::Interrupt;
use crate::report::{Spread, machine};

/// Goodput, latency and refusals of a gate whose service is offered ten times what it can do.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// How long each load lasts, in seconds
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each figure is taken; the tables give medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Use this Tollgate instead of building the release binary
    #[arg(long)]
    tollgate: Option<PathBuf>,
    /// Write the report to this file, too
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Two classes, and as many requests at a time as the service has workers.
fn settings() -> String {
    format!(
        "max-in-flight = {WORKERS}\n\
         [[priority]]\nclass = \"critical_plus\"\nmatch = {{ path-prefix = \"{CHECKOUT}\" }}\n\
         [[priority]]\nclass = \"sheddable\"\nmatch = {{ path-prefix = \"{RECOMMENDATIONS}\" }}\n"
    )
}

/// What one round has shown.
struct Round {
    quiet: Seen,
    best: Seen,
    critical: Seen,
    sheddable: Seen,
}

impl Round {
    fn offered(&self, seconds: u64) -> f64 {
        (self.critical.requests + self.sheddable.requests) / seconds as f64
    }

    fn goodput(&self) -> f64 {
        self.critical.served + self.sheddable.served
    }
}

pub fn compare(options: &Options, cpus: [usize; 2], interrupt: &Interrupt) -> Result<String> {
    let programs = Programs::build(options.tollgate.clone(), interrupt)?;
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        let round = round(&programs, options.seconds, cpus, interrupt)?;
        eprintln!(
            "round {number} of {}: best {:.0}/s, at ten times {:.0}/s, critical_plus p99 {:.1} ms, {:.1} ms when quiet",
            options.rounds,
            round.best.served,
            round.goodput(),
            round.critical.p99_ms,
            round.quiet.p99_ms
        );
        rounds.push(round);
    }
    render(options, &rounds)
}

fn round(programs: &Programs, seconds: u64, [cpu, other]: [usize; 2], interrupt: &Interrupt) -> Result<Round> {
    let dir = tempfile::Builder::new().prefix("tollgate-compare-").tempdir()?;
    let service = programs.service("127.0.0.1:0", &dir, &[cpu])?;
    let gate = programs.gate(service.address, &settings(), &dir, cpu)?;
    let ask = |path, rate, connections| {
        let ask = Ask { target: gate.address, path, rate, connections, seconds, series: None };
        programs.ask(&ask, dir.path(), &[other])
    };
    let capacity = WORKERS as f64 / SERVICE_TIME.as_secs_f64();
    let quiet = ask(CHECKOUT, Some(capacity / 10.0), 64)?.seen(interrupt)?;
    let best = ask("/", None, 64)?.seen(interrupt)?;
    let critical = ask(CHECKOUT, Some(best.served * CRITICAL), 64)?;
    let sheddable = ask(RECOMMENDATIONS, Some(best.served * (10.0 - CRITICAL)), 512)?;
    Ok(Round { quiet, best, critical: critical.seen(interrupt)?, sheddable: sheddable.seen(interrupt)? })
}

fn render(options: &Options, rounds: &[Round]) -> Result<String> {
    let mut out = String::new();
    machine(&mut out, &["rustc --version"])?;
    writeln!(out, "- {} rounds, loads of {} s; gate and service on the first CPU", options.rounds, options.seconds)?;
    let of = |figure: &dyn Fn(&Round) -> f64| {
        let figures: Vec<f64> = rounds.iter().map(figure).collect();
        Spread::of(&figures).map_or_else(String::new, |spread| spread.to_string())
    };
    writeln!(out, "\n| median (least–most of {} rounds) | |\n|---|--:|", rounds.len())?;
    let mut row = |what, figure: &dyn Fn(&Round) -> f64| writeln!(out, "| {what} | {} |", of(figure));
    row("best goodput, 200s per second", &|round| round.best.served)?;
    row("offered at ten times, per second", &|round| round.offered(options.seconds))?;
    row("goodput at ten times, 200s per second", &Round::goodput)?;
    row("`critical_plus`: p99 quiet, ms", &|round| round.quiet.p99_ms)?;
    row("`critical_plus`: p99 at ten times, ms", &|round| round.critical.p99_ms)?;
    row("`critical_plus`: refused, %", &|round| 100.0 * round.critical.refused)?;
    row("`sheddable`: refused, %", &|round| 100.0 * round.sheddable.refused)?;
    row("neither 200 nor 503, %", &|round| 100.0 * round.critical.failed.max(round.sheddable.failed))?;
    writeln!(out, "\n| at ten times | target | median (least–most) |\n|---|--:|--:|")?;
    writeln!(out, "| goodput relative to the best | ≥ 0.90 | {} |", of(&|round| round.goodput() / round.best.served))?;
    let slower = of(&|round| round.critical.p99_ms / round.quiet.p99_ms);
    writeln!(out, "| p99 of `critical_plus` relative to quiet | ≤ 4 | {slower} |")?;
    Ok(out)
}

const CHECKOUT: &str = "/checkout";
const RECOMMENDATIONS: &str = "/recommendations";
/// How much of the best goodput is asked for by `critical_plus`.
const CRITICAL: f64 = 0.3;
