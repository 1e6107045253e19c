//! `[upstream.NAME.breaker]`: when calls to a sick server stop, under Resilience4j's names.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{CircuitBreaker, Config, SlidingWindowType, State};

use super::section::{Review, Section};
use super::units::{self, UnitError};
use super::value;
use crate::proxy::{ProxyServer, UpstreamTimeouts};

/// A gate's breaker, in so far as nobody says otherwise: a call is slow from half of what a head may take, and lasts no longer than an exchange.
pub(super) fn preset(timeouts: &UpstreamTimeouts) -> Config {
    // Whole microseconds, so that it can be written down.
    let slow = Duration::from_micros(timeouts.response_head.as_micros() as u64 / 2);
    Config {
        slow_call_duration_threshold: slow.min(timeouts.total).into(),
        permit_timeout: timeouts.total.into(),
        ..Config::gateway()
    }
}

/// A server at `address` with a breaker of its own, whose waits nobody can foretell.
pub(super) fn guarded(address: SocketAddr, config: Config) -> ProxyServer {
    let config = Config { seed: RandomState::new().hash_one(address), ..config };
    let breaker = CircuitBreaker::new(&config).expect("checked when it was read");
    ProxyServer { address, breaker: Arc::new(breaker) }
}

/// Reads the table, if there is one.
pub(super) fn read(upstream: &mut Section<'_, '_>, review: &mut Review, timeouts: &UpstreamTimeouts) -> Config {
    let mut config = preset(timeouts);
    let Some(start) = upstream.value("breaker").map(|value| value.span().start) else { return config };
    let Some(mut section) = upstream.section(review, "breaker") else { return config };
    let problems_before = review.problems.len();
    {
        let mut keys = Keys { section: &mut section, review };
        keys.take("state", &mut config.initial_state, state);
        keys.take("failure-rate-threshold", &mut config.failure_rate_threshold, small(1, 100));
        keys.take("slow-call-rate-threshold", &mut config.slow_call_rate_threshold, small(1, 100));
        keys.take("slow-call-duration-threshold", &mut config.slow_call_duration_threshold, span(SHORTEST));
        keys.take("sliding-window-type", &mut config.sliding_window_type, window_type);
        let most = match config.sliding_window_type {
            SlidingWindowType::CountBased => MOST_CALLS,
            SlidingWindowType::TimeBased => MOST_SECONDS,
        };
        keys.take("sliding-window-size", &mut config.sliding_window_size, number(most));
        keys.take("minimum-number-of-calls", &mut config.minimum_number_of_calls, number(1_000_000));
        keys.take(
            "wait-duration-in-open-state",
            &mut config.wait_duration_in_open_state,
            span(value::SHORTEST_TIMEOUT),
        );
        keys.take("wait-backoff-multiplier", &mut config.wait_backoff_multiplier, multiplier);
        keys.take("wait-max", &mut config.wait_max, span(value::SHORTEST_TIMEOUT));
        keys.take("wait-jitter", &mut config.wait_jitter, small(0, 100));
        let permitted = &mut config.permitted_number_of_calls_in_half_open_state;
        keys.take("permitted-number-of-calls-in-half-open-state", permitted, small(1, 127));
        let longest = &mut config.max_wait_duration_in_half_open_state;
        keys.take("max-wait-duration-in-half-open-state", longest, span(Duration::ZERO));
        let then = &mut config.transition_to_state_after_wait_duration;
        keys.take("transition-to-state-after-wait-duration", then, open_or_closed);
        let automatic = &mut config.automatic_transition_from_open_to_half_open_enabled;
        keys.take("automatic-transition-from-open-to-half-open-enabled", automatic, value::on_off);
        keys.take("consecutive-failures", &mut config.consecutive_failures, small(0, 127));
        keys.take("permit-timeout", &mut config.permit_timeout, span(value::SHORTEST_TIMEOUT));
        keys.take("slow-start", &mut config.slow_start, span(Duration::ZERO));
    }
    let subject = section.name("").trim_end_matches('.').to_owned();
    section.finish(review);
    if review.problems.len() == problems_before
        && let Err((key, what)) = fits_together(&config)
    {
        let subject = if key.is_empty() { subject } else { format!("{subject}.{key}") };
        review.reject(start, subject, what);
    }
    config
}

/// What only two keys together show: the key that is wrong, if it is one, and why.
fn fits_together(config: &Config) -> Result<(), (&'static str, String)> {
    CircuitBreaker::new(config).map_err(|error| ("", error.to_string().replace('_', "-")))?;
    let show = |span: Nanos| units::show_duration(span.into());
    if config.wait_duration_in_open_state > config.wait_max {
        let longest = show(config.wait_max);
        let what = format!("is longer than wait-max, {longest}, which no wait exceeds: raise that, or lower it");
        return Err(("wait-duration-in-open-state", what));
    }
    // Half-open would end, or take for a failure, what counts as a good call at any other time: no server could close the breaker but a quicker one.
    let slow = config.slow_call_duration_threshold;
    for (key, span) in [
        ("max-wait-duration-in-half-open-state", config.max_wait_duration_in_half_open_state),
        ("permit-timeout", config.permit_timeout),
    ] {
        if span != Nanos::ZERO && span < slow {
            let (span, slow) = (show(span), show(slow));
            let what = format!(
                "{span} is shorter than slow-call-duration-threshold, {slow}, and ends calls that are not slow: raise it, or lower that"
            );
            return Err((key, what));
        }
    }
    Ok(())
}

