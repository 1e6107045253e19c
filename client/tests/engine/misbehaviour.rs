//! What servers do to a client.

use std::net::TcpListener;

use tollgate_client::{Nanos, Outcome};

use crate::villain::{Deed, Villain};
use crate::{count, requests, run, settings, some};

const REQUESTS: u64 = 24;

#[test]
fn each_misbehaviour_ends_every_request_in_the_outcome_that_names_it() {
    let rows = [
        (Deed::Answer, Outcome::Allowed),
        (Deed::Drip, Outcome::Allowed),
        (Deed::Chunked, Outcome::Allowed),
        (Deed::UntilClose, Outcome::Allowed),
        // The surplus is nobody's; the connection that brings it is closed.
        (Deed::Surplus, Outcome::Allowed),
        (Deed::Twice, Outcome::Allowed),
        (Deed::ServerError, Outcome::Other),
        (Deed::ResetBefore, Outcome::ResetBefore),
        (Deed::ResetWithin, Outcome::ResetWithin),
        (Deed::Truncate, Outcome::EndOfFile),
        (Deed::TooShort, Outcome::EndOfFile),
        (Deed::Interim, Outcome::Malformed),
        (Deed::EndlessHead, Outcome::Malformed),
        (Deed::Garbage, Outcome::Malformed),
    ];
    for (deed, outcome) in rows {
        let villain = Villain::start(deed);
        let run = run(requests(villain.address, REQUESTS), &settings(villain.address));
        assert_eq!(count(&run, outcome), REQUESTS, "{deed:?}: {:?}", run.total.ledger);
        assert!(!run.interrupted, "{deed:?}");
    }
}

#[test]
fn what_was_not_asked_for_is_counted_by_connections() {
    for deed in [Deed::Surplus, Deed::Twice] {
        let villain = Villain::start(deed);
        let run = run(requests(villain.address, REQUESTS), &settings(villain.address));
        assert!(run.total.connections.surplus >= 1, "{deed:?}: {:?}", run.total.connections);
    }
}

#[test]
fn the_server_has_read_exactly_the_requests_that_the_client_has_sent() {
    for pipeline in [1, 7] {
        let villain = Villain::start(Deed::Alternate);
        let settings = tollgate_client::EngineSettings {
            connections: some(1),
            pipeline: some(pipeline),
            ..settings(villain.address)
        };
        let run = run(requests(villain.address, 1_000), &settings);
        assert_eq!((count(&run, Outcome::Allowed), count(&run, Outcome::Denied)), (500, 500), "by {pipeline}");
        assert_eq!((run.total.ledger.sent, villain.requests()), (1_000, 1_000), "by {pipeline}");
        assert_eq!(run.total.allowed.latency.len() + run.total.denied.latency.len(), 1_000, "each has a latency");
        let statuses: Vec<_> = run.total.statuses.iter().collect();
        assert_eq!(statuses, [(200, 500), (503, 500)]);
        let served: u32 = run.clients.iter().map(|client| client.allowed + client.denied).sum();
        assert_eq!(served, 1_000, "each is somebody's");
    }
}

#[test]
fn a_server_that_says_nothing_times_out() {
    let villain = Villain::start(Deed::Stall);
    let settings = tollgate_client::EngineSettings { timeout: Nanos::from_millis(100), ..settings(villain.address) };
    let run = run(requests(villain.address, 4), &settings);
    assert_eq!(count(&run, Outcome::TimedOut), 4);
    assert!(run.duration < Nanos::from_secs(10));
}

#[test]
fn pipelined_requests_behind_one_that_breaks_break_with_it() {
    let villain = Villain::start(Deed::ResetWithin);
    let settings =
        tollgate_client::EngineSettings { connections: some(1), pipeline: some(4), ..settings(villain.address) };
    let run = run(requests(villain.address, 8), &settings);
    assert_eq!((count(&run, Outcome::ResetWithin), count(&run, Outcome::ResetBefore)), (2, 6));
}

#[test]
fn a_server_that_closes_after_each_answer_costs_the_request_that_crosses_it_and_no_other() {
    let villain = Villain::start(Deed::CloseAfter);
    let run = run(requests(villain.address, 200), &settings(villain.address));
    let allowed = count(&run, Outcome::Allowed);
    assert!(allowed >= 50, "{:?}", run.total.ledger);
    let crossed = run.total.ledger.count_where(|outcome| matches!(outcome, Outcome::EndOfFile | Outcome::ResetBefore));
    assert_eq!(allowed + crossed, 200);
}

#[test]
fn a_server_that_closes_at_once_is_tried_again_and_again() {
    let villain = Villain::start(Deed::CloseAtOnce);
    let run = run(requests(villain.address, REQUESTS), &settings(villain.address));
    let lost = run.total.ledger.count_where(|outcome| matches!(outcome, Outcome::EndOfFile | Outcome::ResetBefore));
    assert_eq!(lost, REQUESTS, "{:?}", run.total.ledger);
}

#[test]
fn without_a_server_each_request_is_refused() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let run = run(requests(nobody, 10), &settings(nobody));
    assert_eq!(count(&run, Outcome::Refused), 10);
    assert_eq!(run.total.connections.refused, run.total.connections.attempted - run.total.connections.failed);
}
