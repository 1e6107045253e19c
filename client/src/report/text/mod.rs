//! The final report for people, in 100 columns at most and without colour: it is read in a terminal, in a log and in a bug report.
//!
//! First what to make of it, then what was asked for, what came of it, and how to have it again. Numbers stand below each other.

use std::fmt::{self, Formatter, Write};

use hdrhistogram::Histogram;

use super::number::{bytes, count, difference, percent, precise, rate, share, time};
use super::quantiles::value_at;
use super::verdict::elapsed;
use super::{Named, Report};
use crate::record::Times;
use crate::{Nanos, Outcome};

/// The whole report.
impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.verdict_first(f)?;
        self.plan(f)?;
        self.ledger(f)?;
        self.throughput(f)?;
        self.statuses(f)?;
        self.times(f)?;
        self.fairness_of_clients(f)?;
        self.connections(f)?;
        self.health(f)?;
        writeln!(f, "\nTo make the same requests again\n  {}", self.summary.header.command)
    }
}

impl Report<'_> {
    fn verdict_first(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let stopped = if self.summary.interrupted { ", stopped before its end" } else { "" };
        let broken = match self.gates.iter().filter(|judged| judged.is_broken()).count() {
            0 => String::new(),
            broken => format!(", {broken} of {} gates broke", self.gates.len()),
        };
        writeln!(f, "{}{stopped}{broken}", self.verdict.validity())?;
        for reason in self.verdict.reasons() {
            wrapped(f, &format!("{}: {reason}", reason.makes().to_string().to_lowercase()))?;
        }
        for judged in &self.gates {
            wrapped(f, &judged.to_string())?;
        }
        Ok(())
    }

    fn plan(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let header = &self.summary.header;
        writeln!(f, "\nPlan {:016x}, seed {}", header.plan_hash, header.seed)?;
        writeln!(f, "  {:<26} {}", "url", header.url)?;
        for (name, value) in &header.options {
            writeln!(f, "  {name:<26} {value}")?;
        }
        let (connections, pipeline) = (header.connections, header.pipeline);
        writeln!(f, "  {:<26} {connections}, each with at most {pipeline} in flight", "connections")
    }

    fn ledger(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ledger = &self.summary.total.ledger;
        writeln!(f, "\nRequests")?;
        amount(f, "planned", &count(ledger.planned), "")?;
        for outcome in Outcome::ALL {
            let ended = ledger.count(outcome);
            if ended > 0 || outcome.is_answer() {
                amount(f, outcome.name(), &count(ended), &share(ended, ledger.planned))?;
            }
        }
        amount(f, "residual", &difference(ledger.residual()), "")
    }

    fn throughput(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (total, duration) = (&self.summary.total, self.summary.duration);
        let seconds = duration.as_secs_f64();
        let per_second = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
        writeln!(f, "\nThroughput over {}", time(duration))?;
        if let Some(offered) = self.summary.offered_rate {
            amount(f, "offered", &rate(offered), "")?;
        }
        let offered = self.summary.offered_rate.map(|offered| (offered * seconds).round() as u64);
        let ratio =
            offered.map_or(String::new(), |offered| format!("{} of offered", share(total.ledger.sent, offered)));
        amount(f, "sent", &rate(per_second(total.ledger.sent)), &ratio)?;
        amount(f, "answered", &rate(per_second(total.ledger.answers())), "")?;
        amount(f, "allowed", &rate(per_second(total.ledger.count(Outcome::Allowed))), "")?;
        amount(f, "bytes out", &format!("{}/s", bytes(per_second(total.bytes_out))), "")?;
        amount(f, "bytes in", &format!("{}/s", bytes(per_second(total.bytes_in))), "")
    }

    fn statuses(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = &self.summary.total;
        writeln!(f, "\nStatus")?;
        for (status, answers) in total.statuses.iter() {
            amount(f, &status.to_string(), &count(answers), &share(answers, total.ledger.answers()))?;
        }
        Ok(())
    }

    fn times(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = &self.summary.total;
        let is_scheduled = self.summary.offered_rate.is_some();
        writeln!(
            f,
            "\n{:<18} {:>15} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "Times", "count", "p50", "p90", "p99", "p99.9", "max"
        )?;
        for (name, times) in [("allowed", &total.allowed), ("denied", &total.denied), ("other", &total.other)] {
            let Times { latency, service } = times;
            distribution(f, &format!("{name} latency"), latency)?;
            // In a closed loop a request is due when it is sent: they are the same.
            if is_scheduled {
                distribution(f, &format!("{name} service"), service)?;
            }
        }
        distribution(f, "lateness", &total.lateness)?;
        let from = if is_scheduled { "due" } else { "sent, which is when it is due in a closed loop," };
        write!(f, "  latency: from {from} to done")?;
        if is_scheduled {
            write!(f, "; service: from sent to done; lateness: from due to sent")?;
        }
        let pipeline = self.summary.header.pipeline;
        if pipeline > 1 {
            write!(
                f,
                "\n  with up to {pipeline} requests in flight on a connection, each also waits for those before it"
            )?;
        }
        writeln!(f)
    }

    fn fairness_of_clients(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(fairness) = &self.fairness else {
            return if self.summary.clients.is_empty() { f.write_str(NOT_COUNTED) } else { Ok(()) };
        };
        writeln!(f, "\nFairness among {} clients that were answered", count(fairness.asked))?;
        amount(f, "Jain's index", &format!("{:.4}", fairness.jain), "1 is even")?;
        let (least, median, most) = (count(fairness.least), count(fairness.median), count(fairness.most));
        amount(f, "allowed, median", &median, &format!("from {least} to {most}"))?;
        named(f, "most starved", &fairness.starved)?;
        named(f, "hottest", &fairness.hottest)
    }

    fn connections(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ledger = &self.summary.total.connections;
        writeln!(f, "\nConnections")?;
        amount(f, "attempted", &count(ledger.attempted), "")?;
        amount(f, "established", &count(ledger.established), &share(ledger.established, ledger.attempted))?;
        let rare = [
            ("refused", ledger.refused),
            ("timed out", ledger.timed_out),
            ("no local port", ledger.no_port),
            ("no descriptor", ledger.no_descriptor),
            ("failed otherwise", ledger.failed),
            ("closed by the peer", ledger.closed_by_peer),
            ("reset by the peer", ledger.reset),
            ("closed by the client", ledger.closed_by_us),
            ("answered unasked", ledger.surplus),
        ];
        for (name, n) in rare.into_iter().filter(|(_, n)| *n > 0) {
            amount(f, name, &count(n), "")?;
        }
        let open = if ledger.open() == 0 { String::new() } else { format!("and {} not closed", ledger.open()) };
        amount(f, "residual", &difference(ledger.residual()), &open)
    }

    fn health(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (total, health) = (&self.summary.total, &self.summary.health);
        writeln!(f, "\nGenerator")?;
        let answers = total.ledger.answers();
        let per_answer = match health.cpu.as_u64().checked_div(answers) {
            Some(nanos) => format!("{} per answer", time(Nanos::new(nanos))),
            None => String::new(),
        };
        amount(f, "CPU time", &time(health.cpu), &per_answer)?;
        let seconds = elapsed(self.summary).as_secs_f64().max(f64::MIN_POSITIVE);
        for (number, thread) in health.threads.iter().enumerate() {
            let switches = thread.involuntary_switches as f64 / seconds;
            let waited = percent(thread.waited.as_secs_f64() / seconds);
            let note = format!("at work, {} CPU, {waited} without one, preempted {}", time(thread.cpu), rate(switches));
            amount(f, &format!("thread {number}"), &percent(thread.utilisation), &note)?;
        }
        if seconds > f64::MIN_POSITIVE {
            amount(f, "in flight on average", &precise_enough(total.in_flight_ns as f64 / 1e9 / seconds), "")?;
        }
        if self.summary.offered_rate.is_some() {
            amount(f, "longest backlog", &count(health.longest_backlog), "")?;
        }
        amount(f, "load before the start", &format!("{:.2}", health.load_at_start), "")
    }
}

