//! `[overload]` and `[[priority]]`: what happens when more comes than the service behind the gate, or the gate itself, can do.

use std::fmt;
use std::time::Duration;

use super::section::{Review, Section};
use super::typed::At;
use super::{Problem, Upstream, value};
use crate::http::fields::is_token;
use crate::overload::OverloadSettings;
use crate::overload::class::{HeaderMatch, Match, Rule};

/// Why a text matches no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MatchError {
    Path,
    Encoded,
    Method,
    HeaderName,
    HeaderValue,
}

impl fmt::Display for MatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MatchError::Path => "not the beginning of a path: begin with /, like \"/search\", and leave out the query",
            MatchError::Encoded => "would match no path, as paths are decoded first: write what the escapes stand for",
            MatchError::Method => "not a method: write it as requests do, like \"POST\"",
            MatchError::HeaderName => "not a header field: write NAME or NAME=VALUE, like \"X-Priority=low\"",
            MatchError::HeaderValue => {
                "no field has such a value: leave out control characters, and spaces around the value"
            }
        })
    }
}

/// Reads `[overload]`.
pub(super) fn read(top: &mut Section<'_, '_>, review: &mut Review) -> Option<OverloadSettings> {
    let default = OverloadSettings::default();
    let start = top.value("overload")?.span().start;
    let problems_before = review.problems.len();
    let mut section = top.section(review, "overload")?;
    let enabled = section.read(review, "enabled", value::on_off).unwrap_or(default.enabled);
    let mut read = |key, otherwise| {
        section.read(review, key, |text| value::timeout(text, value::SHORTEST_TIMEOUT)).unwrap_or(otherwise)
    };
    let target_delay = read("target-delay", default.target_delay);
    let interval = read("interval", default.interval);
    // Whoever writes the table wants it to do something, also where nothing is forwarded.
    let target_lag = section
        .read(review, "target-lag", lag)
        .unwrap_or_else(|| Some(TARGET_LAG.min(interval / 2).max(value::SHORTEST_TIMEOUT)));
    section.finish(review);
    if target_delay >= interval && review.problems.len() == problems_before {
        let what = "must be shorter than overload.interval, or no delay lasts long enough: lower it, or raise that";
        review.reject(start, "overload.target-delay", what);
    }
    if target_lag.is_some_and(|lag| lag >= interval) && review.problems.len() == problems_before {
        let what =
            "must be shorter than overload.interval, or no lag lasts long enough: lower it, raise that, or write off";
        review.reject(start, "overload.target-lag", what);
    }
    Some(OverloadSettings { enabled, target_delay, interval, target_lag })
}

/// A span, or `off`.
fn lag(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    let lag = value::timeout(text, value::SHORTEST_TIMEOUT);
    lag.map(Some).map_err(|error| format!("{error}; or write off"))
}

/// Reads all `[[priority]]`.
pub(super) fn read_priorities(top: &mut Section<'_, '_>, review: &mut Review) -> Vec<(At, Rule)> {
    let Some(value) = top.value("priority") else { return Vec::new() };
    let Some(array) = value.get_ref().as_array() else {
        let what = "expected tables: write [[priority]] above each class and its match";
        review.reject(value.span().start, "priority", what);
        return Vec::new();
    };
    let mut rules = Vec::with_capacity(array.len());
    for (index, item) in array.iter().enumerate() {
        let subject = format!("priority[{}]", index + 1);
        let start = item.span().start;
        let Some(table) = item.get_ref().as_table() else {
            review.reject(start, subject, "expected a table: write [[priority]] above each class and its match");
            continue;
        };
        let mut section = Section::new(format!("{subject}."), table);
        let (has_class, has_match) = (section.value("class").is_some(), section.value("match").is_some());
        let class = section.read(review, "class", str::parse);
        let matching = section.section(review, "match").map(|section| read_match(section, start, review));
        section.finish(review);
        if !has_class {
            let what = "missing: write critical_plus, critical, sheddable_plus or sheddable";
            review.reject(start, format!("{subject}.class"), what);
        }
        if !has_match {
            let what = "missing: say which requests, like match = { path-prefix = \"/search\" }";
            review.reject(start, format!("{subject}.match"), what);
        }
        if let (Some(class), Some(matching)) = (class, matching) {
            rules.push((At { place: review.place(start), subject }, Rule { class, matching }));
        }
    }
    rules
}

fn read_match(mut section: Section<'_, '_>, start: usize, review: &mut Review) -> Match {
    let problems_before = review.problems.len();
    let matching = Match {
        path_prefix: section.read(review, "path-prefix", path_prefix),
        method: section.read(review, "method", method),
        header: section.read(review, "header", header),
    };
    let name = section.name("");
    section.finish(review);
    if matching == Match::default() && review.problems.len() == problems_before {
        let what = "is empty: name a path-prefix, a method or a header, or drop the rule";
        review.reject(start, name.trim_end_matches('.'), what);
    }
    matching
}

fn path_prefix(text: &str) -> Result<String, MatchError> {
    if !text.starts_with('/') || text.contains(['?', '#']) {
        return Err(MatchError::Path);
    }
    let is_escape =
        |three: &[u8]| matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    if text.as_bytes().windows(3).any(is_escape) { Err(MatchError::Encoded) } else { Ok(text.to_owned()) }
}

fn method(text: &str) -> Result<String, MatchError> {
    if is_token(text.as_bytes()) { Ok(text.to_owned()) } else { Err(MatchError::Method) }
}

fn header(text: &str) -> Result<HeaderMatch, MatchError> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    if !is_token(name.as_bytes()) {
        return Err(MatchError::HeaderName);
    }
    let is_value =
        |value: &str| value == value.trim_ascii() && !value.contains(|c: char| c.is_ascii_control() && c != '\t');
    if value.is_some_and(|value| !is_value(value)) {
        return Err(MatchError::HeaderValue);
    }
    Ok(HeaderMatch { name: name.to_owned(), value: value.map(str::to_owned) })
}

/// Classes are for requests that are forwarded, or answered by a core that may be overloaded.
pub(super) fn check(
    priorities: &[(At, Rule)],
    upstreams: &[(At, Upstream)],
    overload: &OverloadSettings,
    problems: &mut Vec<Problem>,
) {
    if let (Some((at, _)), [], None) = (priorities.first(), upstreams, overload.lags()) {
        let cure = match overload.target_lag {
            Some(_) => "set overload.enabled = true",
            None => "set overload.target-lag (like \"5ms\")",
        };
        let what = format_args!(
            "nothing is forwarded, so nothing has to wait: name an upstream, {cure}, or drop the priorities"
        );
        problems.push(at.problem(what));
    }
}

/// Unless the table says otherwise; the same as for a queue.
const TARGET_LAG: Duration = Duration::from_millis(5);
