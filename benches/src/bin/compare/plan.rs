//! What is measured, in which order, and the figures that come back.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::load::Load;
use crate::process::Interrupt;
use crate::server::{Binaries, Contender};

/// The row that the targets speak of.
pub const TARGET_CONNECTIONS: usize = 64;
/// What the machine does besides wrk's run: start, preparation, stop.
const OVERHEAD_SECONDS: f64 = 1.2;
/// wrk's errors beside its requests: one connection lost at the end of a run is not a finding, one in a thousand requests is.
const ERROR_SHARE: f64 = 0.001;

/// A load, and who shares which CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Server on the first CPU, wrk on the second.
    Apart { connections: usize, depth: usize },
    /// Tollgate with this many executors, wrk with a thread on both CPUs.
    Together { executors: usize },
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Row::Apart { connections: 1, depth: 1 } => write!(f, "1 connection"),
            Row::Apart { connections, depth: 1 } => write!(f, "{connections} connections"),
            Row::Apart { connections, depth } => write!(f, "{connections} connections, pipelined by {depth}"),
            Row::Together { executors: 1 } => write!(f, "1 executor, wrk on both CPUs"),
            Row::Together { executors } => write!(f, "{executors} executors, wrk on both CPUs"),
        }
    }
}

/// One run of one server under one load.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub row: Row,
    pub contender: Contender,
    pub round: usize,
    /// CPU time of the server, microseconds per request answered.
    pub cpu_us: f64,
    pub per_second: f64,
    pub denied_share: f64,
    /// Time that the server was ready to run and did not, as a share of the time it ran.
    pub waiting_share: f64,
}

/// All samples of a run.
#[derive(Debug, Default)]
pub struct Measured(pub Vec<Sample>);

impl Measured {
    pub fn of(&self, row: Row, contender: Contender) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| sample.row == row && sample.contender == contender)
    }

    /// CPU per request of one cell relative to another, round by round.
    pub fn ratios(&self, ours: (Row, Contender), theirs: (Row, Contender)) -> Vec<f64> {
        let paired = self.of(ours.0, ours.1).filter_map(|sample| {
            let other = self.of(theirs.0, theirs.1).find(|other| other.round == sample.round)?;
            Some(sample.cpu_us / other.cpu_us)
        });
        paired.collect()
    }
}

/// What to measure.
#[derive(Debug)]
pub struct Plan {
    pub rows: Vec<Row>,
    pub contenders: Vec<Contender>,
    pub rounds: usize,
    pub seconds: u64,
    /// Clients who send every other request and are denied; none where the question is what an allowed request costs.
    pub flooders: u64,
    pub cpus: [usize; 2],
}

impl Plan {
    pub fn measurements(&self) -> usize {
        self.rounds * self.rows.iter().map(|&row| self.contenders_of(row).count()).sum::<usize>()
    }

    pub fn minutes(&self) -> u64 {
        (self.measurements() as f64 * (self.seconds as f64 + OVERHEAD_SECONDS) / 60.0).ceil() as u64
    }

    /// Round by round, row by row, server by server; each round starts with another server.
    pub fn run(&self, binaries: &Binaries, interrupt: &Interrupt) -> Result<Measured> {
        let dir = tempfile::Builder::new().prefix("tollgate-compare-").tempdir()?;
        let script = dir.path().join("load.lua");
        std::fs::write(&script, include_str!("../../../peers/load.lua"))?;
        let mut measured = Measured::default();
        for round in 0..self.rounds {
            for &row in &self.rows {
                let mut contenders: Vec<_> = self.contenders_of(row).collect();
                let turn = round % contenders.len().max(1);
                contenders.rotate_left(turn);
                for contender in contenders {
                    let sample = self
                        .measure(row, contender, round, &script, binaries, interrupt)
                        .with_context(|| format!("{}, {row}, round {}", contender.title(), round + 1))?;
                    eprintln!(
                        "round {} of {}, {row}, {}: {:.2} us, {:.0} requests/s, {:.0} % denied",
                        round + 1,
                        self.rounds,
                        contender.title(),
                        sample.cpu_us,
                        sample.per_second,
                        100.0 * sample.denied_share
                    );
                    measured.0.push(sample);
                }
            }
        }
        Ok(measured)
    }

    /// Only Tollgate shares its CPUs with wrk: the row is about its executors.
    fn contenders_of(&self, row: Row) -> impl Iterator<Item = Contender> {
        let everybody = matches!(row, Row::Apart { .. });
        self.contenders.iter().copied().filter(move |&contender| everybody || contender == Contender::Tollgate)
    }

    fn measure(
        &self,
        row: Row,
        contender: Contender,
        round: usize,
        script: &Path,
        binaries: &Binaries,
        interrupt: &Interrupt,
    ) -> Result<Sample> {
        let (server_cpus, wrk_cpus, connections, depth) = match row {
            Row::Apart { connections, depth } => (&self.cpus[..1], &self.cpus[1..], connections, depth),
            Row::Together { executors } => (&self.cpus[..executors], &self.cpus[..], TARGET_CONNECTIONS, 1),
        };
        let server = contender.start(binaries, server_cpus, wrk_cpus, interrupt)?;
        let load = Load {
            target: server.address,
            script,
            threads: wrk_cpus.len(),
            connections,
            depth,
            seconds: self.seconds,
            seed: round + 1,
            flooders: self.flooders,
            cpus: wrk_cpus,
        };
        let before = server.cpu_time()?;
        let seen = load.run(interrupt)?;
        let used = server.cpu_time()? - before;
        server.check_burst("after")?;

        ensure!(seen.requests > 0, "no request was answered");
        let requests = seen.requests as f64;
        let denied_share = seen.denied as f64 / requests;
        ensure!(seen.errors as f64 <= ERROR_SHARE * requests, "wrk counted {} errors: {seen:?}", seen.errors);
        let expected = if contender.limits() { seen.denied_by_a_limiter(self.flooders) } else { 0.0..=0.0 };
        ensure!(
            expected.contains(&denied_share),
            "a share of {denied_share:.3} was denied, not {:.3} to {:.3}",
            expected.start(),
            expected.end()
        );
        Ok(Sample {
            row,
            contender,
            round,
            cpu_us: used.running.as_secs_f64() * 1e6 / requests,
            per_second: requests / seen.seconds,
            denied_share,
            waiting_share: used.waiting.as_secs_f64() / used.running.as_secs_f64(),
        })
    }
}
