//! Our load client and our gate count the same requests, each by itself.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use rustix::process::Signal;
use tollgate_client::engine::{self, EngineSettings};
use tollgate_client::plan::{Arrival, Plan, PlanSettings, Rate, RequestSettings, Schedule, Stop};
use tollgate_client::{Control, Nanos, Outcome, Run};

use super::support::server::{Launch, on_both_engines};

fn plan(target: SocketAddr, schedule: Schedule, stop: Stop) -> Plan {
    let request = RequestSettings { url: format!("http://{target}/"), ..RequestSettings::default() };
    Plan::new(PlanSettings { seed: 1, schedule, stop, clients: 100, request, ..PlanSettings::default() })
        .expect("a possible plan")
}

/// So many, and at least one.
fn some(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("at least one")
}

fn run(plan: &Plan, settings: &EngineSettings) -> Run {
    engine::run(plan, settings, &Control::default(), |_| {}).expect("threads")
}

#[test]
fn the_client_and_the_gate_count_the_same_answers() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args("--limit 5/1s").start();
        let to_server = EngineSettings { connections: some(6), threads: some(2), ..EngineSettings::to(server.address) };

        let few = Stop { after: None, requests: Some(3_000) };
        let pipelined = EngineSettings { pipeline: some(5), ..to_server.clone() };
        let closed = run(&plan(server.address, Schedule::Closed, few), &pipelined);

        let span = Some(Nanos::from_millis(400));
        let rate = Rate::Constant(2_000).over(span).expect("a rate");
        let schedule = Schedule::Open { rate, arrival: Arrival::Poisson };
        let open = run(&plan(server.address, schedule, Stop { after: span, requests: None }), &to_server);

        let control = Control::default();
        let endless = plan(server.address, Schedule::Closed, Stop::default());
        let often = EngineSettings { interval: Nanos::from_millis(50), ..to_server };
        let stopped = engine::run(&endless, &often, &control, |interval| {
            if interval.record.ledger.answers() > 0 && control.stage() == engine::Stage::Running {
                control.stop();
            }
        });
        let stopped = stopped.expect("threads");
        assert!(stopped.interrupted);

        server.signal(Signal::TERM);
        let (code, logged) = server.wait();
        let runs = [closed, open, stopped];
        assert!(runs.iter().all(|run| run.total.ledger.answers() == run.total.ledger.planned), "{runs:?}");
        let count = |outcome| runs.iter().map(|run| run.total.ledger.count(outcome)).sum::<u64>();
        let (allowed, denied) = (count(Outcome::Allowed), count(Outcome::Denied));
        assert!(allowed > 0 && denied > 0);
        let counted = format!("{} requests: {allowed} allowed, {denied} denied, 0 rejected", allowed + denied);
        assert!(logged.iter().any(|line| line.contains(&counted)), "{counted}: {logged:#?}");
        assert_eq!(code, Some(0));
    });
}

#[test]
fn what_was_rejected_is_counted_apart() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).args("--limit 2/1h,fixed-window").start();
        let mut peer = server.connect();
        let statuses = [peer.get("7"), peer.get("7"), peer.get("7"), peer.get("")].map(|answer| answer.status);
        assert_eq!(statuses, [200, 200, 503, 400]);
        peer.send("nonsense\r\n\r\n");
        assert_eq!(peer.answer().status, 400);
        drop(peer);
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let counted = "5 requests: 2 allowed, 1 denied, 2 rejected";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}
