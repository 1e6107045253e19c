//! A trial for programs: one line of JSON, described in `schema/trial.json`.
//!
//! Promises: keys are only ever added under [`SCHEMA`]'s number; quantities end in their unit (`_s`, `_us`, `_bytes`, `_per_s`); what wasn't
//! measured is `null`, never 0. Seeds and the plan's hash are text, because 64 bits don't survive programs that read numbers as floats.
//! Texts come as they are, control characters included.
//!
//! ```text
//!   jq -r 'select(.result == "failed") | [.trial, .failures[].kind, .command] | @tsv' trials.json
//! ```

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tollgate_client::report::{Quantiles, outcome_key};
use tollgate_client::{Ledger, Outcome};

use super::text::date;
use super::{Course, Entry, Failure, Fate, Header, Point, Server, Verdict};

/// The name and number of this form.
pub const SCHEMA: &str = "tollgate-tester/1";

/// One line, without its end.
pub(super) fn line(header: &Header, entry: &Entry) -> String {
    serde_json::to_string(&document(header, entry)).expect("keys that are text")
}

/// The object, in the order in which it is written.
#[derive(Debug, Serialize)]
pub(super) struct Document<'e> {
    schema: &'static str,
    version: &'e str,
    master_seed: String,
    trial: u64,
    seed: String,
    plan_hash: String,
    scenario: &'e str,
    result: &'static str,
    started: String,
    started_s: f64,
    duration_s: f64,
    parameters: BTreeMap<&'e str, &'e str>,
    requests: u64,
    responses: u64,
    allowed: u64,
    denied: u64,
    errors: u64,
    residual: i64,
    offered_per_s: Option<f64>,
    sent_per_s: f64,
    status: &'e BTreeMap<u16, u64>,
    ledger: Value,
    latency_us: Latency<'e>,
    oracle: Value,
    validity: String,
    reasons: &'e [String],
    server: Value,
    failures: Vec<Value>,
    command: &'e str,
    course: Vec<Value>,
    admitted: &'e [u64],
}

#[derive(Debug, Serialize)]
struct Latency<'e> {
    allowed: &'e Quantiles,
    denied: &'e Quantiles,
}

pub(super) fn document<'e>(header: &'e Header, entry: &'e Entry) -> Document<'e> {
    let ledger = &entry.ledger;
    Document {
        schema: SCHEMA,
        version: &header.version,
        master_seed: header.seed.to_string(),
        trial: entry.trial,
        seed: entry.seed.to_string(),
        plan_hash: format!("{:016x}", entry.plan_hash),
        scenario: &entry.scenario,
        result: entry.ending().name(),
        started: date(entry.started),
        started_s: entry.started.as_secs_f64(),
        duration_s: entry.length.as_secs_f64(),
        parameters: entry.parameters.iter().map(|(name, value)| (&name[..], &value[..])).collect(),
        requests: ledger.sent,
        responses: ledger.answers(),
        allowed: ledger.count(Outcome::Allowed),
        denied: ledger.count(Outcome::Denied),
        errors: ledger.errors(),
        residual: ledger.residual(),
        offered_per_s: entry.offered_per_s,
        sent_per_s: entry.sent_per_s,
        status: &entry.statuses,
        ledger: ends(ledger),
        latency_us: Latency { allowed: &entry.allowed, denied: &entry.denied },
        oracle: oracle(entry.oracle.as_ref()),
        validity: entry.validity.to_string(),
        reasons: &entry.reasons,
        server: server(&entry.server),
        failures: entry.all_failures().iter().map(failure).collect(),
        command: &entry.command,
        course: course(&entry.course),
        admitted: entry.admitted.bars(),
    }
}

fn ends(ledger: &Ledger) -> Value {
    let ended = Outcome::ALL.into_iter().map(|outcome| (outcome_key(outcome), ledger.count(outcome)));
    ended
        .chain([("planned", ledger.planned)])
        .map(|(name, n)| (name.to_owned(), n.into()))
        .collect::<Map<_, _>>()
        .into()
}

fn oracle(verdict: Option<&Verdict>) -> Value {
    let (why, count, witness) = match verdict {
        None | Some(Verdict::Conforms) => (None, 0, None),
        Some(Verdict::Inconclusive(why)) => (Some(why), 0, None),
        Some(Verdict::Violation { count, witness }) => (None, *count, Some(witness)),
    };
    json!({ "verdict": verdict.map(Verdict::name), "why": why, "violations": count, "witness": witness })
}

fn server(server: &Server) -> Value {
    let (code, signal) = match server.fate {
        Fate::Exited { code } => (Some(code), None),
        Fate::Killed { signal } => (None, Some(signal)),
        Fate::Alive | Fate::Hung | Fate::Gone => (None, None),
    };
    let usage = server.usage.as_ref();
    json!({
        "fate": server.fate.name(),
        "exit_code": code,
        "signal": signal,
        "rss_bytes": usage.map(|usage| usage.rss),
        "descriptors": usage.map(|usage| usage.descriptors),
        "threads": usage.map(|usage| usage.threads),
        "cpu_us_per_request": usage.and_then(|usage| Some(usage.cpu_per_request?.as_u64() as f64 / 1e3)),
        "restarted": server.restarted,
    })
}

fn failure(failure: &Failure) -> Value {
    json!({
        "kind": failure.kind.name(),
        "text": failure.text,
        "again": failure.again.name(),
        "lines": failure.lines,
    })
}

fn course(course: &Course) -> Vec<Value> {
    let point = |point: &Point| {
        json!({
            "from_s": point.from.as_secs_f64(),
            "until_s": point.until.as_secs_f64(),
            "measured_s": point.measured.as_secs_f64(),
            "offered": point.offered,
            "allowed": point.allowed,
            "denied": point.denied,
            "other": point.other,
            "errors": point.errors,
            "p50_us": point.p50_us,
            "p99_us": point.p99_us,
        })
    };
    course.iter().map(point).collect()
}
