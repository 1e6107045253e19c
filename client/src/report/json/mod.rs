//! The report for programs: one JSON object, described in `schema/summary.json`.
//!
//! Promises: keys are only ever added under [`SCHEMA`]'s number; times end in their unit (`_s`, `_us`); what wasn't measured is `null`,
//! never 0. A plan's hash is text, because 64 bits don't survive programs that read numbers as floats. Histograms are nanoseconds in
//! HdrHistogram's V2 format, deflated and in base64, as all of its libraries read; so percentiles of several runs can be had without
//! averaging them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::quantiles::{Quantiles, of_all};
use super::verdict::{elapsed, rate_ratio};
use super::{Fairness, Judged, Judgement, Named, Reason, Report, outcome_key};
use crate::record::Times;
use crate::summary::{Header, ThreadHealth};
use crate::{ConnectionLedger, Ledger, Outcome, Record, Summary};

/// The name and number of this form.
pub const SCHEMA: &str = "tollgate-client/1";

pub(super) fn write(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Document::of(report)?)?;
    writeln!(out)
}

/// The top level, in the order in which it is written.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    client_version: &'static str,
    seed: u64,
    plan_hash: String,
    verdict: String,
    reasons: Vec<Value>,
    interrupted: bool,
    duration_s: f64,
    requests: u64,
    responses: u64,
    allowed: u64,
    denied: u64,
    errors: u64,
    residual: i64,
    offered_per_s: Option<f64>,
    requests_per_s: Option<f64>,
    responses_per_s: Option<f64>,
    rate_ratio: Option<f64>,
    status: BTreeMap<u16, u64>,
    latency_us: Classes<Quantiles>,
    service_us: Classes<Quantiles>,
    lateness_us: Quantiles,
    client_cpu_s: f64,
    plan: Value,
    ledger: Value,
    connections: Value,
    bytes_out: u64,
    bytes_in: u64,
    fairness: Option<Value>,
    health: Value,
    gates: Vec<Value>,
    histograms: Value,
}

/// One of something for each class of answers, and one for all of them.
#[derive(Serialize)]
struct Classes<T> {
    allowed: T,
    denied: T,
    other: T,
    all: T,
}

impl Document {
    fn of(report: &Report<'_>) -> io::Result<Self> {
        let Summary { header, interrupted, duration, offered_rate, total, health, .. } = report.summary;
        let ledger = &total.ledger;
        let (latency, service) =
            (Classes::of(total, |times| &times.latency), Classes::of(total, |times| &times.service));
        let per_second = |n: u64| (duration.as_u64() > 0).then(|| n as f64 / duration.as_secs_f64());
        Ok(Self {
            schema: SCHEMA,
            client_version: env!("CARGO_PKG_VERSION"),
            seed: header.seed,
            plan_hash: format!("{:016x}", header.plan_hash),
            verdict: report.verdict.validity().to_string(),
            reasons: report.verdict.reasons().iter().map(reason).collect(),
            interrupted: *interrupted,
            duration_s: duration.as_secs_f64(),
            requests: ledger.sent,
            responses: ledger.answers(),
            allowed: ledger.count(Outcome::Allowed),
            denied: ledger.count(Outcome::Denied),
            errors: ledger.errors(),
            residual: ledger.residual(),
            offered_per_s: *offered_rate,
            requests_per_s: per_second(ledger.sent),
            responses_per_s: per_second(ledger.answers()),
            rate_ratio: rate_ratio(report.summary),
            status: total.statuses.iter().collect(),
            latency_us: latency.map(Quantiles::of),
            service_us: service.map(Quantiles::of),
            lateness_us: Quantiles::of(&total.lateness),
            client_cpu_s: health.cpu.as_secs_f64(),
            plan: plan(header),
            ledger: entries(ledger),
            connections: connections(&total.connections),
            bytes_out: total.bytes_out,
            bytes_in: total.bytes_in,
            fairness: report.fairness.as_ref().map(fairness),
            health: own_health(report.summary),
            gates: report.gates.iter().map(gate).collect(),
            histograms: json!({
                "encoding": "HdrHistogram V2, deflated, base64",
                "unit": "ns",
                "latency": latency.try_map(encoded)?,
                "service": service.try_map(encoded)?,
                "lateness": encoded(&total.lateness)?,
            }),
        })
    }
}

