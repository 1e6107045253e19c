//! Calls counted, and what their rates say.

use super::state::Cause;

/// What came of some calls. A slow call may have failed or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

/// The shares of calls from which on a breaker opens, in percent, each 1 to 100.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    pub(super) failed: u8,
    pub(super) slow: u8,
}

impl Counts {
    pub(super) fn plus(self, other: Counts) -> Counts {
        Counts { calls: self.calls + other.calls, failed: self.failed + other.failed, slow: self.slow + other.slow }
    }

    /// Whether a rate has reached its threshold. Fewer than `minimum` calls say nothing.
    pub(super) fn verdict(self, minimum: u32, thresholds: Thresholds) -> Option<Cause> {
        let reached = |part: u32, percent: u8| u64::from(part) * 100 >= u64::from(self.calls) * u64::from(percent);
        if self.calls < minimum {
            None
        } else if reached(self.failed, thresholds.failed) {
            Some(Cause::FailureRate)
        } else if reached(self.slow, thresholds.slow) {
            Some(Cause::SlowCallRate)
        } else {
            None
        }
    }
}
