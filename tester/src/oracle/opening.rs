//! Fixed windows that are followed from one to the next: when did the client's window open, and how many does it hold for certain?
//!
//! ```text
//!                     quiet for T         full                                 full
//!   admitted   |        .  .  .     |- -||- - -| |--|                     |---| |-| ...
//!   window                          [= opens no earlier than here          [= nor this one before a + T
//!                                   a          certain: done < a + T        a' = max(a + T, the first sent of all that came after)
//! ```
//!
//! A client's first window, or the first after so long a pause that all others were over, is opened by one of the admissions that follow,
//! so no earlier than the first of them was sent: at *a*. Whatever is done before a + T is then certainly inside. When N are, the window is
//! full, so any further admission that isn't certainly inside belongs to a later window, and one of them opened that. A window that
//! isn't full when an admission misses it is lost sight of, until the next pause.
//!
//! A request that is still under way may have been sent before *a* and have opened the window in truth. So what is found here is a
//! suspicion, judged when all requests have ended.

use super::span::Span;

/// What is known of a client's window: 24 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    /// It opened no earlier.
    from: u64,
    /// Nothing sent before can move `from` back further. For a window behind a full one that one's end, at the earliest; otherwise the
    /// end of all windows before.
    least: u64,
    count: u32,
    sight: Sight,
}

const _: () = assert!(size_of::<Opening>() == 24);

/// How a client's window is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// The client was never admitted.
    Unopened,
    /// The next window will be seen when it opens after a pause.
    Lost,
    /// It followed a pause.
    First,
    /// It followed a full window.
    Next,
}

/// The promise, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) limit: u32,
    /// T at the shortest, by our clock.
    pub(super) period: u64,
    pub(super) tick: u64,
    /// After so long a pause all windows are over.
    pub(super) back: u64,
}

impl Opening {
    /// Of a client that was never admitted.
    pub(super) const UNOPENED: Self = Self { from: 0, least: 0, count: 0, sight: Sight::Unopened };
    /// Of a client of whom nothing is known.
    pub(super) const LOST: Self = Self { sight: Sight::Lost, ..Self::UNOPENED };

    /// An admission, when the last of those before was done at `done`. Returns when the window opened at the earliest, if it now
    /// holds too many.
    pub(super) fn admitted(&mut self, span: Span, done: u64, windows: Windows) -> Option<u64> {
        let quiet_until = done.saturating_add(windows.back);
        match self.sight {
            Sight::Unopened => self.open(span, 0),
            Sight::Lost if span.sent < quiet_until => return None,
            _ if span.sent >= quiet_until => self.open(span, quiet_until),
            _ => self.reopen(span, done, windows),
        }
        if self.sight == Sight::Lost {
            return None;
        }
        let is_inside = |from: u64| span.done.saturating_add(windows.tick) < from.saturating_add(windows.period);
        if !is_inside(self.from) {
            if self.count < windows.limit {
                self.lose();
                return None;
            }
            let least = self.from.saturating_add(windows.period);
            *self = Self { from: least.max(span.sent), least, count: 0, sight: Sight::Next };
            if !is_inside(self.from) {
                self.lose();
                return None;
            }
        }
        self.count += 1;
        (self.count > windows.limit).then_some(self.from)
    }

    /// Whether the window certainly holds all it may.
    pub(super) const fn is_full(&self, windows: Windows) -> bool {
        self.count >= windows.limit
    }

    fn lose(&mut self) {
        *self = Self::LOST;
    }

    fn open(&mut self, span: Span, least: u64) {
        *self = Self { from: span.sent, least, count: 0, sight: Sight::First };
    }

    /// One that was sent before all others of the window, and answered after them, may have opened it.
    fn reopen(&mut self, span: Span, done: u64, windows: Windows) {
        if span.sent >= self.from {
            return;
        }
        let known_from = match self.sight {
            Sight::Next => self.least - windows.period,
            _ => self.least,
        };
        self.from = span.sent.max(self.least);
        let all_inside = done.saturating_add(windows.tick) < self.from.saturating_add(windows.period);
        if span.sent < known_from || !all_inside {
            self.lose();
        }
    }
}
