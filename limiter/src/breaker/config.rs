//! What a breaker is built from, under Resilience4j's names.

use super::State;
use crate::Nanos;

/// The settings of a [`CircuitBreaker`](super::CircuitBreaker). [`Config::default`] is Resilience4j's default, [`Config::gateway`] suits a
/// gate in front of a server.
///
/// Counts and percentages are checked when the breaker is built; a duration is at most 366 days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The breaker opens when at least this percentage of calls failed: 1 to 100.
    pub failure_rate_threshold: u8,
    /// … or when at least this percentage was slow: 1 to 100.
    pub slow_call_rate_threshold: u8,
    /// A call is slow when it took longer than this.
    pub slow_call_duration_threshold: Nanos,
    /// What the sliding window counts by.
    pub sliding_window_type: SlidingWindowType,
    /// How many calls (1 to 10 000) or seconds (1 to 600) the window holds. An outcome costs about two nanoseconds more for each 32
    /// calls or for each second.
    pub sliding_window_size: u32,
    /// Fewer calls than this open nothing: at least 1. A window of fewer calls, or a half-open state that permits fewer, takes that number.
    pub minimum_number_of_calls: u32,
    /// How long a breaker stays open at first.
    pub wait_duration_in_open_state: Nanos,
    /// Each time it opens again without having closed, it stays open this many times longer: 1 to 100.
    pub wait_backoff_multiplier: f64,
    /// … but never longer than this.
    pub wait_max: Nanos,
    /// Each wait is longer or shorter by up to this percentage, 0 to 100, so that many gates don't all ask at the same moment.
    pub wait_jitter: u8,
    /// What the jitter is drawn from: something else in each process.
    pub seed: u64,
    /// How many calls are let through to find out: 1 to 127.
    pub permitted_number_of_calls_in_half_open_state: u8,
    /// How long half-open may take altogether; 0 is as long as it needs, and then [`Config::permit_timeout`] sees to it that it ends.
    pub max_wait_duration_in_half_open_state: Nanos,
    /// Where half-open goes when that is over: [`State::Open`] or [`State::Closed`].
    pub transition_to_state_after_wait_duration: State,
    /// Whether [`CircuitBreaker::tick`](super::CircuitBreaker::tick) takes a breaker from open to half-open. A call does in any case.
    pub automatic_transition_from_open_to_half_open_enabled: bool,
    /// Any but [`State::Open`] and [`State::HalfOpen`].
    pub initial_state: State,
    /// Not in Resilience4j: so many [`Outcome::Unreachable`](super::Outcome::Unreachable) in a row open the breaker at once, 1 to 127; 0 is
    /// off.
    pub consecutive_failures: u8,
    /// Not in Resilience4j: a permit of the half-open state that nobody has given back after this long counts as a failure. Where
    /// [`Config::max_wait_duration_in_half_open_state`] is set, it ends all permits with the state, and must not be longer than this.
    pub permit_timeout: Nanos,
    /// Not in Resilience4j: for how long after an outage [`CircuitBreaker::slow_start`](super::CircuitBreaker::slow_start) rises; 0 is off.
    pub slow_start: Nanos,
}

/// What a sliding window counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlidingWindowType {
    /// The last calls.
    CountBased,
    /// The calls of the last seconds, the running one included.
    TimeBased,
}

impl Config {
    /// A gate's settings: a window of 10 s that says nothing before 20 calls, since calls have no order across cores; 5 s open, doubled up to
    /// 60 s, with 20 % of jitter; five calls in a row that reach nobody open at once; 10 s of slow start. Slow is half a head timeout
    /// of 10 s, a permit lasts a whole exchange of 30 s.
    ///
    /// Half-open has no limit of its own: permits have one. With 10 s for ten good calls, a healthy server that is called every two
    /// seconds would never come back, and reject five calls of six for ever.
    pub fn gateway() -> Self {
        Self {
            slow_call_duration_threshold: Nanos::from_secs(5),
            sliding_window_type: SlidingWindowType::TimeBased,
            sliding_window_size: 10,
            minimum_number_of_calls: 20,
            wait_duration_in_open_state: Nanos::from_secs(5),
            wait_backoff_multiplier: 2.0,
            wait_max: Nanos::from_secs(60),
            wait_jitter: 20,
            consecutive_failures: 5,
            permit_timeout: Nanos::from_secs(30),
            slow_start: Nanos::from_secs(10),
            ..Self::default()
        }
    }
}

/// Resilience4j's, and of what it doesn't have: permits that last a minute, nothing else.
impl Default for Config {
    fn default() -> Self {
        Self {
            failure_rate_threshold: 50,
            slow_call_rate_threshold: 100,
            slow_call_duration_threshold: Nanos::from_secs(60),
            sliding_window_type: SlidingWindowType::CountBased,
            sliding_window_size: 100,
            minimum_number_of_calls: 100,
            wait_duration_in_open_state: Nanos::from_secs(60),
            wait_backoff_multiplier: 1.0,
            wait_max: LONGEST,
            wait_jitter: 0,
            seed: 0,
            permitted_number_of_calls_in_half_open_state: 10,
            max_wait_duration_in_half_open_state: Nanos::ZERO,
            transition_to_state_after_wait_duration: State::Open,
            automatic_transition_from_open_to_half_open_enabled: false,
            initial_state: State::Closed,
            consecutive_failures: 0,
            permit_timeout: Nanos::from_secs(60),
            slow_start: Nanos::ZERO,
        }
    }
}

pub(super) const LONGEST: Nanos = Nanos::from_secs(366 * 86_400);
