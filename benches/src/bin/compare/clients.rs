//! Answers per CPU second of load clients: Tollgate's, wrk, h2load, oha, taken in turn against the floor on the other CPU.
//!
//! The floor answers everything with the same few bytes and is never the bottleneck: the question is what a request costs its *client*.
//! CPU time is what the kernel counted for the whole client process, start and report included.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::process::{Interrupt, Process};
use crate::report::{Spread, machine};
use crate::server::{Binaries, Contender, build};

/// `compare clients`.
#[derive(Args, Debug)]
pub struct Options {
    /// How long each client loads the server for one figure, in seconds
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often each figure is taken; the tables give medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Which clients
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Tool::ALL)]
    clients: Vec<Tool>,
    /// Write the report to this file, too
    #[arg(long)]
    pub out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    Tollgate,
    /// With a million ids, drawn by Zipf's law.
    TollgateZipf,
    Wrk,
    H2load,
    Oha,
}

/// One run of one client.
#[derive(Clone, Copy, Debug)]
struct Sample {
    tool: Tool,
    depth: usize,
    round: usize,
    per_cpu_second: f64,
    per_second: f64,
}

impl Tool {
    const ALL: [Tool; 5] = [Tool::Tollgate, Tool::TollgateZipf, Tool::Wrk, Tool::H2load, Tool::Oha];

    fn title(self) -> &'static str {
        match self {
            Tool::Tollgate => "tollgate-client",
            Tool::TollgateZipf => "tollgate-client, 1 M Zipf ids",
            Tool::Wrk => "wrk",
            Tool::H2load => "h2load --h1",
            Tool::Oha => "oha",
        }
    }

    /// oha doesn't pipeline.
    fn takes(self, depth: usize) -> bool {
        depth == 1 || self != Tool::Oha
    }

    fn command(self, run: &Run) -> Command {
        let Run { depth, seconds, .. } = *run;
        let url = format!("http://{}/?clientId=0000007", run.target);
        let mut command = match self {
            Tool::Tollgate | Tool::TollgateZipf => Command::new(run.client),
            Tool::Wrk => Command::new("wrk"),
            Tool::H2load => Command::new("h2load"),
            Tool::Oha => Command::new("oha"),
        };
        let connections = CONNECTIONS.to_string();
        match self {
            Tool::Tollgate | Tool::TollgateZipf => {
                let ids: &[&str] = match self {
                    Tool::TollgateZipf => &["--clients", "1M", "--pick", "zipf:1.1"],
                    _ => &["--clients", "1000"],
                };
                command.args(["-c", &connections, "-t", "1", "--plain", "--seed", "1"]).args(ids);
                command.args(["-d", &format!("{seconds}s"), "-p", &depth.to_string()]);
                command.arg("--json").arg(run.output).arg(format!("http://{}/", run.target));
            }
            Tool::Wrk => {
                command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s")]);
                if depth > 1 {
                    command.arg("-s").arg(run.script);
                }
                command.arg(url);
                if depth > 1 {
                    command.args(["--", &depth.to_string()]);
                }
            }
            Tool::H2load => {
                command.args(["--h1", "-t1", "-c", &connections, "-m", &depth.to_string(), "-D", &seconds.to_string()]);
                command.arg(url);
            }
            Tool::Oha => {
                command.args(["--no-tui", "--output-format", "json", "-c", &connections, "-z", &format!("{seconds}s")]);
                command.arg(url);
            }
        }
        command
    }

    /// How many whole answers the client says it got.
    fn answers(self, said: &str, output: &Path) -> Result<f64> {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).context("no JSON");
        match self {
            Tool::Tollgate | Tool::TollgateZipf => {
                json(&std::fs::read_to_string(output)?)?["responses"].as_f64().context("no `responses`")
            }
            Tool::Wrk => number_before(said, " requests in "),
            Tool::H2load => number_before(said, " succeeded, "),
            Tool::Oha => {
                let codes = json(said)?["statusCodeDistribution"].as_object().context("no status codes")?.clone();
                Ok(codes.values().filter_map(serde_json::Value::as_f64).sum())
            }
        }
    }
}

/// What a client is asked to do.
struct Run<'a> {
    target: SocketAddr,
    depth: usize,
    seconds: u64,
    client: &'a Path,
    script: &'a Path,
    output: &'a Path,
}

/// Takes all figures and renders them.
pub fn compare(options: &Options, cpus: [usize; 2], interrupt: &Interrupt) -> Result<String> {
    let binaries = Binaries::build(&[Contender::Floor], None, Vec::new(), interrupt)?;
    let client = build("tollgate-client", "tollgate-client", interrupt)?;
    let dir = tempfile::Builder::new().prefix("tollgate-compare-").tempdir()?;
    let (script, output) = (dir.path().join("pipeline.lua"), dir.path().join("summary.json"));
    std::fs::write(&script, include_str!("../../../peers/pipeline.lua"))?;
    let mut samples = Vec::new();
    for round in 0..options.rounds {
        for depth in DEPTHS {
            let mut tools: Vec<_> = options.clients.iter().copied().filter(|tool| tool.takes(depth)).collect();
            let turn = round % tools.len().max(1);
            tools.rotate_left(turn);
            for tool in tools {
                let server = Contender::Floor.start(&binaries, &cpus[..1], &[], interrupt)?;
                let run = Run {
                    target: server.address,
                    depth,
                    seconds: options.seconds,
                    client: &client,
                    script: &script,
                    output: &output,
                };
                let sample = measure(tool, &run, round, &cpus[1..], interrupt)
                    .with_context(|| format!("{}, pipelined by {depth}", tool.title()))?;
                eprintln!("round {} of {}, {sample:?}", round + 1, options.rounds);
                samples.push(sample);
            }
        }
    }
    render(options, cpus, &samples)
}

