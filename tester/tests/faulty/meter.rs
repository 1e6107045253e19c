//! The algorithms, as a textbook has them: what one id has used up, and whether another request fits.

use std::collections::VecDeque;

use tollgate_client::Nanos;

/// At most `limit` in `window`.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    pub limit: u32,
    pub window: Nanos,
}

/// What a quota means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// At most `limit` in every window.
    SlidingLog,
    /// At most `limit` in a window that opens with the first admission after the last one.
    FixedWindow,
    /// GCRA: a bucket of `limit` that fills up in `window`.
    TokenBucket,
}

/// What one id has used up.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// The admissions that still count, oldest first: of the last window, or of this one.
    admitted: VecDeque<Nanos>,
    /// When the bucket would be full again.
    full_at: Nanos,
}

impl Meter {
    /// Admits one more, if it fits.
    pub fn admits(&mut self, algorithm: Algorithm, quota: Quota, now: Nanos) -> bool {
        let Quota { limit, window } = quota;
        let has_left = |admission: &Nanos| now >= *admission + window;
        match algorithm {
            Algorithm::SlidingLog => {
                while self.admitted.front().is_some_and(has_left) {
                    self.admitted.pop_front();
                }
            }
            Algorithm::FixedWindow => {
                if self.admitted.front().is_some_and(has_left) {
                    self.admitted.clear();
                }
            }
            Algorithm::TokenBucket => {
                let unit = Nanos::new(window.as_u64() / u64::from(limit.max(1)));
                let full_at = self.full_at.max(now) + unit;
                let fits = full_at - now <= Nanos::new(unit.as_u64() * u64::from(limit));
                if fits {
                    self.full_at = full_at;
                }
                return fits;
            }
        }
        let fits = self.admitted.len() < limit as usize;
        if fits {
            self.admitted.push_back(now);
        }
        fits
    }
}
