//! A line for each trial, in columns as wide as they need to be. Columns are at least two spaces apart and no value has a space in it,
//! so that `awk` finds them; what there is nothing to say of is `-`.

use tollgate_client::{Nanos, Outcome};

use super::super::{Ending, Entry, Header, Server};

/// The heading, and a line for each of `entries`.
pub(super) fn lines(header: &Header, entries: &[&Entry]) -> Vec<String> {
    let parameters = parameter_names(entries);
    let heading = FIXED.iter().map(|(name, _)| (*name).to_owned()).chain(parameters.iter().map(|name| cell(name)));
    let mut rows: Vec<Vec<String>> = vec![heading.collect()];
    for entry in entries {
        let mut row = fixed(header, entry);
        row.extend(parameters.iter().map(|name| parameter(entry, name)));
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    rows.iter().map(|row| aligned(row, &widths)).collect()
}

fn aligned(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (value, width)) in row.iter().zip(widths).enumerate() {
        if column > 0 {
            line.push_str("  ");
        }
        match FIXED.get(column) {
            Some((_, Side::Right)) => line.push_str(&format!("{value:>width$}")),
            Some((_, Side::Left)) | None => line.push_str(&format!("{value:<width$}")),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// The columns that every trial has. Those of its parameters follow.
const FIXED: [(&str, Side); 21] = [
    ("trial", Side::Right),
    ("result", Side::Left),
    ("scenario", Side::Left),
    ("start", Side::Right),
    ("length", Side::Right),
    ("requests", Side::Right),
    ("responses", Side::Right),
    ("allowed", Side::Right),
    ("denied", Side::Right),
    ("errors", Side::Right),
    ("offered/s", Side::Right),
    ("sent/s", Side::Right),
    ("allowed_p50", Side::Right),
    ("allowed_p99", Side::Right),
    ("denied_p99", Side::Right),
    ("rss_kB", Side::Right),
    ("descriptors", Side::Right),
    ("server", Side::Left),
    ("oracle", Side::Left),
    ("validity", Side::Left),
    ("seed", Side::Right),
];

fn fixed(header: &Header, entry: &Entry) -> Vec<String> {
    let ledger = &entry.ledger;
    let latency = |us: Option<f64>| us.map_or(NOTHING.to_owned(), |us| format!("{us:.0}"));
    let usage = |pick: fn(&super::super::Usage) -> u64| {
        entry.server.usage.as_ref().map_or(NOTHING.to_owned(), |usage| pick(usage).to_string())
    };
    let row: [String; FIXED.len()] = [
        entry.trial.to_string(),
        match entry.ending() {
            Ending::Passed => "pass",
            Ending::Failed => "FAIL",
            Ending::Invalid => "invalid",
        }
        .to_owned(),
        cell(&entry.scenario),
        hours(entry.started - header.started),
        format!("{:.1}s", entry.length.as_secs_f64()),
        ledger.sent.to_string(),
        ledger.answers().to_string(),
        ledger.count(Outcome::Allowed).to_string(),
        ledger.count(Outcome::Denied).to_string(),
        ledger.errors().to_string(),
        entry.offered_per_s.map_or(NOTHING.to_owned(), |rate| format!("{rate:.0}")),
        format!("{:.0}", entry.sent_per_s),
        latency(entry.allowed.p50),
        latency(entry.allowed.p99),
        latency(entry.denied.p99),
        usage(|usage| usage.rss / 1_000),
        usage(|usage| usage.descriptors),
        server(&entry.server),
        entry.oracle.as_ref().map_or(NOTHING, |verdict| verdict.name()).to_owned(),
        entry.validity.to_string(),
        entry.seed.to_string(),
    ];
    row.into()
}

fn server(server: &Server) -> String {
    let again = if server.restarted { ",restarted" } else { "" };
    format!("{}{again}", server.fate.name())
}

/// Of all of them, in the order in which they are first seen.
fn parameter_names<'e>(entries: &[&'e Entry]) -> Vec<&'e str> {
    let mut names = Vec::new();
    for (name, _) in entries.iter().flat_map(|entry| &entry.parameters) {
        if names.len() < MOST_PARAMETERS && !names.contains(&&name[..]) {
            names.push(name);
        }
    }
    names
}

fn parameter(entry: &Entry, name: &str) -> String {
    entry.parameters.iter().find(|(known, _)| known == name).map_or(NOTHING.to_owned(), |(_, value)| cell(value))
}

fn cell(text: &str) -> String {
    let text: String = text.chars().map(|char| if char.is_whitespace() { '_' } else { char }).collect();
    if text.is_empty() { NOTHING.to_owned() } else { text }
}

/// `100:02:03`: in the third minute of the fifth day.
fn hours(span: Nanos) -> String {
    let seconds = span.as_u64() / 1_000_000_000;
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Where there is nothing to say.
const NOTHING: &str = "-";
/// Columns of parameters; scenarios with names of their own for each would make lines without end.
const MOST_PARAMETERS: usize = 24;
