//! Which cores to run on, as typed (`auto`, `4`, `0-3`, `0,2`) and as meant (CPU numbers this process may use).
//!
//! A bare number is a count, as in `make -j4`; one particular core is written as a range, `2-2`.

use std::fmt;
use std::str::FromStr;

/// The cores that were asked for, before anyone looked at what this machine allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cores {
    /// Every core that the process may use.
    #[default]
    Auto,
    /// This many of the allowed cores, the lowest first.
    Count(usize),
    /// These CPU numbers, in this order.
    List(Vec<usize>),
}

/// Why a core list cannot be read, or cannot be had on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoresError {
    /// Neither `auto`, a count, a range nor a list.
    Syntax,
    /// A count of zero.
    None,
    /// A range that runs downwards.
    Backwards(usize, usize),
    /// One core named twice.
    Twice(usize),
    /// A CPU number or count beyond the 1024 that the kernel can pin to.
    TooLarge,
    /// More cores than the process may use.
    TooMany {
        /// How many were asked for.
        asked: usize,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
    /// Cores that the process may not use.
    NotAllowed {
        /// Those asked for in vain.
        missing: Vec<usize>,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
}

impl Cores {
    /// The CPU numbers to run on, given those that the process is allowed to use.
    pub fn resolve(&self, allowed: &[usize]) -> Result<Vec<usize>, CoresError> {
        match self {
            Cores::Auto => Ok(allowed.to_vec()),
            Cores::Count(n) if *n <= allowed.len() => Ok(allowed[..*n].to_vec()),
            Cores::Count(n) => Err(CoresError::TooMany { asked: *n, allowed: allowed.to_vec() }),
            Cores::List(list) => {
                let missing: Vec<usize> = list.iter().copied().filter(|core| !allowed.contains(core)).collect();
                if missing.is_empty() {
                    Ok(list.clone())
                } else {
                    Err(CoresError::NotAllowed { missing, allowed: allowed.to_vec() })
                }
            }
        }
    }
}

impl FromStr for Cores {
    type Err = CoresError;

    fn from_str(text: &str) -> Result<Cores, CoresError> {
        let text = text.trim();
        if text == "auto" {
            return Ok(Cores::Auto);
        }
        if !text.contains(['-', ',']) {
            return match number(text)? {
                0 => Err(CoresError::None),
                n => Ok(Cores::Count(n)),
            };
        }
        let mut list = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(CoresError::Backwards(first, last));
            }
            for core in first..=last {
                if list.contains(&core) {
                    return Err(CoresError::Twice(core));
                }
                list.push(core);
            }
        }
        Ok(Cores::List(list))
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cores::Auto => f.write_str("auto"),
            Cores::Count(n) => write!(f, "{n}"),
            // One core alone would read back as a count.
            Cores::List(list) if list.len() == 1 => write!(f, "{0}-{0}", list[0]),
            Cores::List(list) => f.write_str(&show_list(list)),
        }
    }
}

impl fmt::Display for CoresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CoresError::Syntax => {
                f.write_str("not a core list: write auto, a count like 4, a range like 0-3 or a list like 0,2")
            }
            CoresError::None => {
                f.write_str("at least one core is needed: write auto or a count from 1 (core 0 alone is 0-0)")
            }
            CoresError::Backwards(first, last) => write!(f, "the range runs backwards: write {last}-{first}"),
            CoresError::Twice(core) => write!(f, "core {core} is named twice: name each core once"),
            CoresError::TooLarge => write!(f, "beyond {MOST_CORES} cores: is a digit too many?"),
            CoresError::TooMany { asked, allowed } => write!(
                f,
                "{asked} cores asked for, {} allowed to this process ({}): ask for fewer, or widen its CPU set",
                allowed.len(),
                show_list(allowed)
            ),
            CoresError::NotAllowed { missing, allowed } => write!(
                f,
                "core {} is not allowed to this process, only {}: choose among those, or widen its CPU set",
                show_list(missing),
                show_list(allowed)
            ),
        }
    }
}

impl std::error::Error for CoresError {}

/// Prints CPU numbers, three or more in a row as a range: `0-3,8,9`.
pub fn show_list(cores: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &core in cores {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == core => *last = core,
            _ => runs.push((core, core)),
        }
    }
    let show = |(first, last): (usize, usize)| match last - first {
        0 => format!("{first}"),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    runs.into_iter().map(show).collect::<Vec<_>>().join(",")
}

fn number(text: &str) -> Result<usize, CoresError> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(CoresError::Syntax);
    }
    text.parse().ok().filter(|n| *n <= MOST_CORES).ok_or(CoresError::TooLarge)
}

/// The size of the kernel's CPU set (`CPU_SETSIZE`): no larger CPU number can be pinned to.
const MOST_CORES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_reads_and_prints_back() {
        let cases = [
            ("auto", Cores::Auto, "auto"),
            ("4", Cores::Count(4), "4"),
            ("0-3", Cores::List(vec![0, 1, 2, 3]), "0-3"),
            ("0,2", Cores::List(vec![0, 2]), "0,2"),
            ("2-2", Cores::List(vec![2]), "2-2"),
            ("0-1,6", Cores::List(vec![0, 1, 6]), "0,1,6"),
            ("6,0-3", Cores::List(vec![6, 0, 1, 2, 3]), "6,0-3"),
        ];
        for (text, meant, shown) in cases {
            assert_eq!(text.parse(), Ok(meant.clone()), "{text}");
            assert_eq!(meant.to_string(), shown);
            assert_eq!(shown.parse(), Ok(meant));
        }
    }

    #[test]
    fn a_broken_core_list_says_why() {
        let cases = [
            ("", CoresError::Syntax),
            ("all", CoresError::Syntax),
            ("0,", CoresError::Syntax),
            ("-1", CoresError::Syntax),
            ("1-2-3", CoresError::Syntax),
            ("0", CoresError::None),
            ("3-0", CoresError::Backwards(3, 0)),
            ("0,0", CoresError::Twice(0)),
            ("0-2,1", CoresError::Twice(1)),
            ("0-99999999999999999999", CoresError::TooLarge),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Cores>(), Err(error), "{text}");
        }
    }

    #[test]
    fn asking_for_more_than_is_allowed_names_the_allowed_set() {
        let allowed = [0, 1, 2, 5];
        assert_eq!(Cores::Auto.resolve(&allowed), Ok(vec![0, 1, 2, 5]));
        assert_eq!(Cores::Count(2).resolve(&allowed), Ok(vec![0, 1]));
        assert_eq!(Cores::List(vec![5, 0]).resolve(&allowed), Ok(vec![5, 0]));
        let too_many = Cores::Count(9).resolve(&allowed).unwrap_err().to_string();
        assert!(too_many.starts_with("9 cores asked for, 4 allowed to this process (0-2,5)"), "{too_many}");
        let missing = Cores::List(vec![1, 4, 7]).resolve(&allowed).unwrap_err().to_string();
        assert!(missing.starts_with("core 4,7 is not allowed to this process, only 0-2,5"), "{missing}");
    }
}
