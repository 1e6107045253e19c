//! Whether a queue stands, rather than only passing a burst on: CoDel in folly's form.
//!
//! A queue that is long for a moment does its work; one in which *nobody* was quick for a whole interval only adds delay. So the least delay of
//! each interval (100 ms) is kept, and when it exceeds the target (5 ms), the queue counts as overloaded for the next one. Then whoever
//! has waited for more than twice the target is shed. The original (RFC 8289) drops ever faster by a square root
//! instead; folly found this to work better for requests, and it needs no state beyond the verdict.
//!
//! Two things are the original's: a queue that service has emptied had no delay, whatever those who left it had waited (RFC 8289 section 5.4
//! exempts the last packet for the same reason), and no interval's first request is shed. And one is ours. While the queue is overloaded it is served newest
//! first, and those who wait are soon sent away, so their waits say nothing about the queue any more; then only a slot that somebody finds free, or an
//! emptied queue, acquits it ("Fail at Scale", Maurer, 2015, goes by when it was last empty). One that is empty because all were sent away is no better for it.

use tollgate_limiter::Nanos;

/// What CoDel goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// The most that the quickest may have waited.
    pub target: Nanos,
    /// For so long.
    pub interval: Nanos,
}

/// The judge of one queue.
#[derive(Debug)]
pub struct Codel {
    delays: Delays,
    /// When the running interval ends.
    ends: Nanos,
    /// The least delay in it, if anything happened.
    least: Option<Nanos>,
    /// Requests that have left the queue in it.
    left: u64,
    overloaded: bool,
}

impl Codel {
    /// For a queue that is empty.
    pub const fn new(delays: Delays) -> Codel {
        Codel { delays, ends: Nanos::ZERO, least: None, left: 0, overloaded: false }
    }

    /// Whether the queue was overloaded in the last interval; `stands`: somebody waits.
    pub fn is_overloaded(&mut self, stands: bool, now: Nanos) -> bool {
        let ends = if self.least.is_some() { self.ends.saturating_add(self.delays.interval) } else { self.ends };
        if !stands && now >= ends {
            // An interval without anybody.
            self.least = Some(Nanos::ZERO);
        }
        self.turn(now);
        self.overloaded
    }

    /// Whether a request that has waited for so long is to be shed.
    pub fn sheds(&mut self, waited: Nanos, now: Nanos) -> bool {
        self.turn(now);
        let patience = Nanos::new(self.delays.target.as_u64().saturating_mul(TARGETS));
        self.overloaded && self.left > 0 && waited > patience
    }

    /// A request has left the queue, which it had `waited` in.
    pub fn on_left(&mut self, waited: Nanos, now: Nanos) {
        self.turn(now);
        self.left += 1;
        self.note(if self.overloaded { Nanos::MAX } else { waited });
    }

    /// A request needn't wait, or the last one that did was served.
    pub fn on_free(&mut self, now: Nanos) {
        self.turn(now);
        self.note(Nanos::ZERO);
    }

    fn note(&mut self, delay: Nanos) {
        self.least = Some(self.least.map_or(delay, |least| least.min(delay)));
    }

    /// Ends the interval, if it is over.
    fn turn(&mut self, now: Nanos) {
        if now < self.ends {
            return;
        }
        // Nothing seen is nothing learnt: nobody gets anywhere in a queue that stands before a service that hangs.
        if let Some(least) = self.least.take() {
            self.overloaded = least > self.delays.target;
        }
        self.left = 0;
        self.ends = now.saturating_add(self.delays.interval);
    }
}

/// How many times the target is too long for those who wait in an overloaded queue; folly's number.
const TARGETS: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const DELAYS: Delays = Delays { target: ms(5), interval: ms(100) };

    const fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    /// A request leaves at `now`, and others wait.
    fn leaves(codel: &mut Codel, waited: u64, now: u64) {
        codel.on_left(ms(waited), ms(now));
    }

    #[test]
    fn a_queue_in_which_nobody_was_quick_for_an_interval_is_overloaded_in_the_next() {
        let mut codel = Codel::new(DELAYS);
        for now in (1_000..1_100).step_by(10) {
            leaves(&mut codel, 20, now);
            assert!(!codel.is_overloaded(true, ms(now)), "{now}");
        }
        assert!(codel.is_overloaded(true, ms(1_100)));
    }

    #[test]
    fn one_quick_request_in_an_interval_is_enough_and_so_is_a_free_slot() {
        for quick in [true, false] {
            let mut codel = Codel::new(DELAYS);
            for now in (1_000..1_100).step_by(10) {
                leaves(&mut codel, 20, now);
            }
            if quick {
                leaves(&mut codel, 5, 1_099);
            } else {
                codel.on_free(ms(1_099));
            }
            assert!(!codel.is_overloaded(true, ms(1_100)));
        }
    }

    #[test]
    fn only_what_waited_for_twice_the_target_is_shed_and_never_an_intervals_first() {
        let mut codel = Codel::new(DELAYS);
        leaves(&mut codel, 20, 1_000);
        assert!(!codel.sheds(ms(500), ms(1_050)), "not overloaded yet");
        assert!(!codel.sheds(ms(500), ms(1_100)), "the first");
        leaves(&mut codel, 500, 1_100);
        assert!(codel.sheds(ms(11), ms(1_101)) && !codel.sheds(ms(10), ms(1_101)));
    }

    #[test]
    fn an_overloaded_queue_stays_so_until_somebody_need_not_wait() {
        let mut codel = Codel::new(DELAYS);
        for now in (1_000..2_000).step_by(10) {
            // From 1.1 s on the newest are served, who have hardly waited.
            leaves(&mut codel, if now < 1_100 { 20 } else { 1 }, now);
        }
        assert!(codel.is_overloaded(true, ms(2_000)));
        codel.on_free(ms(2_010));
        assert!(codel.is_overloaded(true, ms(2_020)) && !codel.is_overloaded(true, ms(2_101)));
    }

    #[test]
    fn a_queue_in_which_nothing_happens_is_judged_as_before() {
        let mut codel = Codel::new(DELAYS);
        assert!(!codel.is_overloaded(true, ms(9_000)));
        leaves(&mut codel, 20, 9_001);
        assert!(codel.is_overloaded(true, ms(9_101)) && codel.is_overloaded(true, ms(20_000)));
        assert!(codel.is_overloaded(false, ms(20_050)) && !codel.is_overloaded(false, ms(20_200)), "nobody came");
    }
}
