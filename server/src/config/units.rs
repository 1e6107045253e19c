//! The units people write: durations (`500ms`, `5s`, bare seconds), counts (`250k`, `1M`) and sizes (`8KiB`).
//!
//! Whole numbers only: `1.5s` is refused with the cure (`1500ms`) rather than rounded, so what is printed back is what was typed.

use std::fmt;
use std::time::Duration;

/// Why a text is not a duration, a count or a size. The text itself is shown by whoever knows where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitError {
    /// Not a duration at all, or one with an unknown unit.
    NotADuration,
    /// Not a whole number with an optional `k` or `M`.
    NotACount,
    /// Not a whole number with an optional `k`, `M`, `KiB` or `MiB`.
    NotASize,
    /// A number with a fraction.
    Fraction,
    /// A number below zero.
    Negative,
    /// Outside of what the key takes; both ends as they would be typed.
    OutOfRange {
        /// The smallest value that is taken.
        least: String,
        /// The largest value that is taken.
        most: String,
    },
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnitError::NotADuration => f.write_str(
                "not a duration: write a whole number and us, ms, s, m, h or d, like 500ms (a bare number is seconds)",
            ),
            UnitError::NotACount => {
                f.write_str("not a number: write a whole number, with k or M if you like, like 250k")
            }
            UnitError::NotASize => f.write_str("not a size: write bytes, or a whole number and KiB or MiB, like 8KiB"),
            UnitError::Fraction => f.write_str("fractions are not taken: use a smaller unit, like 1500ms for 1.5s"),
            UnitError::Negative => f.write_str("must not be negative"),
            UnitError::OutOfRange { least, most } => write!(f, "must be between {least} and {most}"),
        }
    }
}

impl std::error::Error for UnitError {}

/// Reads `250us`, `500ms`, `5s`, `2m`, `1h`, `1d` or a bare number of seconds.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text, UnitError::NotADuration)?;
    let micros_per_unit: u64 = match unit {
        "us" => 1,
        "ms" => 1_000,
        "" | "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return Err(UnitError::NotADuration),
    };
    let micros = number.and_then(|n| n.checked_mul(micros_per_unit)).ok_or_else(|| too_long(LONGEST))?;
    let duration = Duration::from_micros(micros);
    if duration > LONGEST { Err(too_long(LONGEST)) } else { Ok(duration) }
}

/// Reads a duration that must lie within `least..=most`.
pub fn duration_within(text: &str, least: Duration, most: Duration) -> Result<Duration, UnitError> {
    match duration(text) {
        Ok(duration) if (least..=most).contains(&duration) => Ok(duration),
        Ok(_) | Err(UnitError::OutOfRange { .. }) => {
            Err(UnitError::OutOfRange { least: show_duration(least), most: show_duration(most) })
        }
        Err(error) => Err(error),
    }
}

/// Reads a count such as `64`, `250k` or `1M` that must lie within `least..=most`.
pub fn count(text: &str, least: u64, most: u64) -> Result<u64, UnitError> {
    let (number, unit) = split(text, UnitError::NotACount)?;
    let factor = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        _ => return Err(UnitError::NotACount),
    };
    within(number, factor, least, most, show_count)
}

/// Reads a size in bytes such as `512`, `8KiB` or `1MiB` that must lie within `least..=most`.
pub fn size(text: &str, least: u64, most: u64) -> Result<u64, UnitError> {
    let (number, unit) = split(text, UnitError::NotASize)?;
    let factor = match unit {
        "" | "B" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return Err(UnitError::NotASize),
    };
    within(number, factor, least, most, show_size)
}

