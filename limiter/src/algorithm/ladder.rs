//! The ladder of temporary bans: so many denials within so long of the first, and the client is out; the next time for longer.
//!
//! ```text
//!   strikes within the span        banned for rung 1        … again: rung 2 …        quiet for the longest rung: all forgotten
//! ```
//!
//! State: a mark (64 bits: the first strike's instant, or the end of the ban), strikes (16), rung (4), banned (1). A banned client's
//! requests change nothing, so asking again doesn't prolong a ban.

use super::State;
use crate::{LadderError, Nanos, quota::MAX_PERIOD};

/// Temporary bans: `strikes` denials within a span that begins with the first of them ban a client for the first rung; each ban after that
/// takes the next rung, the last one repeatedly. A strike after the span begins the next one, with nothing carried over: just under twice as
/// many strikes can fall into a span that is laid elsewhere.
///
/// Everything is forgotten once a client has been quiet for as long as the longest rung, after the end of its last ban or after
/// the first of the strikes that it has begun to collect since.
///
/// # Examples
///
/// ```
/// use tollgate_limiter::{Ladder, Nanos};
/// let rungs = [Nanos::from_secs(60), Nanos::from_secs(600), Nanos::from_secs(3600)];
/// let ladder = Ladder::new(100, Nanos::from_secs(10), &rungs)?;
/// assert!(Ladder::new(0, Nanos::from_secs(10), &rungs).is_err());
/// # let _ = ladder;
/// # Ok::<(), tollgate_limiter::LadderError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ladder {
    strikes: u16,
    within: u64,
    rungs: [u64; MAX_RUNGS],
    rung_count: u8,
}

impl Ladder {
    /// # Errors
    ///
    /// When there are no strikes or no span, not 1 to 8 rungs, or a rung shorter than the one before.
    pub fn new(strikes: u16, within: Nanos, rungs: &[Nanos]) -> Result<Self, LadderError> {
        if strikes == 0 || within == Nanos::ZERO || within > MAX_PERIOD {
            return Err(LadderError::Strikes);
        }
        let possible = rungs.iter().all(|rung| *rung > Nanos::ZERO && *rung <= MAX_PERIOD) && rungs.is_sorted();
        if rungs.is_empty() || rungs.len() > MAX_RUNGS || !possible {
            return Err(LadderError::Rungs);
        }
        let mut ladder =
            Self { strikes, within: within.as_u64(), rungs: [0; MAX_RUNGS], rung_count: rungs.len() as u8 };
        for (to, from) in ladder.rungs.iter_mut().zip(rungs) {
            *to = from.as_u64();
        }
        Ok(ladder)
    }

    fn rung(&self, rung: u8) -> u64 {
        self.rungs[usize::from(rung.min(self.rung_count - 1))]
    }

    /// The longest rung: how long a client has to stay out of trouble.
    fn memory(&self) -> u64 {
        self.rung(u8::MAX)
    }
}

/// Where a client stands on the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    mark: u64,
    strikes: u16,
    rung: u8,
    banned: bool,
}

/// The ladder at work.
impl Ladder {
    /// How long a ban still lasts.
    pub(crate) fn banned(state: State, now: Nanos) -> Option<Nanos> {
        let standing = Standing::of(state);
        (standing.banned && now.as_u64() < standing.mark).then(|| Nanos::new(standing.mark - now.as_u64()))
    }

    /// Counts one denial; `None` when a ban is on and nothing changes.
    pub(crate) fn strike(&self, state: State, now: Nanos) -> Option<State> {
        let now = now.as_u64().min(super::LAST_INSTANT);
        let standing = if now >= self.expires(state).as_u64() { Standing::of(0) } else { Standing::of(state) };
        if standing.banned && now < standing.mark {
            return None;
        }
        let collecting = !standing.banned && standing.strikes > 0 && now < standing.mark.saturating_add(self.within);
        let (mark, strikes) = if collecting { (standing.mark, standing.strikes + 1) } else { (now, 1) };
        let next = if strikes >= self.strikes {
            Standing {
                mark: now + self.rung(standing.rung),
                strikes: 0,
                rung: (standing.rung + 1).min(self.rung_count),
                banned: true,
            }
        } else {
            Standing { mark, strikes, rung: standing.rung, banned: false }
        };
        Some(next.pack())
    }

    /// A ban by hand until `until`; the rung stays.
    pub(crate) fn ban(state: State, until: Nanos) -> State {
        let until = until.as_u64().min(super::LAST_INSTANT);
        Standing { mark: until, strikes: 0, banned: true, ..Standing::of(state) }.pack()
    }

    /// From when on nothing is held against the client.
    pub(crate) fn expires(&self, state: State) -> Nanos {
        let standing = Standing::of(state);
        if state == 0 {
            return Nanos::ZERO;
        }
        let held = if standing.rung > 0 { self.memory() } else { 0 };
        let held = if standing.banned { held } else { held.max(self.within) };
        Nanos::new(standing.mark.saturating_add(held))
    }
}

impl Standing {
    const fn of(state: State) -> Self {
        Self {
            mark: (state >> 24) as u64,
            strikes: (state >> 8) as u16,
            rung: (state >> 1) as u8 & 0xf,
            banned: state & 1 == 1,
        }
    }

    fn pack(self) -> State {
        (u128::from(self.mark) << 24)
            | (u128::from(self.strikes) << 8)
            | (u128::from(self.rung) << 1)
            | u128::from(self.banned)
    }
}

const MAX_RUNGS: usize = 8;
