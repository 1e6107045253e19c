//! Settings that can't be are refused by name.

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{CircuitBreaker, Config, ConfigError, SlidingWindowType, State};

use crate::calls::at;

#[test]
fn both_presets_are_possible() {
    assert!(CircuitBreaker::new(&Config::default()).is_ok() && CircuitBreaker::new(&Config::gateway()).is_ok());
}

#[test]
fn the_default_is_resilience4js() {
    let config = Config::default();
    assert_eq!((config.failure_rate_threshold, config.slow_call_rate_threshold), (50, 100));
    assert_eq!((config.slow_call_duration_threshold, config.wait_duration_in_open_state), (at(60), at(60)));
    assert_eq!(config.sliding_window_type, SlidingWindowType::CountBased);
    assert_eq!((config.sliding_window_size, config.minimum_number_of_calls), (100, 100));
    assert_eq!(config.permitted_number_of_calls_in_half_open_state, 10);
    assert_eq!(config.max_wait_duration_in_half_open_state, Nanos::ZERO);
    assert_eq!((config.transition_to_state_after_wait_duration, config.initial_state), (State::Open, State::Closed));
    assert!(!config.automatic_transition_from_open_to_half_open_enabled);
    assert_eq!(
        (config.consecutive_failures, config.slow_start),
        (0, Nanos::ZERO),
        "what Resilience4j doesn't have is off"
    );
}

#[test]
fn each_setting_is_refused_out_of_its_range() {
    let good = Config::default();
    let time_based = Config { sliding_window_type: SlidingWindowType::TimeBased, ..good };
    for (setting, config) in [
        ("failure_rate_threshold", Config { failure_rate_threshold: 0, ..good }),
        ("failure_rate_threshold", Config { failure_rate_threshold: 101, ..good }),
        ("slow_call_rate_threshold", Config { slow_call_rate_threshold: 0, ..good }),
        ("slow_call_duration_threshold", Config { slow_call_duration_threshold: Nanos::ZERO, ..good }),
        ("sliding_window_size", Config { sliding_window_size: 0, ..good }),
        ("sliding_window_size", Config { sliding_window_size: 10_001, ..good }),
        ("sliding_window_size", Config { sliding_window_size: 601, ..time_based }),
        ("minimum_number_of_calls", Config { minimum_number_of_calls: 0, ..good }),
        ("wait_duration_in_open_state", Config { wait_duration_in_open_state: Nanos::ZERO, ..good }),
        ("wait_backoff_multiplier", Config { wait_backoff_multiplier: 0.9, ..good }),
        ("wait_backoff_multiplier", Config { wait_backoff_multiplier: f64::NAN, ..good }),
        ("wait_max", Config { wait_max: Nanos::MAX, ..good }),
        ("wait_jitter", Config { wait_jitter: 101, ..good }),
        (
            "permitted_number_of_calls_in_half_open_state",
            Config { permitted_number_of_calls_in_half_open_state: 128, ..good },
        ),
        ("max_wait_duration_in_half_open_state", Config { max_wait_duration_in_half_open_state: Nanos::MAX, ..good }),
        (
            "transition_to_state_after_wait_duration",
            Config { transition_to_state_after_wait_duration: State::Disabled, ..good },
        ),
        ("initial_state", Config { initial_state: State::HalfOpen, ..good }),
        ("consecutive_failures", Config { consecutive_failures: 128, ..good }),
        ("permit_timeout", Config { permit_timeout: Nanos::ZERO, ..good }),
        ("slow_start", Config { slow_start: Nanos::MAX, ..good }),
    ] {
        let error = CircuitBreaker::new(&config).expect_err(setting);
        assert!(
            matches!(error, ConfigError::OutOfRange { setting: named, .. } if named == setting),
            "{setting}: {error}"
        );
    }
}

#[test]
fn half_open_may_not_outlast_its_permits() {
    let config = Config { permit_timeout: at(5), max_wait_duration_in_half_open_state: at(6), ..Config::default() };
    let error = CircuitBreaker::new(&config).expect_err("too long");
    assert!(error.to_string().contains("max_wait_duration_in_half_open_state, 6s: lower the latter"), "{error}");
}
