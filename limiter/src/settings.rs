//! What a limiter is built from.

use core::fmt;
use core::str::FromStr;

use crate::error::MAX_CLIENTS;
use crate::table::{GROUPS, debts_per_row, lines_per_group};
use crate::{Ladder, Nanos, Quota, SettingsError};

/// Everything that is fixed when a limiter is built. The default is 5 per 5 s for a million clients, in one shard.
#[derive(Clone)]
pub struct Settings {
    /// The quotas of a client that nothing else is said about: a request must pass all of them.
    pub quotas: Vec<Quota>,
    /// How many clients fit at once, under each of `quotas` and on the ladder of `bans`.
    pub capacity: Capacity,
    /// Parts of the table, one per core that decides.
    pub shards: usize,
    /// What to do for a new client when its part of the table is full.
    pub when_full: WhenFull,
    /// Clients with quotas of their own, which take tables of their own: for each quota of each override, [`Capacity::bytes_per_quota`] of as
    /// many clients as it names. That is at least 704 bytes a shard, so name clients with the same quotas together.
    pub overrides: Vec<Override>,
    /// Clients without a limit.
    pub allow: Vec<String>,
    /// Clients that never pass.
    pub deny: Vec<String>,
    /// Temporary bans of clients that are denied again and again. They take as much memory as one more quota.
    pub bans: Option<Ladder>,
    /// The secret of the keyed hash. Use a random one, or somebody may pick ids that collide.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quotas: vec![Quota::new(5, Nanos::from_secs(5)).expect("5 per 5 s is possible")],
            capacity: Capacity(1_000_000),
            shards: 1,
            when_full: WhenFull::Remember,
            overrides: Vec::new(),
            allow: Vec::new(),
            deny: Vec::new(),
            bans: None,
            seed: 0,
        }
    }
}

/// Counts the clients that are named, and keeps the secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quotas, capacity, shards, when_full, overrides, allow, deny, bans, seed: _ } = self;
        f.debug_struct("Settings")
            .field("quotas", quotas)
            .field("capacity", capacity)
            .field("shards", shards)
            .field("when_full", when_full)
            .field("overrides", &overrides.len())
            .field("allow", &allow.len())
            .field("deny", &deny.len())
            .field("bans", bans)
            .finish_non_exhaustive()
    }
}

/// Clients with quotas of their own, each client with its own count: one client, or a tier of them.
#[derive(Clone, Debug)]
pub struct Override {
    /// The clients, as [`crate::Limiter::key`] is asked for them.
    pub ids: Vec<String>,
    /// What they may do, instead of the default.
    pub quotas: Vec<Quota>,
}

/// How many clients fit at once: live ones, that is, whose last charge still weighs.
///
/// The promise: that many fit, with fewer than one in 100 000 of them displaced, in at most 32 bytes each for every quota, plus at most
/// 4 KiB a shard, all of it fixed when the limiter is built. Bans count as one more quota: with them and a single quota, a client takes 62
/// bytes in a large table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity(u64);

impl Capacity {
    /// # Errors
    ///
    /// When `clients` is zero or above 2^32.
    pub const fn clients(clients: u64) -> Result<Self, SettingsError> {
        if clients == 0 || clients > MAX_CLIENTS {
            return Err(SettingsError::Clients { clients });
        }
        Ok(Self(clients))
    }

    /// The number of clients.
    pub const fn count(self) -> u64 {
        self.0
    }

    /// Memory for one quota, in bytes, in that many shards: at least 704 in each.
    pub const fn bytes_per_quota(self, shards: usize) -> u64 {
        let clients = self.per_shard(shards);
        let lines = lines_per_group(clients) as u64 * GROUPS as u64 * 64;
        let debts = debts_per_row(clients) as u64 * crate::debt::ROWS as u64 * 8;
        (lines + debts) * shards as u64
    }

    /// Clients spread over the shards by chance: each has room for its share and three standard deviations.
    pub(crate) const fn per_shard(self, shards: usize) -> u64 {
        if shards <= 1 {
            return self.0;
        }
        let share = self.0.div_ceil(shards as u64);
        share + 3 * share.isqrt()
    }
}

/// What happens to a new client when all the slots that it could have belong to live clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It takes the slot that expires first, and the displaced client is denied until the debt it had is over. Never lenient.
    #[default]
    Remember,
    /// It is denied; nobody is displaced.
    Refuse,
    /// It takes the slot that expires first, and the displaced client starts afresh: a flood of ids can buy quota.
    Forget,
}

impl WhenFull {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::Remember, Self::Refuse, Self::Forget];

    /// Its name on command lines and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Remember => "remember",
            Self::Refuse => "refuse",
            Self::Forget => "forget",
        }
    }
}

impl fmt::Display for WhenFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for WhenFull {
    type Err = UnknownWhenFull;

    fn from_str(text: &str) -> Result<Self, UnknownWhenFull> {
        Self::ALL.into_iter().find(|rule| rule.name() == text).ok_or_else(|| UnknownWhenFull(text.to_owned()))
    }
}

/// The text names no [`WhenFull`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWhenFull(String);

impl fmt::Display for UnknownWhenFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no rule for a full table: use remember, refuse or forget", self.0)
    }
}

impl core::error::Error for UnknownWhenFull {}
