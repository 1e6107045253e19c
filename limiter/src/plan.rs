//! Building a limiter in parts, so that each shard's memory is first written, and therefore placed, by the core that it belongs to.

use core::fmt;
use std::sync::Arc;

use ahash::RandomState;

use crate::bans::Bans;
use crate::error::{MAX_QUOTAS, MAX_SHARDS};
use crate::names::Names;
use crate::table::Shard;
use crate::tier::Tier;
use crate::{Capacity, Limiter, Quota, Settings, SettingsError};

/// Settings that have been checked. [`Limiter::plan`] makes a plan, every core builds its own shard from it, [`ShardPlan::assemble`] puts
/// them together.
///
/// # Examples
///
/// ```
/// use tollgate_limiter::{Limiter, Settings};
///
/// let plan = Limiter::plan(&Settings { shards: 2, seed: 0x5eed, ..Settings::default() })?;
/// let parts = std::thread::scope(|scope| {
///     let cores = [0, 1].map(|_core| scope.spawn(|| plan.build())); // pin each thread to its core first
///     cores.into_iter().map(|core| core.join().expect("building doesn't panic")).collect::<Result<_, _>>()
/// })?;
/// let limiter = plan.assemble(parts);
/// # let _ = limiter;
/// # Ok::<(), tollgate_limiter::SettingsError>(())
/// ```
pub struct ShardPlan {
    settings: Settings,
    hasher: RandomState,
    names: Names,
    /// Clients per shard, for each table.
    tables: Vec<u64>,
    /// Tells parts of this plan from those of another one.
    id: Arc<()>,
}

/// One core's part of all tables.
pub struct ShardParts {
    shards: Vec<Shard>,
    plan: Arc<()>,
}

impl ShardPlan {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
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
        let hasher = RandomState::with_seeds(settings.seed, !settings.seed, settings.seed.rotate_left(32), SEED_SALT);
        let names = Names::new(settings, &hasher)?;
        Ok(Self { settings: settings.clone(), hasher, names, tables, id: Arc::new(()) })
    }

    /// Reserves and writes one shard's memory. Run it on the core that the shard belongs to.
    ///
    /// # Errors
    ///
    /// When the memory isn't to be had.
    pub fn build(&self) -> Result<ShardParts, SettingsError> {
        let shards = self.tables.iter().map(|clients| Shard::new(*clients)).collect::<Result<_, _>>()?;
        Ok(ShardParts { shards, plan: Arc::clone(&self.id) })
    }

    /// Puts together the limiter from its shards.
    ///
    /// # Panics
    ///
    /// When there isn't one part for each of the settings' shards, or one of them was built from another plan.
    pub fn assemble(self, parts: Vec<ShardParts>) -> Limiter {
        let settings = &self.settings;
        assert_eq!(parts.len(), settings.shards, "one part for each shard");
        assert!(parts.iter().all(|part| Arc::ptr_eq(&part.plan, &self.id)), "every part is built from this plan");
        let mut parts: Vec<_> = parts.into_iter().map(|part| part.shards.into_iter()).collect();
        let mut table =
            || parts.iter_mut().map(|shards| shards.next().expect("a shard for each table")).collect::<Vec<_>>();
        let tiers = tiers(settings).map(|(quotas, _)| Tier::new(quotas, settings.when_full, &mut table)).collect();
        let bans = settings.bans.map(|ladder| Bans::new(ladder, table()));
        Limiter::from_tables(self.hasher, tiers, self.names, bans)
    }
}

impl fmt::Debug for ShardPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardPlan").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for ShardParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardParts").field("tables", &self.shards.len()).finish_non_exhaustive()
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

const SEED_SALT: u64 = 0x746f_6c6c_6761_7465;
