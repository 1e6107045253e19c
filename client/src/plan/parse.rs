//! The units people write: counts (`250k`, `1M`), durations (`500ms`, bare seconds) and decimals (`0.2`).
//!
//! All three are exact: a fraction of a unit is refused with the cure and a decimal is kept in millionths, so what is printed back is what
//! was typed and two plans are equal if and only if their texts are. The larger forms (`uniform:10ms:1s`, `10s@1k:5k`) stand with
//! the types that they make.

use super::error::{PlanError, Problem};
use crate::clock::Nanos;
use std::fmt;

/// A number between 0 and a few, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(u32);

impl Decimal {
    /// Nothing.
    pub const ZERO: Decimal = Decimal(0);
    /// The whole.
    pub const ONE: Decimal = Decimal(MILLION);

    /// So many millionths.
    pub const fn from_millionths(millionths: u32) -> Decimal {
        Decimal(millionths)
    }

    /// The number in millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// The number as a float.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / MILLION, self.0 % MILLION);
        let decimals = format!("{rest:06}");
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            decimals => write!(f, "{whole}.{decimals}"),
        }
    }
}

/// Reads a count such as `64`, `250k` or `1M` that must lie within `least..=most`.
pub fn count(flag: &'static str, text: &str, least: u64, most: u64) -> Result<u64, PlanError> {
    read_count(text, least, most).map_err(|problem| PlanError::new(flag, text, problem))
}

/// Reads a duration such as `250us`, `500ms`, `5s`, `2m`, `1h` or bare seconds that must lie within `least..=most`.
pub fn duration(flag: &'static str, text: &str, least: Nanos, most: Nanos) -> Result<Nanos, PlanError> {
    read_duration(text, least, most).map_err(|problem| PlanError::new(flag, text, problem))
}

/// Prints a count in the largest of `M`, `k` and ones that holds it exactly. Inverse of [`count`].
pub fn show_count(count: u64) -> String {
    match count {
        0 => "0".to_owned(),
        _ if count.is_multiple_of(1_000_000) => format!("{}M", count / 1_000_000),
        _ if count.is_multiple_of(1_000) => format!("{}k", count / 1_000),
        _ => count.to_string(),
    }
}

/// Prints a duration in the largest unit that holds it exactly: `1m`, `1500ms`. Inverse of [`duration`].
pub fn show_duration(span: Nanos) -> String {
    let nanos = span.as_u64();
    let units =
        [(3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    match units.into_iter().find(|(size, _)| nanos.is_multiple_of(*size)) {
        _ if nanos == 0 => "0s".to_owned(),
        Some((size, unit)) => format!("{}{unit}", nanos / size),
        None => format!("{nanos}ns"),
    }
}

pub(super) fn read_count(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let (number, unit) = split(text).ok_or(Problem::NotACount)?;
    let factor = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        _ if unit.starts_with('.') => return Err(Problem::Fraction),
        _ => return Err(Problem::NotACount),
    };
    scaled(number, factor)
        .filter(|count| (least..=most).contains(count))
        .ok_or_else(|| Problem::OutOfRange { least: show_count(least), most: show_count(most) })
}

pub(super) fn read_duration(text: &str, least: Nanos, most: Nanos) -> Result<Nanos, Problem> {
    let (number, unit) = split(text).ok_or(Problem::NotADuration)?;
    let nanos_per_unit = match unit {
        // Not advertised: it is there so that any span prints as something that reads back.
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ if unit.starts_with('.') => return Err(Problem::Fraction),
        _ => return Err(Problem::NotADuration),
    };
    scaled(number, nanos_per_unit)
        .map(Nanos::new)
        .filter(|span| (least..=most).contains(span))
        .ok_or_else(|| Problem::OutOfRange { least: show_duration(least), most: show_duration(most) })
}

pub(super) fn read_decimal(text: &str, least: Decimal, most: Decimal) -> Result<Decimal, Problem> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > DECIMALS {
        return Err(Problem::NotADecimal);
    }
    let millionths = format!("{whole}{decimals:0<DECIMALS$}").parse().ok().map(Decimal);
    millionths
        .filter(|decimal| (least..=most).contains(decimal))
        .ok_or_else(|| Problem::OutOfRange { least: least.to_string(), most: most.to_string() })
}

