//! The settings as they are meant: checked, and in the form in which they are used.

use core::fmt;

use super::config::{Config, LONGEST, SlidingWindowType};
use super::counts::Thresholds;
use super::state::{Cause, State};
use super::status::{Generation, MAX_PERMITS};
use super::wait::Wait;
use super::window::{MAX_CALLS, MAX_SECONDS};
use crate::Nanos;

/// What [`step`](super::step::step) goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) thresholds: Thresholds,
    pub(super) slow_call: Nanos,
    pub(super) minimum_calls: u32,
    /// Zero is off.
    pub(super) consecutive_failures: u8,
    pub(super) wait: Wait,
    pub(super) permits: u8,
    pub(super) half_open_ends: HalfOpenEnds,
    pub(super) automatic: bool,
}

/// What keeps half-open from lasting for ever.
#[derive(Clone, Copy, Debug)]
pub(super) enum HalfOpenEnds {
    /// So long after it began, for that reason.
    AfterAll(Nanos, Cause),
    /// So long after the last permit was taken, whatever is still out has failed.
    AfterEachPermit(Nanos),
}

/// Why a breaker can't be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A setting has a value that it can't have.
    OutOfRange {
        /// The setting's name.
        setting: &'static str,
        /// What it can have.
        allowed: &'static str,
    },
    /// Half-open would outlast its permits.
    PermitTimeout {
        /// `permit_timeout`.
        permit: Nanos,
        /// `max_wait_duration_in_half_open_state`.
        half_open: Nanos,
    },
}

impl Rules {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        check(config)?;
        let Config { permitted_number_of_calls_in_half_open_state: permits, .. } = *config;
        let half_open_ends = match config.max_wait_duration_in_half_open_state {
            Nanos::ZERO => HalfOpenEnds::AfterEachPermit(config.permit_timeout),
            max if config.transition_to_state_after_wait_duration == State::Closed => {
                HalfOpenEnds::AfterAll(max, Cause::MaxWaitCloses)
            }
            max => HalfOpenEnds::AfterAll(max, Cause::MaxWaitOpens),
        };
        let most_calls = match config.sliding_window_type {
            SlidingWindowType::CountBased => config.sliding_window_size,
            SlidingWindowType::TimeBased => u32::MAX,
        };
        Ok(Self {
            thresholds: Thresholds { failed: config.failure_rate_threshold, slow: config.slow_call_rate_threshold },
            slow_call: config.slow_call_duration_threshold,
            minimum_calls: config.minimum_number_of_calls.min(most_calls),
            consecutive_failures: config.consecutive_failures,
            wait: Wait::new(config),
            permits,
            half_open_ends,
            automatic: config.automatic_transition_from_open_to_half_open_enabled,
        })
    }

    /// As many outcomes decide whether half-open ends well.
    pub(super) fn minimum_half_open(&self) -> u32 {
        self.minimum_calls.min(self.permits.into())
    }

    /// The last instant of an open state entered `now`.
    pub(super) fn open_until(&self, attempts: u8, generation: Generation, now: Nanos) -> Nanos {
        now.saturating_add(self.wait.duration(attempts, generation))
    }
}

fn check(config: &Config) -> Result<(), ConfigError> {
    let largest = match config.sliding_window_type {
        SlidingWindowType::CountBased => MAX_CALLS,
        SlidingWindowType::TimeBased => MAX_SECONDS,
    };
    let duration = |span: Nanos| span > Nanos::ZERO && span <= LONGEST;
    let allowed = [
        ("failure_rate_threshold", "1 to 100", (1..=100).contains(&config.failure_rate_threshold)),
        ("slow_call_rate_threshold", "1 to 100", (1..=100).contains(&config.slow_call_rate_threshold)),
        ("slow_call_duration_threshold", DURATION, duration(config.slow_call_duration_threshold)),
        (
            "sliding_window_size",
            "1 to 10000 calls or 1 to 600 seconds",
            (1..=largest).contains(&config.sliding_window_size),
        ),
        ("minimum_number_of_calls", "at least 1", config.minimum_number_of_calls >= 1),
        ("wait_duration_in_open_state", DURATION, duration(config.wait_duration_in_open_state)),
        ("wait_backoff_multiplier", "1 to 100", (1.0..=100.0).contains(&config.wait_backoff_multiplier)),
        ("wait_max", DURATION, duration(config.wait_max)),
        ("wait_jitter", "0 to 100", config.wait_jitter <= 100),
        (
            "permitted_number_of_calls_in_half_open_state",
            "1 to 127",
            (1..=MAX_PERMITS).contains(&config.permitted_number_of_calls_in_half_open_state),
        ),
        ("max_wait_duration_in_half_open_state", "0 to 366d", config.max_wait_duration_in_half_open_state <= LONGEST),
        (
            "transition_to_state_after_wait_duration",
            "open or closed",
            matches!(config.transition_to_state_after_wait_duration, State::Open | State::Closed),
        ),
        (
            "initial_state",
            "closed, disabled, forced_open or metrics_only",
            !matches!(config.initial_state, State::Open | State::HalfOpen),
        ),
        ("consecutive_failures", "0 to 127", config.consecutive_failures <= MAX_PERMITS),
        ("permit_timeout", DURATION, duration(config.permit_timeout)),
        ("slow_start", "0 to 366d", config.slow_start <= LONGEST),
    ];
    if let Some((setting, allowed, _)) = allowed.into_iter().find(|(.., possible)| !possible) {
        return Err(ConfigError::OutOfRange { setting, allowed });
    }
    let (permit, half_open) = (config.permit_timeout, config.max_wait_duration_in_half_open_state);
    if permit < half_open { Err(ConfigError::PermitTimeout { permit, half_open }) } else { Ok(()) }
}

const DURATION: &str = "more than 0 and at most 366d";

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { setting, allowed } => write!(f, "{setting} is out of range: use {allowed}"),
            Self::PermitTimeout { permit, half_open } => write!(
                f,
                "a permit_timeout of {permit} is shorter than max_wait_duration_in_half_open_state, {half_open}: lower the latter, or set it to 0"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}
