//! One path of the service behind the gate is slow, and some ask for nothing else: whoever asks for other paths must not notice.

use tollgate_client::Nanos;

use super::service;
use super::{Around, Broken, Needs, Scenario, Work};
use crate::trial::{Load, Seen};
use crate::upstream::SLOW_TAKES;

pub(super) const SLOW_AMONG_FAST: Scenario = Scenario {
    name: "slow-among-fast",
    about: "one path of the service behind the gate is slow, the load asks for others",
    beside: None,
    needs: Needs::Service,
    work,
    rule,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    Work { slow_beside: true, ..service::work(service::load(load, LENGTH)) }
}

fn rule(seen: &Seen) -> Result<(), Broken> {
    service::answered(seen)?;
    service::allowed_from(seen, Nanos::ZERO)?;
    seen.slow.as_ref().map_or(Ok(()), service::whole)?;
    // Since they were sent: a client that is late itself is no gate's fault.
    let p90 = Nanos::new(seen.summary.total.allowed.service.value_at_quantile(0.9));
    if p90 > MOST { Err(Broken::HeldUp { p90, slow: SLOW_TAKES }) } else { Ok(()) }
}

const LENGTH: Nanos = Nanos::from_secs(8);
/// Much more than a machine that is shared adds, and less than waiting behind a slow answer.
const MOST: Nanos = Nanos::new(SLOW_TAKES.as_u64() / 2);
