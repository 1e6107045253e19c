//! Whether the core itself can't keep up: how long requests waited in socket buffers because its loop was busy with others.
//!
//! ```text
//!   the loop:   reap ── tasks, answers ── reap ── tasks, answers ── reap ── nothing to do ──
//!                     │◀───── lag ──────▶│
//! ```
//!
//! What arrives just after one look at the sockets waits until the next, so the work from one to the next is what the unluckiest request waited for. Work is CPU
//! time of the thread: what neighbours on the machine take makes it later still, but to shed wouldn't give it back, and the cursor of a
//! gate beside a compiler would sink without end. As in CoDel, the least of an interval (100 ms) is held against a target (5 ms): a burst makes some turns long, and
//! only a core that is behind makes *all* of them long. How busy the CPU is says nothing; one that is fully used and turns every millisecond is well.
//!
//! An engine takes a sample now and then, and only while requests come ([`Lag::is_due`]).
//! An interval without a sample teaches nothing: either nobody came, or the loop was away all the time, and then the sample that says so is still to come.

use tollgate_limiter::Nanos;

use super::Signal;
use super::codel::Delays;

/// The judge of one core's loop.
#[derive(Debug)]
pub struct Lag {
    delays: Delays,
    /// When the running interval ends.
    ends: Nanos,
    /// The least lag in it, if there was a sample.
    least: Option<Nanos>,
    /// When the next sample is due.
    next: Nanos,
    overloaded: bool,
    /// From when on every sample was hopeless.
    hopeless_since: Option<Nanos>,
}

impl Lag {
    /// For a core that is well.
    pub const fn new(delays: Delays) -> Lag {
        Lag { delays, ends: Nanos::ZERO, least: None, next: Nanos::ZERO, overloaded: false, hopeless_since: None }
    }

    /// Whether another sample would say more.
    pub fn is_due(&self, now: Nanos) -> bool {
        now >= self.next
    }

    /// The loop was busy for so long when it looked at its sockets again, `now`.
    pub fn note(&mut self, lag: Nanos, now: Nanos) {
        self.turn(now);
        self.least = Some(self.least.map_or(lag, |least| least.min(lag)));
        self.next = now.saturating_add(Nanos::new(self.delays.interval.as_u64() / SAMPLES));
        if lag <= HOPELESS {
            self.hopeless_since = None;
        } else {
            self.hopeless_since.get_or_insert(now.saturating_sub(lag));
        }
    }

    /// What the last interval says.
    pub fn signal(&mut self, now: Nanos) -> Signal {
        self.turn(now);
        let is_drowning = self.hopeless_since.is_some_and(|since| now.saturating_sub(since) >= FOR);
        match self.overloaded {
            _ if is_drowning => Signal::Drowning,
            true => Signal::Overloaded,
            false => Signal::Quiet,
        }
    }

    /// Ends the interval, if it is over.
    fn turn(&mut self, now: Nanos) {
        if now < self.ends {
            return;
        }
        if let Some(least) = self.least.take() {
            self.overloaded = least > self.delays.target;
        }
        self.ends = now.saturating_add(self.delays.interval);
    }
}

/// Samples in an interval.
const SAMPLES: u64 = 20;
/// A core that is never quicker than this ...
const HOPELESS: Nanos = Nanos::from_millis(250);
/// ... for so long takes no more connections. Both as in the gate-keepers that do so.
const FOR: Nanos = Nanos::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const DELAYS: Delays = Delays { target: ms(5), interval: ms(100) };

    const fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    /// Turns of these lengths, each with its sample; then what it says.
    fn after(turns: impl IntoIterator<Item = u64>) -> Signal {
        let mut lag = Lag::new(DELAYS);
        let mut now = 1_000;
        lag.note(Nanos::ZERO, ms(now));
        for turn in turns {
            now += turn.max(1);
            lag.note(ms(turn), ms(now));
        }
        lag.signal(ms(now))
    }

    #[test]
    fn a_loop_of_which_no_turn_was_short_for_an_interval_is_overloaded() {
        assert_eq!(after([20; 5]), Signal::Quiet, "the first interval began well");
        assert_eq!(after([20; 11]), Signal::Overloaded);
        assert_eq!(after([300; 3]), Signal::Overloaded, "turns that are longer than an interval");
    }

    #[test]
    fn a_burst_is_no_overload_nor_is_a_core_that_is_only_busy() {
        let bursts = (0..60).map(|turn| if turn % 3 == 0 { 3 } else { 40 });
        assert_eq!(after(bursts), Signal::Quiet);
        assert_eq!(after([5; 100]), Signal::Quiet);
    }

    #[test]
    fn it_is_well_again_an_interval_after_a_turn_was_short() {
        assert_eq!(after([20; 20].into_iter().chain([0; 210])), Signal::Quiet);
    }

    #[test]
    fn an_interval_without_a_sample_is_judged_as_before() {
        let mut lag = Lag::new(DELAYS);
        for now in (1_000..1_300).step_by(20) {
            lag.note(ms(20), ms(now));
        }
        assert_eq!(lag.signal(ms(1_390)), Signal::Overloaded);
        assert_eq!(lag.signal(ms(9_000)), Signal::Overloaded);
    }

    #[test]
    fn a_second_of_turns_of_a_quarter_each_is_hopeless_and_one_that_is_shorter_is_not() {
        assert_eq!(after([251; 3]), Signal::Overloaded);
        assert_eq!(after([251; 4]), Signal::Drowning);
        assert_eq!(after([250; 9]), Signal::Overloaded);
        assert_eq!(after([600, 600]), Signal::Drowning);
        assert_eq!(after([251, 251, 251, 30, 251]), Signal::Overloaded);
    }

    #[test]
    fn samples_are_asked_for_twenty_times_an_interval() {
        let mut lag = Lag::new(DELAYS);
        lag.note(Nanos::ZERO, ms(1_000));
        assert!(!lag.is_due(ms(1_004)) && lag.is_due(ms(1_005)));
    }
}
