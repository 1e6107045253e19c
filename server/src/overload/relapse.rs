//! A flood that stops only as long as it is held back comes again when it isn't any more. So a core that relapses is held back for longer each time.

use tollgate_limiter::Nanos;

use super::Signal;
use super::level::Level;

/// What is known of how long the core stays well.
#[derive(Debug, Default)]
pub(super) struct Relapse {
    /// When the core was behind last.
    behind: Nanos,
    /// For so long after that it isn't taken for well.
    hold: Nanos,
    /// When it was well again.
    well: Option<Nanos>,
}

impl Relapse {
    /// The level that holds, where `level` is what the last intervals called for.
    pub fn level(&mut self, level: Level, signal: Signal, now: Nanos) -> Level {
        if signal != Signal::Quiet {
            self.behind = now;
            if let Some(well) = self.well.take() {
                let soon = now.saturating_sub(well) < SOON.saturating_add(self.hold);
                let doubled = Nanos::new(self.hold.as_u64() * 2).max(HOLD).min(HOLD_LONGEST);
                self.hold = if soon { doubled } else { Nanos::ZERO };
            }
        }
        if level > Level::Normal {
            return level;
        }
        if now < self.behind.saturating_add(self.hold) {
            return Level::Busy;
        }
        self.well.get_or_insert(now);
        Level::Normal
    }
}

/// A core that is behind again so soon after it was well has not been cured.
const SOON: Nanos = Nanos::from_secs(5);
/// For how long it is held back then, the first time, and at most.
const HOLD: Nanos = Nanos::from_secs(2);
const HOLD_LONGEST: Nanos = Nanos::from_secs(60);
