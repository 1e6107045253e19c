//! The engine against real servers over real sockets, most of which misbehave: it neither crashes nor hangs, and every request is
//! accounted for.

mod misbehaviour;
mod peers;
mod schedules;
mod stopping;
mod villain;

use std::net::SocketAddr;
use std::num::NonZeroU32;

use tollgate_client::engine;
use tollgate_client::plan::{Plan, PlanSettings, RequestSettings, Schedule, Stop};
use tollgate_client::{Control, EngineSettings, Nanos, Outcome, Run};

/// A closed loop of so many requests to this server.
fn requests(target: SocketAddr, requests: u64) -> PlanSettings {
    PlanSettings {
        stop: Stop { after: None, requests: Some(requests) },
        request: RequestSettings { url: format!("http://{target}/"), ..RequestSettings::default() },
        ..PlanSettings::default()
    }
}

/// A schedule of so long to this server.
fn scheduled(target: SocketAddr, schedule: Schedule, span: Nanos) -> PlanSettings {
    PlanSettings { schedule, stop: Stop { after: Some(span), requests: None }, ..requests(target, 0) }
}

/// So many, and at least one.
fn some(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("at least one")
}

fn settings(target: SocketAddr) -> EngineSettings {
    let patient = Nanos::from_secs(10);
    let interval = Nanos::from_millis(100);
    EngineSettings { connections: some(2), timeout: patient, drain: patient, interval, ..EngineSettings::to(target) }
}

/// Runs it to its end, and sees that the ledgers balance and that the intervals add up to the run.
fn run(plan: PlanSettings, settings: &EngineSettings) -> Run {
    run_with(plan, settings, &Control::default(), |_| {})
}

fn run_with(
    plan: PlanSettings,
    settings: &EngineSettings,
    control: &Control,
    mut on_interval: impl FnMut(&tollgate_client::Interval),
) -> Run {
    let plan = Plan::new(plan).expect("a possible plan");
    let mut sum = tollgate_client::Ledger::default();
    let run = engine::run(&plan, settings, control, |interval| {
        sum += &interval.record.ledger;
        on_interval(interval);
    });
    let run = run.expect("threads and polls");
    assert_eq!(run.total.ledger.residual(), 0, "{:?}", run.total.ledger);
    assert_eq!(run.total.connections.residual(), 0, "{:?}", run.total.connections);
    assert_eq!(run.total.connections.open(), 0, "{:?}", run.total.connections);
    assert_eq!(sum, run.total.ledger, "the intervals are the run");
    run
}

fn count(run: &Run, outcome: Outcome) -> u64 {
    run.total.ledger.count(outcome)
}