impl Classes<Histogram<u64>> {
    fn of(total: &Record, clock: fn(&Times) -> &Histogram<u64>) -> Self {
        Self {
            allowed: clock(&total.allowed).clone(),
            denied: clock(&total.denied).clone(),
            other: clock(&total.other).clone(),
            all: of_all(total, clock),
        }
    }

    fn map<T>(&self, f: impl Fn(&Histogram<u64>) -> T) -> Classes<T> {
        Classes { allowed: f(&self.allowed), denied: f(&self.denied), other: f(&self.other), all: f(&self.all) }
    }

    fn try_map<T, E>(&self, f: impl Fn(&Histogram<u64>) -> Result<T, E>) -> Result<Classes<T>, E> {
        Ok(Classes { allowed: f(&self.allowed)?, denied: f(&self.denied)?, other: f(&self.other)?, all: f(&self.all)? })
    }
}

fn reason(reason: &Reason) -> Value {
    json!({ "name": reason.name(), "makes": reason.makes().to_string(), "text": reason.to_string() })
}

fn plan(header: &Header) -> Value {
    let option = |(name, value): &(String, String)| json!({ "name": name, "value": value });
    json!({
        "url": header.url,
        "command": header.command,
        "connections": header.connections,
        "pipeline": header.pipeline,
        "options": header.options.iter().map(option).collect::<Vec<_>>(),
    })
}

/// Every outcome, what they must add up to, and what they fall short of it by.
fn entries(ledger: &Ledger) -> Value {
    let ended = Outcome::ALL.into_iter().map(|outcome| (outcome_key(outcome), ledger.count(outcome).into()));
    let sums =
        [("planned", ledger.planned.into()), ("sent", ledger.sent.into()), ("residual", ledger.residual().into())];
    ended.chain(sums).map(|(name, count): (_, Value)| (name.to_owned(), count)).collect::<Map<_, _>>().into()
}

fn connections(ledger: &ConnectionLedger) -> Value {
    json!({
        "attempted": ledger.attempted,
        "established": ledger.established,
        "refused": ledger.refused,
        "timed_out": ledger.timed_out,
        "no_port": ledger.no_port,
        "no_descriptor": ledger.no_descriptor,
        "failed": ledger.failed,
        "closed_by_peer": ledger.closed_by_peer,
        "reset": ledger.reset,
        "closed_by_us": ledger.closed_by_us,
        "surplus": ledger.surplus,
        "residual": ledger.residual(),
        "open": ledger.open(),
    })
}

fn fairness(fairness: &Fairness) -> Value {
    let client =
        |named: &Named| json!({ "id": named.id, "allowed": named.served.allowed, "denied": named.served.denied });
    json!({
        "clients": fairness.asked,
        "jain": fairness.jain,
        "allowed_min": fairness.least,
        "allowed_median": fairness.median,
        "allowed_max": fairness.most,
        "starved": fairness.starved.iter().map(client).collect::<Vec<_>>(),
        "hottest": fairness.hottest.iter().map(client).collect::<Vec<_>>(),
    })
}

fn own_health(summary: &Summary) -> Value {
    let wall = elapsed(summary).as_u64() as f64;
    let thread = |thread: &ThreadHealth| {
        json!({
            "utilisation": thread.utilisation,
            "cpu_s": thread.cpu.as_secs_f64(),
            "involuntary_switches": thread.involuntary_switches,
            "waited_s": thread.waited.as_secs_f64(),
        })
    };
    json!({
        "threads": summary.health.threads.iter().map(thread).collect::<Vec<_>>(),
        "load_at_start": summary.health.load_at_start,
        "longest_backlog": summary.health.longest_backlog,
        "mean_in_flight": (wall > 0.0).then(|| summary.total.in_flight_ns as f64 / wall),
    })
}

fn gate(judged: &Judged) -> Value {
    let (result, value) = match judged.judgement {
        Judgement::Held { value } => ("held", Some(value)),
        Judgement::Broke { value } => ("broke", Some(value)),
        Judgement::Unmeasured(_) => ("broke", None),
        Judgement::Interrupted => ("not_judged", None),
    };
    json!({ "expression": judged.gate.to_string(), "result": result, "value": value, "text": judged.to_string() })
}

fn encoded(times: &Histogram<u64>) -> io::Result<String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(times, &mut bytes).map_err(io::Error::other)?;
    Ok(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests;
