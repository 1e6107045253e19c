//! What a native caller may add to its question: `/check?clientId=7&cost=3&peek=1`.
//!
//! A proxy's caller may not: what the end client asks for would then say what it costs.

use crate::identity::{IdError, parameter};

/// How a decision is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// As many requests as this one counts for.
    pub cost: u32,
    /// Look, and charge nothing.
    pub peek: bool,
}

/// A parameter that says nothing sensible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermsError {
    /// `cost` is no whole number.
    Cost,
    /// `peek` is neither 0 nor 1.
    Peek,
}

impl Terms {
    /// One request, charged.
    pub const PLAIN: Terms = Terms { cost: 1, peek: false };

    /// The terms in a query.
    ///
    /// # Errors
    ///
    /// When one of them is there and not understood.
    pub fn of(query: Option<&[u8]>) -> Result<Terms, TermsError> {
        let value = |name: &[u8]| match query.map(|query| parameter(query, name)) {
            Some(Ok(value)) => Some(value),
            None | Some(Err(IdError::Missing | IdError::Empty | IdError::TooLong)) => None,
            Some(Err(IdError::BadEscape | IdError::Repeated)) => None,
        };
        let cost = match value(b"cost") {
            None => 1,
            Some(digits) if digits.iter().all(u8::is_ascii_digit) => {
                str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(TermsError::Cost)?
            }
            Some(_) => return Err(TermsError::Cost),
        };
        let peek = match value(b"peek") {
            None | Some(b"0") => false,
            Some(b"1") => true,
            Some(_) => return Err(TermsError::Peek),
        };
        Ok(Terms { cost, peek })
    }
}

impl TermsError {
    /// One sentence for the caller.
    pub fn explain(self) -> &'static str {
        match self {
            TermsError::Cost => {
                "the cost is not a whole number below 4294967296: send e.g. cost=3, or leave it out for 1\n"
            }
            TermsError::Peek => "peek is neither 0 nor 1: send peek=1 to look without being charged, or leave it out\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_one_request_that_is_charged() {
        let of = |query: &'static str| Terms::of(Some(query.as_bytes()));
        assert_eq!(Terms::of(None), Ok(Terms::PLAIN));
        assert_eq!(of("clientId=7"), Ok(Terms::PLAIN));
        assert_eq!(of("clientId=7&cost=12&peek=1"), Ok(Terms { cost: 12, peek: true }));
        assert_eq!(of("peek=0&cost=0"), Ok(Terms { cost: 0, peek: false }));
        assert_eq!(of("cost=4294967295").map(|terms| terms.cost), Ok(u32::MAX));
        for cost in ["", "-1", "+1", "1.5", "x", "4294967296", "%31"] {
            assert_eq!(of(&*format!("cost={cost}").leak()), Err(TermsError::Cost), "{cost}");
        }
        for peek in ["", "yes", "2", "01"] {
            assert_eq!(of(&*format!("peek={peek}").leak()), Err(TermsError::Peek), "{peek}");
        }
    }
}
