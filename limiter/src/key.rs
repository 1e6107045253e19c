//! A client's fingerprint.

/// A keyed 64-bit fingerprint of a client id: the upper half picks shard and lines, the lower half is the tag that a slot stores.
///
/// Made by [`crate::Limiter::key`], and good for that limiter alone: the hash is keyed by its seed, so nobody outside can pick ids that
/// collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    pub(crate) const fn from_hash(hash: u64) -> Self {
        Self(hash)
    }

    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    /// Never zero: that is an empty slot's.
    pub(crate) const fn tag(self) -> u32 {
        if self.0 as u32 == 0 { 1 } else { self.0 as u32 }
    }

    pub(crate) const fn position(self) -> u32 {
        (self.0 >> 32) as u32
    }
}
