//! The limiter: which quotas a client falls under, and what they say together.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use ahash::RandomState;

use crate::algorithm::Grant;
use crate::bans::Bans;
use crate::error::{MAX_QUOTAS, MAX_SHARDS};
use crate::meter::{Denial, MeterTable, Verdict};
use crate::table::Shard;
use crate::{Capacity, Decision, DeniedBy, Key, Ladder, Nanos, Quota, Settings, SettingsError, SwapError};

/// Decides who may pass. See the [front page](crate).
#[derive(Debug)]
pub struct Limiter {
    hasher: RandomState,
    /// The default first, then one for each override.
    tiers: Box<[Tier]>,
    listed: HashMap<u64, Listed, BuildHasherDefault<KeyHasher>>,
    bans: Option<Bans>,
    /// One enforced quota for everybody: nothing to look up first.
    plain: bool,
}

/// Quotas and their tables.
#[derive(Debug)]
struct Tier {
    quotas: Box<[Quota]>,
    meters: Box<[MeterTable]>,
}

/// What is said about a client by name.
#[derive(Clone, Copy, Debug)]
enum Listed {
    Allow,
    Deny,
    Tier(usize),
}

/// The sizes of a limiter's shards: [`Limiter::plan`] makes it, every core builds its own shard from it, [`Limiter::assemble`] puts
/// them together. So each shard's memory is first written, and therefore placed, by the core that it belongs to.
#[derive(Clone, Debug)]
pub struct ShardPlan {
    /// Clients per shard, for each table.
    tables: Vec<u64>,
}

/// One core's part of all tables.
#[derive(Debug)]
pub struct ShardParts(Vec<Shard>);

