//! What clients were admitted, against their quota: how many clients came how near to it, or past it.
//!
//! ```text
//!   clients │          ▇
//!           │ ▁     ▂▇ █│◄── bound      a bar for each tenth of a quota:
//!           │ █ ▁ ▁ ▃█ █│  ▁            0, up to 0.1, up to 0.2 ... up to 3, more
//!           └─────────────────► most admitted in a span as long as the quota's, in quotas
//! ```
//!
//! It is counted with the times seen from outside, so a bar past the bound is a reason to look and no proof: that is the oracle's.

use std::ops::AddAssign;

/// Clients by the most that each was admitted in any span as long as the quota's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted([u64; BARS]);

impl Admitted {
    /// A client that was admitted `most` in some span; its quota is `quota`.
    pub fn client(&mut self, most: u64, quota: u64) {
        let tenths = u128::from(most).saturating_mul(TENTHS.into()).div_ceil(u128::from(quota.max(1)));
        self.0[usize::try_from(tenths).map_or(BARS - 1, |bar| bar.min(BARS - 1))] += 1;
    }

    /// Clients in each bar: those admitted nothing, up to a tenth of the quota, up to two tenths ..., up to three quotas, more.
    pub const fn bars(&self) -> &[u64; BARS] {
        &self.0
    }
}

impl Default for Admitted {
    fn default() -> Self {
        Self([0; BARS])
    }
}

impl AddAssign<&Admitted> for Admitted {
    fn add_assign(&mut self, other: &Admitted) {
        for (sum, clients) in self.0.iter_mut().zip(other.0) {
            *sum += clients;
        }
    }
}

/// Bars to a quota.
const TENTHS: u32 = 10;
/// Nothing, thirty tenths, and more: the worst algorithm promises two quotas, and what breaks its promise is seen beside it.
const BARS: usize = 32;

#[cfg(test)]
mod tests {
    use super::{Admitted, BARS};

    #[test]
    fn a_client_with_just_its_quota_stands_below_the_bound() {
        let cases = [
            ((0, 5), 0),
            ((1, 1_000), 1),
            ((1, 5), 2),
            ((5, 5), 10),
            ((6, 5), 12),
            ((1_001, 1_000), 11),
            ((10, 5), 20),
            ((15, 5), 30),
            ((16, 5), 31),
            ((u64::MAX, 1), BARS - 1),
            ((1, 0), 10),
        ];
        for ((most, quota), bar) in cases {
            let mut admitted = Admitted::default();
            admitted.client(most, quota);
            assert_eq!(admitted.bars().iter().position(|clients| *clients == 1), Some(bar), "{most} of {quota}");
        }
    }
}
