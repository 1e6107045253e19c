//! At most so many in every window of T.
//!
//! Of n + 1 admissions let the first be sent at s and the last be done at d: they were all decided in [s, d], so if d − s < T the limiter
//! let n + 1 pass in one window. The n others that prove most are those that were sent latest.
//!
//! Where denials use units up as well, they count like admissions before them; so one of the admissions must have been the last decision
//! of all, sent when all denials were over.

use tollgate_client::Nanos;

use super::latest::Latest;
use super::span::{Packed, Span};
use super::witness::Broken;
use super::{Algorithm, History, Promise};

/// See the module.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) latest: Latest,
    /// At most so many in any T.
    most: u32,
    /// So many may be denied another.
    limit: u32,
    /// What takes less than this by our clock, takes less than T by the limiter's.
    within: u64,
    back: u64,
    history: History,
    /// Whether the bound holds for admissions and denials together.
    denials_count: bool,
    /// By how much the most crowded admissions missed being proof.
    closest: Option<u64>,
}

impl Window {
    pub(super) fn new(promise: &Promise, history: History, most: u32) -> Self {
        Self {
            latest: Latest::new(most),
            most,
            limit: promise.limit(),
            within: promise.shortest().saturating_sub(promise.tick()),
            back: promise.back(),
            history,
            denials_count: promise.charges_denied() && promise.algorithm() == Algorithm::SlidingWindow,
            closest: None,
        }
    }

    pub(super) fn judge(&mut self, id: u32, span: Span) -> Option<Broken> {
        let length = self.latest.together_with(id, span)?;
        if length < self.within {
            if !self.ends_with_an_admission(id, span) {
                return None;
            }
            return Some(Broken::Window { most: self.most, length: Nanos::new(length) });
        }
        let missed = length - self.within;
        self.closest = Some(self.closest.map_or(missed, |closest| closest.min(missed)));
        None
    }

    pub(super) fn add(&mut self, id: u32, span: Span) -> bool {
        self.remember(id, span, false);
        self.latest.length(id).is_some_and(|length| length < self.within)
    }

    pub(super) fn room(&self, id: u32, span: Span) -> u32 {
        if self.history == History::Unknown && span.sent < self.back {
            return 0;
        }
        self.latest.room(id, span, self.limit, self.back)
    }

    pub(super) fn charge(&mut self, id: u32, span: Span) {
        self.remember(id, span, true);
    }

    fn ends_with_an_admission(&self, id: u32, span: Span) -> bool {
        let (denied, admitted): (Vec<_>, Vec<_>) = self.latest.entries(id).partition(|entry| entry.is_denied());
        let last = admitted.into_iter().map(Packed::sent).fold(span.sent, u64::max);
        denied.iter().all(|denial| self.denials_count && denial.done() <= last)
    }

    pub(super) fn closest(&self) -> Option<Nanos> {
        self.closest.map(Nanos::new)
    }

    fn remember(&mut self, id: u32, span: Span, denied: bool) {
        self.latest.add(id, span, denied, span.sent.saturating_sub(self.back));
    }
}
