//! The limiters under measurement, behind one question.

use std::cell::Cell;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, QuantaClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos as GovernorNanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota as GovernorQuota, RateLimiter};
use tollgate_limiter::{Algorithm, Capacity, Decision, Key, Limiter, Nanos, Quota, Settings};

use crate::lane::{BURST, Branch, PERIOD};

/// Answers for a few clients at once, so that a gate may take them one by one or together.
pub const CHUNK: usize = 16;

/// A limiter of 5 per 5 s for each client.
pub trait Gate: Sync {
    /// Decides one request of each of `ids`, at `now` and then every `step`; returns how many are allowed.
    fn allowed(&self, ids: &[String], now: u64, step: u64) -> u64;
}

/// Tollgate's limiter, one decision after the other.
pub struct Tollgate(Limiter);

impl Tollgate {
    pub fn new(clients: usize, shards: usize) -> Tollgate {
        Tollgate::with_algorithm(clients, shards, Algorithm::SlidingWindow)
    }

    pub fn with_algorithm(clients: usize, shards: usize, algorithm: Algorithm) -> Tollgate {
        let quota =
            Quota::new(BURST, PERIOD).and_then(|quota| quota.with_algorithm(algorithm)).expect("a possible quota");
        let capacity = Capacity::clients(clients as u64).expect("a possible capacity");
        let settings = Settings { quotas: vec![quota], capacity, shards, seed: 1, ..Settings::default() };
        Tollgate(Limiter::new(&settings).expect("possible settings"))
    }

    pub fn limiter(&self) -> &Limiter {
        &self.0
    }
}

impl Gate for Tollgate {
    fn allowed(&self, ids: &[String], mut now: u64, step: u64) -> u64 {
        let mut allowed = 0;
        for id in ids {
            let decision = self.0.decide(self.0.key(id.as_bytes()), Nanos::new(now));
            allowed += u64::from(decision.is_allow());
            now += step;
        }
        allowed
    }
}

/// The same with `decide_batch`: the whole chunk at one instant, as a server decides what arrived together.
pub struct Batched(pub Tollgate);

impl Gate for Batched {
    fn allowed(&self, ids: &[String], now: u64, _step: u64) -> u64 {
        let limiter = self.0.limiter();
        let mut keys = [limiter.key(b""); CHUNK];
        let mut decisions = [NOT_DECIDED; CHUNK];
        let (keys, decisions) = (&mut keys[..ids.len()], &mut decisions[..ids.len()]);
        hash_all(limiter, ids, keys);
        limiter.decide_batch(keys, Nanos::new(now), decisions);
        decisions.iter().map(|decision| u64::from(decision.is_allow())).sum()
    }
}

fn hash_all(limiter: &Limiter, ids: &[String], keys: &mut [Key]) {
    for (key, id) in keys.iter_mut().zip(ids) {
        *key = limiter.key(id.as_bytes());
    }
}

const NOT_DECIDED: Decision =
    Decision::Allow { remaining: 0, reset_after: Nanos::ZERO, delay: Nanos::ZERO, quota_index: 0, would_deny: false };

/// governor in its best practical configuration: ahash instead of SipHash, the map's room reserved and in many shards, and
/// a clock as cheap as an argument. `K` is what it stores for a client.
pub struct Governor<K: Hash + Eq + Clone>(
    RateLimiter<K, DashMapStateStore<K, ahash::RandomState>, LoopClock, NoOpMiddleware<GovernorNanos>>,
);

impl<K: Hash + Eq + Clone> Governor<K> {
    pub fn new(clients: usize) -> Governor<K> {
        let map = DashMapStateStore::with_capacity_and_hasher_and_shard_amount(
            clients,
            ahash::RandomState::new(),
            MAP_SHARDS,
        );
        let quota = governor_quota();
        // governor counts from the instant of its birth.
        LOOP_NOW.set(0);
        Governor(RateLimiter::new(quota, map, LoopClock))
    }
}

impl Gate for Governor<String> {
    fn allowed(&self, ids: &[String], now: u64, step: u64) -> u64 {
        governor_allowed(ids, now, step, |id| self.0.check_key(id).is_ok())
    }
}

/// Ids of one fixed length need no pointer to their text: the best that governor can do.
impl Gate for Governor<[u8; 16]> {
    fn allowed(&self, ids: &[String], now: u64, step: u64) -> u64 {
        governor_allowed(ids, now, step, |id| {
            let key = id.as_bytes().try_into().expect("an id of 16 bytes");
            self.0.check_key(&key).is_ok()
        })
    }
}

fn governor_allowed(ids: &[String], now: u64, step: u64, check: impl Fn(&String) -> bool) -> u64 {
    LOOP_NOW.with(|clock| {
        let mut allowed = 0;
        clock.set(now);
        for id in ids {
            allowed += u64::from(check(id));
            clock.set(clock.get() + step);
        }
        allowed
    })
}

/// governor as its front page has it; the quota decides the branch, because its clock is not ours to turn.
pub struct GovernorAsDocumented(RateLimiter<String, DashMapStateStore<String>, QuantaClock>);

impl GovernorAsDocumented {
    pub fn new(branch: Branch) -> GovernorAsDocumented {
        let quota = match branch {
            Branch::Allow | Branch::AllowNew => GovernorQuota::per_second(NonZeroU32::MAX),
            Branch::Deny => {
                GovernorQuota::with_period(Duration::from_secs(3600)).expect("not zero").allow_burst(burst())
            }
        };
        GovernorAsDocumented(RateLimiter::keyed(quota))
    }
}

impl Gate for GovernorAsDocumented {
    fn allowed(&self, ids: &[String], _now: u64, _step: u64) -> u64 {
        ids.iter().map(|id| u64::from(self.0.check_key(id).is_ok())).sum()
    }
}

/// Shows each thread the instant that its own loop has come to: what `now` as an argument costs, and no more.
#[derive(Clone, Debug)]
struct LoopClock;

thread_local! {
    static LOOP_NOW: Cell<u64> = const { Cell::new(0) };
}

impl Clock for LoopClock {
    type Instant = GovernorNanos;

    fn now(&self) -> GovernorNanos {
        LOOP_NOW.get().into()
    }
}

/// 5 per 5 s as governor says it: 1 per second, 5 at once.
fn governor_quota() -> GovernorQuota {
    let second = Duration::from_nanos(PERIOD.as_u64() / u64::from(BURST));
    GovernorQuota::with_period(second).expect("not zero").allow_burst(burst())
}

fn burst() -> NonZeroU32 {
    NonZeroU32::new(BURST).expect("not zero")
}

/// dashmap takes four for each CPU unless told; with more, two threads rarely meet in one.
const MAP_SHARDS: usize = 64;
