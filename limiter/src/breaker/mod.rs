//! A circuit breaker: stops calling a server that fails, and finds out by a few calls when it is back.
//!
//! # Model
//!
//! A [`CircuitBreaker`] stands before one server. A call asks for a [`Permit`] and says at its end what came of it; a sliding window of
//! outcomes opens the breaker when too many failed or were slow. Open, it rejects at once. After a wait it is half-open: a few calls are let
//! through, and what comes of them closes it or opens it again, for longer. Names, states and defaults are Resilience4j's; so that
//! half-open always ends, permits are guards, of one generation and with a deadline.
//!
//! ```text
#![doc = include_str!("graph.txt")]
//! ```
//!
//! The states are those of [`State`], the reasons those of [`Cause`], and an operator's are [`Order`]s. Metrics-only only reports, from
//! itself to itself. (A test prints this list from the code.)
//!
//! # Guarantees
//!
//! - **No more calls than permitted in half-open**, whatever the threads do. A dropped permit comes back.
//! - **Half-open ends.** A permit that is kept, or leaked, counts as failed after `permit_timeout`, or the state ends after
//!   `max_wait_duration_in_half_open_state`. (Calls that are all dropped say nothing: without the latter, it goes on permitting others.)
//! - **An outcome counts in the state that permitted its call, or nowhere.** Whatever comes late, from before the breaker opened or
//!   after a permit was taken back, changes nothing.
//! - **Every transition is told once**, to the call, outcome, tick or order that made it: when [`Transition::to`] is
//!   [`State::Open`], turn away who waits for this server.
//!
//! # Price
//!
//! - State, generation and permits are one 128-bit word. Asking a closed or an open breaker loads it and writes nothing. An outcome is a
//!   compare-and-swap in the window (two in a count-based one, if the call failed or was slow) and a sum over it, two nanoseconds for each second or
//!   32 calls. On the same second, threads take turns at one cache line.
//! - Rejections aren't counted here: that would be a shared counter under every flood. Who is rejected knows it, and counts on his own core.
//! - No I/O, no clock, no thread, no lock, nothing allocated once it is built. Time is an argument; it may differ a little between threads.
//!   Nothing happens by itself: the wait is over for the first call that asks, or for [`CircuitBreaker::tick`].
//!
//! # Example
//!
//! ```
//! use tollgate_limiter::Nanos;
//! use tollgate_limiter::breaker::{CircuitBreaker, Config, Outcome, State};
//!
//! let breaker = CircuitBreaker::new(&Config { minimum_number_of_calls: 2, ..Config::default() })?;
//! let now = Nanos::from_secs(1);
//! for _ in 0..2 {
//!     let permit = breaker.try_acquire(now)?;
//!     if let Some(transition) = permit.record(Outcome::Failure, now) {
//!         assert_eq!(transition.to_string(), "closed -> open (failure_rate)");
//!     }
//! }
//! let rejected = breaker.try_acquire(now).expect_err("open");
//! let later = now.saturating_add(rejected.retry_after);
//! let probe = breaker.try_acquire(later)?;
//! assert_eq!(probe.state(), State::HalfOpen);
//! drop(probe); // the client went away: somebody else may try
//! for _ in 0..2 {
//!     let _ = breaker.try_acquire(later)?.record(Outcome::Success, later);
//! }
//! assert_eq!(breaker.state(), State::Closed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod circuit_breaker;
mod config;
mod counts;
mod permit;
mod rules;
mod slow_start;
mod snapshot;
mod state;
mod status;
mod step;
mod wait;
mod window;

pub use circuit_breaker::CircuitBreaker;
pub use config::{Config, SlidingWindowType};
pub use permit::{Outcome, Permit, Rejected};
pub use rules::ConfigError;
pub use snapshot::Snapshot;
pub use state::{Cause, Order, State, Transition};
