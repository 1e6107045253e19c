//! Which client a request is of.
//!
//! Simulated clients are independent of connections: a million ids can share 64 of them. Low ids are the popular ones in `zipf` (id 0 is
//! rank 1) and in `hot`, the high ones in `tail`. A seed changes the order of requests, never which ids are hot, so that two runs
//! stay comparable; and whoever reads a report sees at once that 000000 is hot on purpose. (YCSB scatters the hot ids by hashing; a
//! server hashes its ids anyway.)

use super::error::{PlanError, Problem};
use super::hash::PlanHash;
use super::parse::{Decimal, read_count, read_decimal, show_count};
use super::random::{Stream, below};
use super::texts::{IdFile, Texts};
use super::zipf::Zipf;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

/// How clients are picked, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// All equally likely.
    #[default]
    Uniform,
    /// Each in turn, round after round.
    RoundRobin,
    /// Id k with probability proportional to (k + 1)⁻ˢ.
    Zipf(Decimal),
    /// The first part of the ids gets a share of the requests, the others the rest.
    Hot {
        /// Which part of the ids, rounded up to whole ones.
        part: Decimal,
        /// Their share of the requests.
        share: Decimal,
    },
    /// The last part of the ids gets a share of the requests (0.9 in `tail:0.1`), the others the rest.
    Tail {
        /// Which part of the ids, rounded up to whole ones.
        part: Decimal,
        /// Their share of the requests.
        share: Decimal,
    },
    /// Ids in ascending order, none twice until all were used. `Some(ids)`: so many ids instead of one per client, which is churn.
    Seq(Option<u64>),
    /// Ids from a file, one per line or in the first column of a CSV; an id of many lines is picked often.
    File(PathBuf),
}

/// How clients are picked, ready to pick.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Picker {
    Uniform { ids: u64 },
    Cycle { ids: u64 },
    Zipf { ids: u64, zipf: Zipf },
    Favour(Favour),
    File(IdFile),
}

/// Some ids get a share of the requests, the others the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Favour {
    favoured: Range<u64>,
    others: Range<u64>,
    /// A 63-bit word below this one picks from the favoured.
    threshold: u64,
}

impl Pick {
    /// Reads the file, if it is one, and learns the number of clients.
    pub(super) fn load(&self, clients: u32) -> Result<Picker, PlanError> {
        let ids = u64::from(clients);
        let picker = match *self {
            Pick::Uniform => Picker::Uniform { ids },
            Pick::RoundRobin => Picker::Cycle { ids },
            Pick::Zipf(exponent) => Picker::Zipf { ids, zipf: Zipf::new(exponent, ids) },
            Pick::Hot { part, share } => {
                let hot = part_of(ids, part);
                Picker::Favour(Favour::new(0..hot, hot..ids, share))
            }
            Pick::Tail { part, share } => {
                let cold = ids - part_of(ids, part);
                Picker::Favour(Favour::new(cold..ids, 0..cold, share))
            }
            Pick::Seq(all) => Picker::Cycle { ids: all.unwrap_or(ids) },
            Pick::File(ref file) => {
                Picker::File(IdFile::read(file).map_err(|problem| PlanError::new(FLAG, self.to_string(), problem))?)
            }
        };
        Ok(picker)
    }

    /// Whether a client can be said to take its turn: what `--think` needs.
    pub(super) fn leaves_turns(&self) -> bool {
        matches!(self, Pick::Uniform | Pick::RoundRobin | Pick::File(_))
    }
}

impl Picker {
    /// How many ids there are: ids are below this.
    pub(super) fn ids(&self) -> u64 {
        match self {
            Picker::Uniform { ids } | Picker::Cycle { ids } | Picker::Zipf { ids, .. } => *ids,
            Picker::Favour(favour) => favour.favoured.end.max(favour.others.end),
            Picker::File(file) => u64::from(file.ids.len()),
        }
    }

    /// The id of request n.
    pub(super) fn pick(&self, stream: Stream, n: u64) -> u32 {
        let id = match self {
            Picker::Uniform { ids } => below(stream.word(n), *ids),
            Picker::Cycle { ids } => n % ids,
            Picker::Zipf { zipf, .. } => zipf.rank(stream, n) - 1,
            Picker::Favour(favour) => favour.pick(stream, n),
            Picker::File(file) => u64::from(file.lines[below(stream.word(n), file.lines.len() as u64) as usize]),
        };
        id as u32
    }

    /// Whether any request is of an id ≡ worker (mod workers); if not, looking for one would never end.
    pub(super) fn reaches(&self, worker: u32, workers: u32) -> bool {
        match self {
            Picker::Favour(favour) => favour
                .ranges()
                .into_iter()
                .any(|range| !range.is_empty() && next_of(range.start, worker, workers) < range.end),
            _ => u64::from(worker) < self.ids(),
        }
    }

