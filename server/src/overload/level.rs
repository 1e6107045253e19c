//! How bad it is, in five words, for those who look and for what else is cut down: quickly up, slowly down.
//!
//! | level | when | what |
//! |---|---|---|
//! | 0 normal | | |
//! | 1 busy | a queue is overloaded, or the core | that queue is served newest first, and its requests wait for less long; a core that is behind says no a moment later |
//! | 2 shedding | for two intervals in a row, or the cursor sheds | the cursor moves: the least important are shed before they queue |
//! | 3 protecting | the cursor sheds some of class `critical` | for an upstream: connections that are shed from close, idle ones sooner |
//! | 4 survival | the core was never less than 250 ms behind, for a second | it takes no new connections until a second after: they wait in the kernel's queue |
//!
//! It is the highest level that any of the last ten intervals called for: up at once, down after ten quiet ones, so that it doesn't flap, and a
//! log stays readable.

use std::fmt;

use super::Signal;
use super::cursor::Reach;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    #[default]
    Normal,
    /// A queue stands.
    Busy,
    /// Requests are shed.
    Shedding,
    /// Important ones, too.
    Protecting,
    /// Not even that helps.
    Survival,
}

/// Which level it is, from one interval to the next.
#[derive(Debug, Default)]
pub struct Levels {
    level: Level,
    /// Overloaded intervals in a row.
    overloaded: u32,
    /// For so many more intervals a level holds, without being called for again.
    holds: [u32; Level::ALL.len()],
}

impl Levels {
    /// The level now.
    pub fn level(&self) -> Level {
        self.level
    }

    /// An interval is over.
    pub fn step(&mut self, signal: Signal, reach: Reach) {
        self.overloaded = if signal == Signal::Quiet { 0 } else { self.overloaded.saturating_add(1) };
        let by_signal = match (signal, self.overloaded) {
            (Signal::Drowning, _) => Level::Survival,
            (_, 0) => Level::Normal,
            (_, 1) => Level::Busy,
            _ => Level::Shedding,
        };
        let by_cursor = match reach {
            Reach::Everyone => Level::Normal,
            Reach::Critical => Level::Shedding,
            Reach::PartOfCritical => Level::Protecting,
        };
        self.holds = self.holds.map(|intervals| intervals.saturating_sub(1));
        self.holds[by_signal.max(by_cursor) as usize] = QUIET_INTERVALS;
        let held = Level::ALL.into_iter().rev().find(|&level| self.holds[level as usize] > 0);
        self.level = held.unwrap_or_default();
    }
}

impl Level {
    const ALL: [Level; 5] = [Level::Normal, Level::Busy, Level::Shedding, Level::Protecting, Level::Survival];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Normal => "0 normal",
            Level::Busy => "1 busy",
            Level::Shedding => "2 shedding",
            Level::Protecting => "3 protecting",
            Level::Survival => "4 survival",
        })
    }
}

/// A second, at the default interval.
pub(super) const QUIET_INTERVALS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The level after each of these intervals.
    fn levels(steps: impl IntoIterator<Item = (bool, Reach)>) -> Vec<Level> {
        let mut levels = Levels::default();
        let step = |(overloaded, reach)| {
            levels.step(Signal::from(overloaded), reach);
            levels.level()
        };
        steps.into_iter().map(step).collect()
    }

    const QUIET: (bool, Reach) = (false, Reach::Everyone);

    #[test]
    fn it_goes_up_at_once_and_down_after_ten_quiet_intervals() {
        let up =
            [(true, Reach::Everyone), (true, Reach::Everyone), (true, Reach::Critical), (true, Reach::PartOfCritical)];
        let seen = levels(up.into_iter().chain([QUIET; 10]));
        assert_eq!(seen[..4], [Level::Busy, Level::Shedding, Level::Shedding, Level::Protecting]);
        assert_eq!(seen[4..13], [Level::Protecting; 9]);
        assert_eq!(seen[13], Level::Normal);
    }

    #[test]
    fn it_goes_down_only_as_far_as_the_worst_of_the_last_ten() {
        let mut steps = vec![(false, Reach::PartOfCritical)];
        steps.extend([QUIET, QUIET, (false, Reach::Critical), QUIET, QUIET, QUIET, QUIET, QUIET, QUIET, QUIET]);
        steps.extend([QUIET; 3]);
        let seen = levels(steps);
        assert_eq!(seen[9..], [Level::Protecting, Level::Shedding, Level::Shedding, Level::Shedding, Level::Normal]);
    }

    #[test]
    fn an_interval_that_calls_for_it_again_starts_the_count_anew() {
        let seen = levels((0..50).map(|nth| (nth % 10 == 0, Reach::Everyone)));
        assert_eq!(seen, [Level::Busy; 50]);
    }
}
