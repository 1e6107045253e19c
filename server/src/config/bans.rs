//! Temporary bans as configured: so many denials within so long, and for how long each time.

use std::fmt;
use std::time::Duration;

use tollgate_limiter::{Ladder, LadderError, Nanos};

use super::units::show_duration;

/// Bans that a [`Ladder`] can be built from. Kept beside it because a ladder only climbs, it does not tell its rungs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bans {
    strikes: u16,
    within: Duration,
    durations: Vec<Duration>,
    ladder: Ladder,
}

impl Bans {
    /// Bans a client for the first of `durations` after `strikes` denials within `within`, for the next one the next time, and so on.
    pub fn new(strikes: u16, within: Duration, durations: Vec<Duration>) -> Result<Bans, LadderError> {
        let rungs: Vec<Nanos> = durations.iter().copied().map(Nanos::from).collect();
        let ladder = Ladder::new(strikes, within.into(), &rungs)?;
        Ok(Bans { strikes, within, durations, ladder })
    }

    /// Denials that lead to a ban.
    pub fn strikes(&self) -> u16 {
        self.strikes
    }

    /// The span in which they must fall.
    pub fn within(&self) -> Duration {
        self.within
    }

    /// How long each ban lasts, the first one first.
    pub fn durations(&self) -> &[Duration] {
        &self.durations
    }

    /// What the limiter climbs.
    pub fn ladder(&self) -> Ladder {
        self.ladder
    }
}

/// Prints `20 denials within 10s: out for 1m, then 10m, then 1h`.
impl fmt::Display for Bans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rungs: Vec<String> = self.durations.iter().copied().map(show_duration).collect();
        let plural = if self.strikes == 1 { "" } else { "s" };
        write!(
            f,
            "{} denial{plural} within {}: out for {}",
            self.strikes,
            show_duration(self.within),
            rungs.join(", then ")
        )
    }
}
