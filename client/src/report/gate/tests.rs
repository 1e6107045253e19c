//! Gates as typed, as printed, and as judged.

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, proptest};
use proptest::sample::select;

use super::*;
use crate::report::example::{end, eventful, healthy};
use crate::report::{Fairness, Report};
use crate::{Ledger, Nanos, Outcome};

fn judged(text: &str, summary: &Summary) -> String {
    let gate: Gate = text.parse().unwrap_or_else(|error| panic!("{error}"));
    gate.judge(summary, Fairness::of(&summary.clients).as_ref()).to_string()
}

#[test]
fn a_gate_breaks_when_its_expression_holds_and_says_by_which_value() {
    let cases = [
        ("denied.p99>150us", "'denied.p99>150us' broke: denied.p99 is 202.367us"),
        ("denied.p99 > 5ms", "'denied.p99>5ms' held: denied.p99 is 0.202367ms"),
        ("denied.latency.p999>1s", "'denied.p99.9>1s' held: denied.p99.9 is 0.000204543s"),
        ("p50>200us", "'p50>200us' broke: p50 is 471.039us"),
        ("other.service.max<=4ms", "'other.service.max<=4ms' broke: other.service.max is 3.95059ms"),
        ("lateness.max>5us", "'lateness.max>5us' broke: lateness.max is 5.003us"),
        ("errors>0.1%", "'errors>0.1%' held: errors is 0.0990099%"),
        ("errors>=10", "'errors>=10' broke: errors is 10"),
        ("timed_out>7", "'timed_out>7' held: timed_out is 7"),
        ("allowed<10k", "'allowed<10k' broke: allowed is 6k"),
        ("rate_ratio<0.99", "'rate_ratio<0.99' held: rate_ratio is 0.99505"),
        ("rate_ratio<99.6%", "'rate_ratio<99.6%' broke: rate_ratio is 99.505%"),
        ("jain<0.95", "'jain<0.95' held: jain is 0.99"),
        ("rate<1.1k", "'rate<1.1k' broke: rate is 1.004k"),
    ];
    for (text, meant) in cases {
        assert_eq!(judged(text, &eventful()), format!("--fail-if {meant}"), "{text}");
    }
}

#[test]
fn a_share_that_equals_its_bound_does_not_exceed_it() {
    for thousandths in 1..1_000 {
        let mut summary = healthy();
        summary.total.ledger = Ledger::default();
        summary.total.ledger.planned = 1_000;
        end(&mut summary.total.ledger, &[(Outcome::TimedOut, thousandths)]);
        let bound = format!("{}.{}", thousandths / 10, thousandths % 10);
        assert!(judged(&format!("errors>{bound}%"), &summary).contains("held"), "{bound}");
        assert!(judged(&format!("errors>={bound}%"), &summary).contains("broke"), "{bound}");
    }
}

#[test]
fn an_interrupted_run_is_not_judged() {
    let interrupted = Summary { interrupted: true, ..healthy() };
    for text in ["p99>1us", "other.p99>1us"] {
        let judged = text.parse::<Gate>().unwrap().judge(&interrupted, None);
        assert_eq!(
            judged.to_string(),
            format!("--fail-if '{text}' was not judged: the run was stopped before its end")
        );
        assert!(!judged.is_broken(), "{text}");
    }
}

#[test]
fn a_gate_for_which_nothing_was_measured_is_broken_and_says_so() {
    let closed = Summary { offered_rate: None, ..healthy() };
    let at_once = Summary { duration: Nanos::ZERO, clients: Vec::new(), ..healthy() };
    let cases = [
        ("rate_ratio<0.99", &closed, "rate_ratio, a closed loop has no schedule (give -R, --stages or --think)"),
        ("lateness.p99>1us", &closed, "lateness.p99, a closed loop has no schedule (give -R, --stages or --think)"),
        ("other.p99>1us", &closed, "other.p99"),
        ("jain<0.9", &at_once, "jain"),
        ("rate<1", &at_once, "rate"),
        ("rate_ratio<1", &at_once, "rate_ratio"),
    ];
    for (text, summary, what) in cases {
        let judged = text.parse::<Gate>().unwrap().judge(summary, Fairness::of(&summary.clients).as_ref());
        assert_eq!(judged.to_string(), format!("--fail-if '{text}' broke: nothing was measured for {what}"));
        assert!(judged.is_broken(), "{text}");
    }
}