fn measure(tool: Tool, run: &Run, round: usize, cpus: &[usize], interrupt: &Interrupt) -> Result<Sample> {
    let before = children_cpu()?;
    let mut client = Process::start(tool.command(run).stdout(Stdio::piped()).stderr(Stdio::null()), cpus)?;
    // Read while it runs: a report may be longer than a pipe holds.
    let mut stdout = client.child.stdout.take().context("the client's output")?;
    let reader = std::thread::spawn(move || std::io::read_to_string(&mut stdout));
    let limit = Duration::from_secs(run.seconds) + GRACE;
    let status = interrupt.wait_for(tool.title(), limit, || Ok(client.exited()?))?;
    let said = reader.join().expect("a reader that doesn't panic")?;
    ensure!(status.success(), "{} failed: {status}\n{said}", tool.title());
    let cpu = children_cpu()? - before;
    let answers = tool.answers(&said, run.output)?;
    ensure!(answers > 0.0, "{} got no answers:\n{said}", tool.title());
    let (depth, per_cpu_second) = (run.depth, answers / cpu.as_secs_f64());
    Ok(Sample { tool, depth, round, per_cpu_second, per_second: answers / run.seconds as f64 })
}

/// CPU time of all children that have ended.
fn children_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros as u64))
}

fn number_before(said: &str, mark: &str) -> Result<f64> {
    let (before, _) = said.split_once(mark).with_context(|| format!("no {mark:?} in\n{said}"))?;
    let digits = before.rsplit(|symbol: char| !symbol.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().with_context(|| format!("no number before {mark:?} in\n{said}"))
}

fn render(options: &Options, cpus: [usize; 2], samples: &[Sample]) -> Result<String> {
    let mut out = String::new();
    machine(&mut out, &["wrk -v", "h2load --version", "oha --version", "rustc --version"])?;
    writeln!(
        out,
        "- {} rounds of {} s; server on CPU {}, client on CPU {}",
        options.rounds, options.seconds, cpus[0], cpus[1]
    )?;
    writeln!(out, "\nThousands of answers per client CPU second, median (least–most); below, per second\n")?;
    let titles = DEPTHS.map(|depth| format!("{CONNECTIONS} connections, {depth} in flight on each"));
    writeln!(out, "| client | {} |\n|---|{}", titles.join(" | "), "--:|".repeat(DEPTHS.len()))?;
    for tool in &options.clients {
        write!(out, "| {} |", tool.title())?;
        for depth in DEPTHS {
            let of = |figure: fn(&Sample) -> f64| {
                let of_tool = samples.iter().filter(|sample| sample.tool == *tool && sample.depth == depth);
                Spread::of(&of_tool.map(|sample| figure(sample) / 1000.0).collect::<Vec<_>>())
            };
            match (of(|sample| sample.per_cpu_second), of(|sample| sample.per_second)) {
                (Some(cpu), Some(rate)) => write!(out, " {cpu}<br>{:.0} k/s |", rate.median)?,
                _ => write!(out, " |")?,
            }
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "\n| client | in flight | relative to | at least | median (least–most) | |\n|---|--:|---|--:|--:|---|"
    )?;
    for (tool, depth, peer, at_least) in TARGETS {
        let Some(ratio) = Spread::of(&ratios(samples, depth, tool, peer)) else { continue };
        let verdict = if ratio.median >= at_least { "met" } else { "**missed**" };
        writeln!(out, "| {} | {depth} | {} | {at_least:.2} | {ratio} | {verdict} |", tool.title(), peer.title())?;
    }
    Ok(out)
}

/// Answers per CPU second of one client relative to another's, round by round.
fn ratios(samples: &[Sample], depth: usize, ours: Tool, theirs: Tool) -> Vec<f64> {
    let of = |tool| samples.iter().filter(move |sample| sample.tool == tool && sample.depth == depth);
    let paired = of(ours).filter_map(|sample| {
        let other = of(theirs).find(|other| other.round == sample.round)?;
        Some(sample.per_cpu_second / other.per_cpu_second)
    });
    paired.collect()
}

const CONNECTIONS: usize = 64;
const DEPTHS: [usize; 2] = [1, 16];
/// Who, with so many requests in flight on a connection, gets at least how many times as many answers as whom.
const TARGETS: [(Tool, usize, Tool, f64); 6] = [
    (Tool::Tollgate, 1, Tool::Wrk, 1.2),
    (Tool::Tollgate, 1, Tool::Oha, 2.0),
    (Tool::TollgateZipf, 1, Tool::Wrk, 1.1),
    (Tool::Tollgate, 16, Tool::Wrk, 1.25),
    (Tool::Tollgate, 16, Tool::H2load, 1.8),
    (Tool::TollgateZipf, 16, Tool::Wrk, 1.1),
];
/// How long a client may need beyond its run.
const GRACE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_from_what_each_client_says() {
        let wrk = "  213020 requests in 3.00s, 31.1MB read\n";
        let h2load = "requests: 5 total, 5 started, 5 done, 4711 succeeded, 0 failed, 0 errored, 0 timeout\n";
        let oha = r#"{"statusCodeDistribution":{"200":7,"503":3}}"#;
        assert_eq!(Tool::Wrk.answers(wrk, Path::new("")).unwrap(), 213_020.0);
        assert_eq!(Tool::H2load.answers(h2load, Path::new("")).unwrap(), 4_711.0);
        assert_eq!(Tool::Oha.answers(oha, Path::new("")).unwrap(), 10.0);
        assert!(Tool::Wrk.answers("nothing", Path::new("")).is_err());
    }
}
