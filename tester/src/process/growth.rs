//! Whether a server has grown that should not have.
//!
//! Only like moments compare: at rest after the warm-up, and at rest again after a load. In between a server may take what the load needs.

use std::fmt;

use super::Vitals;

/// By how much a server may grow between two like moments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// Memory, as a share of what it was …
    pub rss_share: f64,
    /// … and at least so many bytes.
    pub rss_bytes: u64,
    /// Descriptors.
    pub files: u64,
    /// Threads.
    pub threads: u64,
}

/// `rss +20 % and at least 16 MiB, files +100, threads +8`.
impl Default for Allowance {
    fn default() -> Self {
        Self {
            // Tables that fill for the first time, and what an allocator keeps for the next load: a leak passes it within a few trials.
            rss_share: 0.2,
            // An allocator's arenas alone are that much in a server of a few MiB.
            rss_bytes: 16 << 20,
            // Connections that linger, and those that somebody else holds open; a leak of one per thousand requests passes it soon.
            files: 100,
            // The pools of runtimes (blocking calls, name look-ups) come and go.
            threads: 8,
        }
    }
}

/// What has grown beyond the allowance, from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Bytes of memory.
    Memory {
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
    /// Descriptors.
    Files {
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
    /// Threads.
    Threads {
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
}

impl Growth {
    /// What has grown beyond `allowance` between two like moments. What couldn't be read hasn't.
    pub fn between(before: &Vitals, after: &Vitals, allowance: &Allowance) -> Vec<Self> {
        let rss = allowance.rss_bytes.max((before.rss as f64 * allowance.rss_share) as u64);
        let files = before.files.zip(after.files).unwrap_or_default();
        let is_beyond = |(from, to): (u64, u64), by: u64| to > from.saturating_add(by);
        let memory =
            is_beyond((before.rss, after.rss), rss).then_some(Self::Memory { from: before.rss, to: after.rss });
        let files = is_beyond(files, allowance.files).then_some(Self::Files { from: files.0, to: files.1 });
        let threads = is_beyond((before.threads, after.threads), allowance.threads)
            .then_some(Self::Threads { from: before.threads, to: after.threads });
        [memory, files, threads].into_iter().flatten().collect()
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        match *self {
            Self::Memory { from, to } => write!(f, "memory grew from {:.1} to {:.1} MiB", mib(from), mib(to)),
            Self::Files { from, to } => write!(f, "descriptors grew from {from} to {to}"),
            Self::Threads { from, to } => write!(f, "threads grew from {from} to {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tollgate_client::Nanos;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn vitals(rss: u64, files: Option<u64>, threads: u64) -> Vitals {
        Vitals { at: Nanos::ZERO, rss, files, threads, cpu: Nanos::ZERO }
    }

    #[test]
    fn only_what_is_beyond_the_allowance_has_grown() {
        let small = vitals(4 * MIB, Some(20), 3);
        let large = vitals(1000 * MIB, Some(20), 3);
        for (before, after, expected) in [
            (small, small, vec![]),
            (small, vitals(20 * MIB, Some(120), 11), vec![]),
            (small, vitals(20 * MIB + 1, Some(120), 11), vec![Growth::Memory { from: 4 * MIB, to: 20 * MIB + 1 }]),
            (small, vitals(4 * MIB, Some(121), 3), vec![Growth::Files { from: 20, to: 121 }]),
            (small, vitals(4 * MIB, Some(20), 12), vec![Growth::Threads { from: 3, to: 12 }]),
            (small, vitals(4 * MIB, None, 3), vec![]),
            (large, vitals(1200 * MIB, Some(0), 0), vec![]),
            (large, vitals(1201 * MIB, Some(0), 0), vec![Growth::Memory { from: 1000 * MIB, to: 1201 * MIB }]),
            (large, small, vec![]),
        ] {
            assert_eq!(Growth::between(&before, &after, &Allowance::default()), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn an_allowance_can_be_tightened() {
        let tight = Allowance { rss_share: 0.0, rss_bytes: 0, files: 0, threads: 0 };
        let grown = Growth::between(&vitals(1, Some(1), 1), &vitals(2, Some(2), 2), &tight);
        assert_eq!(grown.len(), 3);
        assert_eq!(grown[1].to_string(), "descriptors grew from 1 to 2");
    }
}
