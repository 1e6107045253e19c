//! What somebody has probably typed, when a measurement leaves a range: the roundest number in it.

use tollgate_client::Nanos;

/// The number in `[least, most]` with the largest of the steps 1, 5, 2 · 10ᵏ; the one nearest to the middle if there are several.
pub(super) fn roundest(least: f64, most: f64) -> f64 {
    let middle = (least + most) / 2.0;
    let top = most.log10().ceil() as i32;
    for power in (top - DIGITS..=top).rev() {
        for mantissa in [5, 2, 1] {
            let step = f64::from(mantissa) * 10f64.powi(power);
            let nearest = (middle / step).round() * step;
            if nearest > 0.0 && (least..=most).contains(&nearest) {
                return nearest;
            }
        }
    }
    middle
}

/// The roundest span in this range.
pub(super) fn span(least: Nanos, most: Nanos) -> Nanos {
    Nanos::new(roundest(least.as_u64() as f64, most.as_u64() as f64).round() as u64)
}

/// So many in so long, when a unit takes between `least` and `most`.
pub(super) fn rate(least: Nanos, most: Nanos) -> (u32, Nanos) {
    for window in [1u32, 60, 3_600] {
        let units = roundest(f64::from(window) / most.as_secs_f64(), f64::from(window) / least.as_secs_f64());
        if units >= 1.0 && (units - units.round()).abs() < 1e-6 * units {
            return (units.round() as u32, Nanos::from_secs(u64::from(window)));
        }
    }
    (1, span(least, most))
}

/// More digits than that are noise.
const DIGITS: i32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roundest_number_in_a_range_is_the_one_that_somebody_would_type() {
        let cases = [
            (0.98, 1.02, 1.0),
            (0.85, 1.04, 1.0),
            (1.48, 1.53, 1.5),
            (4.9, 5.1, 5.0),
            (0.196, 0.203, 0.2),
            (58.0, 61.0, 60.0),
            (29.8, 30.1, 30.0),
            (99.0, 101.0, 100.0),
            (33.1, 33.5, 33.5),
            (12.3, 12.7, 12.5),
        ];
        for (least, most, expected) in cases {
            let found = roundest(least, most);
            assert!((found - expected).abs() < 1e-9, "{found} in {least}..{most}");
        }
    }

    #[test]
    fn a_rate_is_given_for_the_shortest_of_a_second_a_minute_and_an_hour_that_makes_it_whole() {
        let cases = [(200, 5, 1), (1, 1_000, 1), (400, 150, 60), (6_000, 10, 60), (90_000, 40, 3_600)];
        for (unit, limit, window) in cases {
            let (least, most) = (Nanos::from_micros(unit * 995), Nanos::from_micros(unit * 1_004));
            assert_eq!(rate(least, most), (limit, Nanos::from_secs(window)), "a unit in {unit} ms");
        }
    }
}
