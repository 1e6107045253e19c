//! A run over time: one line of JSON for each interval.
//!
//! The rows partition the run. Each counts what happened in its interval and nowhere else, so counts add up to the report's; only what
//! `_now` ends in (the state at the end of an interval) and percentiles don't. The last row is shorter than the others as a rule.

use std::io::{self, Write};

use serde::Serialize;

use super::quantiles::Quantiles;
use crate::engine::Stage;
use crate::{Interval, Outcome};

/// Writes one row.
///
/// # Errors
///
/// Those of `out`.
pub fn write(interval: &Interval, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Row::of(interval))?;
    writeln!(out)
}

#[derive(Serialize)]
struct Row {
    /// The end of the interval, from the start of the run.
    at_s: f64,
    length_s: f64,
    stage: &'static str,
    planned: u64,
    requests: u64,
    responses: u64,
    allowed: u64,
    denied: u64,
    other: u64,
    errors: u64,
    shed: u64,
    aborted: u64,
    in_flight_now: u64,
    backlog_now: u64,
    connections_now: u64,
    connections_established: u64,
    bytes_out: u64,
    bytes_in: u64,
    /// Of all threads, 0 to 1.
    utilisation: Option<f64>,
    latency_us: Classes,
    service_us: Classes,
    lateness_us: Quantiles,
}

#[derive(Serialize)]
struct Classes {
    allowed: Quantiles,
    denied: Quantiles,
    other: Quantiles,
}

impl Row {
    fn of(interval: &Interval) -> Self {
        let record = &interval.record;
        let ledger = &record.ledger;
        let elapsed = record.elapsed.as_secs_f64();
        let [allowed, denied, other] = [&record.allowed, &record.denied, &record.other];
        let classes = |of: fn(&crate::record::Times) -> Quantiles| Classes {
            allowed: of(allowed),
            denied: of(denied),
            other: of(other),
        };
        Self {
            at_s: interval.at.as_secs_f64(),
            length_s: interval.length.as_secs_f64(),
            stage: match interval.stage {
                Stage::Running => "running",
                Stage::Draining => "draining",
                Stage::Aborted => "aborted",
            },
            planned: ledger.planned,
            requests: ledger.sent,
            responses: ledger.answers(),
            allowed: ledger.count(Outcome::Allowed),
            denied: ledger.count(Outcome::Denied),
            other: ledger.count(Outcome::Other),
            errors: ledger.errors(),
            shed: ledger.count(Outcome::Shed),
            aborted: ledger.count(Outcome::Aborted),
            in_flight_now: interval.in_flight,
            backlog_now: interval.backlog,
            connections_now: interval.open_connections,
            connections_established: record.connections.established,
            bytes_out: record.bytes_out,
            bytes_in: record.bytes_in,
            utilisation: (elapsed > 0.0).then(|| record.busy.as_secs_f64() / elapsed),
            latency_us: classes(|times| Quantiles::of(&times.latency)),
            service_us: classes(|times| Quantiles::of(&times.service)),
            lateness_us: Quantiles::of(&record.lateness),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::write;
    use crate::engine::Stage;
    use crate::report::Report;
    use crate::report::example::{eventful, healthy};
    use crate::{Interval, Nanos, Record, Summary};

    fn interval(record: &Record, at: u64, stage: Stage) -> Interval {
        let (at, length) = (Nanos::from_secs(at), Nanos::from_secs(10));
        Interval { at, length, record: record.clone(), in_flight: 3, backlog: 2, open_connections: 64, stage }
    }

    #[test]
    fn rows_are_lines_that_add_up_to_the_report() {
        let (first, second) = (healthy(), eventful());
        let mut text = Vec::new();
        write(&interval(&first.total, 10, Stage::Running), &mut text).unwrap();
        write(&interval(&second.total, 20, Stage::Draining), &mut text).unwrap();
        let rows: Vec<Value> =
            String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();

        let mut total = first.total.clone();
        total += &second.total;
        let whole = Summary { total, ..first };
        let mut report = Vec::new();
        Report::new(&whole, &[]).write_json(&mut report).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        for name in ["requests", "responses", "allowed", "denied", "errors", "bytes_out", "bytes_in"] {
            let sum: u64 = rows.iter().map(|row| row[name].as_u64().unwrap()).sum();
            assert_eq!(Value::from(sum), report[name], "{name}");
        }
        for name in ["planned", "other", "shed", "aborted"] {
            let sum: u64 = rows.iter().map(|row| row[name].as_u64().unwrap()).sum();
            assert_eq!(Value::from(sum), report["ledger"][name], "{name}");
        }
        assert_eq!((&rows[0]["at_s"], &rows[1]["stage"]), (&10.0.into(), &"draining".into()));
        assert_eq!(rows[1]["latency_us"]["denied"]["count"], 4_000);
    }

    #[test]
    fn an_interval_without_answers_has_no_percentiles() {
        let mut text = Vec::new();
        write(&interval(&Record::default(), 1, Stage::Running), &mut text).unwrap();
        let row: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((&row["latency_us"]["allowed"]["p99"], &row["utilisation"]), (&Value::Null, &Value::Null));
    }
}
