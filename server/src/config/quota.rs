//! A quota as typed: `5/5s`, or with its own algorithm and options, `10/s,token-bucket,burst=20`.
//!
//! It is not yet a [`Quota`]: whether `500/1m` is possible depends on the algorithm, and the one that holds for quotas without their
//! own may come from the other source (flag or file).

use std::fmt;
use std::str::FromStr;

use tollgate_limiter::{Algorithm, Nanos, Quota, QuotaError};

use super::problem::quoted;
use super::units::{self, UnitError};

/// A quota as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedQuota {
    /// `N/PERIOD`.
    pub text: String,
    /// Its own algorithm, if it names one.
    pub algorithm: Option<Algorithm>,
    /// How much a token bucket holds.
    pub burst: Option<u32>,
    /// How long a leaky bucket makes a request wait at most.
    pub max_delay: Option<Nanos>,
    /// Count, but do not enforce.
    pub shadow: bool,
}

/// Why the options behind a quota cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedQuotaError {
    /// An option that does not exist.
    UnknownOption(String),
    /// An option that is there already: which of the two is meant?
    Twice(&'static str),
    /// The burst is not a number.
    Burst(UnitError),
    /// The delay is not a duration.
    MaxDelay(UnitError),
}

impl TypedQuota {
    /// The quota that is meant, metered by `default` if it names no algorithm itself.
    pub fn build(&self, default: Algorithm) -> Result<Quota, QuotaError> {
        let mut quota = Quota::with_algorithm_of(&self.text, self.algorithm.unwrap_or(default))?;
        if let Some(burst) = self.burst {
            quota = quota.with_burst(burst)?;
        }
        if let Some(max_delay) = self.max_delay {
            quota = quota.with_max_delay(max_delay)?;
        }
        Ok(if self.shadow { quota.shadow() } else { quota })
    }
}

impl From<Quota> for TypedQuota {
    /// With everything spelled out that is not the same for every quota of this algorithm.
    fn from(quota: Quota) -> TypedQuota {
        TypedQuota {
            text: quota.to_string(),
            algorithm: Some(quota.algorithm()),
            burst: (quota.algorithm() == Algorithm::TokenBucket).then(|| quota.burst()),
            max_delay: (quota.algorithm() == Algorithm::LeakyBucket).then(|| quota.max_delay()),
            shadow: quota.is_shadow(),
        }
    }
}

impl FromStr for TypedQuota {
    type Err = TypedQuotaError;

    fn from_str(text: &str) -> Result<TypedQuota, TypedQuotaError> {
        let mut parts = text.split(',').map(str::trim);
        let mut typed = TypedQuota { text: parts.next().unwrap_or_default().to_owned(), ..TypedQuota::default() };
        for part in parts {
            let (name, known) = match part.split_once('=') {
                None if part == "shadow" => ("shadow", std::mem::replace(&mut typed.shadow, true)),
                None => match part.parse() {
                    Ok(algorithm) => ("an algorithm", typed.algorithm.replace(algorithm).is_some()),
                    Err(_) => return Err(TypedQuotaError::UnknownOption(part.to_owned())),
                },
                Some(("burst", n)) => {
                    ("burst", typed.burst.replace(burst(n).map_err(TypedQuotaError::Burst)?).is_some())
                }
                Some(("max-delay", t)) => {
                    let delay = max_delay(t).map_err(TypedQuotaError::MaxDelay)?;
                    ("max-delay", typed.max_delay.replace(delay).is_some())
                }
                Some(_) => return Err(TypedQuotaError::UnknownOption(part.to_owned())),
            };
            if known {
                return Err(TypedQuotaError::Twice(name));
            }
        }
        Ok(typed)
    }
}

/// Prints what [`FromStr`] reads: `10/1s,token-bucket,burst=20`.
impl fmt::Display for TypedQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if let Some(algorithm) = self.algorithm {
            write!(f, ",{algorithm}")?;
        }
        if let Some(burst) = self.burst {
            write!(f, ",burst={burst}")?;
        }
        if let Some(max_delay) = self.max_delay {
            write!(f, ",max-delay={}", units::show_duration(max_delay.into()))?;
        }
        f.write_str(if self.shadow { ",shadow" } else { "" })
    }
}

impl fmt::Display for TypedQuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypedQuotaError::UnknownOption(option) => {
                let algorithms: Vec<String> = Algorithm::ALL.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "{} is no option of a quota: after N/PERIOD come an algorithm ({}), burst=N, max-delay=T or shadow",
                    quoted(option),
                    algorithms.join(", ")
                )
            }
            TypedQuotaError::Twice(name) => write!(f, "{name} is given twice: drop one of them"),
            TypedQuotaError::Burst(error) => write!(f, "burst: {error}"),
            TypedQuotaError::MaxDelay(error) => write!(f, "max-delay: {error}"),
        }
    }
}

impl std::error::Error for TypedQuotaError {}

/// Reads a burst; the limiter has the last word on its range.
pub(super) fn burst(text: &str) -> Result<u32, UnitError> {
    units::count(text, 1, u64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// Reads a delay; the limiter has the last word on its range.
pub(super) fn max_delay(text: &str) -> Result<Nanos, UnitError> {
    units::duration(text).map(Nanos::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str) -> Quota {
        text.parse::<TypedQuota>().unwrap().build(Algorithm::SlidingWindow).unwrap()
    }

    #[test]
    fn a_quota_may_carry_its_algorithm_and_options() {
        assert_eq!(meant("5/5s"), Quota::new(5, Nanos::from_secs(5)).unwrap());
        let bucket = meant("10/s, token-bucket, burst=20, shadow");
        assert_eq!((bucket.algorithm(), bucket.burst(), bucket.is_shadow()), (Algorithm::TokenBucket, 20, true));
        let leaky = meant("10/s,leaky-bucket,max-delay=250ms");
        assert_eq!((leaky.algorithm(), leaky.max_delay()), (Algorithm::LeakyBucket, Nanos::from_millis(250)));
    }

    #[test]
    fn a_quota_without_an_algorithm_takes_the_common_one() {
        let typed: TypedQuota = "500/1m".parse().unwrap();
        assert!(typed.build(Algorithm::SlidingWindow).is_err());
        assert_eq!(typed.build(Algorithm::FixedWindow).unwrap().algorithm(), Algorithm::FixedWindow);
    }

    #[test]
    fn what_is_meant_types_back_the_same() {
        for text in
            ["5/5s", "10/s,token-bucket,burst=20", "7/1m,leaky-bucket,max-delay=0s,shadow", "100/1h,fixed-window"]
        {
            let quota = meant(text);
            assert_eq!(meant(&TypedQuota::from(quota).to_string()), quota, "{text}");
        }
    }

    #[test]
    fn an_option_that_is_given_twice_is_refused() {
        for options in ["token-bucket,fixed-window", "burst=3,burst=40", "shadow,shadow", "max-delay=1s,max-delay=1s"] {
            let error = format!("5/5s,{options}").parse::<TypedQuota>().unwrap_err();
            assert!(error.to_string().ends_with("is given twice: drop one of them"), "{error}");
        }
    }

    #[test]
    fn unknown_options_list_the_known_ones() {
        let error = "5/5s,tokenbucket".parse::<TypedQuota>().unwrap_err().to_string();
        assert!(error.contains("\"tokenbucket\" is no option") && error.contains("token-bucket"), "{error}");
        assert!("5/5s,burst=many".parse::<TypedQuota>().is_err());
        assert!("5/5s,max-delay=-1s".parse::<TypedQuota>().is_err());
        assert!("5/5s,".parse::<TypedQuota>().is_err());
    }
}
