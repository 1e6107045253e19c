//! Log lines about what peers do wrong: one now and then, for whoever can make us write lines can make us write nothing else.

use std::cell::Cell;

use tollgate_limiter::Nanos;

/// How often one core may complain.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    /// No sooner than this.
    next: Cell<Nanos>,
    unsaid: Cell<u64>,
}

impl Complaints {
    /// Whether to complain at `now`; if so, how many complaints were kept back before this one.
    pub fn due(&self, now: Nanos) -> Option<u64> {
        if now < self.next.get() {
            self.unsaid.set(self.unsaid.get() + 1);
            return None;
        }
        self.next.set(now.saturating_add(INTERVAL));
        Some(self.unsaid.take())
    }
}

const INTERVAL: Nanos = Nanos::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_seconds_is_said_and_the_others_are_counted() {
        let complaints = Complaints::default();
        let said =
            [0, 1, 9_999, 10_000, 10_001, 30_000, 30_000].map(|millis| complaints.due(Nanos::from_millis(millis)));
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1), None]);
    }
}
