//! The service behind the gate is gone for a while: its port refuses connections, and those that were open are closed.

use super::service::{self, BACK_FROM, END};
use super::{Around, Broken, Needs, Scenario, Work};
use crate::trial::{Load, Seen};
use crate::upstream::Mood;

pub(super) const UPSTREAM_RESTART: Scenario = Scenario {
    name: "upstream-restart",
    about: "the service behind the gate goes away and comes back",
    beside: None,
    needs: Needs::Service,
    work,
    rule,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    Work { upstream: service::outage(&[Mood::Gone]), ..service::work(service::load(load, END)) }
}

/// As for one that is sick.
fn rule(seen: &Seen) -> Result<(), Broken> {
    service::answered(seen)?;
    service::allowed_from(seen, BACK_FROM)
}
