//! When a core that is behind says no: later, and evenly.
//!
//! A no costs a core that answers itself as much as a yes. If all who are told no asked again at once, it would do nothing else, the cursor would sink, and in the
//! end everybody were told no as quickly as they could have been served. So each no is held back for at least [`SHORTEST`], and they follow one another so far
//! apart that they take a quarter of what the core did when it was behind. Whoever waits for a no asks for nothing else.

use tollgate_limiter::Nanos;

/// The pace of one core.
#[derive(Debug, Default)]
pub struct Pace {
    /// Requests of this interval.
    done: u64,
    /// From one no to the next.
    spacing: Nanos,
    /// When the next may be said.
    next: Nanos,
}

/// The longest that somebody can be made to wait for a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A client's own.
    Client,
    /// That of a proxy which asks for a client: it has a timeout, and takes silence for a failure.
    Proxy,
}

impl Pace {
    /// A request has been let in.
    pub fn on_yes(&mut self) {
        self.done += 1;
    }

    /// When a request may be told no.
    pub fn on_no(&mut self, patience: Patience, now: Nanos) -> Nanos {
        self.done += 1;
        let longest = now.saturating_add(LONGEST);
        let turn = self.next.max(now.saturating_add(SHORTEST)).min(longest);
        self.next = turn.saturating_add(self.spacing);
        match patience {
            Patience::Client => turn,
            Patience::Proxy => now.saturating_add(SHORTEST),
        }
    }

    /// An interval is over; `behind`: the core did what it could in it.
    pub fn turn(&mut self, behind: bool, interval: Nanos) {
        let done = std::mem::take(&mut self.done);
        if behind {
            self.spacing = Nanos::new(interval.as_u64().saturating_mul(NOES_ONE_IN) / done.max(NOES_ONE_IN));
        }
    }
}

/// What one connection can ask for is cut to ten a second. No caller of ours takes it for a failure: their examples have five times as much patience.
pub const SHORTEST: Nanos = Nanos::from_millis(100);
/// Well within the patience of clients.
const LONGEST: Nanos = Nanos::from_secs(1);
/// One in so many requests is told no.
const NOES_ONE_IN: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    #[test]
    fn they_take_a_quarter_of_what_a_core_did_that_was_behind() {
        let mut pace = Pace::default();
        let no = |pace: &mut Pace| pace.on_no(Patience::Client, ms(1_000)).saturating_sub(ms(1_000));
        assert_eq!([no(&mut pace), no(&mut pace)], [ms(100), ms(100)], "not known yet");
        (0..398).for_each(|_| pace.on_yes());
        pace.turn(true, ms(100));
        assert_eq!([no(&mut pace), no(&mut pace), no(&mut pace)], [ms(100), ms(101), ms(102)]);
        pace.turn(false, ms(100));
        assert_eq!(no(&mut pace), ms(103), "one that had less to do says nothing");
    }

    #[test]
    fn nobody_waits_for_longer_than_a_second_and_a_proxy_for_a_tenth() {
        let mut pace = Pace::default();
        pace.turn(true, ms(100));
        let waits: Vec<Nanos> = (0..40).map(|_| pace.on_no(Patience::Client, ms(1_000))).collect();
        assert_eq!((waits[0], waits[9], waits[39]), (ms(1_100), ms(2_000), ms(2_000)));
        assert_eq!(pace.on_no(Patience::Proxy, ms(1_000)), ms(1_100));
        assert_eq!(pace.on_no(Patience::Client, ms(9_000)), ms(9_100), "what is past is past");
    }
}
