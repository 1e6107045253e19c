//! What limiters do, as far as their answers show it: the hypotheses that answers are compared with.
//!
//! A model is *led*: it is told what really happened to each request and says only whether it would have decided otherwise. An answer
//! that it can't explain is thus counted once, and doesn't put it off its track. As an answer's decision lies anywhere between its
//! sending and its receipt, and every one of these limiters forgives with time, a denial is a miss only if the model would have admitted
//! at the earliest instant, and an admission only if it would have denied at the latest: a slow answer can't accuse anybody.

use std::collections::VecDeque;

use tollgate_client::Nanos;

/// How a limiter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// At most N in every window of T.
    SlidingWindow,
    /// N in a window that opens with the first request after the last one.
    FixedWindow,
    /// N in windows that the clock opens, whoever asks.
    AlignedWindow,
    /// Token or leaky bucket, GCRA: a burst, and a unit back every T/N.
    Bucket,
    /// Two counters: this window's, and the part of the last one's that would still lie within T. What HAProxy's rates are.
    SlidingCounter,
    /// A bucket that holds requests back and lets them go at an even pace.
    Shaper,
    /// One request at a time: with a limit of one, all of them are the same.
    OneAtATime,
}

/// A hypothesis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Model {
    pub algorithm: Algorithm,
    /// N, or the burst of a bucket.
    pub limit: u32,
    /// T, or what a bucket takes for a unit.
    pub span: Nanos,
    /// When some aligned window opens.
    pub phase: Nanos,
    /// Denials count too.
    pub charges_denials: bool,
}

/// What one quota has used up, according to a model that forgives evenly: a log or a bucket. The later all was charged, the more is used up.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Sliding window: charges that may still count, oldest first.
    log: VecDeque<u64>,
    /// Bucket: when it would be empty.
    empty_at: u64,
}

impl Used {
    /// Whether the model admits a request at `now`.
    pub fn admits(&self, model: &Model, now: Nanos) -> bool {
        let (now, span, limit) = (now.as_u64(), model.span.as_u64(), u64::from(model.limit));
        match model.algorithm {
            Algorithm::SlidingWindow => {
                let nth = self.log.len().checked_sub(limit as usize).and_then(|place| self.log.get(place));
                nth.is_none_or(|charge| now >= charge + span)
            }
            _ => self.empty_at + span <= now + span * limit || self.empty_at <= now,
        }
    }

    /// Counts one.
    pub fn charge(&mut self, model: &Model, now: Nanos) {
        let now = now.as_u64();
        match model.algorithm {
            Algorithm::SlidingWindow => {
                self.log.push_back(now);
                if self.log.len() > model.limit as usize {
                    self.log.pop_front();
                }
            }
            _ => self.empty_at = self.empty_at.max(now) + model.span.as_u64(),
        }
    }
}

impl Algorithm {
    /// Windows one after the other, each of which forgets at once.
    pub(super) const fn has_windows(self) -> bool {
        matches!(self, Self::FixedWindow | Self::AlignedWindow | Self::SlidingCounter)
    }

    /// Whether it makes a difference if denials count. A fixed window is used up when it denies, and ends when it would have ended anyway.
    pub(super) const fn can_charge_denials(self) -> bool {
        !matches!(self, Self::FixedWindow | Self::AlignedWindow)
    }

    /// Its name in a finding.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlidingWindow => "sliding window",
            Self::FixedWindow => "fixed window, opened by the first request",
            Self::AlignedWindow => "fixed window, opened by the clock",
            Self::Bucket => "token or leaky bucket (GCRA)",
            Self::SlidingCounter => "sliding window, estimated from two counters",
            Self::Shaper => "leaky bucket that delays",
            Self::OneAtATime => "one at a time: with a limit of 1 all algorithms are the same",
        }
    }
}