/// Splits `12ms` into its digits and its unit.
fn split(text: &str) -> Option<(&str, &str)> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    (!number.is_empty()).then_some((number, unit))
}

fn scaled(number: &str, factor: u64) -> Option<u64> {
    number.parse::<u64>().ok()?.checked_mul(factor)
}

const MILLION: u32 = 1_000_000;
/// Digits behind the point of a [`Decimal`].
const DECIMALS: usize = 6;

/// A year: longer spans are typing errors, and `Nanos` holds 584 of them.
pub(super) const LONGEST: Nanos = Nanos::from_secs(365 * 24 * 3600);
/// Requests a second. A hundred times what a core sends; with it Λ of a year stays below 2⁵³, where a float still counts by ones.
pub(super) const FASTEST: u64 = 100_000_000;
const _: () = assert!(FASTEST * (LONGEST.as_u64() / 1_000_000_000) < 1 << 53);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    fn span(text: &str) -> Result<Nanos, Problem> {
        read_duration(text, Nanos::default(), LONGEST)
    }

    #[test]
    fn durations_take_every_documented_unit_and_bare_seconds() {
        let cases = [
            ("250us", Nanos::from_micros(250)),
            ("500ms", Nanos::from_millis(500)),
            ("5s", Nanos::from_secs(5)),
            ("5", Nanos::from_secs(5)),
            ("2m", Nanos::from_secs(120)),
            ("1h", Nanos::from_secs(3600)),
            ("0", Nanos::default()),
        ];
        for (text, meant) in cases {
            assert_eq!(span(text), Ok(meant), "{text}");
        }
        for text in ["", "s", "-5s", "5 s", "5sec", "5d", "+5"] {
            assert_eq!(span(text), Err(Problem::NotADuration), "{text:?}");
        }
        assert_eq!(span("1.5s"), Err(Problem::Fraction));
        let too_long = Problem::OutOfRange { least: "0s".to_owned(), most: "8760h".to_owned() };
        assert_eq!(span("8761h"), Err(too_long.clone()));
        assert_eq!(span("99999999999999999999h"), Err(too_long));
    }

    #[test]
    fn counts_take_k_and_m_and_keep_their_range() {
        assert_eq!(count("-n", "64", 1, 100), Ok(64));
        assert_eq!(count("-n", "250k", 1, u64::MAX), Ok(250_000));
        assert_eq!(count("-n", "2M", 1, u64::MAX), Ok(2_000_000));
        for text in ["", "k", "1G", "-1", "1 k", "0x10"] {
            assert_eq!(read_count(text, 0, u64::MAX), Err(Problem::NotACount), "{text:?}");
        }
        let error = count("-n", "18446744073709551615M", 1, 2_000).unwrap_err();
        assert_eq!(error.to_string(), "-n \"18446744073709551615M\": must be between 1 and 2k");
        let error = count("-n", "1.5k", 1, 2_000).unwrap_err();
        assert!(error.to_string().contains("1500 for 1.5k"), "{error}");
    }

    #[test]
    fn decimals_are_exact_to_six_places() {
        let read = |text| read_decimal(text, Decimal::ZERO, Decimal::ONE);
        assert_eq!(read("0.2"), Ok(Decimal(200_000)));
        assert_eq!(read("1"), Ok(Decimal::ONE));
        assert_eq!(read("0.000001"), Ok(Decimal(1)));
        for text in ["", ".", "1.", ".5", "0.0000001", "1e-3", "-0.1", "nan", "½"] {
            assert_eq!(read(text), Err(Problem::NotADecimal), "{text:?}");
        }
        for text in ["1.1", "99999999999"] {
            assert!(matches!(read(text), Err(Problem::OutOfRange { .. })), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_the_same(number in any::<u64>(), millionths in any::<u32>(), nanos in 0..LONGEST.as_u64()) {
            for number in [number, number / 1_000 * 1_000, number / 1_000_000 * 1_000_000] {
                assert_eq!(read_count(&show_count(number), 0, u64::MAX), Ok(number));
            }
            for unit in [1, 1_000, 1_000_000, 60_000_000_000] {
                let whole = Nanos::new(nanos / unit * unit);
                assert_eq!(span(&show_duration(whole)), Ok(whole));
            }
            let decimal = Decimal(millionths);
            assert_eq!(read_decimal(&decimal.to_string(), Decimal::ZERO, Decimal(u32::MAX)), Ok(decimal));
        }
    }
}
