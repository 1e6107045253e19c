//! Random configs, and random lives of a breaker.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{CircuitBreaker, Config, Order, Outcome, Permit, SlidingWindowType, State, Transition};

use crate::calls::at;

/// What happens to a breaker. An index names one of the permits that are out.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Ask,
    End(usize, Outcome),
    Drop(usize),
    Leak(usize),
    Wait(u64),
    Tick,
    Order(Order),
}

/// What the breaker answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub permitted: Option<bool>,
    pub transition: Option<Transition>,
}

/// Small numbers, so that everything happens within few steps.
pub fn configs() -> impl Strategy<Value = Config> {
    let window_type = select(vec![SlidingWindowType::CountBased, SlidingWindowType::TimeBased]);
    let window = (window_type, 1..6_u32, 1..5_u32);
    let thresholds = (1..=100_u8, 1..=100_u8, 0..4_u8);
    let half_open = (1..5_u8, 0..4_u64, 3..6_u64, select(vec![State::Open, State::Closed]));
    let wait = (1..4_u64, select(vec![1.0, 2.0]), any::<bool>());
    let states = vec![State::Closed, State::Closed, State::Disabled, State::ForcedOpen, State::MetricsOnly];
    (window, thresholds, half_open, wait, select(states)).prop_map(
        |(window, thresholds, half_open, wait, initial_state)| Config {
            failure_rate_threshold: thresholds.0,
            slow_call_rate_threshold: thresholds.1,
            slow_call_duration_threshold: at(1),
            sliding_window_type: window.0,
            sliding_window_size: window.1,
            minimum_number_of_calls: window.2,
            wait_duration_in_open_state: at(wait.0),
            wait_backoff_multiplier: wait.1,
            wait_max: at(8),
            permitted_number_of_calls_in_half_open_state: half_open.0,
            max_wait_duration_in_half_open_state: at(half_open.1),
            transition_to_state_after_wait_duration: half_open.3,
            automatic_transition_from_open_to_half_open_enabled: wait.2,
            initial_state,
            consecutive_failures: thresholds.2,
            permit_timeout: at(half_open.2),
            ..Config::default()
        },
    )
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = select(vec![Outcome::Success, Outcome::Failure, Outcome::Failure, Outcome::Unreachable]);
    let order = select(vec![Order::Close, Order::Disable, Order::ForceOpen, Order::MetricsOnly]);
    let step = prop_oneof![
        12 => Just(Step::Ask),
        8 => (any::<usize>(), outcome).prop_map(|(index, outcome)| Step::End(index, outcome)),
        2 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::Leak),
        4 => (0..2_500_u64).prop_map(Step::Wait),
        1 => (3..6_u64).prop_map(|seconds| Step::Wait(1_000 * seconds)),
        2 => Just(Step::Tick),
        1 => order.prop_map(Step::Order),
    ];
    vec(step, 1..120)
}

/// Takes the breaker through `steps`, shows `look` what each one came to, and returns the time after the last one.
pub fn run(
    breaker: &CircuitBreaker,
    steps: &[Step],
    mut look: impl FnMut(Step, Seen, Nanos) -> Result<(), TestCaseError>,
) -> Result<Nanos, TestCaseError> {
    let mut now = at(1);
    let mut out: Vec<Permit<'_>> = Vec::new();
    for step in steps {
        let mut seen = Seen { permitted: None, transition: None };
        match *step {
            Step::Ask => match breaker.try_acquire(now) {
                Ok(permit) => {
                    seen = Seen { permitted: Some(true), transition: permit.transition() };
                    out.push(permit);
                }
                Err(rejected) => seen = Seen { permitted: Some(false), transition: rejected.transition },
            },
            Step::End(index, outcome) if !out.is_empty() => {
                seen.transition = out.swap_remove(index % out.len()).record(outcome, now);
            }
            Step::Drop(index) if !out.is_empty() => drop(out.swap_remove(index % out.len())),
            Step::Leak(index) if !out.is_empty() => std::mem::forget(out.swap_remove(index % out.len())),
            Step::End(..) | Step::Drop(_) | Step::Leak(_) => {}
            Step::Wait(millis) => now = now.saturating_add(Nanos::from_millis(millis)),
            Step::Tick => seen.transition = breaker.tick(now),
            Step::Order(order) => seen.transition = breaker.order(order, now),
        }
        look(*step, seen, now)?;
    }
    // They leak, so that whoever goes on finds the breaker as the steps left it.
    out.into_iter().for_each(std::mem::forget);
    Ok(now)
}
