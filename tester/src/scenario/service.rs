//! What the scenarios of a gate in front of a service share: the load, and what a gate owes its clients whatever the service does.
//!
//! The limit is judged by admissions alone: a 503 may be a denial, or say that the service can't take more.

use tollgate_client::plan::Pick;
use tollgate_client::{Ledger, Nanos};

use super::{Broken, Work};
use crate::trial::{Load, Seen};
use crate::upstream::{Change, Mood};

/// Half of the requests are of few clients, so that the limit has something to do; the others are of clients who come once, so that the service has.
pub(super) fn load(load: &Load, duration: Nanos) -> Load {
    let pick = "hot:0.0005:0.5".parse::<Pick>().unwrap_or_default();
    let (connections, pipeline) = (load.connections.max(CONNECTIONS), load.pipeline.max(PIPELINE));
    Load { clients: CLIENTS, rate: load.rate.min(MOST), duration, pick, connections, pipeline, ..load.clone() }
}

/// This load, and the patience that a service takes.
pub(super) fn work(load: Load) -> Work {
    Work { timeout: PATIENCE, ..Work::plain(load) }
}

/// The service is like this from [`SICK_FROM`] on, in turn for as long, and well from [`WELL_FROM`] on.
pub(super) fn outage(moods: &[Mood]) -> Vec<Change> {
    let each = Nanos::new((WELL_FROM - SICK_FROM).as_u64() / moods.len() as u64);
    let sick = moods
        .iter()
        .zip(0_u64..)
        .map(|(mood, n)| Change { at: SICK_FROM + Nanos::new(each.as_u64() * n), mood: *mood });
    sick.chain([Change { at: WELL_FROM, mood: Mood::Well }]).collect()
}

/// Every request was answered, by what came from the service, or by what a gate may say in its place.
pub(super) fn answered(seen: &Seen) -> Result<(), Broken> {
    let total = &seen.summary.total;
    whole(&total.ledger)?;
    let count = |status: u16| total.statuses.iter().find(|(seen, _)| *seen == status).map_or(0, |(_, count)| count);
    let strange = |status: &u16| !(200..300).contains(status) && !UNDERSTOOD.contains(status);
    match total.statuses.iter().map(|(status, _)| status).find(strange) {
        Some(status) => Err(Broken::OtherStatus { count: count(status), status }),
        None => Ok(()),
    }
}

/// No request is missing.
pub(super) fn whole(ledger: &Ledger) -> Result<(), Broken> {
    let (requests, responses) = (ledger.sent, ledger.answers());
    if responses < requests { Err(Broken::Unanswered { requests, responses }) } else { Ok(()) }
}

/// From so long after the start of the load on, requests are allowed again.
pub(super) fn allowed_from(seen: &Seen, from: Nanos) -> Result<(), Broken> {
    let since = seen.course.iter().filter(|point| point.from >= from);
    let (offered, allowed) =
        since.fold((0, 0), |(offered, allowed), point| (offered + point.offered, allowed + point.allowed));
    // Half of them are newcomers.
    if offered >= ENOUGH && allowed * 4 < offered { Err(Broken::NotBack { offered, from }) } else { Ok(()) }
}

const SICK_FROM: Nanos = Nanos::from_secs(1);
/// Shorter than a circuit breaker stays open at first, so that it finds the service well when it looks.
const WELL_FROM: Nanos = Nanos::from_secs(3);
/// For so long at most a circuit breaker may stay open before it asks: five seconds, and a fifth more by chance. As the README says.
const BREAKER_WAITS: Nanos = Nanos::from_secs(6);
/// A breaker that opened last of all has closed again, with some time to spare.
pub(super) const BACK_FROM: Nanos = WELL_FROM.saturating_add(BREAKER_WAITS).saturating_add(Nanos::from_secs(2));
/// And for so long it is looked at.
pub(super) const END: Nanos = Nanos::from_secs(15);
/// What is tried is what a gate does, not how fast it or the service is.
const MOST: u64 = 100;
/// Longer than a gate waits for a service before it says so.
const PATIENCE: Nanos = Nanos::from_secs(15);
/// Enough to send all that is due in a few seconds: if nobody is answered, that is to be seen, and not a client that falls behind.
const CONNECTIONS: u32 = 100;
const PIPELINE: u32 = 8;
/// Of whom a half is nobody twice.
const CLIENTS: u32 = 200_000;
/// What a gate says for its own limit, for want of room, for the service, and what the service says when it fails.
const UNDERSTOOD: [u16; 5] = [429, 503, 502, 504, 500];
/// Fewer requests prove nothing: all of them may be denied.
const ENOUGH: u64 = 20;
