//! How many requests an upstream takes at a time, learnt from its refusals: back pressure.
//!
//! Up to `max-in-flight` are let through. An upstream that answers 429 or 503 says that those were too many; then fewer are, and the rest waits
//! in the queue, where the important go first. Once an interval (100 ms):
//!
//! ```text
//!   a tenth of the answers, or more, were refusals:   target = most that were under way × (1 − refused ⁄ answered ⁄ 2)
//!   otherwise:                                        target + 1 % of max-in-flight
//! ```
//!
//! never below 1, never above `max-in-flight`. The decrease goes by the share, as DCTCP's does, because refusals have two causes: if all are refused,
//! the upstream is full, and half as many come; if one in a hundred is, it has a quarrel with one client, which must not cost the others
//! anything. It begins from what was really under way, as halving a bound that nobody has reached would take seconds to be felt.

use tollgate_limiter::Nanos;

/// The concurrency target of one core for one upstream.
#[derive(Debug)]
pub struct Target {
    most: usize,
    now: usize,
    interval: Nanos,
    ends: Nanos,
    answered: usize,
    refused: usize,
    /// The most that were under way in the interval.
    peak: usize,
}

impl Target {
    /// Lets `most` through until the upstream objects.
    pub fn new(most: usize, interval: Nanos) -> Target {
        Target { most, now: most, interval, ends: Nanos::ZERO, answered: 0, refused: 0, peak: 0 }
    }

    /// Requests that may be under way at a time.
    pub fn at(&mut self, now: Nanos) -> usize {
        if self.now < self.most || self.refused > 0 {
            self.turn(now);
        }
        self.now
    }

    /// So many may be let through from now on. A target that wasn't lowered goes along.
    pub fn set_most(&mut self, most: usize) {
        self.now = if self.now == self.most { most } else { self.now.min(most) };
        self.most = most;
    }

    /// The upstream has answered one of so many that were under way, and `refused` or not.
    pub fn on_answer(&mut self, refused: bool, under_way: usize, now: Nanos) {
        self.turn(now);
        self.peak = self.peak.max(under_way);
        self.answered += 1;
        self.refused += usize::from(refused);
    }

    fn turn(&mut self, now: Nanos) {
        if now < self.ends {
            return;
        }
        let intervals = 1 + now.saturating_sub(self.ends).as_u64() / self.interval.as_u64();
        if self.refused > 0 && self.refused * REFUSED_ONE_IN >= self.answered {
            let base = self.peak.min(self.now);
            let cut = (base * self.refused).div_ceil(2 * self.answered);
            self.now = base.saturating_sub(cut).max(1);
        } else {
            let step = (self.most / STEPS).max(1).saturating_mul(intervals as usize);
            self.now = self.now.saturating_add(step).min(self.most);
        }
        (self.answered, self.refused, self.peak) = (0, 0, 0);
        self.ends = now.saturating_add(self.interval);
    }
}

/// Fewer refusals are about their clients.
const REFUSED_ONE_IN: usize = 10;
/// From nothing to everything in so many intervals, ten seconds.
const STEPS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    /// An interval with `under_way` requests at a time, so many of ten of which are refused; then the target.
    fn interval(target: &mut Target, nth: u64, under_way: usize, refused: usize) -> usize {
        for answer in 0..10 {
            target.on_answer(answer < refused, under_way, ms(1_000 + nth * 100));
        }
        target.at(ms(1_000 + nth * 100 + 100))
    }

    #[test]
    fn an_upstream_that_refuses_everything_gets_half_as_much_each_time_and_never_nothing() {
        let mut target = Target::new(1000, ms(100));
        let seen: Vec<usize> = (0..6).map(|nth| interval(&mut target, nth, 16, 10)).collect();
        assert_eq!(seen, [8, 4, 2, 1, 1, 1]);
    }

    #[test]
    fn what_it_refuses_now_and_then_is_between_it_and_its_client() {
        let mut target = Target::new(1000, ms(100));
        for nth in 0..3 {
            for answer in 0..100 {
                target.on_answer(answer == 7, 500, ms(1_000 + nth * 100));
            }
        }
        assert_eq!(target.at(ms(2_000)), 1000);
    }

    #[test]
    fn it_grows_back_by_a_hundredth_an_interval_also_without_traffic() {
        let mut target = Target::new(1000, ms(100));
        assert_eq!(interval(&mut target, 0, 20, 5), 15, "a quarter less");
        assert_eq!(interval(&mut target, 1, 5, 0), 25);
        assert_eq!(target.at(ms(1_000 + 200 + 1_000)), 125, "ten intervals later");
        assert_eq!(target.at(ms(60_000)), 1000);
    }

    #[test]
    fn a_target_of_one_stays_one_or_grows() {
        let mut target = Target::new(1, ms(100));
        assert_eq!((interval(&mut target, 0, 1, 10), interval(&mut target, 1, 1, 0)), (1, 1));
    }
}
