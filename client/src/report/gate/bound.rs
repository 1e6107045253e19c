//! The right-hand side of a gate: a number with a unit, kept as typed.

use std::fmt;

/// A number and its unit. Finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    number: f64,
    unit: Unit,
}

/// What a number is multiplied by, and what it can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// None.
    One,
    /// Thousands.
    Kilo,
    /// Millions.
    Mega,
    /// Hundredths of a whole.
    Percent,
    /// Microseconds.
    Micros,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Secs,
}

impl Unit {
    /// All of them; of two that end alike, the longer one first.
    const ALL: [Self; 7] = [Self::Micros, Self::Millis, Self::Secs, Self::Percent, Self::Kilo, Self::Mega, Self::One];

    const fn name(self) -> &'static str {
        match self {
            Self::One => "",
            Self::Kilo => "k",
            Self::Mega => "M",
            Self::Percent => "%",
            Self::Micros => "us",
            Self::Millis => "ms",
            Self::Secs => "s",
        }
    }

    /// How many of what is compared: ones, parts of a whole, nanoseconds.
    const fn size(self) -> f64 {
        match self {
            Self::One => 1.0,
            Self::Kilo => 1e3,
            Self::Mega => 1e6,
            Self::Percent => 0.01,
            Self::Micros => 1e3,
            Self::Millis => 1e6,
            Self::Secs => 1e9,
        }
    }

    /// Whether it is a unit of time.
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Micros | Self::Millis | Self::Secs)
    }
}

impl Bound {
    /// Reads `20ms`, `0.1%`, `0.99`, `50k`; `None` if it is none of that.
    pub(super) fn read(text: &str) -> Option<Self> {
        let unit = Unit::ALL.into_iter().find(|unit| text.ends_with(unit.name()))?;
        let number = &text[..text.len() - unit.name().len()];
        // Rust's own parser takes exponents, signs, `inf` and `nan` as well.
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && number != ".";
        let number = number.parse().ok().filter(|number: &f64| is_plain && number.is_finite())?;
        Some(Self { number, unit })
    }

    /// Its unit.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// A value, in ones, parts of a whole or nanoseconds, told in this bound's unit.
    pub(super) fn in_its_unit(self, value: f64) -> f64 {
        // Three of a thousand are 0.3 %, and not a float's rounding above it.
        (value / self.unit.size() * 1e9).round() / 1e9
    }

    /// The number before the unit.
    pub(super) const fn number(self) -> f64 {
        self.number
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit)
    }
}
