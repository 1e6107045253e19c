//! The lines of `--json` against their schema, by a validator of the few words that the schema uses (a whole one is 60 crates).

use std::fs;

use serde_json::{Value, json};
use tollgate_tester::summary::{Files, SCHEMA, Summary};

use crate::example::{entry, header};

#[test]
fn every_line_keeps_to_the_schema() {
    let schema = schema();
    for (n, line) in (1..).zip(lines(1..=63)) {
        assert_eq!(offences(&schema, &schema, &line, ""), [""; 0], "trial {n}");
        assert_eq!((&line["schema"], &line["trial"]), (&SCHEMA.into(), &n.into()));
    }
}

#[test]
fn a_line_that_offends_is_found_out() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 6] = [
        ("/trial: type", |line| line["trial"] = "1".into()),
        (": required", |line| drop(line.as_object_mut().unwrap().remove("residual"))),
        (": additionalProperties", |line| line["surplus"] = 1.into()),
        ("/failures/-/kind: enum", |line| {
            line["failures"] = json!([{"kind": "bad", "text": "", "again": null, "lines": []}]);
        }),
        ("/latency_us/allowed/p50: type", |line| line["latency_us"]["allowed"]["p50"] = "1ms".into()),
        ("/status/200: type", |line| line["status"]["200"] = 1.5.into()),
    ];
    let (schema, good) = (schema(), lines(1..=1).remove(0));
    for (meant, change) in cases {
        let mut line = good.clone();
        change(&mut line);
        let found = offences(&schema, &schema, &line, "");
        assert!(matches!(&found[..], [one] if one.starts_with(meant)), "{meant}: {found:?}");
    }
}

#[test]
fn a_line_tells_what_scripts_ask_for() {
    let cases = [
        (9, "/result", json!("failed")),
        (9, "/oracle/verdict", json!("violation")),
        (9, "/oracle/violations", json!(3)),
        (9, "/failures/0/kind", json!("violation")),
        (18, "/failures/0/again", json!("repeats")),
        (18, "/server/signal", json!(11)),
        (18, "/server/rss_bytes", Value::Null),
        (3, "/oracle/why", json!("31 requests timed out")),
        (3, "/validity", json!("SUSPECT")),
        (3, "/result", json!("passed")),
        (54, "/residual", json!(1)),
        (1, "/residual", json!(0)),
        (1, "/master_seed", json!("42")),
        (1, "/started", json!("2026-01-01T00:00:02Z")),
        (1, "/parameters/arrival", json!("constant")),
        (1, "/course/11/until_s", json!(12.0)),
        (6, "/offered_per_s", Value::Null),
    ];
    let lines = lines(1..=54);
    for (trial, place, meant) in cases {
        assert_eq!(lines[trial - 1].pointer(place), Some(&meant), "trial {trial}, {place}");
    }
}

#[test]
fn lines_are_added_after_the_last_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trials.json");
    let files = Files { json: Some(path.clone()), ..Files::default() };
    Summary::new(header(), &files).add(&entry(1)).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    // What a kill may leave behind.
    fs::write(&path, format!("{whole}{}", &whole[..300])).unwrap();
    Summary::new(header(), &files).add(&entry(2)).unwrap();
    let trials: Vec<Value> =
        fs::read_to_string(&path).unwrap().lines().map(|line| json_of(line)["trial"].clone()).collect();
    assert_eq!(trials, [1, 2]);
    // Somebody else's file loses nothing.
    fs::write(&path, "no end of line").unwrap();
    Summary::new(header(), &files).add(&entry(3)).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with("no end of line"));
}

fn lines(trials: impl Iterator<Item = u64>) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trials.json");
    let mut summary = Summary::new(header(), &Files { json: Some(path.clone()), ..Files::default() });
    trials.for_each(|n| summary.add(&entry(n)).unwrap());
    fs::read_to_string(path).unwrap().lines().map(json_of).collect()
}

fn json_of(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn schema() -> Value {
    json_of(include_str!("../../schema/trial.json"))
}

/// What `value` offends against, with the place.
fn offences(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let schema = schema["$ref"].as_str().map_or(schema, |path| root.pointer(&path[1..]).unwrap());
    let mut found = Vec::new();
    for (word, meant) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "description" | "$schema" | "$id" | "title" | "$defs" | "properties" | "items" => true,
            "const" => value == meant,
            "enum" => meant.as_array().unwrap().contains(value),
            "type" => is_a(value, meant),
            "required" => meant.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
            "additionalProperties" if meant == &Value::Bool(false) => {
                value.as_object().is_none_or(|parts| parts.keys().all(|key| schema["properties"].get(key).is_some()))
            }
            "additionalProperties" => true,
            unknown => panic!("the schema says {unknown}, which this test doesn't know"),
        };
        if !holds {
            found.push(format!("{place}: {word} {meant} but {value}"));
        }
    }
    for (key, part) in value.as_object().into_iter().flatten() {
        let other = schema.get("additionalProperties").filter(|other| other.is_object());
        if let Some(schema) = schema["properties"].get(key).or(other) {
            found.extend(offences(root, schema, part, &format!("{place}/{key}")));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        found.extend(offences(root, &schema["items"], item, &format!("{place}/-")));
    }
    found
}

fn is_a(value: &Value, names: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("no type is called {unknown}"),
    };
    names.as_array().map_or_else(|| is(names), |names| names.iter().any(is))
}
