//! A server is down from second 3 to second 12, and a breaker that stands before it tells what it does.
//!
//! ```text
//! cargo run -p tollgate-limiter --example breaker
//! ```

use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{CircuitBreaker, Config, Outcome, State, Transition};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let breaker = CircuitBreaker::new(&Config { seed: std::process::id().into(), ..Config::gateway() })?;
    let (mut answered, mut failed, mut rejected) = (0, 0, 0);
    // Time is an argument, so a minute passes at once: a call every 10 ms.
    for millis in (0..60_000).step_by(10) {
        let now = Nanos::from_millis(millis);
        match breaker.try_acquire(now) {
            Ok(permit) => {
                tell(permit.transition(), now);
                let is_up = !(3_000..12_000).contains(&millis);
                *(if is_up { &mut answered } else { &mut failed }) += 1;
                let outcome = if is_up { Outcome::Success } else { Outcome::Unreachable };
                tell(permit.record(outcome, now), now);
            }
            // The place for a 503 with Retry-After.
            Err(no) => {
                tell(no.transition, now);
                rejected += 1;
            }
        }
    }
    println!("{answered} answered, {failed} failed, {rejected} rejected without asking the server");
    Ok(())
}

fn tell(transition: Option<Transition>, now: Nanos) {
    let Some(transition) = transition else { return };
    println!("{now}: {transition}");
    if transition.to == State::Open {
        println!("{now}: whoever waits for this server is turned away now");
    }
}
