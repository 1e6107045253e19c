//! What came out.

use std::fmt;

use tollgate_client::Nanos;

use super::{Promise, Witness};

/// What a run says about a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was put to the test, and nothing proves it broken.
    Conforms,
    /// It wasn't put to the test.
    Inconclusive(Why),
    /// It was broken, which these prove; the first of them, if there are more than ten.
    Violation(Vec<Witness>),
}

/// Why a run says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody was allowed and nobody denied.
    NoAnswers,
    /// Nobody was denied, and no client had so many admissions together that another one at once would have been one too many.
    NeverAtLimit,
    /// Not all exchanges are known, so that no denial can be judged; the admissions that are known prove nothing.
    CutOff,
}

/// What was seen, and how much of it was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that ended.
    pub exchanges: u64,
    /// Clients of whom an answer was judged.
    pub clients: u64,
    /// Requests that were admitted.
    pub admissions: u64,
    /// Requests that were denied.
    pub denials: u64,
    /// Requests that may have been admitted.
    pub maybes: u64,
    /// Admissions after which another one at once would have been one too many.
    pub at_limit: u64,
    /// Admissions that were proven to be too many.
    pub too_many: u64,
    /// Denials that were proven to be wrong.
    pub wrong_denials: u64,
    /// Answers that looked wrong and were not judged, because enough others did.
    pub unjudged: u64,
    /// How much closer together the most crowded admissions would have had to be for proof that they were too many.
    pub closest: Option<Nanos>,
    /// Bytes that the oracle took.
    pub memory: usize,
}

/// The end of an oracle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was promised.
    pub promise: Promise,
    /// What came out.
    pub verdict: Verdict,
    /// What was seen.
    pub counters: Counters,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { promise, verdict, counters } = self;
        let Counters { clients, admissions, denials, maybes, too_many, wrong_denials, .. } = counters;
        match verdict {
            Verdict::Conforms => write!(f, "conforms to {promise}")?,
            Verdict::Inconclusive(why) => write!(f, "{promise}: inconclusive: {why}")?,
            Verdict::Violation(_) => {
                write!(f, "breaks {promise}: {too_many} admitted too many, {wrong_denials} denied wrongly")?;
            }
        }
        write!(f, " ({clients} clients, {admissions} admitted, {denials} denied, {maybes} unknown")?;
        if let Some(closest) = counters.closest {
            write!(f, ", closest call {:.6} s", closest.as_secs_f64())?;
        }
        f.write_str(")")?;
        let Verdict::Violation(witnesses) = verdict else { return Ok(()) };
        witnesses.iter().try_for_each(|witness| write!(f, "\n{witness}"))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswers => "nobody was allowed and nobody denied",
            Self::NeverAtLimit => {
                "nobody was denied, and nobody came so near the limit that another request would have broken it"
            }
            Self::CutOff => "not all exchanges are known",
        })
    }
}
