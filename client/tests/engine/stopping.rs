//! A run that is stopped from outside.

use tollgate_client::plan::{Arrival, PlanSettings, Rate, Schedule};
use tollgate_client::{Control, EngineSettings, Nanos, Outcome};

use crate::villain::{Deed, Villain};
use crate::{count, requests, run_with, settings, some};

/// More than any test sends.
const ENDLESS: u64 = u64::MAX;

#[test]
fn the_first_stop_awaits_the_answers_in_flight() {
    let villain = Villain::start(Deed::Drip);
    let control = Control::default();
    let run = run_with(requests(villain.address, ENDLESS), &settings(villain.address), &control, |interval| {
        if interval.record.ledger.answers() > 0 {
            control.stop();
        }
    });
    assert!(run.interrupted);
    assert_eq!(count(&run, Outcome::Aborted), 0);
    assert_eq!((run.total.ledger.planned, villain.requests()), (run.total.ledger.answers(), run.total.ledger.sent));
}

#[test]
fn a_run_that_is_stopped_in_its_last_drain_was_interrupted() {
    let villain = Villain::start(Deed::Stall);
    let control = Control::default();
    let run = run_with(requests(villain.address, 2), &settings(villain.address), &control, |interval| {
        if interval.in_flight == 2 {
            control.stop();
            control.stop();
        }
    });
    assert!(run.interrupted);
    assert_eq!(count(&run, Outcome::Aborted), 2);
}

#[test]
fn a_stop_takes_a_moment_however_much_was_due() {
    let villain = Villain::start(Deed::Stall);
    let control = Control::default();
    let rate = Rate::Constant(10_000_000).over(None).expect("a rate");
    let schedule = Schedule::Open { rate, arrival: Arrival::Constant };
    let plan = PlanSettings { schedule, ..requests(villain.address, ENDLESS) };
    let mut ended = Nanos::ZERO;
    let run = run_with(plan, &settings(villain.address), &control, |interval| {
        if interval.in_flight > 0 {
            control.stop();
        }
        ended = interval.at;
    });
    assert!(ended < Nanos::from_secs(10), "{ended:?}");
    assert!(run.duration < Nanos::from_secs(5), "{:?}", run.duration);
}

#[test]
fn the_second_stop_gives_them_up() {
    let villain = Villain::start(Deed::Stall);
    let control = Control::default();
    let settings = EngineSettings { connections: some(3), ..settings(villain.address) };
    let mut intervals = 0;
    let run = run_with(requests(villain.address, ENDLESS), &settings, &control, |interval| {
        intervals += u64::from(interval.in_flight == 3);
        if (1..=2).contains(&intervals) {
            control.stop();
        }
    });
    assert_eq!((run.total.ledger.planned, count(&run, Outcome::Aborted)), (3, 3));
}

#[test]
fn answers_that_never_come_are_not_awaited_for_ever() {
    let villain = Villain::start(Deed::Stall);
    let control = Control::default();
    let settings = EngineSettings { drain: Nanos::from_millis(50), ..settings(villain.address) };
    let run = run_with(requests(villain.address, ENDLESS), &settings, &control, |interval| {
        if interval.in_flight > 0 && control.stage() == tollgate_client::engine::Stage::Running {
            control.stop();
        }
    });
    assert_eq!(count(&run, Outcome::Aborted), 2);
}
