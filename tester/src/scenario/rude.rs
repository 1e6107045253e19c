//! Rude peers beside the drawn load: one scenario for each kind. They are treated as HTTP says, and the load doesn't notice.

use super::{Around, Broken, Needs, Scenario, Work, rule};
use crate::hostile::Kind;
use crate::trial::{Load, Seen};

/// In the order of their kinds.
pub(super) const ALL: [Scenario; 12] = [
    rude(Kind::SlowHeads, "peers that send a head one byte at a time beside the load"),
    rude(Kind::SlowBodies, "peers that send a body one byte at a time beside the load"),
    rude(Kind::SlowReaders, "peers that ask for hundreds of answers and hardly read, beside the load"),
    rude(Kind::HalfClosers, "peers that ask, and close their half of the connection, beside the load"),
    rude(Kind::Resetters, "peers that reset their connection in the middle of a request, beside the load"),
    rude(Kind::SilentVisitors, "peers that connect and leave without a byte, beside the load"),
    rude(Kind::ShortVisitors, "peers that connect for one request, beside the load"),
    rude(Kind::BrokenPipelines, "pipelines with a malformed request inside, beside the load"),
    rude(Kind::OddIds, "ids that are long, empty, encoded, no text or given twice, beside the load"),
    rude(Kind::HugeHeads, "heads far beyond any bound, beside the load"),
    rude(Kind::LongBodies, "bodies longer than they were said to be, beside the load"),
    rude(Kind::BadChunks, "chunks that are none, beside the load"),
];

const fn rude(kind: Kind, about: &'static str) -> Scenario {
    Scenario { name: kind.name(), about, beside: Some(kind), needs: Needs::Nothing, work, rule }
}

/// They come in numbers of their own; the load leaves them room.
fn work(load: &Load, _: &Around<'_>) -> Work {
    Work::plain(Load { rate: load.rate.min(MOST), ..load.clone() })
}

fn rule(seen: &Seen) -> Result<(), Broken> {
    rule::answered(seen)?;
    match &seen.treatment {
        Some(treatment) if !treatment.is_proper() => Err(Broken::Treated(Box::new(treatment.clone()))),
        _ => Ok(()),
    }
}

/// What is tried is manners, not speed.
const MOST: u64 = 5_000;