/// A name, a number, and what is to be said about it.
fn amount(f: &mut Formatter<'_>, name: &str, number: &str, note: &str) -> fmt::Result {
    let mut line = format!("  {name:<26} {number:>15}");
    if !note.is_empty() {
        write!(line, "  {note:>8}")?;
    }
    writeln!(f, "{line}")
}

fn distribution(f: &mut Formatter<'_>, name: &str, times: &Histogram<u64>) -> fmt::Result {
    if times.is_empty() {
        return Ok(());
    }
    write!(f, "  {name:<16} {:>15}", count(times.len()))?;
    for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
        write!(f, " {:>9}", time(value_at(times, quantile)))?;
    }
    writeln!(f)
}

fn named(f: &mut Formatter<'_>, what: &str, clients: &[Named]) -> fmt::Result {
    for (place, Named { id, served }) in clients.iter().enumerate() {
        let what = if place == 0 { what } else { "" };
        let asked = u64::from(served.allowed) + u64::from(served.denied);
        let note = format!("{} of {} allowed", count(served.allowed.into()), count(asked));
        amount(f, what, &format!("id {id}"), &note)?;
    }
    Ok(())
}

/// Three digits are enough for an average that is no time.
fn precise_enough(value: f64) -> String {
    if value < 1_000.0 { precise((value * 1e3).round() / 1e3) } else { count(value.round() as u64) }
}

/// A sentence as a list item, broken at spaces.
fn wrapped(f: &mut Formatter<'_>, sentence: &str) -> fmt::Result {
    let mut line = String::from("  -");
    for word in sentence.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{line}")?;
            line = String::from("   ");
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(f, "{line}")
}

const NOT_COUNTED: &str = "
Fairness
  not counted: clients are, if 16M at most and at most 32 bytes for each on all threads together;
  lower their number or -t, or add --affinity sticky
";
/// Columns: what a terminal beside an editor has.
const WIDTH: usize = 100;

#[cfg(test)]
mod tests;
