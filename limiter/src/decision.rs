//! What the limiter answers: a denial is the limiter doing its job, so it is a value, not an error.

use crate::Nanos;

/// The answer to one request.
#[must_use = "a decision that nobody looks at limits nobody"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Let it pass; its cost has been charged.
    Allow {
        /// How many more requests of cost 1 would pass at this instant, by the quota with the fewest left.
        remaining: u32,
        /// Until the client has its whole quota again, if it stays quiet.
        reset_after: Nanos,
        /// How long to hold the request back (leaky bucket only, else zero). Of several leaky buckets it is the longest; other quotas bound
        /// when requests are decided on, not when they leave after this delay.
        delay: Nanos,
        /// Which quota `remaining` and `reset_after` speak of: its index in [`crate::Limiter::quotas`] of the client. Zero also when there
        /// is none, because the client is on the allow list (its quotas are an empty list: use `get`) or all its quotas are in shadow
        /// mode; `remaining` is then `u32::MAX`.
        quota_index: u8,
        /// Some quota in shadow mode would have denied.
        would_deny: bool,
    },
    /// Turn it away; nothing has been charged.
    Deny {
        /// After this long the same request passes, if nothing else is charged meanwhile: not one nanosecond earlier.
        /// [`Nanos::MAX`] means never.
        retry_after: Nanos,
        /// Who said no.
        by: DeniedBy,
    },
}

/// The reason of a denial. Numbers are indices into the list of quotas that the client falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeniedBy {
    /// This quota is used up.
    Quota(u8),
    /// The client was displaced from a full table and its old debt under this quota isn't over. It may be over-cautious, never lenient.
    Debt(u8),
    /// The table of this quota has no room for a new client (`WhenFull::Refuse`).
    Full(u8),
    /// The request costs more than this quota ever holds: it will never pass.
    Cost(u8),
    /// The client is banned for now.
    Ban,
    /// The client is on the deny list.
    List,
}

impl Decision {
    /// Whether the request may pass.
    pub const fn is_allow(self) -> bool {
        matches!(self, Self::Allow { .. })
    }
}
