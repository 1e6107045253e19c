//! `--print-config`: the effective configuration as a file that reads back to the same configuration.

use std::fmt::{Display, Write};
use std::time::Duration;

use tollgate_limiter::Quota;
use toml::Value;

use super::units::{show_count, show_duration, show_size};
use super::{Config, Listener, Mode, TypedQuota, Upstream, breaker};
use crate::overload::class::Match;

/// `config` as TOML, every key present.
pub fn toml(config: &Config) -> String {
    let mut out = String::new();
    // One listener is written in the short form; several are all written in the long one.
    let short = if let [only] = &config.listeners[..] { Some(only) } else { None };
    if let Some(listener) = short {
        text(&mut out, "listen", listener.address);
        line(&mut out, "decide", listener.mode == Mode::Decide);
        line(&mut out, "proxy-protocol", listener.proxy_protocol);
    }
    quotas(&mut out, &config.quotas);
    text(&mut out, "max-clients", show_count(config.max_clients.count()));
    text(&mut out, "when-full", config.when_full);
    text(&mut out, "client-id", &config.client_id);
    text(&mut out, "max-ids-per-peer", &config.max_ids_per_peer);
    line(&mut out, "limited-status", config.limited_status);
    line(&mut out, "ratelimit-headers", config.ratelimit_headers);
    let trusted: Vec<String> = config.trusted_proxies.0.iter().map(ToString::to_string).collect();
    list(&mut out, "trusted-proxies", &trusted);
    list(&mut out, "allow", &config.allow);
    list(&mut out, "deny", &config.deny);
    text(&mut out, "cores", &config.cores);
    text(&mut out, "io", config.io);
    line(&mut out, "backlog", config.backlog);
    line(&mut out, "max-connections", config.max_connections);
    text(&mut out, "log", config.log);
    timeouts(&mut out, config);
    http(&mut out, config);
    bans(&mut out, config);
    overrides(&mut out, config);
    policies(&mut out, config);
    if short.is_none() {
        listeners(&mut out, &config.listeners);
    }
    for upstream in &config.upstreams {
        self::upstream(&mut out, upstream);
    }
    overload(&mut out, config);
    priorities(&mut out, config);
    out
}

fn timeouts(out: &mut String, config: &Config) {
    let timeouts = &config.timeouts;
    out.push_str("\n[timeouts]\n");
    let all: [(&str, Duration); 6] = [
        ("head", timeouts.head),
        ("body", timeouts.body),
        ("idle", timeouts.idle),
        ("write", timeouts.write),
        ("linger", timeouts.linger),
        ("drain", timeouts.drain),
    ];
    for (key, timeout) in all {
        text(out, key, show_duration(timeout));
    }
}

fn http(out: &mut String, config: &Config) {
    let http = &config.http;
    out.push_str("\n[http]\n");
    text(out, "head-bytes", show_size(http.head_bytes as u64));
    line(out, "headers", http.headers);
    text(out, "body-bytes", show_size(http.body_bytes));
    line(out, "id-bytes", http.id_bytes);
}

fn bans(out: &mut String, config: &Config) {
    let Some(bans) = &config.bans else { return };
    out.push_str("\n[bans]\n");
    line(out, "strikes", bans.strikes());
    text(out, "within", show_duration(bans.within()));
    let durations: Vec<String> = bans.durations().iter().copied().map(show_duration).collect();
    list(out, "durations", &durations);
}

fn overrides(out: &mut String, config: &Config) {
    for group in &config.overrides {
        out.push_str("\n[[override]]\n");
        if let Some(tier) = &group.tier {
            text(out, "tier", tier);
        }
        list(out, "clients", &group.clients);
        quotas(out, &group.quotas);
    }
}

fn policies(out: &mut String, config: &Config) {
    for policy in &config.policies {
        out.push_str("\n[[policy]]\n");
        text(out, "name", &policy.name);
        text(out, "client-id", &policy.client_id);
        text(out, "missing", policy.missing);
        text(out, "max-clients", show_count(policy.max_clients.count()));
        quotas(out, &policy.quotas);
    }
}

fn listeners(out: &mut String, listeners: &[Listener]) {
    for listener in listeners {
        out.push_str("\n[[listener]]\n");
        text(out, "address", listener.address);
        text(out, "mode", listener.mode.name());
        if let Mode::Proxy { upstream } = &listener.mode {
            text(out, "upstream", upstream);
        }
        line(out, "proxy-protocol", listener.proxy_protocol);
    }
}

fn upstream(out: &mut String, upstream: &Upstream) {
    let (queue, timeouts) = (&upstream.queue, &upstream.timeouts);
    let name = &upstream.name;
    writeln!(out, "\n[upstream.{name}]").expect("a String takes every write");
    let servers: Vec<String> = upstream.servers.iter().map(ToString::to_string).collect();
    list(out, "servers", &servers);
    line(out, "max-in-flight", upstream.max_in_flight);
    line(out, "queue", format_args!("{{ max = {}, timeout = {} }}", queue.max, quoted(show_duration(queue.timeout))));
    writeln!(out, "\n[upstream.{name}.timeouts]").expect("a String takes every write");
    text(out, "connect", show_duration(timeouts.connect));
    text(out, "response-head", show_duration(timeouts.response_head));
    text(out, "idle", show_duration(timeouts.idle));
    text(out, "total", show_duration(timeouts.total));
    writeln!(out, "\n[upstream.{name}.breaker]").expect("a String takes every write");
    for (key, value) in breaker::shown(&upstream.breaker) {
        match value {
            breaker::Shown::Bare(value) => line(out, key, value),
            breaker::Shown::Text(value) => text(out, key, value),
        }
    }
}

fn overload(out: &mut String, config: &Config) {
    let overload = &config.overload;
    out.push_str("\n[overload]\n");
    line(out, "enabled", overload.enabled);
    text(out, "target-delay", show_duration(overload.target_delay));
    text(out, "interval", show_duration(overload.interval));
    text(out, "target-lag", overload.target_lag.map_or_else(|| "off".to_owned(), show_duration));
}

fn priorities(out: &mut String, config: &Config) {
    for rule in &config.priorities {
        out.push_str("\n[[priority]]\n");
        text(out, "class", rule.class);
        let Match { path_prefix, method, header } = &rule.matching;
        let header = header.as_ref().map(ToString::to_string);
        let keys = [("path-prefix", path_prefix), ("method", method), ("header", &header)];
        let keys = keys.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", quoted(value.as_ref()?))));
        line(out, "match", format_args!("{{ {} }}", keys.collect::<Vec<_>>().join(", ")));
    }
}

/// Each quota with its algorithm, so that the file means the same whatever the default is.
fn quotas(out: &mut String, quotas: &[Quota]) {
    let typed: Vec<String> = quotas.iter().map(|quota| TypedQuota::from(*quota).to_string()).collect();
    list(out, "limit", &typed);
}

fn line(out: &mut String, key: &str, value: impl Display) {
    writeln!(out, "{key} = {value}").expect("a String takes every write");
}

fn text(out: &mut String, key: &str, value: impl Display) {
    line(out, key, quoted(value));
}

fn list(out: &mut String, key: &str, items: &[String]) {
    let items: Vec<String> = items.iter().map(quoted).collect();
    line(out, key, format_args!("[{}]", items.join(", ")));
}

fn quoted(value: impl Display) -> String {
    Value::String(value.to_string()).to_string()
}