/// Prints a duration in the largest unit that holds it exactly: `1m`, `1500ms`, `0s`. Inverse of [`duration`] to the microsecond.
pub fn show_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    let units = [(3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
    match units.into_iter().find(|(size, _)| micros.is_multiple_of(*size)) {
        _ if micros == 0 => "0s".to_owned(),
        Some((size, unit)) => format!("{}{unit}", micros / size),
        None => format!("{micros}us"),
    }
}

/// Prints a count in the largest of `M`, `k` and ones that holds it exactly. Inverse of [`count`].
pub fn show_count(count: u64) -> String {
    in_units(count, &[(1_000_000, "M"), (1_000, "k")])
}

/// Prints a size in the largest of `MiB`, `KiB` and bytes that holds it exactly. Inverse of [`size`].
pub fn show_size(bytes: u64) -> String {
    in_units(bytes, &[(1 << 20, "MiB"), (1 << 10, "KiB")])
}

fn in_units(value: u64, units: &[(u64, &str)]) -> String {
    match units.iter().find(|(size, _)| value != 0 && value.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", value / size),
        None => value.to_string(),
    }
}

/// Splits `12ms` into its number and its unit; a number too large for 64 bits is `None`.
fn split(text: &str, otherwise: UnitError) -> Result<(Option<u64>, &str), UnitError> {
    let text = text.trim();
    if text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(UnitError::Negative);
    }
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    if number.is_empty() {
        return Err(otherwise);
    }
    if unit.starts_with('.') {
        return Err(UnitError::Fraction);
    }
    Ok((number.parse().ok(), unit))
}

fn within(number: Option<u64>, factor: u64, least: u64, most: u64, show: fn(u64) -> String) -> Result<u64, UnitError> {
    number
        .and_then(|n| n.checked_mul(factor))
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| UnitError::OutOfRange { least: show(least), most: show(most) })
}

fn too_long(most: Duration) -> UnitError {
    UnitError::OutOfRange { least: show_duration(Duration::ZERO), most: show_duration(most) }
}

/// A year: longer spans are typing errors, and the limiter's clock holds 584 of them.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_every_documented_unit_and_bare_seconds() {
        let cases = [
            ("250us", Duration::from_micros(250)),
            ("500ms", Duration::from_millis(500)),
            ("5s", Duration::from_secs(5)),
            ("5", Duration::from_secs(5)),
            ("2m", Duration::from_secs(120)),
            ("1h", Duration::from_secs(3600)),
            ("1d", Duration::from_secs(86_400)),
            ("0", Duration::ZERO),
        ];
        for (text, meant) in cases {
            assert_eq!(duration(text), Ok(meant), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_says_why() {
        let cases = [
            ("", UnitError::NotADuration),
            ("s", UnitError::NotADuration),
            ("5 parsecs", UnitError::NotADuration),
            ("5sec", UnitError::NotADuration),
            ("-5s", UnitError::Negative),
            ("1.5s", UnitError::Fraction),
            ("9999999h", too_long(LONGEST)),
            ("99999999999999999999999s", too_long(LONGEST)),
        ];
        for (text, error) in cases {
            assert_eq!(duration(text), Err(error), "{text}");
        }
    }

    #[test]
    fn counts_take_k_and_m_and_keep_their_range() {
        assert_eq!(count("64", 1, 100), Ok(64));
        assert_eq!(count("250k", 1, u64::MAX), Ok(250_000));
        assert_eq!(count("1M", 1, u64::MAX), Ok(1_000_000));
        assert_eq!(count("1G", 1, u64::MAX), Err(UnitError::NotACount));
        assert_eq!(count("-1", 1, 100), Err(UnitError::Negative));
        let error = count("18446744073709551615M", 1, 2_000).unwrap_err();
        assert_eq!(error.to_string(), "must be between 1 and 2k");
    }

    #[test]
    fn sizes_take_binary_units() {
        assert_eq!(size("8KiB", 0, u64::MAX), Ok(8192));
        assert_eq!(size("1MiB", 0, u64::MAX), Ok(1 << 20));
        assert_eq!(size("8kb", 0, u64::MAX), Err(UnitError::NotASize));
    }

    #[test]
    fn what_is_shown_reads_back_the_same() {
        for micros in [0, 1, 999, 1_000, 1_500_000, 60_000_000, 90_000_000, 3_600_000_000] {
            let span = Duration::from_micros(micros);
            assert_eq!(duration(&show_duration(span)), Ok(span));
        }
        for n in [0, 1, 999, 1_000, 1_001, 250_000, 1_000_000, u64::MAX] {
            assert_eq!(count(&show_count(n), 0, u64::MAX), Ok(n));
            assert_eq!(size(&show_size(n), 0, u64::MAX), Ok(n));
        }
        assert_eq!(show_duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!(show_duration(Duration::from_secs(60)), "1m");
        assert_eq!(show_size(8192), "8KiB");
    }
}
