//! A service that is killed under load and comes back: how soon the gate stops calling it, and how soon it calls it again.
//!
//! The gate's circuit breaker opens at the first refused connections and then waits for half a second between its probes, always the same. The service
//! is killed after two seconds, and started again after five.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tollgate_benches::clock::Stopwatch;

use crate::guarded::{Ask, Programs};
use crate::process::Interrupt;
use crate::report::{Spread, machine};

/// How soon a gate stops calling a service that is killed under load, and how soon it calls it again.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Requests per second
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// How often the service is killed; the tables give medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Use this Tollgate instead of building the release binary
    #[arg(long)]
    tollgate: Option<PathBuf>,
    /// Write the report to this file, too
    #[arg(long)]
    pub out: Option<PathBuf>,
}

const WAIT: Duration = Duration::from_millis(500);
const SETTINGS: &str = "[upstream.app.breaker]\nwait-duration-in-open-state = \"500ms\"\nwait-backoff-multiplier = 1\n";
const KILLED_AFTER: Duration = Duration::from_secs(2);
const BACK_AFTER: Duration = Duration::from_secs(5);
const SECONDS: u64 = 12;

/// 50 ms, as the client saw them.
struct Interval {
    at_s: f64,
    requests: f64,
    denied: f64,
    /// Neither allowed nor denied.
    failed: f64,
    slowest_refusal_ms: f64,
}

/// What one round has shown; seconds since the kill, or since the service was back.
struct Round {
    failed: f64,
    fails_fast_after: f64,
    slowest_refusal_ms: f64,
    full_rate_after: f64,
}

pub fn compare(options: &Options, cpus: [usize; 2], interrupt: &Interrupt) -> Result<String> {
    let programs = Programs::build(options.tollgate.clone(), interrupt)?;
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        let round = round(&programs, options.rate, cpus, interrupt)?;
        eprintln!(
            "round {number} of {}: fails fast after {:.2} s, full rate {:.2} s after the service was back",
            options.rounds, round.fails_fast_after, round.full_rate_after
        );
        rounds.push(round);
    }
    let mut out = String::new();
    machine(&mut out, &["rustc --version"])?;
    writeln!(out, "- {} rounds at {} requests per second; the breaker waits {WAIT:?}", rounds.len(), options.rate)?;
    writeln!(out, "\n| | target | median (least–most) |\n|---|--:|--:|")?;
    let mut row = |what, target, figure: fn(&Round) -> f64| -> Result<()> {
        let spread = Spread::of(&rounds.iter().map(figure).collect::<Vec<_>>()).context("no rounds")?;
        Ok(writeln!(out, "| {what} | {target} | {spread} |")?)
    };
    row("from the kill to the first interval in which all are refused, s", "≤ 0.15", |round| round.fails_fast_after)?;
    row("slowest 503 while the breaker was open, ms", "≤ 100", |round| round.slowest_refusal_ms)?;
    row("from the service's return to the full rate, s", "≤ 2.5", |round| round.full_rate_after)?;
    row("neither 200 nor 503, requests", "", |round| round.failed)?;
    writeln!(out, "\nIntervals of 50 ms; the client's clock and ours agree to about as much.")?;
    Ok(out)
}

fn round(programs: &Programs, rate: f64, [cpu, other]: [usize; 2], interrupt: &Interrupt) -> Result<Round> {
    let dir = tempfile::Builder::new().prefix("tollgate-compare-").tempdir()?;
    let service = programs.service("127.0.0.1:0", &dir, &[other])?;
    let address = service.address;
    let gate = programs.gate(address, SETTINGS, &dir, cpu)?;
    let series = dir.path().join("series");
    let ask = Ask {
        target: gate.address,
        path: "/",
        rate: Some(rate),
        connections: 64,
        seconds: SECONDS,
        series: Some(&series),
    };
    let watch = Stopwatch::start();
    let asking = programs.ask(&ask, dir.path(), &[other])?;
    let at = |moment: Duration| {
        interrupt.wait_for("the next step", moment * 2, || Ok((watch.elapsed() >= moment).then_some(())))
    };
    at(KILLED_AFTER)?;
    let mut service = service;
    service.process.child.kill()?;
    service.process.child.wait()?;
    let killed = watch.elapsed().as_secs_f64();
    at(BACK_AFTER)?;
    let _service = programs.service(&address.to_string(), &dir, &[other])?;
    let back = watch.elapsed().as_secs_f64();
    let seen = asking.seen(interrupt)?;
    let intervals = read(&series)?;
    let open = |interval: &&Interval| interval.at_s > killed && interval.at_s < back;
    let refusing = |interval: &&Interval| interval.requests > 0.0 && interval.denied >= 0.99 * interval.requests;
    let first = intervals.iter().filter(open).find(refusing).context("the gate never failed fast")?;
    let slowest = intervals.iter().filter(open).filter(|interval| interval.at_s >= first.at_s);
    let last_bad = intervals.iter().rfind(|interval| interval.denied + interval.failed > 0.1 * interval.requests);
    Ok(Round {
        failed: seen.failed * seen.requests,
        fails_fast_after: first.at_s - killed,
        slowest_refusal_ms: slowest.map(|interval| interval.slowest_refusal_ms).fold(0.0, f64::max),
        full_rate_after: last_bad.map_or(0.0, |interval| interval.at_s - back),
    })
}

fn read(series: &Path) -> Result<Vec<Interval>> {
    let text = std::fs::read_to_string(series)?;
    let intervals = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line)?;
        let number = |name: &str| line[name].as_f64().with_context(|| format!("no {name} in {line}"));
        Ok(Interval {
            at_s: number("at_s")?,
            requests: number("requests")?,
            denied: number("denied")?,
            failed: number("other")? + number("errors")?,
            slowest_refusal_ms: line["latency_us"]["denied"]["max"].as_f64().unwrap_or(0.0) / 1000.0,
        })
    });
    intervals.collect()
}
