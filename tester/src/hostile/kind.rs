//! The kinds of hostile peers.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use fastrand::Rng;

use super::script::Script;
use super::{framing, rude, slow, words};

/// A kind of hostile peer. What each does exactly is drawn from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Send a head one byte at a time, and never finish it.
    SlowHeads,
    /// Send a body one byte at a time.
    SlowBodies,
    /// Ask for hundreds of answers at once and take them a few bytes at a time.
    SlowReaders,
    /// Ask, say that they send no more, and want their answers all the same.
    HalfClosers,
    /// Reset the connection in the middle of a request.
    Resetters,
    /// Connect, and close without a byte.
    SilentVisitors,
    /// Connect for one request.
    ShortVisitors,
    /// Pipeline good requests around a malformed one.
    BrokenPipelines,
    /// Have ids that are long, empty, encoded, no text, or given twice.
    OddIds,
    /// Send heads far beyond any bound.
    HugeHeads,
    /// Send more body than they said.
    LongBodies,
    /// Send chunks that are none.
    BadChunks,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SlowHeads,
        Self::SlowBodies,
        Self::SlowReaders,
        Self::HalfClosers,
        Self::Resetters,
        Self::SilentVisitors,
        Self::ShortVisitors,
        Self::BrokenPipelines,
        Self::OddIds,
        Self::HugeHeads,
        Self::LongBodies,
        Self::BadChunks,
    ];

    /// Its name in options and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowHeads => "slow-heads",
            Self::SlowBodies => "slow-bodies",
            Self::SlowReaders => "slow-readers",
            Self::HalfClosers => "half-closers",
            Self::Resetters => "resetters",
            Self::SilentVisitors => "silent-visitors",
            Self::ShortVisitors => "short-visitors",
            Self::BrokenPipelines => "broken-pipelines",
            Self::OddIds => "odd-ids",
            Self::HugeHeads => "huge-heads",
            Self::LongBodies => "long-bodies",
            Self::BadChunks => "bad-chunks",
        }
    }

    /// The part of peer `number`, which depends on nothing but the arguments.
    pub(super) fn script(self, target: &Target, seed: u64, number: u64) -> Script {
        let rng = Rng::with_seed(seed ^ number.wrapping_mul(STEP));
        let ask = &mut Ask { target, rng, number };
        match self {
            Self::SlowHeads => slow::head(ask),
            Self::SlowBodies => slow::body(ask),
            Self::SlowReaders => slow::reader(ask),
            Self::HalfClosers => rude::half_closer(ask),
            Self::Resetters => rude::resetter(ask),
            Self::SilentVisitors => rude::silent_visitor(),
            Self::ShortVisitors => rude::short_visitor(ask),
            Self::BrokenPipelines => framing::pipeline(ask),
            Self::OddIds => words::odd_id(ask),
            Self::HugeHeads => words::huge_head(ask),
            Self::LongBodies => framing::long_body(ask),
            Self::BadChunks => framing::bad_chunks(ask),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no such kind of peer; it says which there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind(String);

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is none of {}", self.0, Kind::ALL.map(Kind::name).join(", "))
    }
}

impl std::error::Error for UnknownKind {}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// Whom the peers visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// The path and query of their requests, up to the id.
    pub before_id: String,
}

impl Target {
    /// A server there, told ids as `/?clientId=…`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, before_id: "/?clientId=".to_owned() }
    }
}

/// What the script of one peer is made from.
pub(super) struct Ask<'a> {
    pub(super) target: &'a Target,
    pub(super) rng: Rng,
    number: u64,
}

impl Ask<'_> {
    /// A well-formed request of this method, with these further lines of head.
    pub(super) fn request(&self, method: &str, lines: &str) -> Vec<u8> {
        self.request_of(self.id().as_bytes(), method, lines)
    }

    /// A well-formed `GET`.
    pub(super) fn get(&self) -> Vec<u8> {
        self.request("GET", "")
    }

    /// A request whose id is these bytes, whatever they are.
    pub(super) fn request_of(&self, id: &[u8], method: &str, lines: &str) -> Vec<u8> {
        let Target { address, before_id } = self.target;
        let start = format!("{method} {before_id}");
        let rest = format!(" HTTP/1.1\r\nHost: {address}\r\n{lines}\r\n");
        [start.as_bytes(), id, rest.as_bytes()].concat()
    }

    /// An id that nobody but peers of this number has: no limit of anybody else is touched.
    pub(super) fn id(&self) -> String {
        format!("hostile-{}", self.number)
    }
}

/// Odd, with half of its bits set: neighbouring peers start from unrelated seeds.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let said = "polite".parse::<Kind>().expect_err("no such kind").to_string();
        assert!(said.starts_with("\"polite\" is none of slow-heads, "), "{said}");
    }

    #[test]
    fn a_part_depends_on_seed_and_number_alone() {
        let target = Target::new("127.0.0.1:1".parse().expect("an address"));
        for kind in Kind::ALL {
            let parts = |seed| (0..64).map(|number| kind.script(&target, seed, number)).collect::<Vec<_>>();
            assert_eq!(parts(7), parts(7), "{kind}");
            if kind != Kind::SilentVisitors && kind != Kind::ShortVisitors {
                assert_ne!(parts(7), parts(8), "{kind}");
            }
        }
    }
}
