//! One reader for each kind of value. Each says what is wrong in a line that begins with its flag.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use crate::Nanos;
use crate::engine::{Close, Wait};
use crate::plan::parse::{count, duration};
use crate::plan::{PlanError, Stop};

/// Ranges of statuses, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes(pub Vec<(u16, u16)>);

/// When a run ends of itself: `0` is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End(pub Option<Nanos>);

/// A text that is none of what its flag takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOneOf {
    flag: &'static str,
    text: String,
    takes: &'static str,
}

impl fmt::Display for NotOneOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\": unknown: write {}", self.flag, self.text.escape_debug(), self.takes)
    }
}

impl std::error::Error for NotOneOf {}

/// Reads `--clients`.
pub fn clients(text: &str) -> Result<u32, PlanError> {
    number("--clients", text, 1, MOST_CLIENTS)
}

pub(super) fn connections(text: &str) -> Result<NonZeroU32, PlanError> {
    at_least_one("-c", text, MOST_CONNECTIONS)
}

pub(super) fn threads(text: &str) -> Result<NonZeroU32, PlanError> {
    at_least_one("-t", text, MOST_THREADS)
}

pub(super) fn pipeline(text: &str) -> Result<NonZeroU32, PlanError> {
    at_least_one("-p", text, MOST_PIPELINED)
}

pub(super) fn reqs_per_conn(text: &str) -> Result<NonZeroU32, PlanError> {
    at_least_one("--reqs-per-conn", text, u32::MAX)
}

pub(super) fn conn_rate(text: &str) -> Result<NonZeroU32, PlanError> {
    at_least_one("--conn-rate", text, MOST_CONNECTIONS)
}

pub(super) fn top(text: &str) -> Result<usize, PlanError> {
    number("--top", text, 0, MOST_ROWS).map(|rows| rows as usize)
}

/// Seeds are printed as numbers; `k` and `M` do no harm.
pub(super) fn seed(text: &str) -> Result<u64, PlanError> {
    count("--seed", text, 0, u64::MAX)
}

pub(super) fn end(text: &str) -> Result<End, PlanError> {
    Stop::parse_after(text).map(End)
}

pub(super) fn timeout(text: &str) -> Result<Nanos, PlanError> {
    duration("--timeout", text, Nanos::from_millis(1), LONGEST)
}

pub(super) fn deadline(text: &str) -> Result<Nanos, PlanError> {
    duration("--deadline", text, Nanos::from_micros(1), LONGEST)
}

pub(super) fn drain_timeout(text: &str) -> Result<Nanos, PlanError> {
    duration("--drain-timeout", text, Nanos::ZERO, LONGEST)
}

pub(super) fn interval(text: &str) -> Result<Nanos, PlanError> {
    duration("--interval", text, SHORTEST_INTERVAL, LONGEST)
}

pub(super) fn close(text: &str) -> Result<Close, NotOneOf> {
    one_of("--close", text, "orderly or reset", &[("orderly", Close::Orderly), ("reset", Close::Reset)])
}

pub(super) fn wait(text: &str) -> Result<Wait, NotOneOf> {
    let names = [("spin", Wait::Spin), ("hybrid", Wait::Hybrid), ("sleep", Wait::Sleep)];
    one_of("--wait", text, "spin, hybrid or sleep", &names)
}

pub(super) fn source(text: &str) -> Result<IpAddr, NotOneOf> {
    let refused = |_| refused("--sources", text, "addresses with commas between, like 127.0.0.2,127.0.0.3");
    text.parse().map_err(refused)
}

pub(super) fn allow(text: &str) -> Result<Codes, NotOneOf> {
    codes("--allow", text)
}

pub(super) fn deny(text: &str) -> Result<Codes, NotOneOf> {
    if text == "none" { Ok(Codes(Vec::new())) } else { codes("--deny", text) }
}

/// `2xx`, `429,503`, `200-299`, and such things with commas between.
fn codes(flag: &'static str, text: &str) -> Result<Codes, NotOneOf> {
    let ranges = text.split(',').map(range).collect::<Option<_>>();
    ranges.map(Codes).ok_or_else(|| refused(flag, text, "statuses from 100 to 599, like 2xx, 429,503 or 200-299"))
}

fn range(text: &str) -> Option<(u16, u16)> {
    let status = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|status| digits && (100..600).contains(status))
    };
    if let Some(class) = text.strip_suffix("xx") {
        let first = status(&format!("{class}00"))?;
        return Some((first, first + 99));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some((first, last))
}

fn one_of<T: Copy>(flag: &'static str, text: &str, takes: &'static str, names: &[(&str, T)]) -> Result<T, NotOneOf> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| refused(flag, text, takes))
}

fn refused(flag: &'static str, text: &str, takes: &'static str) -> NotOneOf {
    NotOneOf { flag, text: text.to_owned(), takes }
}

fn at_least_one(flag: &'static str, text: &str, most: u32) -> Result<NonZeroU32, PlanError> {
    number(flag, text, 1, most).map(|number| NonZeroU32::new(number).expect("1 is the least"))
}

fn number(flag: &'static str, text: &str, least: u32, most: u32) -> Result<u32, PlanError> {
    count(flag, text, least.into(), most.into()).map(|n| n as u32)
}

/// More ids take more than 3 GB of counts; nobody's limiter has that many.
const MOST_CLIENTS: u32 = 100_000_000;
/// As many as the ports of forty source addresses.
const MOST_CONNECTIONS: u32 = 1_000_000;
/// Far more than CPUs: a typing error.
const MOST_THREADS: u32 = 1_024;
/// Deeper than any server reads ahead.
const MOST_PIPELINED: u32 = 10_000;
/// More ids don't fit on a line.
const MOST_ROWS: u32 = 20;
/// Longer times aren't told apart by the histograms' clock of a load test.
const LONGEST: Nanos = Nanos::from_secs(3600);
/// Merging histograms more often would be the load.
const SHORTEST_INTERVAL: Nanos = Nanos::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_classes_ranges_and_lists() {
        let cases: [(&str, &[(u16, u16)]); 5] = [
            ("2xx", &[(200, 299)]),
            ("429,503", &[(429, 429), (503, 503)]),
            ("200-204", &[(200, 204)]),
            ("1xx,404,500-599", &[(100, 199), (404, 404), (500, 599)]),
            ("599", &[(599, 599)]),
        ];
        for (text, ranges) in cases {
            assert_eq!(allow(text), Ok(Codes(ranges.to_vec())), "{text}");
        }
        assert_eq!(deny("none"), Ok(Codes(Vec::new())));
        for text in ["", "2", "6xx", "0xx", "xx", "2xx,", "204-200", "+20", "200-", "99", "600", "-1", "2XX", "none"] {
            assert!(allow(text).is_err(), "{text:?}");
        }
        assert_eq!(
            deny("5x").unwrap_err().to_string(),
            "--deny \"5x\": unknown: write statuses from 100 to 599, like 2xx, 429,503 or 200-299"
        );
    }
}
