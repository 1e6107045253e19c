//! A server that is back gets its load back little by little, not all at once.

use super::state::State;
use super::status::Status;
use crate::Nanos;

/// How long that takes; zero is not at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlowStart(Nanos);

impl SlowStart {
    pub(super) const fn new(span: Nanos) -> Self {
        Self(span)
    }

    /// In other states than closed it is the permits that are few.
    pub(super) fn share(self, status: Status, now: Nanos) -> f64 {
        let Self(span) = self;
        let after_an_outage = status.state == State::Closed && status.at > Nanos::ZERO;
        let passed = now.saturating_sub(status.at);
        if !after_an_outage || passed >= span {
            return 1.0;
        }
        FIRST + (1.0 - FIRST) * (passed.as_u64() as f64 / span.as_u64() as f64)
    }
}

/// As HAProxy's `slowstart` and Traefik's recovery begin.
const FIRST: f64 = 0.1;
