//! What is said about clients by name: overrides, the allow list, the deny list.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use ahash::RandomState;

use crate::{Key, Settings, SettingsError};

/// What is said about one client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Listed {
    Allow,
    Deny,
    /// Of the tiers, the default being 0.
    Tier(usize),
}

/// Everybody who is named, by key.
#[derive(Debug)]
pub(crate) struct Names(HashMap<u64, Listed, BuildHasherDefault<KeyHasher>>);

impl Names {
    pub(crate) fn new(settings: &Settings, hasher: &RandomState) -> Result<Self, SettingsError> {
        let tiers = settings
            .overrides
            .iter()
            .zip(1..)
            .flat_map(|(tier, index)| tier.ids.iter().map(move |id| (id, Listed::Tier(index))));
        let allow = settings.allow.iter().map(|id| (id, Listed::Allow));
        let deny = settings.deny.iter().map(|id| (id, Listed::Deny));
        let mut named = HashMap::default();
        for (id, what) in tiers.chain(allow).chain(deny) {
            if named.insert(hasher.hash_one(id.as_bytes()), what).is_some() {
                return Err(SettingsError::ListedTwice { id: id.clone() });
            }
        }
        Ok(Self(named))
    }

    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<Listed> {
        self.0.get(&key.as_u64()).copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
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