impl ShardPlan {
    /// Reserves and writes one shard's memory. Run it on the core that the shard belongs to.
    ///
    /// # Errors
    ///
    /// When the memory isn't to be had.
    pub fn build(&self) -> Result<ShardParts, SettingsError> {
        self.tables.iter().map(|clients| Shard::new(*clients)).collect::<Result<_, _>>().map(ShardParts)
    }
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
        Self::assemble(settings, parts)
    }

    /// Checks `settings` and says how large a shard is. [`Limiter::new`] is this, [`ShardPlan::build`] for each shard, and
    /// [`Limiter::assemble`].
    ///
    /// # Errors
    ///
    /// When the settings contradict each other.
    pub fn plan(settings: &Settings) -> Result<ShardPlan, SettingsError> {
        if settings.shards == 0 || settings.shards > MAX_SHARDS {
            return Err(SettingsError::Shards { shards: settings.shards });
        }
        let mut tables = Vec::new();
        for (quotas, capacity) in tiers(settings) {
            if quotas.is_empty() || quotas.len() > MAX_QUOTAS {
                return Err(SettingsError::QuotaCount { count: quotas.len() });
            }
            tables.extend(quotas.iter().map(|_| capacity.per_shard(settings.shards)));
        }
        tables.extend(settings.bans.map(|_| settings.capacity.per_shard(settings.shards)));
        Ok(ShardPlan { tables })
    }

    /// Puts together a limiter from the shards that [`ShardPlan::build`] made, one for each of `settings.shards`.
    ///
    /// # Errors
    ///
    /// When a client is listed twice.
    ///
    /// # Panics
    ///
    /// When the parts aren't those of these settings.
    pub fn assemble(settings: &Settings, parts: Vec<ShardParts>) -> Result<Self, SettingsError> {
        assert_eq!(parts.len(), settings.shards, "one part for each shard");
        let mut parts: Vec<_> = parts.into_iter().map(|ShardParts(shards)| shards.into_iter()).collect();
        let mut next_table =
            || parts.iter_mut().map(|shards| shards.next().expect("a shard for each table")).collect::<Vec<_>>();
        let tiers: Box<[_]> = tiers(settings)
            .map(|(quotas, _)| Tier {
                quotas: quotas.into(),
                meters: quotas.iter().map(|quota| MeterTable::new(quota, next_table(), settings.when_full)).collect(),
            })
            .collect();
        let bans = settings.bans.map(|ladder: Ladder| Bans::new(ladder, next_table()));
        let hasher = RandomState::with_seeds(settings.seed, !settings.seed, settings.seed.rotate_left(32), SEED_SALT);
        let listed = listed(settings, &hasher)?;
        let plain = listed.is_empty() && bans.is_none() && matches!(&*settings.quotas, [quota] if !quota.is_shadow());
        Ok(Self { hasher, tiers, listed, bans, plain })
    }

    /// The fingerprint of the client with this id.
    #[inline]
    pub fn key(&self, id: &[u8]) -> Key {
        Key::from_hash(self.hasher.hash_one(id))
    }

    /// Decides one request of cost 1.
    ///
    /// Takes one atomic load and, if it allows, one compare-and-swap; a denial writes nothing. Never blocks, never allocates.
    #[inline]
    pub fn decide(&self, key: Key, now: Nanos) -> Decision {
        self.decide_n(key, 1, now)
    }

    /// Decides one request that counts as `cost` of cost 1: all of it or nothing. Cost 0 always passes a quota and charges nothing.
    ///
    /// Under several quotas all are looked at first and then charged, so a denial charges none; it names the one that holds out longest.
    /// When other threads use the same client up in between, an earlier quota may stay charged: under a race the client may get less than
    /// its quotas, never more.
    #[inline]
    #[doc(alias = "check_n")]
    pub fn decide_n(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        if self.plain {
            return self.tiers[0].meters[0].decide_alone(key, cost, now);
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
            for meter in &tier.meters {
                meter.refund(key, cost, charged_at, now);
            }
        }
    }

    /// Decides a batch of requests of cost 1, in order. Fetches all their slots first, so that the cache misses of many clients overlap.
    ///
    /// # Panics
    ///
    /// When `decisions` isn't as long as `keys`.
    pub fn decide_batch(&self, keys: &[Key], now: Nanos, decisions: &mut [Decision]) {
        assert_eq!(keys.len(), decisions.len(), "one decision for each key");
        for (keys, decisions) in keys.chunks(BATCH).zip(decisions.chunks_mut(BATCH)) {
            let first = &self.tiers[0].meters[0];
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
    /// and the other isn't.
    pub fn set_quota(&self, index: usize, quota: &Quota) -> Result<(), SwapError> {
        let Tier { quotas, meters } = &self.tiers[0];
        let meter = meters.get(index).ok_or(SwapError::Index)?;
        if quotas[index].is_shadow() != quota.is_shadow() {
            return Err(SwapError::Incompatible);
        }
        meter.set(quota)
    }

    /// The quotas that this client falls under, as the limiter was built; none if it is on the allow or deny list.
    pub fn quotas(&self, key: Key) -> &[Quota] {
        match self.listed.get(&key.as_u64()) {
            None => &self.tiers[0].quotas,
            Some(Listed::Tier(tier)) => &self.tiers[*tier].quotas,
            Some(Listed::Allow | Listed::Deny) => &[],
        }
    }

    /// Bytes that the tables take, fixed when the limiter was built.
    pub fn memory_bytes(&self) -> usize {
        let meters = self.tiers.iter().flat_map(|tier| &tier.meters);
        meters.map(MeterTable::bytes).sum::<usize>() + self.bans.as_ref().map_or(0, Bans::bytes)
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
        match self.listed.get(&key.as_u64()) {
            None => Ok(&self.tiers[0]),
            Some(Listed::Tier(tier)) => Ok(&self.tiers[*tier]),
            Some(Listed::Allow) => {
                let grant = Grant { remaining: u32::MAX, reset_after: Nanos::ZERO, delay: Nanos::ZERO };
                Err(grant.decision(0, false))
            }
            Some(Listed::Deny) => Err(Decision::Deny { retry_after: Nanos::MAX, by: DeniedBy::List }),
        }
    }
}

impl Tier {
    fn decide(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        // One quota looks and charges in one step.
        let denial = if self.meters.len() > 1 { self.longest_denial(key, cost, now) } else { None };
        denial.unwrap_or_else(|| self.ask(|meter| meter.decide(key, cost, now)))
    }

    fn peek(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        self.longest_denial(key, cost, now).unwrap_or_else(|| self.ask(|meter| meter.peek(key, cost, now)))
    }

    /// The denial of the enforced quota that holds out longest, and so the one that says when the request passes.
    fn longest_denial(&self, key: Key, cost: u32, now: Nanos) -> Option<Decision> {
        let mut longest: Option<(Denial, u8)> = None;
        for (index, (quota, meter)) in (0_u8..).zip(self.quotas.iter().zip(&self.meters)) {
            if quota.is_shadow() {
                continue;
            }
            match meter.peek(key, cost, now) {
                Err(denial) if longest.is_none_or(|(known, _)| denial.retry_after > known.retry_after) => {
                    longest = Some((denial, index));
                }
                _ => {}
            }
        }
        longest.map(|(denial, index)| denial.by(index))
    }

    /// Asks every quota in turn and answers for all: the first enforced denial, or the tightest grant.
    fn ask(&self, verdict: impl Fn(&MeterTable) -> Verdict) -> Decision {
        let mut tightest: Option<(Grant, u8)> = None;
        let mut delay = Nanos::ZERO;
        let mut would_deny = false;
        for (index, (quota, meter)) in (0_u8..).zip(self.quotas.iter().zip(&self.meters)) {
            match verdict(meter) {
                Err(_) if quota.is_shadow() => would_deny = true,
                Err(denial) => return denial.by(index),
                Ok(_) if quota.is_shadow() => {}
                Ok(grant) => {
                    delay = delay.max(grant.delay);
                    if tightest.is_none_or(|(least, _)| grant.remaining < least.remaining) {
                        tightest = Some((grant, index));
                    }
                }
            }
        }
        // With nothing but shadow quotas nothing limits the client.
        let unlimited = Grant { remaining: u32::MAX, reset_after: Nanos::ZERO, delay };
        let (grant, index) = tightest.unwrap_or((unlimited, 0));
        Grant { delay, ..grant }.decision(index, would_deny)
    }
}

/// The quotas and the room of each tier, the default first.
fn tiers(settings: &Settings) -> impl Iterator<Item = (&[Quota], Capacity)> {
    let overrides = settings.overrides.iter().map(|tier| {
        let clients = Capacity::clients(tier.ids.len().max(1) as u64).expect("more than zero, and in memory already");
        (&*tier.quotas, clients)
    });
    core::iter::once((&*settings.quotas, settings.capacity)).chain(overrides)
}

fn listed(
    settings: &Settings,
    hasher: &RandomState,
) -> Result<HashMap<u64, Listed, BuildHasherDefault<KeyHasher>>, SettingsError> {
    let tiers = settings
        .overrides
        .iter()
        .zip(1..)
        .flat_map(|(tier, index)| tier.ids.iter().map(move |id| (id, Listed::Tier(index))));
    let allow = settings.allow.iter().map(|id| (id, Listed::Allow));
    let deny = settings.deny.iter().map(|id| (id, Listed::Deny));
    let mut listed = HashMap::default();
    for (id, what) in tiers.chain(allow).chain(deny) {
        if listed.insert(hasher.hash_one(id.as_bytes()), what).is_some() {
            return Err(SettingsError::ListedTwice { id: id.clone() });
        }
    }
    Ok(listed)
}

/// A key is a hash already.
#[derive(Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are hashed as one u64")
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// As many misses as a core has under way at once; more would evict each other.
const BATCH: usize = 16;
const SEED_SALT: u64 = 0x746f_6c6c_6761_7465;
