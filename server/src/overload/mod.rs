//! What the gate does when more comes than the service behind it can do: who waits, who is served first, and who is turned away. Pure: values and
//! `now` in, values out.
//!
//! ```text
//!   request that the limiter let through
//!      │ class       first rule that matches                      class
//!      ▼
//!   cursor ── less important than the line ────────────── shed    cursor    counts all, once a window moves the line
//!      │
//!      ▼ a slot is free: at once                                  target    how many slots there are
//!   queue of its class ── full, too late, evicted, too old ─ shed    queue     who is next; codel: does it stand?
//!      │ its turn
//!      ▼
//!   upstream ── 429, 503 ─▶ target
//! ```
//!
//! Before that, in every mode, stands the core's own gatekeeper ([`gatekeeper`]): the same cursor, moved by how far the core itself is behind ([`lag`]), and
//! what makes saying no worth while ([`pace`]).
//!
//! Everything is per core and upstream; cores share nothing of it, since each has its own share of the slots. The signal is *delay in the
//! queue*, never load, how busy a CPU is, or response time: busy is not overloaded, and a slow answer may be a slow question.
//!
//! What a client is owed comes first: bans and quotas are checked before any of this, and who is denied there isn't counted here. So a flood
//! from one client moves no line for the others.

pub mod class;
pub mod codel;
pub mod cursor;
pub mod gatekeeper;
pub mod lag;
pub mod level;
pub mod pace;
pub mod queue;
mod relapse;
pub mod target;

#[cfg(test)]
mod loop_simulation;
#[cfg(test)]
mod simulation;

use std::time::Duration;

use tollgate_limiter::Nanos;

use codel::Delays;
use cursor::{Cursor, Priority, Window};
use level::{Level, Levels};

/// What the operator says about overload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverloadSettings {
    /// Off: requests wait first come, first served within their class, until the queue's timeout, and are shed when it is full.
    pub enabled: bool,
    /// The longest that the quickest of an interval may have waited for a slot.
    pub target_delay: Duration,
    /// How long that is looked at, and the next as well.
    pub interval: Duration,
    /// The longest that the shortest turn of a core's loop may take in an interval. `None`: a core is never overloaded itself.
    pub target_lag: Option<Duration>,
}

impl Default for OverloadSettings {
    fn default() -> OverloadSettings {
        let ms = Duration::from_millis;
        OverloadSettings { enabled: true, target_delay: ms(5), interval: ms(100), target_lag: None }
    }
}

impl OverloadSettings {
    /// What the queues go by, if they are to be judged.
    pub(crate) fn delays(&self) -> Option<Delays> {
        self.enabled.then(|| Delays { target: self.target_delay.into(), interval: self.interval.into() })
    }

    /// What a core's loop goes by, if it is to be judged.
    pub(crate) fn lags(&self) -> Option<Delays> {
        let target = self.target_lag.filter(|_| self.enabled)?;
        Some(Delays { target: target.into(), interval: self.interval.into() })
    }
}

/// What the last interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// All is well.
    Quiet,
    /// More comes than can be done.
    Overloaded,
    /// So much more that nothing is done in time.
    Drowning,
}

impl From<bool> for Signal {
    fn from(overloaded: bool) -> Signal {
        if overloaded { Signal::Overloaded } else { Signal::Quiet }
    }
}

/// Decides who gets as far as the queue.
#[derive(Debug)]
pub struct Admission {
    cursor: Cursor,
    levels: Levels,
    interval: Nanos,
    /// When the running interval ends.
    ends: Nanos,
}

impl Admission {
    /// Lets everybody in.
    pub fn new(interval: Nanos) -> Admission {
        Admission { cursor: Cursor::default(), levels: Levels::default(), interval, ends: Nanos::ZERO }
    }

    /// The same where requests are so many, and as quickly answered, that the cursor has to wait for what its last move has done.
    pub fn for_loop(interval: Nanos) -> Admission {
        let cursor = Cursor::new(Window { span: interval, requests: u32::MAX });
        Admission { cursor, ..Admission::new(interval) }
    }

    /// An interval is over, whatever was before.
    pub fn begin(&mut self, now: Nanos) {
        self.ends = now;
    }

    /// How bad it is.
    pub fn level(&self) -> Level {
        self.levels.level()
    }

    /// Whether a request may go on.
    pub fn admit(&mut self, priority: Priority) -> bool {
        self.cursor.admit(priority)
    }

    /// Moves on, if a window or an interval is over: to be asked before each request, and now and then without one. Gives the level before, if it is
    /// another now. `signal` is asked then alone.
    pub fn turn<S: Into<Signal>>(&mut self, now: Nanos, mut signal: impl FnMut() -> S) -> Option<Level> {
        let before = self.levels.level();
        if self.cursor.is_due(now) {
            // One interval may be a burst.
            let overloaded = before >= Level::Shedding && signal().into() != Signal::Quiet;
            self.cursor.turn(overloaded, now);
        }
        if now >= self.ends {
            let signal = signal().into();
            let intervals = 1 + now.saturating_sub(self.ends).as_u64() / self.interval.as_u64();
            // Intervals in which nobody came were like this one; after so many of them the level is settled.
            for _ in 0..intervals.min(2 * u64::from(level::QUIET_INTERVALS)) {
                self.levels.step(signal, self.cursor.reach());
            }
            self.ends = now.saturating_add(self.interval);
        }
        let after = self.levels.level();
        (after != before).then_some(before)
    }
}
