//! Zipf's law without a table: rank k of 1..=ranks is drawn with probability proportional to k⁻ˢ.
//!
//! Rejection-inversion (W. Hörmann and G. Derflinger, *Rejection-inversion to generate variates from monotone discrete distributions*, ACM
//! TOMACS 6(3), 1996): invert the integral H of the continuous x⁻ˢ, round to the nearest rank, and reject the little by which the area
//! around a rank is larger than its probability. At least 2 of 3 draws are accepted at once, for any exponent and number of ranks. Rejected: a
//! cumulative table (8 MB and 20 cache misses for a million ids) and the approximation of YCSB (Gray et al. 1994), whose first ranks are off by some
//! per cent, which a chi-square test sees.

use super::hash::PlanHash;
use super::parse::Decimal;
use super::random::{Stream, unit};

/// A Zipf distribution over ranks 1..=ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Zipf {
    exponent: f64,
    /// 1 − exponent and its inverse; 0 if the exponent is 1.
    rest: f64,
    rest_inverse: f64,
    ranks: f64,
    /// H(1.5) − 1, where the inversion begins, and by how much less than H(ranks + 0.5) that is.
    h_first: f64,
    h_last: f64,
    /// A rank at most this much above its x needs no further test.
    squeeze: f64,
}

impl Zipf {
    pub(super) fn new(exponent: Decimal, ranks: u64) -> Zipf {
        let rest = 1.0 - exponent.as_f64();
        let mut zipf = Zipf {
            exponent: exponent.as_f64(),
            rest,
            rest_inverse: if rest == 0.0 { 0.0 } else { rest.recip() },
            ranks: ranks as f64,
            h_first: 0.0,
            h_last: 0.0,
            squeeze: 0.0,
        };
        zipf.h_first = zipf.integral(1.5) - 1.0;
        zipf.h_last = zipf.integral(zipf.ranks + 0.5);
        zipf.squeeze = 2.0 - zipf.integral_inverse(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    /// The rank, from 1, of draw n.
    pub(super) fn rank(&self, stream: Stream, n: u64) -> u64 {
        let mut attempt = 0;
        loop {
            let u = self.h_last + unit(stream.again(n, attempt)) * (self.h_first - self.h_last);
            let x = self.integral_inverse(u);
            let rank = (x + 0.5).floor().clamp(1.0, self.ranks);
            if rank - x <= self.squeeze || u >= self.integral(rank + 0.5) - self.weight(rank) {
                return rank as u64;
            }
            attempt += 1;
        }
    }

    /// Adds what the distribution is made of to a plan's hash.
    pub(super) fn hash(&self, hash: &mut PlanHash) {
        hash.number("exponent", self.exponent.to_bits());
        hash.number("ranks", self.ranks.to_bits());
    }

    fn weight(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// H(x): the integral of t⁻ˢ from 1 to x, which is ln x for s = 1.
    fn integral(&self, x: f64) -> f64 {
        if self.rest == 0.0 { x.ln() } else { ((self.rest * x.ln()).exp() - 1.0) * self.rest_inverse }
    }

    /// `ln` and not the slower `ln_1p`: exponents come in millionths, so the error is at most 2⁻⁵³ · 10⁶ of x, and
    /// moves a rank with a probability of the same size.
    fn integral_inverse(&self, h: f64) -> f64 {
        if self.rest == 0.0 { h.exp() } else { ((self.rest * h + 1.0).max(0.0).ln() * self.rest_inverse).exp() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::assert_follows;

    #[test]
    fn ranks_follow_the_power_law() {
        for millionths in [0, 500_000, 999_999, 1_000_000, 1_000_001, 1_100_000, 2_000_000, 4_000_000] {
            let exponent = Decimal::from_millionths(millionths);
            let zipf = Zipf::new(exponent, 40);
            let weights: Vec<f64> = (1..=40).map(|rank| f64::from(rank).powf(-exponent.as_f64())).collect();
            let stream = Stream::new(11, Stream::PICK);
            assert_follows(
                &weights,
                (0..100_000).map(|n| zipf.rank(stream, n) as usize - 1),
                &format!("zipf {exponent}"),
            );
        }
    }

    #[test]
    fn the_head_of_a_million_ranks_is_exact() {
        // Rank 1..=20 and the rest, against a sum over all million.
        let zipf = Zipf::new(Decimal::from_millionths(1_100_000), 1_000_000);
        let mut weights: Vec<f64> = (1..=1_000_000).map(|rank| f64::from(rank).powf(-1.1)).collect();
        let rest = weights.drain(20..).sum();
        weights.push(rest);
        let stream = Stream::new(12, Stream::PICK);
        assert_follows(&weights, (0..200_000).map(|n| (zipf.rank(stream, n) as usize - 1).min(20)), "head");
    }

    #[test]
    fn a_single_rank_and_the_largest_range_stay_in_range() {
        let stream = Stream::new(13, Stream::PICK);
        for ranks in [1, 2, 1 << 32] {
            for millionths in [0, 1_000_000, 4_000_000] {
                let zipf = Zipf::new(Decimal::from_millionths(millionths), ranks);
                assert!((0..10_000).all(|n| (1..=ranks).contains(&zipf.rank(stream, n))));
            }
        }
    }
}
