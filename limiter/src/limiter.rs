//! The limiter: who falls under which quotas, lists and bans.

use core::fmt;

use ahash::RandomState;

use crate::algorithm::Grant;
use crate::bans::Bans;
use crate::names::{Listed, Names};
use crate::tier::Tier;
use crate::{Decision, DeniedBy, Key, Nanos, Quota, Settings, SettingsError, ShardPlan, SwapError};

/// Decides who may pass. See the [front page](crate).
pub struct Limiter {
    hasher: RandomState,
    /// The default first, then one for each override.
    tiers: Box<[Tier]>,
    names: Names,
    bans: Option<Bans>,
    /// One enforced quota for everybody: nothing to look up first.
    plain: bool,
}

impl Limiter {
    /// Checks `settings` and reserves all the memory that the limiter will ever use.
    ///
    /// # Errors
    ///
    /// When the settings contradict each other or the memory isn't to be had.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let plan = Self::plan(settings)?;
        let parts = (0..settings.shards).map(|_| plan.build()).collect::<Result<_, _>>()?;
        Ok(plan.assemble(parts))
    }

    /// Checks `settings`. [`Limiter::new`] is this, [`ShardPlan::build`] for each shard, and [`ShardPlan::assemble`].
    ///
    /// # Errors
    ///
    /// When the settings contradict each other.
    pub fn plan(settings: &Settings) -> Result<ShardPlan, SettingsError> {
        ShardPlan::new(settings)
    }

    pub(crate) fn from_tables(hasher: RandomState, tiers: Box<[Tier]>, names: Names, bans: Option<Bans>) -> Self {
        let enforced = matches!(tiers[0].quotas(), [quota] if !quota.is_shadow());
        let plain = names.is_empty() && bans.is_none() && enforced;
        Self { hasher, tiers, names, bans, plain }
    }

    /// The fingerprint of the client with this id.
    #[inline]
    pub fn key(&self, id: &[u8]) -> Key {
        Key::from_hash(self.hasher.hash_one(id))
    }

    /// Decides one request of cost 1.
    ///
    /// Of each quota it loads the rule and the client's candidate slots up to its own, twelve at most; it allows by one compare-and-swap,
    /// and writes nothing to deny. Never blocks, never allocates.
    #[inline]
    pub fn decide(&self, key: Key, now: Nanos) -> Decision {
        self.decide_n(key, 1, now)
    }

    /// Decides one request that counts as `cost` of cost 1: all of it or nothing. Cost 0 always passes a quota and charges nothing.
    ///
    /// Under several quotas all are looked at first and then charged, so a denial charges none; it names the one that holds out longest.
    /// When other threads use the same client up in between, an earlier quota may stay charged: under a race the client may get less than
    /// its quotas, never more.
    ///
    /// Each quota bounds what it decides on, when it is asked. So with a leaky bucket among several quotas it isn't the departures, after
    /// `delay`, that the others bound; and two leaky buckets answer the longer of their delays, which keeps departures apart by the
    /// shorter of their intervals only.
    ///
    /// With bans, a denial by [`DeniedBy::Quota`] is counted as a strike. No other denial is, nor one while a ban is on.
    #[inline]
    #[doc(alias = "check_n")]
    pub fn decide_n(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        if self.plain {
            return self.tiers[0].first().decide_alone(key, cost, now);
        }
        self.by_name(key, cost, now, Tier::decide, Bans::strike)
    }

    /// What [`Limiter::decide_n`] would answer. Changes nothing.
    pub fn peek(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        self.by_name(key, cost, now, Tier::peek, Bans::would_strike)
    }

    /// Gives back `cost` units that were charged at `charged_at`, when the request turned out not to happen. Never more than that charge
    /// still weighs: what wasn't given back stays within the quota's bound, whatever the clocks do, as though the rest had never been let
    /// through. All quotas of the client get it back, also one in shadow mode that would have denied and so never charged it.
    ///
    /// - Call it once for a charge: the limiter doesn't remember which were given back.
    /// - A sliding window forgets its *oldest* admissions in place of the ones given back, and gives back within its
    ///   [resolution](Quota::resolution).
    /// - A fixed window keeps one unit of a charge that was made at its opening, as long as later ones are counted in it.
    /// - A token bucket's charge fades with `now`, which must not lag behind the client's latest charge: each refund gives back too much
    ///   by what refills in that lag, and the bound then grows by as much.
    /// - A leaky bucket gives back only the whole charge of a request that nobody waits behind and that waited for nobody: the place of any
    ///   other in the queue can't be filled.
    pub fn refund(&self, key: Key, cost: u32, charged_at: Nanos, now: Nanos) {
        if let Ok(tier) = self.tier(key) {
            tier.refund(key, cost, charged_at, now);
        }
    }

    /// Decides a batch of requests of cost 1, in order. First fetches their lines in the table of the first default quota, so that the cache
    /// misses of many clients overlap; the tables of other quotas, overrides and bans are read one client after the other.
    ///
    /// # Panics
    ///
    /// When `decisions` isn't as long as `keys`.
    pub fn decide_batch(&self, keys: &[Key], now: Nanos, decisions: &mut [Decision]) {
        assert_eq!(keys.len(), decisions.len(), "one decision for each key");
        for (keys, decisions) in keys.chunks(BATCH).zip(decisions.chunks_mut(BATCH)) {
            let first = self.tiers[0].first();
            core::hint::black_box(keys.iter().fold(0, |sum, key| sum ^ first.touch(*key)));
            for (key, decision) in keys.iter().zip(decisions) {
                *decision = self.decide(*key, now);
            }
        }
    }

    /// Bans a client until `until`, whatever its place on the ladder; an instant that has passed ends a ban. `false` if there is no ladder
    /// or no room for one more client on it.
    pub fn ban(&self, key: Key, until: Nanos, now: Nanos) -> bool {
        self.bans.as_ref().is_some_and(|bans| bans.ban(key, until, now))
    }

    /// Replaces the default quota with this index from the next decision on: every decision sees the old one or the new one, whole. What
    /// clients have used stays used: units for a window, time until they are paid off for a bucket. So a window across the change holds at
    /// most the bound of the most generous mixture: the larger limit and the shorter period, for a bucket the faster rate and the longer
    /// time to fill.
    ///
    /// # Errors
    ///
    /// When there is no such quota, or the state of clients under the old one means nothing under the new one, or one of them is a shadow
    /// and the other isn't: for that, build a new limiter.
    pub fn set_quota(&self, index: usize, quota: &Quota) -> Result<(), SwapError> {
        self.tiers[0].set_quota(index, quota)
    }

    /// The quotas that this client falls under, as the limiter was built; none if it is on the allow or deny list.
    pub fn quotas(&self, key: Key) -> &[Quota] {
        match self.names.find(key) {
            None => self.tiers[0].quotas(),
            Some(Listed::Tier(tier)) => self.tiers[tier].quotas(),
            Some(Listed::Allow | Listed::Deny) => &[],
        }
    }

    /// Bytes that the tables take, fixed when the limiter was built.
    pub fn memory_bytes(&self) -> usize {
        self.tiers.iter().map(Tier::bytes).sum::<usize>() + self.bans.as_ref().map_or(0, Bans::bytes)
    }

    /// The whole way: lists, bans, quotas. `ask` and `strike` both change something or both don't.
    fn by_name(
        &self,
        key: Key,
        cost: u32,
        now: Nanos,
        ask: impl Fn(&Tier, Key, u32, Nanos) -> Decision,
        strike: impl Fn(&Bans, Key, Nanos) -> Option<Nanos>,
    ) -> Decision {
        let tier = match self.tier(key) {
            Ok(tier) => tier,
            Err(decision) => return decision,
        };
        let Some(bans) = &self.bans else { return ask(tier, key, cost, now) };
        let (decision, banned) = match bans.banned(key, now) {
            Some(rest) => (tier.peek(key, cost, now), Some(rest)),
            None => {
                let decision = ask(tier, key, cost, now);
                let struck = matches!(decision, Decision::Deny { by: DeniedBy::Quota(_), .. });
                (decision, if struck { strike(bans, key, now) } else { None })
            }
        };
        match (banned, decision) {
            // The request passes when the ban is over and the quota has room: the later of the two.
            (Some(rest), Decision::Deny { retry_after, .. }) if retry_after > rest => decision,
            (Some(rest), _) => Decision::Deny { retry_after: rest, by: DeniedBy::Ban },
            (None, _) => decision,
        }
    }

    /// The quotas to ask, unless a list has the answer.
    fn tier(&self, key: Key) -> Result<&Tier, Decision> {
        match self.names.find(key) {
            None => Ok(&self.tiers[0]),
            Some(Listed::Tier(tier)) => Ok(&self.tiers[tier]),
            Some(Listed::Allow) => {
                let grant = Grant { remaining: u32::MAX, reset_after: Nanos::ZERO, delay: Nanos::ZERO };
                Err(grant.decision(0, false))
            }
            Some(Listed::Deny) => Err(Decision::Deny { retry_after: Nanos::MAX, by: DeniedBy::List }),
        }
    }
}

/// A table has far more to it than anyone wants to read, and its hash a secret.
impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("quotas", &self.tiers[0].quotas())
            .field("memory_bytes", &self.memory_bytes())
            .finish_non_exhaustive()
    }
}

/// As many misses as a core has under way at once; more would evict each other.
const BATCH: usize = 16;
