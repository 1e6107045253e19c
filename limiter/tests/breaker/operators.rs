//! What an operator says goes, whatever calls come to.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{Cause, Config, Order, Outcome, State};

use crate::calls::{at, build, call, opened, small};
use crate::steps::{Step, configs, run, steps};

proptest! {
    #[test]
    fn no_outcome_and_no_time_leads_out_of_what_an_operator_ordered(
        config in configs(),
        steps in steps(),
        order in select(vec![Order::Disable, Order::ForceOpen, Order::MetricsOnly]),
    ) {
        let breaker = build(&config);
        let _ = breaker.order(order, Nanos::ZERO);
        let by_itself: Vec<_> = steps.into_iter().filter(|step| !matches!(step, Step::Order(_))).collect();
        run(&breaker, &by_itself, |_, seen, now| {
            prop_assert_eq!(breaker.state(), order.state());
            prop_assert!(seen.permitted != Some(order == Order::ForceOpen));
            prop_assert!(order == Order::MetricsOnly || seen.transition.is_none() && breaker.snapshot(now).calls == 0);
            Ok(())
        })?;
    }
}

#[test]
fn nobody_knows_when_a_forced_breaker_permits_again() {
    let breaker = build(&Config { initial_state: State::ForcedOpen, ..small() });
    assert_eq!(breaker.retry_after(at(1)), Some(Nanos::MAX));
}

#[test]
fn an_order_is_told_once_and_begins_anew() {
    let breaker = opened(&Config { slow_start: at(10), ..small() });
    let closed = breaker.order(Order::Close, at(1)).expect("it was open");
    assert_eq!((closed.from, closed.to, closed.cause), (State::Open, State::Closed, Cause::Operator(Order::Close)));
    assert_eq!(breaker.order(Order::Close, at(1)), None);
    assert_eq!(breaker.snapshot(at(1)).calls, 0);
    assert!((breaker.slow_start(at(1)) - 1.0).abs() < 1e-9, "an operator knows what he does");
}

#[test]
fn metrics_only_reports_each_crossing_once() {
    let breaker = build(&Config { initial_state: State::MetricsOnly, ..small() });
    let outcomes = [Outcome::Failure; 4].into_iter().chain([Outcome::Success; 3]).chain([Outcome::Failure; 3]);
    let reports = outcomes.map(|outcome| call(&breaker, outcome, at(1)).is_some());
    let reported: Vec<_> = reports.enumerate().filter(|(_, report)| *report).map(|(nth, _)| nth).collect();
    assert_eq!(reported, [1, 7], "the second of the first failures, and the first after they had left the window");
    assert_eq!(breaker.state(), State::MetricsOnly);
}
