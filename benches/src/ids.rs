//! Client ids: text as clients send it, in an order without a pattern.

/// `count` different ids of 16 hexadecimal digits.
///
/// The digits come from a bijection on 64-bit numbers (splitmix64), so no two are equal and neighbours in the list are
/// strangers in any table; the list itself is read in order, which costs both sides of a comparison the same and little.
pub fn client_ids(count: usize) -> Vec<String> {
    (0..count as u64).map(|n| format!("{:016x}", mix(n))).collect()
}

fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_id_comes_twice() {
        let ids = client_ids(10_000);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }
}