    /// Adds what decides which ids are picked: of a file the contents, not the path.
    pub(super) fn hash(&self, pick: &Pick, hash: &mut PlanHash) {
        let Picker::File(file) = self else {
            return hash.field("pick", pick.to_string());
        };
        file.ids.hash("pick file", hash);
        file.lines.iter().for_each(|&id| hash.number("line", id.into()));
    }

    /// The texts of the ids, if they have any of their own.
    pub(super) fn texts(&self) -> Option<&Texts> {
        match self {
            Picker::File(file) => Some(&file.ids),
            _ => None,
        }
    }
}

impl Favour {
    fn new(favoured: Range<u64>, others: Range<u64>, share: Decimal) -> Favour {
        // All favoured: the share has nobody to be taken from.
        let share = if others.is_empty() { Decimal::ONE } else { share };
        let threshold = (u128::from(share.millionths()) << 63) / u128::from(Decimal::ONE.millionths());
        Favour { favoured, others, threshold: threshold as u64 }
    }

    fn pick(&self, stream: Stream, n: u64) -> u64 {
        let range = if stream.word(n) >> 1 < self.threshold { &self.favoured } else { &self.others };
        range.start + below(stream.again(n, 1), range.end - range.start)
    }

    /// The ranges that requests go to.
    fn ranges(&self) -> [Range<u64>; 2] {
        let favoured = if self.threshold == 0 { 0..0 } else { self.favoured.clone() };
        let others = if self.threshold == 1 << 63 { 0..0 } else { self.others.clone() };
        [favoured, others]
    }
}

/// The first id from `start` on that is ≡ worker (mod workers).
fn next_of(start: u64, worker: u32, workers: u32) -> u64 {
    let (worker, workers) = (u64::from(worker), u64::from(workers));
    start + (worker + workers - start % workers) % workers
}

/// A part of the ids in whole ones: at least one, at most all.
fn part_of(ids: u64, part: Decimal) -> u64 {
    let millionths = u128::from(ids) * u128::from(part.millionths());
    (millionths.div_ceil(u128::from(Decimal::ONE.millionths())) as u64).clamp(1, ids)
}

impl FromStr for Pick {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Pick, PlanError> {
        let refused = |problem| PlanError::new(FLAG, text, problem);
        let decimal = |part, least, most| read_decimal(part, least, most).map_err(refused);
        let part = |part| decimal(part, Decimal::from_millionths(1), Decimal::ONE);
        let share = |part| decimal(part, Decimal::ZERO, Decimal::ONE);
        if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Ok(Pick::File(PathBuf::from(path)));
        }
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["uniform"] => Ok(Pick::Uniform),
            ["rr"] => Ok(Pick::RoundRobin),
            ["zipf", exponent] => Ok(Pick::Zipf(decimal(exponent, Decimal::ZERO, STEEPEST)?)),
            ["hot", of_ids, of_requests] => Ok(Pick::Hot { part: part(of_ids)?, share: share(of_requests)? }),
            ["tail", of_ids] => Ok(Pick::Tail { part: part(of_ids)?, share: TAIL_SHARE }),
            ["tail", of_ids, of_requests] => Ok(Pick::Tail { part: part(of_ids)?, share: share(of_requests)? }),
            ["seq"] => Ok(Pick::Seq(None)),
            ["seq", ids] => Ok(Pick::Seq(Some(read_count(ids, 1, MOST_IDS).map_err(refused)?))),
            _ => Err(refused(Problem::NotOneOf(FORMS))),
        }
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pick::Uniform => f.write_str("uniform"),
            Pick::RoundRobin => f.write_str("rr"),
            Pick::Zipf(exponent) => write!(f, "zipf:{exponent}"),
            Pick::Hot { part, share } => write!(f, "hot:{part}:{share}"),
            Pick::Tail { part, share } => write!(f, "tail:{part}:{share}"),
            Pick::Seq(None) => f.write_str("seq"),
            Pick::Seq(Some(ids)) => write!(f, "seq:{}", show_count(*ids)),
            Pick::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

const FLAG: &str = "--pick";
const FORMS: &str = "uniform, rr, zipf:1.1, hot:0.2:0.8, tail:0.1 or tail:0.1:0.9, seq or seq:1M, or file:PATH";
/// What the last ids get in `tail:F`.
const TAIL_SHARE: Decimal = Decimal::from_millionths(900_000);
/// Steeper than anything seen in the wild, and the reason why a worker of `sticky` finds its next id soon: of 8 workers the
/// least lucky gets one request in 4096.
pub(super) const STEEPEST: Decimal = Decimal::from_millionths(4_000_000);
/// Ids are 32 bits.
const MOST_IDS: u64 = 1 << 32;

#[cfg(test)]
mod tests;
