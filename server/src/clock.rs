//! The one place in the server that reads the OS clock.
//!
//! Everything else takes `now: Nanos` as an argument. The ring's driver reads the clock once per batch of completions, and every connection
//! of the batch uses that reading; the streams read it once per receive; both read it once more to set a timer. Monotonic time only decides limits and deadlines; wall-clock time is for the
//! `Date` header alone, so a stepped clock never blocks or frees a client.

#![allow(clippy::disallowed_methods, reason = "this is clock.rs")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tollgate_limiter::Nanos;

/// Monotonic time since the process started serving. Copies share one epoch, so that all cores agree on `now`.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Starts the epoch. Once per process: the limiter's states are relative to it.
    pub fn start() -> Clock {
        Clock { epoch: Instant::now() }
    }

    /// Nanoseconds since the epoch, plus one second: a state that expired "before the epoch" can then be told from none.
    #[inline]
    pub fn now(&self) -> Nanos {
        Nanos::from(self.epoch.elapsed()).saturating_add(HEAD_START)
    }

    /// The CPU time that the calling thread has used. Costs a call to the kernel, so not for every batch.
    pub fn cpu_time(&self) -> Nanos {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Nanos::new(used.tv_sec as u64 * 1_000_000_000 + used.tv_nsec as u64)
    }

    /// Seconds since 1970, for `Date`. A clock set before 1970 reads as 0.
    pub fn unix_seconds(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// The epoch lies this far in the past when the process starts; 0 is what an empty deadline reads.
const HEAD_START: Nanos = Nanos::from_secs(1);

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn copies_share_one_epoch_and_time_never_goes_back() {
        let clock = Clock::start();
        let copy = clock;
        let (first, second, third) = (clock.now(), copy.now(), clock.now());
        assert!(first <= second && second <= third);
    }
}
