//! What a request can have done to its client's quota.

use tollgate_client::Outcome;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It used a unit up.
    Admitted,
    /// It used none up.
    Denied,
    /// It was denied, and used one up all the same.
    Charged,
    /// Nobody knows: the limiter may have admitted it without our seeing the answer, or may do so yet. And an answer that is neither
    /// yes nor no may come from behind the limiter or from before it.
    Maybe,
}

impl Part {
    /// `None` for what was never sent.
    pub(super) const fn of(outcome: Outcome, charges_denied: bool) -> Option<Self> {
        match outcome {
            Outcome::Allowed => Some(Self::Admitted),
            Outcome::Denied if charges_denied => Some(Self::Charged),
            Outcome::Denied => Some(Self::Denied),
            Outcome::Refused | Outcome::Shed => None,
            Outcome::Other
            | Outcome::TimedOut
            | Outcome::ResetBefore
            | Outcome::ResetWithin
            | Outcome::EndOfFile
            | Outcome::Malformed
            | Outcome::Aborted => Some(Self::Maybe),
        }
    }

    /// Whether it may be why another was denied.
    pub(super) const fn may_charge(self) -> bool {
        !matches!(self, Self::Denied)
    }

    /// Whether it may have opened a window.
    pub(super) const fn may_admit(self) -> bool {
        matches!(self, Self::Admitted | Self::Maybe)
    }
}
