//! The configuration file: TOML text in, settings as typed out, or every problem of the file with its line.
//!
//! `../../tollgate.example.toml` shows every key. A key that is also a flag has the flag's name.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{ConfigError, Place, Problem, quoted};
use super::quota::{self, TypedQuota};
use super::section::{Review, Section};
use super::typed::{At, Typed, TypedOverride};
use super::{Bans, MaxIdsPerPeer, listener, overload, policy, units, upstream, value};
use crate::boot::Timeouts;
use crate::http::Limits;

/// Reads the settings in the file at `path`.
pub fn read(path: &Path) -> Result<Typed, ConfigError> {
    let text = text_of(path)?;
    parse(&text).map_err(|problems| ConfigError::Wrong { path: Some(path.to_owned()), problems })
}

/// Reads the settings in `text`, or says everything that is wrong with it, in the order of its lines.
pub fn parse(text: &str) -> Result<Typed, Vec<Problem>> {
    let mut review = Review::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        review.reject(error.span().map_or(0, |span| span.start), "syntax", error.message());
    }
    if !review.problems.is_empty() {
        // More of the same line, or of what could be recovered, would only be consequences of the first mistake.
        review.problems.sort_by(|a, b| a.place.cmp(&b.place));
        review.problems.dedup_by(|later, first| later.place == first.place);
        return Err(review.problems);
    }
    if document.get_ref().is_empty() {
        review.reject(0, "empty", "the file sets nothing: was it cut off? (drop --config to run with the defaults)");
    }
    let typed = top(&mut review, document.get_ref());
    let mut problems = review.problems;
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    if problems.is_empty() { Ok(typed) } else { Err(problems) }
}

fn top(review: &mut Review, table: &DeTable<'_>) -> Typed {
    let mut top = Section::new("", table);
    let typed = Typed {
        listen: top.read(review, "listen", value::listen),
        limits: limits(&mut top, review),
        algorithm: top.read(review, "algorithm", str::parse),
        max_clients: top.read(review, "max-clients", value::max_clients),
        when_full: top.read(review, "when-full", str::parse),
        client_id: top.read(review, "client-id", str::parse),
        max_ids_per_peer: max_ids_per_peer(&mut top, review),
        policies: policy::read(&mut top, review),
        limited_status: top.read(review, "limited-status", str::parse),
        ratelimit_headers: top.read(review, "ratelimit-headers", value::on_off),
        decide: top.read(review, "decide", value::on_off),
        trusted_proxies: networks(&mut top, review),
        proxy_protocol: top.read(review, "proxy-protocol", value::on_off),
        cores: top.read(review, "cores", str::parse),
        io: top.read(review, "io", str::parse),
        backlog: top.read(review, "backlog", value::backlog),
        max_connections: top.read(review, "max-connections", value::max_connections),
        log: top.read(review, "log", str::parse),
        allow: top.strings(review, "allow"),
        deny: top.strings(review, "deny"),
        overrides: overrides(&mut top, review),
        bans: bans(&mut top, review),
        http: http(&mut top, review),
        timeouts: timeouts(&mut top, review),
        drain_timeout: None,
        listeners: listener::read(&mut top, review),
        upstreams: upstream::read(&mut top, review),
        upstream_servers: None,
        overload: overload::read(&mut top, review),
        priorities: overload::read_priorities(&mut top, review),
    };
    top.finish(review);
    typed
}

/// `limit = "5/5s"`, a list of those, or `[[limit]]` tables.
pub(super) fn limits(section: &mut Section<'_, '_>, review: &mut Review) -> Option<Vec<(At, TypedQuota)>> {
    let value = section.value("limit")?;
    let name = section.name("limit");
    let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
        DeValue::Array(array) => array.iter().collect(),
        _ => vec![value],
    };
    if items.is_empty() {
        review.reject(
            value.span().start,
            &name,
            "an empty list limits nobody: write at least one quota, like \"5/5s\"",
        );
    }
    let several = items.len() > 1;
    let subject = |at: usize| if several { format!("{name}[{}]", at + 1) } else { name.clone() };
    let quotas = items.into_iter().enumerate().filter_map(|(at, item)| limit(subject(at), item, review));
    Some(quotas.collect())
}

fn limit(subject: String, item: &Spanned<DeValue<'_>>, review: &mut Review) -> Option<(At, TypedQuota)> {
    let start = item.span().start;
    let place = review.place(start);
    match item.get_ref() {
        DeValue::String(text) => match text.parse() {
            Ok(typed) => Some((At { place, subject: format!("{subject} = {:?}", text.as_ref()) }, typed)),
            Err(error) => {
                review.problems.push(Problem::new(place, subject, error));
                None
            }
        },
        DeValue::Table(table) => {
            let mut section = Section::new(format!("{subject}."), table);
            let has_quota = section.value("quota").is_some();
            let typed = TypedQuota {
                text: section.read(review, "quota", value::text).unwrap_or_default(),
                algorithm: section.read(review, "algorithm", str::parse),
                burst: section.read(review, "burst", quota::burst),
                max_delay: section.read(review, "max-delay", quota::max_delay),
                shadow: section.read(review, "shadow", value::on_off).unwrap_or(false),
            };
            section.finish(review);
            if !has_quota {
                review.reject(start, format!("{subject}.quota"), "missing: write N/PERIOD, like quota = \"5/5s\"");
            }
            has_quota.then(|| (At { place, subject: format!("{subject}.quota = {:?}", typed.text) }, typed))
        }
        other => {
            let found = other.type_str();
            review.reject(start, subject, format_args!("expected N/PERIOD in quotes, like \"5/5s\", found {found}"));
            None
        }
    }
}

