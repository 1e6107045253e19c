//! The report as it is read, line by line.

use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

use crate::report::example::{eventful, healthy};
use crate::report::{Gate, Report};
use crate::{Nanos, Record, Summary};

#[test]
fn the_report_of_an_eventful_run_is_this() {
    let gates: Vec<Gate> = ["errors>0.05%", "p99>20ms"].iter().map(|text| text.parse().unwrap()).collect();
    let text = Report::new(&eventful(), &gates).to_string();
    let golden = include_str!("golden.txt");
    for (line, (shown, meant)) in (1..).zip(text.lines().zip(golden.lines())) {
        assert_eq!(shown, meant, "line {line} of\n{text}");
    }
    assert_eq!(text, golden);
}

#[test]
fn a_closed_loop_tells_no_service_time_and_no_lateness() {
    let mut summary = Summary { offered_rate: None, interrupted: true, ..healthy() };
    summary.total.lateness.reset();
    let text = Report::new(&summary, &[]).to_string();
    assert!(text.starts_with("VALID, stopped before its end\n"), "{text}");
    for absent in ["service", "offered", "lateness", "backlog"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
}

#[test]
fn a_run_without_any_request_can_be_told() {
    let summary = Summary { total: Record::default(), clients: Vec::new(), duration: Nanos::ZERO, ..healthy() };
    let text = Report::new(&summary, &[]).to_string();
    assert!(text.starts_with("INVALID\n  - invalid: nothing was asked: "), "{text}");
    assert!(!text.contains("NaN") && !text.contains("inf\n"), "{text}");
}

#[test]
fn clients_that_were_too_many_to_count_are_said_to_be() {
    let text = Report::new(&Summary { clients: Vec::new(), ..healthy() }, &[]).to_string();
    assert!(
        text.contains("\nFairness\n  not counted: clients are, if 16M at most ")
            && text.contains("add --affinity sticky\n\nConnections"),
        "{text}"
    );
    assert!(!Report::new(&healthy(), &[]).to_string().contains("not counted"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_line_but_what_was_typed_is_wider_than_a_hundred_columns(
        counts in any::<[u32; 4]>(), nanos in any::<u64>(), load in 0.0..1e3,
    ) {
        let mut summary = eventful();
        let big = u64::from(counts[0]) * 1_000;
        summary.total.ledger.planned = big;
        summary.total.connections.attempted = big;
        summary.total.connections.no_descriptor = u64::from(counts[1]);
        summary.clients[0].allowed = counts[2];
        summary.clients[1].denied = counts[3];
        summary.duration = Nanos::new(nanos >> 10);
        summary.health.load_at_start = load;
        summary.health.longest_backlog = big;
        summary.total.bytes_in = nanos;
        summary.total.lateness.saturating_record(nanos);
        let text = Report::new(&summary, &["errors>0".parse().unwrap()]).to_string();
        let longest = text.lines().filter(|line| !line.contains("tollgate-client http")).map(|line| line.chars().count()).max();
        prop_assert!(longest <= Some(100), "{longest:?}\n{text}");
        prop_assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    }
}
