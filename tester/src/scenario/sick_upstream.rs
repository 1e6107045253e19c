//! The service behind the gate fails, then hangs up on everybody, and then is well again.

use super::service::{self, BACK_FROM, END};
use super::{Around, Broken, Needs, Scenario, Work};
use crate::trial::{Load, Seen};
use crate::upstream::Mood;

pub(super) const SICK_UPSTREAM: Scenario = Scenario {
    name: "sick-upstream",
    about: "the service behind the gate fails, hangs up, and recovers",
    beside: None,
    needs: Needs::Service,
    work,
    rule,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    Work { upstream: service::outage(&[Mood::Failing, Mood::HangingUp]), ..service::work(service::load(load, END)) }
}

/// Whoever asks is told; and soon after it has recovered, the service is asked again.
fn rule(seen: &Seen) -> Result<(), Broken> {
    service::answered(seen)?;
    service::allowed_from(seen, BACK_FROM)
}