/// All keys and their values as they are read: numbers bare, and the rest, which is quoted.
pub(super) fn shown(config: &Config) -> Vec<(&'static str, Shown)> {
    use Shown::{Bare, Text};
    let span = |nanos: Nanos| Text(units::show_duration(Duration::from(nanos)));
    let window_type = match config.sliding_window_type {
        SlidingWindowType::CountBased => COUNT_BASED,
        SlidingWindowType::TimeBased => TIME_BASED,
    };
    vec![
        ("state", Text(show_state(config.initial_state))),
        ("failure-rate-threshold", Bare(config.failure_rate_threshold.to_string())),
        ("slow-call-rate-threshold", Bare(config.slow_call_rate_threshold.to_string())),
        ("slow-call-duration-threshold", span(config.slow_call_duration_threshold)),
        ("sliding-window-type", Text(window_type.to_owned())),
        ("sliding-window-size", Bare(config.sliding_window_size.to_string())),
        ("minimum-number-of-calls", Bare(config.minimum_number_of_calls.to_string())),
        ("wait-duration-in-open-state", span(config.wait_duration_in_open_state)),
        ("wait-backoff-multiplier", Bare(config.wait_backoff_multiplier.to_string())),
        ("wait-max", span(config.wait_max)),
        ("wait-jitter", Bare(config.wait_jitter.to_string())),
        (
            "permitted-number-of-calls-in-half-open-state",
            Bare(config.permitted_number_of_calls_in_half_open_state.to_string()),
        ),
        ("max-wait-duration-in-half-open-state", span(config.max_wait_duration_in_half_open_state)),
        ("transition-to-state-after-wait-duration", Text(show_state(config.transition_to_state_after_wait_duration))),
        (
            "automatic-transition-from-open-to-half-open-enabled",
            Bare(config.automatic_transition_from_open_to_half_open_enabled.to_string()),
        ),
        ("consecutive-failures", Bare(config.consecutive_failures.to_string())),
        ("permit-timeout", span(config.permit_timeout)),
        ("slow-start", span(config.slow_start)),
    ]
}

/// A value as it stands in the file.
pub(super) enum Shown {
    Bare(String),
    Text(String),
}

/// As it stands in the file.
pub(super) fn show_state(state: State) -> String {
    state.name().replace('_', "-")
}

struct Keys<'k, 't, 'i> {
    section: &'k mut Section<'t, 'i>,
    review: &'k mut Review,
}

impl Keys<'_, '_, '_> {
    fn take<T, U: Into<T>, E: fmt::Display>(
        &mut self,
        key: &'static str,
        into: &mut T,
        read: impl FnOnce(&str) -> Result<U, E>,
    ) {
        if let Some(value) = self.section.read(self.review, key, read) {
            *into = value.into();
        }
    }
}

fn state(text: &str) -> Result<State, &'static str> {
    let all = [State::Closed, State::Disabled, State::ForcedOpen, State::MetricsOnly];
    let found = all.into_iter().find(|state| show_state(*state) == text);
    found.ok_or("write closed, disabled, forced-open or metrics-only: where the breaker begins")
}

fn open_or_closed(text: &str) -> Result<State, &'static str> {
    let found = [State::Open, State::Closed].into_iter().find(|state| state.name() == text);
    found.ok_or("write open or closed")
}

fn window_type(text: &str) -> Result<SlidingWindowType, &'static str> {
    match text {
        COUNT_BASED => Ok(SlidingWindowType::CountBased),
        TIME_BASED => Ok(SlidingWindowType::TimeBased),
        _ => Err("write count-based, for the last so many calls, or time-based, for those of the last so many seconds"),
    }
}

fn multiplier(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number| (1.0..=100.0).contains(number));
    number.ok_or("must be between 1 and 100, like 2 or 1.5")
}

fn number(most: u32) -> impl Fn(&str) -> Result<u32, UnitError> {
    move |text| units::count(text, 1, most.into()).map(|number| number as u32)
}

fn small(least: u8, most: u8) -> impl Fn(&str) -> Result<u8, UnitError> {
    move |text| units::count(text, least.into(), most.into()).map(|number| number as u8)
}

fn span(least: Duration) -> impl Fn(&str) -> Result<Duration, UnitError> {
    move |text| value::timeout(text, least)
}

const COUNT_BASED: &str = "count-based";
const TIME_BASED: &str = "time-based";
/// What the breaker takes.
const MOST_CALLS: u32 = 10_000;
const MOST_SECONDS: u32 = 600;
/// Half of the shortest timeout must be possible; below that every call is slow.
const SHORTEST: Duration = Duration::from_micros(value::SHORTEST_TIMEOUT.as_micros() as u64 / 2);
