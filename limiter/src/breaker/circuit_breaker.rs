//! The breaker: where pure steps meet the word that threads share.
//!
//! Every change is one compare-and-swap from the status that a step started from to the one that it came to; whoever fails starts
//! again from what he found. So all changes lie in one order, each step saw the one before it, and a transition has one author.
//!
//! All orderings are `Relaxed`. Nothing is published through a word: a status and a window's cell each say all that they mean, and no step
//! concludes from one what another must contain. What the interleavings can do:
//!
//! - *Ask, with an old status.* If the step changes something (half-open), the swap fails and it starts again. If it doesn't (closed, open), the
//!   answer is one that the breaker gave at a moment within the call; a permit carries that moment's generation, and is void in the next.
//! - *Outcome against transition.* The outcome goes into the cells of its own generation, whatever the breaker does meanwhile. Then its status
//!   is loaded: still that generation, or nothing happens.
//! - *Outcome against outcome.* Both write, then both sum up. In one cell, the second to write sees the first. In two cells each may miss the
//!   other; then it's the next outcome that sees both, and opens.

use core::fmt;

use super::config::Config;
use super::counts::Counts;
use super::permit::{Outcome, Permit, Rejected};
use super::rules::{ConfigError, Rules};
use super::slow_start::SlowStart;
use super::snapshot::Snapshot;
use super::state::{Order, State, Transition};
use super::status::Status;
use super::step::{Effect, Event, step};
use super::window::Window;
use crate::Nanos;
use crate::sync::{AtomicU128, Ordering};

/// A circuit breaker for one server. Any thread may use it; see the [module](super) for what it does and what it costs.
pub struct CircuitBreaker {
    status: AtomicU128,
    rules: Rules,
    slow_start: SlowStart,
    window: Window,
}

impl CircuitBreaker {
    /// A breaker in its initial state.
    ///
    /// # Errors
    ///
    /// When a setting is out of range, or half-open would outlast its permits.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            rules: Rules::new(config)?,
            status: AtomicU128::new(Status::new(config.initial_state).pack()),
            slow_start: SlowStart::new(config.slow_start),
            window: Window::new(config),
        })
    }

    /// Asks for leave to make a call that begins `now`. While the breaker is closed or open, this writes nothing.
    ///
    /// # Errors
    ///
    /// When the call may not be made. That is the breaker doing its job; nothing counts it but its caller.
    #[inline]
    pub fn try_acquire(&self, now: Nanos) -> Result<Permit<'_>, Rejected> {
        let (status, Effect { permitted, .. }, transition) = self.apply(now, |_| Event::Ask);
        if permitted {
            let Status { generation, state, .. } = status;
            Ok(Permit { breaker: self, generation, state, since: now, transition })
        } else {
            Err(Rejected { state: status.state, retry_after: retry_after(status, now), transition })
        }
    }

    /// What [`CircuitBreaker::try_acquire`] would answer, in its [`Rejected::retry_after`]; `None` is a permit. Changes nothing.
    pub fn retry_after(&self, now: Nanos) -> Option<Nanos> {
        let (next, Effect { permitted, .. }) = step(&self.rules, self.status(), Event::Ask, now);
        (!permitted).then(|| retry_after(next, now))
    }

    /// Does what is due by the clock although no call asks: ends a half-open state that takes too long, and begins one if
    /// `automatic_transition_from_open_to_half_open_enabled`. A breaker works without: it only shows a stale state meanwhile.
    pub fn tick(&self, now: Nanos) -> Option<Transition> {
        self.apply(now, |_| Event::Tick).2
    }

    /// Does what an operator says. `None` if that is the state already.
    pub fn order(&self, order: Order, now: Nanos) -> Option<Transition> {
        self.apply(now, |_| Event::Say(order)).2
    }

    /// The state as it stands: what is due by the clock happens with the next call or [`CircuitBreaker::tick`].
    pub fn state(&self) -> State {
        self.status().state
    }

    /// What the server may be given of its usual share `now`, 0.1 to 1: after an outage it rises evenly for as long as
    /// [`Config::slow_start`] says. Multiply the cap on calls in flight by it.
    pub fn slow_start(&self, now: Nanos) -> f64 {
        self.slow_start.share(self.status(), now)
    }

    /// The figures of this moment, for people and metrics.
    pub fn snapshot(&self, now: Nanos) -> Snapshot {
        let status = self.status();
        let window = |generation| (self.window.sum(generation, now), self.rules.minimum_calls);
        let (counts, minimum) = match status.state {
            State::Closed | State::MetricsOnly => window(status.generation),
            State::Open if status.tally.calls == 0 => window(status.generation.previous()),
            State::Open | State::HalfOpen => (status.tally.counts(), self.rules.minimum_half_open()),
            State::Disabled | State::ForcedOpen => (Counts::default(), 1),
        };
        Snapshot::new(status, counts, minimum)
    }

    #[inline]
    pub(super) fn record(&self, permit: &Permit<'_>, outcome: Outcome, took: Nanos, now: Nanos) -> Option<Transition> {
        let generation = permit.generation;
        let slow = took > self.rules.slow_call;
        if permit.state.has_window() {
            self.window.add(generation, outcome != Outcome::Success, slow, now);
        }
        let event = |status: Status| {
            let window = if status.state.has_window() { self.window.sum(generation, now) } else { Counts::default() };
            Event::Done { generation, outcome, slow, window }
        };
        self.apply(now, event).2
    }

    pub(super) fn give_back(&self, permit: &Permit<'_>) {
        if permit.state == State::HalfOpen {
            // No time passes by a permit that comes back: it is dropped where nobody need know the time.
            self.apply(Nanos::ZERO, |_| Event::Return { generation: permit.generation });
        }
    }

    fn status(&self) -> Status {
        Status::unpack(self.status.load(Ordering::Relaxed))
    }

    /// Takes one step from the status as it is, and says to which it came.
    #[inline]
    fn apply(&self, now: Nanos, event: impl Fn(Status) -> Event) -> (Status, Effect, Option<Transition>) {
        let mut word = self.status.load(Ordering::Relaxed);
        loop {
            let status = Status::unpack(word);
            let (next, effect) = step(&self.rules, status, event(status), now);
            let transition = effect.cause.map(|cause| Transition { from: status.state, to: next.state, cause });
            if next == status {
                return (next, effect, transition);
            }
            match self.status.compare_exchange(word, next.pack(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return (next, effect, transition),
                Err(found) => word = found,
            }
        }
    }
}

fn retry_after(status: Status, now: Nanos) -> Nanos {
    match status.state {
        State::Open => status.at.saturating_sub(now).saturating_add(Nanos::new(1)),
        State::ForcedOpen => Nanos::MAX,
        State::Closed | State::HalfOpen | State::Disabled | State::MetricsOnly => Nanos::ZERO,
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("status", &self.status()).finish_non_exhaustive()
    }
}