fn max_ids_per_peer(top: &mut Section<'_, '_>, review: &mut Review) -> Option<(At, MaxIdsPerPeer)> {
    let place = review.place(top.value("max-ids-per-peer")?.span().start);
    let most: MaxIdsPerPeer = top.read(review, "max-ids-per-peer", str::parse)?;
    Some((At { place, subject: format!("max-ids-per-peer = \"{most}\"") }, most))
}

fn networks(top: &mut Section<'_, '_>, review: &mut Review) -> Option<Vec<IpNet>> {
    top.value("trusted-proxies")?;
    let texts = top.strings(review, "trusted-proxies");
    let mut networks = Vec::with_capacity(texts.len());
    for (place, text) in texts {
        match value::network(&text) {
            Ok(network) => networks.push(network),
            Err(error) => {
                let subject = format!("trusted-proxies: {}", quoted(&text));
                review.problems.push(Problem::new(place, subject, error));
            }
        }
    }
    Some(networks)
}

fn overrides(top: &mut Section<'_, '_>, review: &mut Review) -> Vec<TypedOverride> {
    let tables = top.array(review, "override", "write [[override]] above each group of clients");
    let mut overrides = Vec::with_capacity(tables.len());
    for (at, mut section) in tables {
        let tier = section.read(review, "tier", value::text);
        let clients = section.strings(review, "clients");
        let limits = limits(&mut section, review);
        section.finish(review);
        let mut missing = |key: &str, cure: &str| {
            let subject = format!("{}.{key}", at.subject);
            review.problems.push(Problem::new(at.place.clone(), subject, format_args!("missing: {cure}")));
        };
        if clients.is_empty() {
            missing("clients", "list the ids of the clients that it is for");
        }
        if limits.is_none() {
            missing("limit", "write their quota, like limit = \"100/5s\"");
        }
        overrides.push(TypedOverride { at, tier, clients, limits: limits.unwrap_or_default() });
    }
    overrides
}

fn bans(top: &mut Section<'_, '_>, review: &mut Review) -> Option<Bans> {
    let start = top.value("bans")?.span().start;
    let problems_before = review.problems.len();
    let mut section = top.section(review, "bans")?;
    let strikes = section.read(review, "strikes", |text| units::count(text, 1, u64::from(u16::MAX)));
    let within = section.read(review, "within", units::duration);
    let durations = section.strings(review, "durations");
    section.finish(review);
    let mut rungs = Vec::with_capacity(durations.len());
    for (place, text) in durations {
        match units::duration(&text) {
            Ok(rung) => rungs.push(rung),
            Err(error) => review.problems.push(Problem::new(place, format!("bans.durations = {text:?}"), error)),
        }
    }
    if review.problems.len() > problems_before {
        return None;
    }
    let (Some(strikes), Some(within), false) = (strikes, within, rungs.is_empty()) else {
        review.reject(
            start,
            "bans",
            "needs strikes, within and durations, like strikes = 20, within = \"10s\", durations = [\"1m\", \"10m\"]",
        );
        return None;
    };
    let strikes = u16::try_from(strikes).unwrap_or(u16::MAX);
    Bans::new(strikes, within, rungs).map_err(|error| review.reject(start, "bans", error)).ok()
}

fn timeouts(top: &mut Section<'_, '_>, review: &mut Review) -> Option<Timeouts> {
    let default = Timeouts::default();
    let mut section = top.section(review, "timeouts")?;
    let mut read = |key, otherwise: Duration, least| {
        section.read(review, key, |text| value::timeout(text, least)).unwrap_or(otherwise)
    };
    let timeouts = Timeouts {
        head: read("head", default.head, value::SHORTEST_TIMEOUT),
        body: read("body", default.body, value::SHORTEST_TIMEOUT),
        idle: read("idle", default.idle, value::SHORTEST_TIMEOUT),
        write: read("write", default.write, value::SHORTEST_TIMEOUT),
        linger: read("linger", default.linger, Duration::ZERO),
        drain: read("drain", default.drain, Duration::ZERO),
    };
    section.finish(review);
    Some(timeouts)
}

fn http(top: &mut Section<'_, '_>, review: &mut Review) -> Option<Limits> {
    let default = Limits::default();
    let mut section = top.section(review, "http")?;
    let limits = Limits {
        head_bytes: section.read(review, "head-bytes", value::head_bytes).unwrap_or(default.head_bytes),
        headers: section.read(review, "headers", value::headers).unwrap_or(default.headers),
        body_bytes: section.read(review, "body-bytes", value::body_bytes).unwrap_or(default.body_bytes),
        id_bytes: section.read(review, "id-bytes", value::id_bytes).unwrap_or(default.id_bytes),
    };
    section.finish(review);
    Some(limits)
}

/// The text of a file, if it is text and not absurdly long. Pipes are taken too, so that `--config <(generate)` works.
fn text_of(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |what: String| ConfigError::Unreadable { path: path.to_owned(), what };
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unreadable("no such file: check the path after --config".to_owned()),
        std::io::ErrorKind::PermissionDenied => {
            unreadable("permission denied: make it readable to this user".to_owned())
        }
        _ => unreadable(error.to_string()),
    })?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(unreadable("is a directory: name the file in it".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        let most = units::show_size(MOST_BYTES);
        return Err(unreadable(format!("longer than {most}: is it a configuration file?")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line =
            1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        let problem =
            Problem::new(Place::Line(line), "not text", "the file must be UTF-8: is it a configuration file?");
        ConfigError::Wrong { path: Some(path.to_owned()), problems: vec![problem] }
    })
}

/// Room for overrides of some 100 000 clients, and far from what hurts to parse.
const MOST_BYTES: u64 = 4 << 20;