#[test]
fn what_is_no_gate_is_refused_with_what_to_write() {
    let cases = [
        ("p99", "--fail-if 'p99': no comparison"),
        ("", "--fail-if '': no comparison"),
        ("p99=20ms", "no comparison"),
        (">5", "nothing is called ''"),
        ("errrors>1", "nothing is called 'errrors'"),
        ("denied.lateness.p99>1ms", "nothing is called 'denied.lateness.p99'"),
        ("all.jain<1", "nothing is called 'all.jain'"),
        ("p98>1ms", "nothing is called 'p98'"),
        ("p99>20", "p99 can't be compared with '20': write a time with its unit, like 20ms, 500us or 1.5s"),
        ("p99>1%", "p99 can't be compared with '1%'"),
        ("errors>1ms", "errors can't be compared with '1ms': write a count"),
        ("jain<1k", "jain can't be compared with '1k': write a part of 1"),
        ("rate<1%", "rate can't be compared with '1%'"),
        ("errors>-1", "errors can't be compared with '-1'"),
        ("errors>1e3", "errors can't be compared with '1e3'"),
        ("errors>inf", "errors can't be compared with 'inf'"),
        ("errors>", "errors can't be compared with ''"),
        ("errors>.", "errors can't be compared with '.'"),
        ("errors>%", "errors can't be compared with '%'"),
        ("errors=>1", "nothing is called 'errors='"),
        ("errors>>1", "errors can't be compared with '>1'"),
    ];
    for (text, meant) in cases {
        let error = text.parse::<Gate>().expect_err(text).to_string();
        assert!(error.contains(meant), "{text}: {error}");
    }
}

#[test]
fn a_wrong_name_is_answered_with_all_names() {
    let error = "speed>1".parse::<Gate>().unwrap_err().to_string();
    for metric in Metric::all() {
        let name = metric.to_string();
        let last =
            name.rsplit_once('.').filter(|(before, _)| !before.starts_with('p')).map_or(&*name, |(_, last)| last);
        assert!(error.contains(last), "{name}: {error}");
    }
}

#[test]
fn an_outcome_has_one_name_in_gates_and_in_json() {
    let mut json = Vec::new();
    let summary = healthy();
    Report::new(&summary, &[]).write_json(&mut json).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for outcome in Outcome::ALL {
        let name = Metric::Ended(outcome).to_string();
        assert_eq!(report["ledger"][&name], summary.total.ledger.count(outcome), "{name}");
    }
}

fn gates() -> impl Strategy<Value = Gate> {
    let metric = select(Metric::all().collect::<Vec<_>>());
    let units = ["", "k", "M", "%", "us", "ms", "s"];
    let bound = (0_u64..1 << 40, 0_u32..7, select(units.to_vec()))
        .prop_map(|(digits, places, unit)| format!("{}{unit}", digits as f64 / 10_f64.powi(places as i32)));
    let bound = bound.prop_filter_map("a bound", |text| Bound::read(&text));
    (metric, select(Comparison::ALL.to_vec()), bound)
        .prop_filter("comparable", |(metric, _, bound)| metric.takes(bound.unit()))
        .prop_map(|(metric, comparison, bound)| Gate { metric, comparison, bound })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(gate in gates()) {
        prop_assert_eq!(gate.to_string().parse(), Ok(gate));
        let sign = gate.comparison.sign();
        prop_assert_eq!(gate.to_string().replace(sign, &format!(" {sign} ")).parse(), Ok(gate));
    }
}

proptest! {
    // Every text is looked for among a hundred names: a quarter of the usual number of cases.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), tail in "[<>]=? ?[0-9.]{0,6}[a-zM%]{0,2}") {
        for text in [&text, &format!("p99>{text}"), &format!("p99{tail}"), &format!("errors{tail}")] {
            if let Ok(gate) = text.parse::<Gate>() {
                prop_assert_eq!(gate.to_string().parse(), Ok(gate));
            }
        }
    }
}
