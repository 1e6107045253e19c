//! The hash of a plan: equal hashes, equal requests at equal times.
//!
//! FNV-1a over named fields with their lengths, then one round of mixing. It is written down here, and not `std`'s hasher, because it
//! must be the same in the next release too; nobody attacks it, so it needn't be cryptographic.

use super::random::mix;

/// A hash in the making.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanHash(u64);

impl PlanHash {
    pub(super) const fn new() -> PlanHash {
        PlanHash(FNV_OFFSET)
    }

    /// Adds a field. Name and length keep neighbours apart: `ab` + `c` is not `a` + `bc`.
    pub(super) fn field(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        self.bytes(name.as_bytes());
        self.bytes(&[0]);
        self.bytes(&(value.len() as u64).to_le_bytes());
        self.bytes(value);
    }

    /// Adds a number.
    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.field(name, value.to_le_bytes());
    }

    pub(super) const fn finish(self) -> u64 {
        mix(self.0)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
}

const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_hashed_by_fnv_1a() {
        let mut hash = PlanHash::new();
        hash.bytes(b"foobar");
        assert_eq!(hash.0, 0x8594_4171_F739_67E8);
    }

    #[test]
    fn where_a_field_ends_matters() {
        let of = |fields: [&str; 2]| {
            let mut hash = PlanHash::new();
            fields.iter().for_each(|value| hash.field("f", value));
            hash.finish()
        };
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    }
}
