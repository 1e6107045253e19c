//! One promise, checked by the means of its algorithm.

use tollgate_client::Nanos;

use super::bucket::Bucket;
use super::fixed::Fixed;
use super::span::{Packed, Span};
use super::window::Window;
use super::witness::Broken;
use super::{Algorithm, History, Promise};

/// The states of all clients.
#[derive(Debug)]
pub(super) enum Check {
    Sliding(Window),
    Fixed(Fixed),
    Bucket(Bucket),
}

impl Check {
    pub(super) fn new(promise: &Promise, history: History) -> Self {
        match promise.algorithm() {
            Algorithm::SlidingWindow => Self::Sliding(Window::new(promise, history, promise.limit())),
            Algorithm::FixedWindow => Self::Fixed(Fixed::new(promise, history)),
            Algorithm::TokenBucket { burst } => Self::Bucket(Bucket::new(promise, history, burst, Nanos::ZERO)),
            Algorithm::LeakyBucket { burst, max_delay } => {
                Self::Bucket(Bucket::new(promise, history, burst, max_delay))
            }
        }
    }

    /// What this admission breaks, after those that were added before.
    pub(super) fn judge(&mut self, id: u32, span: Span) -> Option<Broken> {
        match self {
            Self::Sliding(window) => window.judge(id, span),
            Self::Fixed(fixed) => fixed.judge(id, span),
            Self::Bucket(bucket) => bucket.judge(id, span),
        }
    }

    /// Adds an admission that was judged. Says whether another one at once would break something: the limiter had to say no.
    pub(super) fn add(&mut self, id: u32, span: Span) -> bool {
        match self {
            Self::Sliding(window) => window.add(id, span),
            Self::Fixed(fixed) => fixed.add(id, span),
            Self::Bucket(bucket) => bucket.add(id, span),
        }
    }

    /// How many more admissions there must have been for this denial to be right: 0 if it may be right.
    pub(super) fn room(&mut self, id: u32, span: Span) -> u32 {
        match self {
            Self::Sliding(window) => window.room(id, span),
            Self::Fixed(fixed) => fixed.any.room(id, span),
            Self::Bucket(bucket) => bucket.room(id, span),
        }
    }

    /// Adds a denial that uses a unit up.
    pub(super) fn charge(&mut self, id: u32, span: Span) {
        match self {
            Self::Sliding(window) => window.charge(id, span),
            Self::Fixed(fixed) => fixed.any.charge(id, span),
            Self::Bucket(bucket) => bucket.charge(id, span),
        }
    }

    /// Adds a request that may have been admitted, and may yet be.
    pub(super) fn maybe(&mut self, id: u32) {
        match self {
            Self::Sliding(window) => window.latest.maybe(id),
            Self::Fixed(fixed) => fixed.any.latest.maybe(id),
            Self::Bucket(bucket) => bucket.maybe(id),
        }
    }

    /// Brings the states of these clients into the cache, together: one after the other they are awaited one after the other.
    pub(super) fn fetch(&self, ids: impl Iterator<Item = u32> + Clone) {
        match self {
            Self::Sliding(window) => window.latest.fetch(ids),
            Self::Fixed(fixed) => fixed.fetch(ids),
            Self::Bucket(bucket) => bucket.fetch(ids),
        }
    }

    /// By how much the most crowded admissions missed being proof.
    pub(super) fn closest(&self) -> Option<Nanos> {
        match self {
            Self::Sliding(window) => window.closest(),
            Self::Fixed(fixed) => fixed.any.closest(),
            Self::Bucket(bucket) => bucket.closest(),
        }
    }

    /// The times of a client's latest requests that used a unit up, the latest first; a bucket remembers none.
    pub(super) fn entries(&self, id: u32) -> impl Iterator<Item = Packed> {
        let window = match self {
            Self::Sliding(window) => Some(window),
            Self::Fixed(fixed) => Some(&fixed.any),
            Self::Bucket(_) => None,
        };
        window.into_iter().flat_map(move |window| window.latest.entries(id).rev())
    }

    /// Bytes taken.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Sliding(window) => window.latest.memory(),
            Self::Fixed(fixed) => fixed.memory(),
            Self::Bucket(bucket) => bucket.memory(),
        }
    }
}
