//! A breaker as anybody would write it who has one thread and all the memory in the world: lists of calls, looked through each time.

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{Cause, Config, Outcome, SlidingWindowType, State, Transition};

use crate::steps::{Seen, Step};

/// A call somebody was permitted to make.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// Which state permitted it, counted from the first one.
    episode: usize,
    begun: Nanos,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    None,
    Ignored,
    Counted { now: Nanos, failed: bool, slow: bool },
}

/// The naive breaker.
#[derive(Debug)]
pub struct Model {
    config: Config,
    state: State,
    entered: Nanos,
    /// The state's number; half-open that took permits back goes on under the same one.
    episode: usize,
    openings: i32,
    in_a_row: u8,
    reported: bool,
    calls: Vec<Call>,
    /// In the order in which their outcomes came.
    ended: Vec<usize>,
    /// The permits that are out, by the same indices as the breaker's.
    out: Vec<usize>,
}

impl Model {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            state: config.initial_state,
            entered: Nanos::ZERO,
            episode: 0,
            openings: 0,
            in_a_row: 0,
            reported: false,
            calls: Vec::new(),
            ended: Vec::new(),
            out: Vec::new(),
        }
    }

    pub const fn state(&self) -> State {
        self.state
    }

    pub fn step(&mut self, step: Step, now: Nanos) -> Seen {
        let (mut permitted, mut cause, from) = (None, None, self.state);
        match step {
            Step::Ask => {
                cause = self.wait_over(now).or_else(|| self.half_open_over(now));
                permitted = Some(self.ask(now));
            }
            Step::End(index, outcome) if !self.out.is_empty() => {
                cause = self.half_open_over(now);
                let call = self.out.swap_remove(index % self.out.len());
                let at_once = self.end(call, outcome, now);
                cause = cause.or(at_once);
            }
            Step::Drop(index) if !self.out.is_empty() => {
                let call = self.out.swap_remove(index % self.out.len());
                if self.calls[call].end == End::None {
                    self.calls[call].end = End::Ignored;
                }
            }
            Step::Leak(index) if !self.out.is_empty() => {
                self.out.swap_remove(index % self.out.len());
            }
            Step::Tick => {
                let automatic = self.config.automatic_transition_from_open_to_half_open_enabled;
                cause = automatic.then(|| self.wait_over(now)).flatten().or_else(|| self.half_open_over(now));
            }
            Step::Order(order) if order.state() != self.state => {
                cause = Some(Cause::Operator(order));
                self.enter(order.state(), now);
            }
            _ => {}
        }
        Seen { permitted, transition: cause.map(|cause| Transition { from, to: self.state, cause }) }
    }

    fn enter(&mut self, state: State, now: Nanos) {
        (self.state, self.entered) = (state, now);
        self.episode += 1;
        (self.in_a_row, self.reported) = (0, false);
        match state {
            State::Open => self.openings += 1,
            State::HalfOpen => {}
            _ => self.openings = 0,
        }
    }

    fn wait_over(&mut self, now: Nanos) -> Option<Cause> {
        if self.state != State::Open {
            return None;
        }
        let times = self.config.wait_backoff_multiplier.powi(self.openings - 1) as u64;
        let wait = Nanos::new(self.config.wait_duration_in_open_state.as_u64() * times).min(self.config.wait_max);
        if now <= self.entered.saturating_add(wait) {
            return None;
        }
        self.enter(State::HalfOpen, now);
        Some(Cause::WaitOver)
    }

    fn half_open_over(&mut self, now: Nanos) -> Option<Cause> {
        if self.state != State::HalfOpen {
            return None;
        }
        let max_wait = self.config.max_wait_duration_in_half_open_state;
        if max_wait > Nanos::ZERO {
            if now <= self.entered.saturating_add(max_wait) {
                return None;
            }
            let to = self.config.transition_to_state_after_wait_duration;
            self.enter(to, now);
            return Some(if to == State::Open { Cause::MaxWaitOpens } else { Cause::MaxWaitCloses });
        }
        let mine = |call: &Call| call.episode == self.episode;
        let last = self.calls.iter().filter(|call| mine(call)).map(|call| call.begun).max()?;
        if now <= last.saturating_add(self.config.permit_timeout) {
            return None;
        }
        let out = |call: &Call| mine(call) && call.end == End::None;
        let lost: Vec<usize> = (0..self.calls.len()).filter(|call| out(&self.calls[*call])).collect();
        if lost.is_empty() {
            return None;
        }
        for call in lost {
            self.calls[call].end = End::Counted { now, failed: true, slow: false };
            self.ended.push(call);
        }
        self.judge_half_open(now)
    }

    fn ask(&mut self, now: Nanos) -> bool {
        let taken = self.calls.iter().filter(|call| call.episode == self.episode && call.end != End::Ignored).count();
        let permitted = match self.state {
            State::Closed | State::Disabled | State::MetricsOnly => true,
            State::Open | State::ForcedOpen => false,
            State::HalfOpen => taken < usize::from(self.config.permitted_number_of_calls_in_half_open_state),
        };
        if permitted {
            self.out.push(self.calls.len());
            self.calls.push(Call { episode: self.episode, begun: now, end: End::None });
        }
        permitted
    }

    fn end(&mut self, call: usize, outcome: Outcome, now: Nanos) -> Option<Cause> {
        let Call { episode, begun, end } = self.calls[call];
        if episode != self.episode || end != End::None {
            return None;
        }
        let slow = now.saturating_sub(begun) > self.config.slow_call_duration_threshold;
        self.calls[call].end = End::Counted { now, failed: outcome != Outcome::Success, slow };
        self.ended.push(call);
        self.in_a_row = if outcome == Outcome::Unreachable { self.in_a_row.saturating_add(1) } else { 0 };
        match self.state {
            State::Closed => {
                let limit = self.config.consecutive_failures;
                let too_many = limit > 0 && self.in_a_row >= limit;
                let cause = self.window_says(now).or(too_many.then_some(Cause::ConsecutiveFailures))?;
                self.enter(State::Open, now);
                Some(cause)
            }
            State::HalfOpen => self.judge_half_open(now),
            State::MetricsOnly => {
                let says = self.window_says(now);
                let news = says.filter(|_| !self.reported);
                self.reported = says.is_some();
                news
            }
            State::Open | State::Disabled | State::ForcedOpen => None,
        }
    }

    /// Outcomes of this episode, the last one first: when, whether failed, whether slow.
    fn outcomes(&self) -> impl Iterator<Item = (Nanos, bool, bool)> {
        let calls = self.ended.iter().rev().map(|call| self.calls[*call]);
        calls.filter(|call| call.episode == self.episode).filter_map(|call| match call.end {
            End::Counted { now, failed, slow } => Some((now, failed, slow)),
            End::None | End::Ignored => None,
        })
    }

    fn window_says(&self, now: Nanos) -> Option<Cause> {
        let size = self.config.sliding_window_size;
        let second = |instant: Nanos| instant.as_u64() / 1_000_000_000;
        let (calls, minimum): (Vec<_>, u32) = match self.config.sliding_window_type {
            SlidingWindowType::CountBased => {
                (self.outcomes().take(size as usize).collect(), self.config.minimum_number_of_calls.min(size))
            }
            SlidingWindowType::TimeBased => (
                self.outcomes().filter(|call| second(call.0) + u64::from(size) > second(now)).collect(),
                self.config.minimum_number_of_calls,
            ),
        };
        self.rates_say(&calls, minimum)
    }

    fn judge_half_open(&mut self, now: Nanos) -> Option<Cause> {
        let window = match self.config.sliding_window_type {
            SlidingWindowType::CountBased => self.config.sliding_window_size,
            SlidingWindowType::TimeBased => u32::MAX,
        };
        let permitted = u32::from(self.config.permitted_number_of_calls_in_half_open_state);
        let minimum = self.config.minimum_number_of_calls.min(window).min(permitted);
        let calls: Vec<_> = self.outcomes().collect();
        if calls.len() < minimum as usize {
            return None;
        }
        let cause = self.rates_say(&calls, minimum);
        self.enter(if cause.is_some() { State::Open } else { State::Closed }, now);
        Some(cause.unwrap_or(Cause::Recovered))
    }

    fn rates_say(&self, calls: &[(Nanos, bool, bool)], minimum: u32) -> Option<Cause> {
        if calls.len() < minimum as usize {
            return None;
        }
        let rate = |count: usize| 100.0 * count as f64 / calls.len() as f64;
        if rate(calls.iter().filter(|call| call.1).count()) >= f64::from(self.config.failure_rate_threshold) {
            Some(Cause::FailureRate)
        } else if rate(calls.iter().filter(|call| call.2).count()) >= f64::from(self.config.slow_call_rate_threshold) {
            Some(Cause::SlowCallRate)
        } else {
            None
        }
    }
}
