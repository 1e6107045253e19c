//! When requests are sent, over real sockets.

use tollgate_client::plan::{Affinity, Arrival, Plan, PlanSettings, Rate, Schedule, Think};
use tollgate_client::{Clock, EngineSettings, Nanos, Outcome};

use crate::villain::{Deed, Villain};
use crate::{count, requests, run, scheduled, settings, some};

fn open(rate: u64, span: Nanos) -> Schedule {
    let rate = Rate::Constant(rate).over(Some(span)).expect("a rate");
    Schedule::Open { rate, arrival: Arrival::Constant }
}

#[test]
fn an_open_loop_sends_what_is_due_and_no_more() {
    let villain = Villain::start(Deed::Answer);
    let span = Nanos::from_millis(500);
    for threads in [1, 3] {
        let settings = EngineSettings { connections: some(6), threads: some(threads), ..settings(villain.address) };
        let run = run(scheduled(villain.address, open(1_000, span), span), &settings);
        assert_eq!((run.total.ledger.planned, count(&run, Outcome::Allowed)), (500, 500), "{threads} threads");
        assert_eq!(run.offered, Some(500));
        assert_eq!(run.duration, span);
        assert_eq!(run.total.lateness.len(), 500);
    }
}

#[test]
fn latency_counts_from_when_a_request_was_due_although_the_server_let_it_wait() {
    let villain = Villain::start(Deed::Stall);
    let span = Nanos::from_millis(300);
    let settings = EngineSettings {
        connections: some(1),
        timeout: Nanos::from_millis(100),
        drain: Nanos::from_millis(100),
        ..settings(villain.address)
    };
    let run = run(scheduled(villain.address, open(100, span), span), &settings);
    // One connection, and each request holds it for 100 ms: most never get one.
    assert_eq!(run.total.ledger.planned, 30);
    assert!(count(&run, Outcome::Shed) >= 20, "{:?}", run.total.ledger);
    assert!(run.total.lateness.max() >= 80_000_000, "{} ns", run.total.lateness.max());
}

#[test]
fn a_request_too_far_behind_its_schedule_is_shed() {
    let villain = Villain::start(Deed::Stall);
    let span = Nanos::from_millis(300);
    let settings = EngineSettings {
        connections: some(1),
        timeout: Nanos::from_millis(50),
        deadline: Some(Nanos::from_millis(20)),
        ..settings(villain.address)
    };
    let run = run(scheduled(villain.address, open(1_000, span), span), &settings);
    assert!(count(&run, Outcome::Shed) >= 200, "{:?}", run.total.ledger);
    assert!(run.total.lateness.max() <= 100_000_000, "{} ns", run.total.lateness.max());
}

#[test]
fn thinking_clients_send_each_under_its_own_id() {
    let villain = Villain::start(Deed::Answer);
    let think = Schedule::Think(Think::fixed(Nanos::from_millis(20)).expect("a pause"));
    let plan = PlanSettings { clients: 50, ..scheduled(villain.address, think, Nanos::from_millis(210)) };
    let run = run(plan, &settings(villain.address));
    assert!(run.clients.iter().all(|client| client.allowed == 10), "{:?}", run.clients);
}

#[test]
fn a_plan_begins_when_its_threads_are_ready_however_long_its_clients_take() {
    let villain = Villain::start(Deed::Answer);
    let think = Think::uniform(Nanos::ZERO, Nanos::from_secs(10_000)).expect("a pause");
    let plan = PlanSettings {
        clients: 2_000_000,
        ..scheduled(villain.address, Schedule::Think(think), Nanos::from_millis(300))
    };
    let (same, clock) = (Plan::new(plan.clone()).expect("a possible plan"), Clock::start());
    drop(same.share(0, 1));
    let setup = clock.now();
    let run = run(plan, &settings(villain.address));
    let late = run.total.lateness.max();
    assert!(count(&run, Outcome::Allowed) > 0, "{:?}", run.total.ledger);
    assert!(late < setup.as_u64() / 2, "{late} ns late, and the threads took {setup:?} to make");
}

