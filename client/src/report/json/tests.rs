//! The object against its schema, by a validator of the few words that the schema uses (a whole one is 60 crates).

use hdrhistogram::serialization::Deserializer;
use serde_json::Value;

use super::*;
use crate::report::Gate;
use crate::report::example::{eventful, healthy};
use crate::{Nanos, Record};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../schema/summary.json")).unwrap()
}

fn written(summary: &Summary, gates: &[&str]) -> Value {
    let gates: Vec<Gate> = gates.iter().map(|text| text.parse().unwrap()).collect();
    let mut text = Vec::new();
    Report::new(summary, &gates).write_json(&mut text).unwrap();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
    serde_json::from_slice(&text).unwrap()
}

/// What `value` offends against, with the place.
fn offences(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut offence = |what: String| found.push(format!("{place}: {what}"));
    let words = schema.as_object().unwrap();
    for (word, meant) in words {
        let holds = match word.as_str() {
            "description" | "$schema" | "$id" | "title" | "$defs" | "properties" | "items" | "propertyNames" => true,
            "$ref" | "anyOf" => true,
            "const" => value == meant,
            "enum" => meant.as_array().unwrap().contains(value),
            "type" => match meant {
                Value::String(name) => is_a(value, name),
                names => names.as_array().unwrap().iter().any(|name| is_a(value, name.as_str().unwrap())),
            },
            "minimum" => value.as_f64().is_none_or(|n| n >= meant.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= meant.as_f64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= meant.as_u64().unwrap()),
            "pattern" => matches(meant.as_str().unwrap(), value.as_str().unwrap_or_default()),
            "required" => meant.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
            "additionalProperties" if meant == &Value::Bool(false) => {
                value.as_object().is_none_or(|parts| parts.keys().all(|key| words["properties"].get(key).is_some()))
            }
            "additionalProperties" => true,
            unknown => panic!("the schema says {unknown}, which this test doesn't know"),
        };
        if !holds {
            offence(format!("{word} {meant} but {value}"));
        }
    }
    if let Some(path) = schema["$ref"].as_str() {
        found.extend(offences(root, root.pointer(path.strip_prefix('#').unwrap()).unwrap(), value, place));
    }
    if let Some(some) = schema["anyOf"].as_array() {
        let each = some.iter().map(|schema| offences(root, schema, value, place));
        found.extend(each.min_by_key(Vec::len).unwrap());
    }
    for (key, part) in value.as_object().into_iter().flatten() {
        let schema =
            schema["properties"].get(key).or_else(|| schema.get("additionalProperties").filter(|s| s.is_object()));
        found.extend(schema.into_iter().flat_map(|schema| offences(root, schema, part, &format!("{place}/{key}"))));
    }
    for (key, _) in value.as_object().into_iter().flatten().filter(|_| schema.get("propertyNames").is_some()) {
        found.extend(offences(root, &schema["propertyNames"], &Value::String(key.clone()), &format!("{place} key")));
    }
    for item in value.as_array().into_iter().flatten().filter(|_| schema.get("items").is_some()) {
        found.extend(offences(root, &schema["items"], item, &format!("{place}/-")));
    }
    found
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("no type is called {unknown}"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[0-9a-f]{16}$" => text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
        "^[1-5][0-9][0-9]$" => text.parse().is_ok_and(|status: u16| (100..600).contains(&status)),
        "^HISTFAAA" => text.starts_with("HISTFAAA"),
        unknown => panic!("the schema has the pattern {unknown}, which this test doesn't know"),
    }
}

#[test]
fn every_output_keeps_to_the_schema() {
    let schema = schema();
    let nothing = Summary { total: Record::default(), clients: Vec::new(), duration: Nanos::ZERO, ..healthy() };
    let closed = Summary { offered_rate: None, interrupted: true, ..healthy() };
    for (name, summary) in [("healthy", healthy()), ("eventful", eventful()), ("nothing", nothing), ("closed", closed)]
    {
        let report = written(&summary, &["p99>1ms", "errors>0", "other.p99>1ms"]);
        assert_eq!(offences(&schema, &schema, &report, ""), [""; 0], "{name}");
    }
}

#[test]
fn an_output_that_offends_is_found_out() {
    let schema = schema();
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 7] = [
        ("/seed: type", |v| v["seed"] = "42".into()),
        (": required", |v| drop(v.as_object_mut().unwrap().remove("residual"))),
        (": additionalProperties", |v| v["surplus"] = 1.into()),
        ("/latency_us/denied/p50: minimum", |v| v["latency_us"]["denied"]["p50"] = (-1.0).into()),
        ("/verdict: enum", |v| v["verdict"] = "FINE".into()),
        ("/fairness/jain: maximum", |v| v["fairness"]["jain"] = 1.5.into()),
        ("/status key: pattern", |v| v["status"]["99"] = 1.into()),
    ];
    for (meant, change) in cases {
        let mut report = written(&healthy(), &[]);
        change(&mut report);
        let found = offences(&schema, &schema, &report, "");
        assert!(matches!(&found[..], [one] if one.starts_with(meant)), "{meant}: {found:?}");
    }
}

#[test]
fn the_top_level_tells_what_scripts_ask_for() {
    let report = written(&eventful(), &["errors>5", "p99>1s"]);
    let cases = [
        ("/schema", "tollgate-client/1".into()),
        ("/seed", 42.into()),
        ("/plan_hash", "0123456789abcdef".into()),
        ("/verdict", "SUSPECT".into()),
        ("/duration_s", 10.0.into()),
        ("/requests", 10_050.into()),
        ("/responses", 10_040.into()),
        ("/allowed", 6_000.into()),
        ("/denied", 4_000.into()),
        ("/errors", 10.into()),
        ("/residual", 0.into()),
        ("/status/200", 6_000.into()),
        ("/status/429", 4_000.into()),
        ("/status/500", 40.into()),
        ("/latency_us/allowed/count", 6_000.into()),
        ("/latency_us/denied/max", 205.055.into()),
        ("/client_cpu_s", 3.1.into()),
        ("/ledger/timed_out", 7.into()),
        ("/connections/residual", 0.into()),
        ("/fairness/starved/0/id", 7.into()),
        ("/reasons/0/name", "saturated".into()),
        ("/health/longest_backlog", 12.into()),
        ("/gates/0/result", "broke".into()),
        ("/gates/1/result", "held".into()),
    ];
    for (place, meant) in cases {
        assert_eq!(report.pointer(place), Some::<&Value>(&meant), "{place}");
    }
}

#[test]
fn a_histogram_comes_back_whole() {
    let summary = eventful();
    let report = written(&summary, &[]);
    let text = report["histograms"]["latency"]["denied"].as_str().unwrap();
    let bytes = STANDARD.decode(text).unwrap();
    let read: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
    assert_eq!(read, summary.total.denied.latency);
}
