//! The number under which a decision names a quota.
//!
//! ```text
//!   0..=7  quotas of the first policy, as its limiter numbers them     8..=15  of the second     ...     56..=63  of the eighth
//!   64     the bound on ids per peer                                   255     none
//! ```
//!
//! So a decision that several policies had a part in is an ordinary [`Decision`], and whoever only knows the first policy needs no case of its own.

use tollgate_limiter::{Decision, DeniedBy};

use super::MOST_FURTHER;

/// Quotas that one policy may have.
pub const QUOTAS: u8 = 8;
/// The bound on ids per peer.
pub const IDS_PER_PEER: u8 = QUOTAS * (MOST_FURTHER as u8 + 1);
/// No quota bounds this request.
pub const NONE: u8 = u8::MAX;

/// `decision`, by the limiter of the policy with this number, in the numbers of all.
pub fn numbered(decision: Decision, policy: usize) -> Decision {
    let place = |index: u8| index + QUOTAS * policy as u8;
    match decision {
        Decision::Allow { remaining, reset_after, delay, quota_index, would_deny } => {
            Decision::Allow { remaining, reset_after, delay, quota_index: place(quota_index), would_deny }
        }
        Decision::Deny { retry_after, by } => Decision::Deny {
            retry_after,
            by: match by {
                DeniedBy::Quota(index) => DeniedBy::Quota(place(index)),
                DeniedBy::Debt(index) => DeniedBy::Debt(place(index)),
                DeniedBy::Full(index) => DeniedBy::Full(place(index)),
                DeniedBy::Cost(index) => DeniedBy::Cost(place(index)),
                DeniedBy::Ban | DeniedBy::List => by,
            },
        },
    }
}

/// The policy that a number belongs to, and which of its quotas it is.
pub fn taken_apart(place: u8) -> (usize, usize) {
    (usize::from(place / QUOTAS), usize::from(place % QUOTAS))
}