#[test]
fn an_id_that_keeps_its_connection_is_served_there() {
    let villain = Villain::start(Deed::Answer);
    let plan = PlanSettings { affinity: Affinity::Sticky, clients: 10, ..requests(villain.address, 500) };
    let run = run(plan, &EngineSettings { connections: some(3), pipeline: some(2), ..settings(villain.address) });
    assert_eq!(count(&run, Outcome::Allowed), 500);
}

#[test]
fn each_client_is_counted_by_itself_on_any_number_of_threads() {
    let villain = Villain::start(Deed::Answer);
    for (affinity, threads) in [(Affinity::Spray, 1), (Affinity::Spray, 3), (Affinity::Sticky, 3)] {
        let plan = || PlanSettings { clients: 10, affinity, ..requests(villain.address, 500) };
        let settings = EngineSettings { connections: some(6), threads: some(threads), ..settings(villain.address) };
        let mut planned = [0; 10];
        let same = Plan::new(plan()).expect("a possible plan");
        (0..500).for_each(|n| planned[same.id(n) as usize] += 1);
        let allowed: Vec<u32> = run(plan(), &settings).clients.iter().map(|client| client.allowed).collect();
        assert_eq!(allowed, planned, "{affinity}, {threads} threads");
    }
}

#[test]
fn more_threads_than_connections_are_not_started() {
    let villain = Villain::start(Deed::Answer);
    let settings = EngineSettings { connections: some(2), threads: some(5), ..settings(villain.address) };
    let run = run(requests(villain.address, 100), &settings);
    assert_eq!((count(&run, Outcome::Allowed), run.health.threads.len()), (100, 2));
}

#[test]
fn ids_that_keep_their_connections_are_refused_where_there_is_none_and_shed_when_late() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let plan = PlanSettings { affinity: Affinity::Sticky, clients: 10, ..requests(nobody, 100) };
    assert_eq!(count(&run(plan, &settings(nobody)), Outcome::Refused), 100);

    let villain = Villain::start(Deed::Stall);
    let span = Nanos::from_millis(300);
    let plan =
        PlanSettings { affinity: Affinity::Sticky, clients: 10, ..scheduled(villain.address, open(1_000, span), span) };
    let settings = EngineSettings {
        timeout: Nanos::from_millis(50),
        deadline: Some(Nanos::from_millis(20)),
        ..settings(villain.address)
    };
    let run = run(plan, &settings);
    assert!(count(&run, Outcome::Shed) >= 200, "{:?}", run.total.ledger);
    assert!(run.total.lateness.max() <= 100_000_000, "{} ns", run.total.lateness.max());
}

#[test]
fn a_thread_with_nothing_to_do_holds_nobody_up() {
    let villain = Villain::start(Deed::Answer);
    let span = Nanos::from_millis(400);
    let plan =
        PlanSettings { affinity: Affinity::Sticky, clients: 1, ..scheduled(villain.address, open(100, span), span) };
    let settings = EngineSettings { threads: some(2), interval: Nanos::from_millis(50), ..settings(villain.address) };
    let mut intervals = Vec::new();
    let run = crate::run_with(plan, &settings, &tollgate_client::Control::default(), |interval| {
        intervals.push((interval.at, villain.requests()));
    });
    assert_eq!(count(&run, Outcome::Allowed), 40);
    assert!(intervals.len() >= 8, "{intervals:?}");
    assert!(intervals[1].1 < 40, "told while it went on: {intervals:?}");
}

#[test]
fn connections_are_replaced_after_so_many_requests() {
    let villain = Villain::start(Deed::Answer);
    let settings = EngineSettings {
        requests_per_connection: Some(some(10)),
        connection_rate: Some(some(500)),
        ..settings(villain.address)
    };
    let run = run(requests(villain.address, 200), &settings);
    assert_eq!(count(&run, Outcome::Allowed), 200);
    assert!((20..=22).contains(&run.total.connections.established), "{:?}", run.total.connections);
}

#[test]
fn connections_come_from_the_addresses_given() {
    let villain = Villain::start(Deed::Answer);
    let sources = ["127.0.0.2", "127.0.0.3"].map(|source| source.parse().expect("an address"));
    let settings = EngineSettings { sources: sources.to_vec(), connections: some(4), ..settings(villain.address) };
    let run = run(requests(villain.address, 100), &settings);
    assert_eq!(count(&run, Outcome::Allowed), 100);
    assert_eq!(villain.peers(), sources.into());
}
