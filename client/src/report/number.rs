//! Numbers as people read them: three digits, a unit, and no claim that the rounding made.
//!
//! A share is never rounded to nothing or to everything: one error in a million is `0.01%`, not `0.00%`, and an answer short of all of
//! them is `99.99%`. Times and rates keep three significant digits, which is what the histograms hold.

use crate::Nanos;

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `-12`, and `0` without a sign: what should be nothing.
pub fn difference(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", count(n.unsigned_abs()))
}

/// A span to three digits: `730ns`, `98.3us`, `1.24ms`, `12.0s`.
pub fn time(span: Nanos) -> String {
    let nanos = span.as_u64() as f64;
    if nanos < 999.5 {
        return format!("{nanos:.0}ns");
    }
    let (size, unit) = [(1e3, "us"), (1e6, "ms")]
        .into_iter()
        .find(|(size, _)| nanos / size < TOO_LONG_FOR_THREE_DIGITS)
        .unwrap_or((1e9, "s"));
    format!("{}{unit}", three_digits(nanos / size))
}

/// Events per second: `49,998/s`, `12.3/s`.
pub fn rate(per_second: f64) -> String {
    if per_second < TOO_LONG_FOR_THREE_DIGITS {
        format!("{}/s", three_digits(per_second))
    } else {
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// A part of a whole: `12.34%`; nothing of nothing is `-`.
pub fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (_, 0) => "-".to_owned(),
        (0, _) => "0%".to_owned(),
        (part, whole) if part == whole => "100%".to_owned(),
        (part, whole) => {
            let percent = part as f64 / whole as f64 * 100.0;
            // A part that is larger than the whole is a fault, and is shown as it is.
            format!("{:.2}%", if part < whole { percent.clamp(0.01, 99.99) } else { percent.max(100.01) })
        }
    }
}

/// A fraction of 1 as a percentage to a tenth: `37.4%`.
pub fn percent(fraction: f64) -> String {
    format!("{:.1}%", fraction * 100.0)
}

/// Bytes in decimal units, as network rates are told: `980B`, `1.24MB`.
pub fn bytes(n: f64) -> String {
    let (size, unit) = [(1.0, "B"), (1e3, "kB"), (1e6, "MB")]
        .into_iter()
        .find(|(size, _)| n / size < TOO_LONG_FOR_THREE_DIGITS)
        .unwrap_or((1e9, "GB"));
    if size > 1.0 { format!("{}{unit}", three_digits(n / size)) } else { format!("{n:.0}B") }
}

/// Six significant digits without trailing zeros, for a value beside the bound that it broke: to three digits the two could look alike.
pub fn precise(value: f64) -> String {
    let before_point = if value == 0.0 { 1 } else { value.abs().log10().floor() as i32 + 1 };
    let shown = format!("{value:.*}", (6 - before_point).clamp(0, 12) as usize);
    match shown.contains('.') {
        true => shown.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => shown,
    }
}

fn three_digits(value: f64) -> String {
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// Rounds to 1000.
const TOO_LONG_FOR_THREE_DIGITS: f64 = 999.5;

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn times_have_three_digits_and_round_into_the_next_unit() {
        let cases = [
            (0, "0ns"),
            (7, "7ns"),
            (999, "999ns"),
            (1_000, "1.00us"),
            (9_994, "9.99us"),
            (9_995, "10.0us"),
            (98_312, "98.3us"),
            (999_499, "999us"),
            (999_500, "1.00ms"),
            (1_240_000, "1.24ms"),
            (12_000_000_000, "12.0s"),
            (7_200_000_000_000, "7200s"),
        ];
        for (nanos, shown) in cases {
            assert_eq!(time(Nanos::new(nanos)), shown);
        }
    }

    #[test]
    fn rates_bytes_and_precise_values_keep_what_matters() {
        assert_eq!([rate(0.0), rate(0.042), rate(12.34)], ["0.00/s", "0.04/s", "12.3/s"]);
        assert_eq!([rate(999.6), rate(1_234_567.8)], ["1,000/s", "1,234,568/s"]);
        assert_eq!([bytes(980.0), bytes(1_240_000.0), bytes(5.5e12)], ["980B", "1.24MB", "5500GB"]);
        assert_eq!(
            [precise(5.001), precise(0.1), precise(12.0), precise(7_654_321.0)],
            ["5.001", "0.1", "12", "7654321"]
        );
        assert_eq!([precise(0.0), precise(0.000_204_799), precise(1e-15)], ["0", "0.000204799", "0"]);
        assert_eq!([percent(0.374), difference(-1_234), difference(0)], ["37.4%", "-1,234", "0"]);
    }

    #[test]
    fn a_share_is_not_rounded_to_nothing_or_everything() {
        let cases = [
            (0, 0, "-"),
            (0, 7, "0%"),
            (7, 7, "100%"),
            (1, 1_000_000, "0.01%"),
            (999_999, 1_000_000, "99.99%"),
            (1, 3, "33.33%"),
            (1_000_001, 1_000_000, "100.01%"),
        ];
        for (part, whole, shown) in cases {
            assert_eq!(share(part, whole), shown, "{part} of {whole}");
        }
    }

    proptest! {
        #[test]
        fn counts_read_back(n in any::<u64>()) {
            let shown = count(n);
            prop_assert_eq!(shown.replace(',', "").parse(), Ok(n));
            let mut groups = shown.split(',');
            prop_assert!((1..=3).contains(&groups.next().unwrap_or_default().len()));
            prop_assert!(groups.all(|group| group.len() == 3));
        }
    }
}
