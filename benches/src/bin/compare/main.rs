//! CPU per request of whole servers, taken in turn in one run: Tollgate, its peers, and the floor.
//!
//! Each measurement starts one server afresh on one CPU, sees that it answers what it should, lets wrk load it from another
//! CPU, and divides the CPU time of the server's whole process tree by the requests that wrk saw answered. Servers alternate
//! within a round, so that whatever else the machine does meets all of them; ratios are taken within rounds, and the table
//! gives their median and range. CPU per request, not requests per second: the latter says as much about wrk.

mod clients;
mod cpu;
mod guarded;
mod load;
mod overload;
mod plan;
mod probe;
mod process;
mod recovery;
mod report;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};

use tollgate_benches::affinity;

use crate::plan::{Plan, Row};
use crate::process::Interrupt;
use crate::server::{Binaries, Contender};

/// CPU microseconds per request of Tollgate, nginx, HAProxy and the smallest epoll loop, as a Markdown table.
#[derive(Parser, Debug)]
#[command(args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    other_side: Option<OtherSide>,
    #[command(flatten)]
    run: Run,
    /// Keep-alive connections, one row each
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    connections: Vec<usize>,
    /// Requests sent together in the row with pipelining (64 connections); 0 leaves it out
    #[arg(long, default_value_t = 16)]
    pipeline: usize,
    /// Leave out the rows with two executors on two CPUs
    #[arg(long)]
    without_two_executors: bool,
    /// Which servers
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Contender::USUAL)]
    servers: Vec<Contender>,
}

#[derive(Subcommand, Debug)]
enum OtherSide {
    /// Answers per CPU second of load clients instead: Tollgate's, wrk, h2load, oha
    Clients(clients::Options),
    /// CPU per request of gates in front of the same service instead, every request allowed: Tollgate, nginx, HAProxy
    Proxied(Proxied),
    /// What a gate still does at ten times what the service behind it can do
    Overload(overload::Options),
    /// How soon a gate stops calling a service that is killed, and how soon it calls it again
    Recovery(recovery::Options),
}

#[derive(clap::Args, Debug)]
struct Proxied {
    #[command(flatten)]
    run: Run,
    /// Keep-alive connections, one row each
    #[arg(long, value_delimiter = ',', default_value = "64")]
    connections: Vec<usize>,
}

/// What every measurement of servers needs to know.
#[derive(clap::Args, Debug)]
struct Run {
    /// How long wrk loads a server for one figure, in seconds
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often each figure is taken; the tables give medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Use this Tollgate instead of building the release binary
    #[arg(long)]
    tollgate: Option<PathBuf>,
    /// Further arguments for Tollgate, such as `--io=glommio`
    #[arg(long, value_delimiter = ' ', allow_hyphen_values = true)]
    tollgate_args: Vec<String>,
    /// Write the report to this file, too
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let interrupt = Interrupt::new(watch_signals()?);
    let cpus = affinity::allowed_cpus()?;
    ensure!(cpus.len() >= 2, "one CPU is for the server and one for wrk: allow this process two (it may use {cpus:?})");

    let cpus = [cpus[0], cpus[1]];
    match options.other_side {
        Some(OtherSide::Clients(options)) => {
            publish(&clients::compare(&options, cpus, &interrupt)?, options.out.as_deref())
        }
        Some(OtherSide::Overload(options)) => {
            publish(&overload::compare(&options, cpus, &interrupt)?, options.out.as_deref())
        }
        Some(OtherSide::Recovery(options)) => {
            publish(&recovery::compare(&options, cpus, &interrupt)?, options.out.as_deref())
        }
        Some(OtherSide::Proxied(Proxied { run, connections })) => {
            run.measure(rows(&connections, 0, false), Contender::PROXYING.to_vec(), 0, cpus, &interrupt)
        }
        None => {
            let rows = rows(&options.connections, options.pipeline, !options.without_two_executors);
            options.run.measure(rows, options.servers, load::FLOODERS, cpus, &interrupt)
        }
    }
}

impl Run {
    fn measure(
        self,
        rows: Vec<Row>,
        contenders: Vec<Contender>,
        flooders: u64,
        cpus: [usize; 2],
        interrupt: &Interrupt,
    ) -> Result<()> {
        let binaries = Binaries::build(&contenders, self.tollgate, self.tollgate_args, interrupt)?;
        let plan = Plan { rows, contenders, rounds: self.rounds, seconds: self.seconds, flooders, cpus };
        eprintln!("{} measurements, about {} minutes", plan.measurements(), plan.minutes());
        let measured = plan.run(&binaries, interrupt)?;
        publish(&report::render(&plan, &measured)?, self.out.as_deref())
    }
}

fn publish(report: &str, out: Option<&Path>) -> Result<()> {
    println!("{report}");
    if let Some(path) = out {
        std::fs::write(path, report).with_context(|| format!("cannot write the report to {}", path.display()))?;
    }
    Ok(())
}

fn rows(connections: &[usize], pipeline: usize, two_executors: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = connections.iter().map(|&connections| Row::Apart { connections, depth: 1 }).collect();
    if pipeline > 0 {
        rows.push(Row::Apart { connections: plan::TARGET_CONNECTIONS, depth: pipeline });
    }
    if two_executors {
        rows.extend([Row::Together { executors: 1 }, Row::Together { executors: 2 }]);
    }
    rows
}

/// SIGINT and SIGTERM only set a flag, so that the servers started are stopped on the way out.
fn watch_signals() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}
