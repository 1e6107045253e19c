//! What each event does to a breaker, as a pure function. Which state may follow which stands in `state.rs`, in one list.

use super::counts::Counts;
use super::permit::Outcome;
use super::rules::{HalfOpenEnds, Rules};
use super::state::{Cause, Order, State};
use super::status::{Generation, MAX_ATTEMPTS, Status, Tally};
use crate::Nanos;

/// What can happen to a breaker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A call wants to be made.
    Ask,
    /// A call of that generation came to an end; the window includes it.
    Done { generation: Generation, outcome: Outcome, slow: bool, window: Counts },
    /// A permit of that generation comes back unused.
    Return { generation: Generation },
    /// Time has passed.
    Tick,
    /// An operator spoke.
    Say(Order),
}

/// What an event comes to, beyond the new status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// Whether the call that asked may be made.
    pub(super) permitted: bool,
    /// Why the state is another one.
    pub(super) cause: Option<Cause>,
}

/// The next status; the same one if nothing happens. At most one transition: nothing that time brings about leads on at the same instant.
pub(super) fn step(rules: &Rules, status: Status, event: Event, now: Nanos) -> (Status, Effect) {
    let (status, in_time) = match event {
        Event::Ask | Event::Tick | Event::Done { .. } => let_time_pass(rules, status, event, now),
        Event::Return { .. } | Event::Say(_) => (status, None),
    };
    let (next, at_once) = match event {
        Event::Ask => {
            let (permitted, next) = ask(rules, status, now);
            return (next, Effect { permitted, cause: in_time });
        }
        Event::Done { generation, .. } | Event::Return { generation } if generation != status.generation => {
            (status, None)
        }
        Event::Done { outcome, slow, window, .. } => done(rules, status, outcome, slow, window, now),
        Event::Return { .. } if status.state == State::HalfOpen => (give_back(status), None),
        Event::Return { .. } | Event::Tick => (status, None),
        Event::Say(order) => follow(rules, status, Some(Cause::Operator(order)), now),
    };
    (next, Effect { permitted: false, cause: in_time.or(at_once) })
}

/// What is due by the clock. An open breaker waits for a call, or for a tick if it may move by itself; an outcome is always late there.
fn let_time_pass(rules: &Rules, status: Status, event: Event, now: Nanos) -> (Status, Option<Cause>) {
    if now <= status.at {
        return (status, None);
    }
    match (status.state, event) {
        (State::Open, Event::Ask) => follow(rules, status, Some(Cause::WaitOver), now),
        (State::Open, Event::Tick) if rules.automatic => follow(rules, status, Some(Cause::WaitOver), now),
        (State::HalfOpen, _) => match rules.half_open_ends {
            HalfOpenEnds::AfterAll(_, cause) => follow(rules, status, Some(cause), now),
            HalfOpenEnds::AfterEachPermit(_) if status.permits_out > 0 => take_back(rules, status, now),
            HalfOpenEnds::AfterEachPermit(_) => (status, None),
        },
        _ => (status, None),
    }
}

/// All permits that are out count as failed, and the generation moves on, so that whoever still holds one has nothing any more.
fn take_back(rules: &Rules, status: Status, now: Nanos) -> (Status, Option<Cause>) {
    let Status { permits_out: lost, tally, .. } = status;
    let tally = Tally { calls: tally.calls + lost, failed: tally.failed + lost, ..tally };
    judge_half_open(rules, Status { permits_out: 0, tally, generation: status.generation.next(), ..status }, now)
}

fn ask(rules: &Rules, status: Status, now: Nanos) -> (bool, Status) {
    match status.state {
        State::Closed | State::Disabled | State::MetricsOnly => (true, status),
        State::Open | State::ForcedOpen => (false, status),
        State::HalfOpen if status.permits_out + status.tally.calls >= rules.permits => (false, status),
        State::HalfOpen => {
            let at = match rules.half_open_ends {
                HalfOpenEnds::AfterAll(..) => status.at,
                HalfOpenEnds::AfterEachPermit(timeout) => status.at.max(now.saturating_add(timeout)),
            };
            (true, Status { permits_out: status.permits_out + 1, at, ..status })
        }
    }
}

fn done(
    rules: &Rules,
    status: Status,
    outcome: Outcome,
    slow: bool,
    window: Counts,
    now: Nanos,
) -> (Status, Option<Cause>) {
    let verdict = window.verdict(rules.minimum_calls, rules.thresholds);
    match status.state {
        State::Closed => {
            let in_a_row = if outcome == Outcome::Unreachable { status.tally.failed.saturating_add(1) } else { 0 };
            let in_a_row = in_a_row.min(rules.consecutive_failures);
            let too_many =
                (in_a_row > 0 && in_a_row == rules.consecutive_failures).then_some(Cause::ConsecutiveFailures);
            let tally = Tally { failed: in_a_row, ..status.tally };
            follow(rules, Status { tally, ..status }, verdict.or(too_many), now)
        }
        State::HalfOpen => {
            let Tally { calls, failed, slow: slow_calls } = status.tally;
            let tally = Tally {
                calls: calls + 1,
                failed: failed + u8::from(outcome != Outcome::Success),
                slow: slow_calls + u8::from(slow),
            };
            judge_half_open(rules, Status { tally, ..give_back(status) }, now)
        }
        State::MetricsOnly => {
            let said_before = status.tally.failed == 1;
            let tally = Tally { failed: u8::from(verdict.is_some()), ..status.tally };
            follow(rules, Status { tally, ..status }, verdict.filter(|_| !said_before), now)
        }
        State::Open | State::ForcedOpen | State::Disabled => (status, None),
    }
}

fn give_back(status: Status) -> Status {
    debug_assert!(status.permits_out > 0, "a permit comes back that nobody took");
    Status { permits_out: status.permits_out.saturating_sub(1), ..status }
}

fn judge_half_open(rules: &Rules, status: Status, now: Nanos) -> (Status, Option<Cause>) {
    let (counts, minimum) = (status.tally.counts(), rules.minimum_half_open());
    let cause = match counts.verdict(minimum, rules.thresholds) {
        None if counts.calls >= minimum => Some(Cause::Recovered),
        verdict => verdict,
    };
    follow(rules, status, cause, now)
}

/// The status after a transition for that reason, if the list has one.
fn follow(rules: &Rules, status: Status, cause: Option<Cause>, now: Nanos) -> (Status, Option<Cause>) {
    let Some(to) = cause.and_then(|cause| status.state.after(cause)) else { return (status, None) };
    if to == status.state {
        return (status, cause);
    }
    let next = Status { generation: status.generation.next(), ..Status::new(to) };
    let next = match to {
        State::Closed if status.state == State::HalfOpen => Status { at: now.max(Nanos::new(1)), ..next },
        State::Open => {
            let attempts = (status.attempts + 1).min(MAX_ATTEMPTS);
            let tally = if status.state == State::HalfOpen { status.tally } else { next.tally };
            Status { attempts, at: rules.open_until(attempts, next.generation, now), tally, ..next }
        }
        State::HalfOpen => {
            let at = match rules.half_open_ends {
                HalfOpenEnds::AfterAll(span, _) => now.saturating_add(span),
                HalfOpenEnds::AfterEachPermit(_) => now,
            };
            Status { attempts: status.attempts, at, ..next }
        }
        State::Closed | State::Disabled | State::ForcedOpen | State::MetricsOnly => next,
    };
    (next, cause)
}
