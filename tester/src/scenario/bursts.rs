//! Stages that hit instants of a window rather than a rate.

use tollgate_client::Nanos;
use tollgate_client::plan::Stage;

use super::{Around, soak};
use crate::trial::Load;

/// How long one burst takes.
pub(super) fn burst(around: &Around<'_>) -> Nanos {
    Nanos::new(around.window.as_u64() / PARTS)
}

/// As many clients as can send `each` in a burst at the load's rate.
pub(super) fn clients(load: &Load, around: &Around<'_>, each: u32) -> u32 {
    let room = load.rate as f64 * burst(around).as_secs_f64() / f64::from(each);
    (room as u32).clamp(1, load.clients)
}

/// Each of so many clients sends so many requests in a burst.
pub(super) fn stage(around: &Around<'_>, clients: u32, each: u32) -> Stage {
    within(burst(around), clients.saturating_mul(each))
}

/// So many requests in so long.
pub(super) fn within(span: Nanos, requests: u32) -> Stage {
    let rate = (f64::from(requests) / span.as_secs_f64()).ceil() as u64;
    Stage { span, from: rate, to: rate }
}

/// Nobody sends anything.
pub(super) const fn pause(span: Nanos) -> Stage {
    Stage { span, from: 0, to: 0 }
}

/// How often what takes `cycle` fits into the load's duration; at least once.
pub(super) fn cycles(load: &Load, cycle: Nanos) -> u64 {
    (load.duration.as_u64() / cycle.as_u64().max(1)).max(1)
}

/// One cycle after the other, so often; the plan of a soak must not be a list without end.
pub(super) fn repeated(cycle: &[Stage], times: u64) -> Vec<Stage> {
    cycle.repeat(times.min(MOST_CYCLES) as usize)
}

/// Whether this takes no longer than the longest soak may: with a quota per hour, a trial of seconds must not take two hours.
pub(super) fn fits(around: &Around<'_>, cycle: Nanos) -> bool {
    cycle.as_u64() / soak::LONGER <= around.space.duration.most()
}

/// A burst is this part of a window: short beside it, and long enough that its requests are sent when they are due.
const PARTS: u64 = 10;
const MOST_CYCLES: u64 = 1_000;
