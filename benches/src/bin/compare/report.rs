//! The Markdown report: figures, targets, and what is needed to repeat them.

use std::fmt::Write;
use std::process::Command;

use anyhow::Result;

use crate::plan::{Measured, Plan, Row, TARGET_CONNECTIONS};
use crate::server::Contender;

/// Above this, something else had the server's CPU too often for the figures to be quoted.
const QUIET_WAITING_SHARE: f64 = 0.05;

/// Tollgate's CPU per request at most this many times another figure of the same round.
struct Target {
    row: Row,
    ours: Contender,
    against: (Row, Contender),
    at_most: f64,
}

pub fn render(plan: &Plan, measured: &Measured) -> Result<String> {
    let mut out = String::new();
    machine(&mut out, &["nginx -v", "haproxy -v", "wrk -v", "rustc --version"])?;
    writeln!(
        out,
        "- {} rounds of {} s; server on CPU {}, wrk on CPU {}",
        plan.rounds, plan.seconds, plan.cpus[0], plan.cpus[1]
    )?;
    figures(&mut out, plan, measured)?;
    targets(&mut out, plan, measured)?;
    notes(&mut out, measured)?;
    Ok(out)
}

/// What ran where: the machine, the versions of these programs, the commit, the command.
pub fn machine(out: &mut String, programs: &[&str]) -> Result<()> {
    let uname = rustix::system::uname();
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let virtual_machine = if cpuinfo.contains(" hypervisor") { ", in a virtual machine" } else { "" };
    let cpus = cpuinfo.matches("processor\t").count();
    writeln!(
        out,
        "- machine: {model}, {cpus} CPUs{virtual_machine}; {} {}",
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy()
    )?;
    let versions: Vec<String> = programs.iter().map(|program| version(program)).collect();
    writeln!(out, "- versions: {}", versions.join("; "))?;
    writeln!(out, "- commit: {}", version("git describe --always --dirty"))?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    writeln!(out, "- command: `benches/compare {}`", arguments.join(" "))?;
    Ok(())
}

/// The first line that a program says about itself, on either output.
fn version(command: &str) -> String {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default();
    let Ok(output) = Command::new(program).args(words).output() else {
        return format!("{program}: not found");
    };
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned()
}

fn figures(out: &mut String, plan: &Plan, measured: &Measured) -> Result<()> {
    writeln!(
        out,
        "\nCPU µs per request, median (least–most of {} rounds); below, thousands of requests per second\n",
        plan.rounds
    )?;
    let titles: Vec<_> = plan.contenders.iter().map(|contender| contender.title()).collect();
    writeln!(out, "| load | {} |", titles.join(" | "))?;
    writeln!(out, "|---|{}", "--:|".repeat(titles.len()))?;
    for &row in &plan.rows {
        write!(out, "| {row} |")?;
        for &contender in &plan.contenders {
            let cpu: Vec<f64> = measured.of(row, contender).map(|sample| sample.cpu_us).collect();
            let rate: Vec<f64> = measured.of(row, contender).map(|sample| sample.per_second / 1000.0).collect();
            match (Spread::of(&cpu), Spread::of(&rate)) {
                (Some(cpu), Some(rate)) => write!(out, " {cpu}<br>{:.0} k/s |", rate.median)?,
                _ => write!(out, " |")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn targets(out: &mut String, plan: &Plan, measured: &Measured) -> Result<()> {
    writeln!(
        out,
        "\n| Tollgate's CPU per request | relative to | at most | median (least–most) | |\n|---|---|--:|--:|---|"
    )?;
    for target in all_targets(plan) {
        let ours = (target.row, target.ours);
        let Some(ratio) = Spread::of(&measured.ratios(ours, target.against)) else {
            continue;
        };
        let relative_to = if target.against.1 == target.ours {
            target.against.0.to_string()
        } else {
            target.against.1.title().to_owned()
        };
        let verdict = if ratio.median <= target.at_most { "met" } else { "**missed**" };
        writeln!(out, "| {} | {relative_to} | {:.2} | {ratio} | {verdict} |", target.row, target.at_most)?;
    }
    Ok(())
}

fn all_targets(plan: &Plan) -> Vec<Target> {
    let apart = |connections, depth| Row::Apart { connections, depth };
    let usual = apart(TARGET_CONNECTIONS, 1);
    let beside = |row, peer, at_most| Target { row, ours: Contender::Tollgate, against: (row, peer), at_most };
    let proxying = |peer, at_most| Target { ours: Contender::TollgateProxying, ..beside(usual, peer, at_most) };
    let mut targets = vec![
        beside(usual, Contender::NginxLimitReq, 0.75),
        beside(usual, Contender::Haproxy, 0.55),
        beside(usual, Contender::NginxReturn, 0.95),
        beside(usual, Contender::Floor, 1.15),
        beside(apart(1, 1), Contender::NginxReturn, 1.0),
        proxying(Contender::NginxProxying, 0.85),
        proxying(Contender::HaproxyProxying, 0.8),
    ];
    let pipelined = plan.rows.iter().filter(|row| matches!(row, Row::Apart { depth: 2.., .. }));
    targets.extend(pipelined.map(|&row| beside(row, Contender::NginxReturn, 0.2)));
    let two = Row::Together { executors: 2 };
    targets.extend([usual, Row::Together { executors: 1 }].map(|one| Target {
        row: two,
        ours: Contender::Tollgate,
        against: (one, Contender::Tollgate),
        at_most: 1.2,
    }));
    targets
}

fn notes(out: &mut String, measured: &Measured) -> Result<()> {
    let limited = || measured.0.iter().filter(|sample| sample.contender.limits());
    let shares: Vec<f64> = limited().map(|sample| 100.0 * sample.denied_share).collect();
    if let Some(shares) = Spread::of(&shares) {
        writeln!(
            out,
            "\nThe limiters denied {:.1}–{:.1} % of the requests; the others answered 200 to all.",
            shares.least, shares.most
        )?;
    }
    let apart = measured.0.iter().filter(|sample| matches!(sample.row, Row::Apart { .. }));
    let disturbed = apart.filter(|sample| sample.waiting_share > QUIET_WAITING_SHARE).count();
    if disturbed > 0 {
        writeln!(
            out,
            "\n**Not quiet:** in {disturbed} of {} measurements something else held the server's CPU for more than {:.0} % of the time it needed.",
            measured.0.len(),
            100.0 * QUIET_WAITING_SHARE
        )?;
    }
    Ok(())
}

/// Median and range of some figures.
pub struct Spread {
    pub median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    pub fn of(values: &[f64]) -> Option<Spread> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&least, &most) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Spread { median, least, most })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2}–{:.2})", self.median, self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap().to_string(), "2.50 (1.00–4.00)");
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]).unwrap().to_string(), "2.00 (1.00–3.00)");
        assert!(Spread::of(&[]).is_none());
    }
}
