//! Long and quiet: what leaks, leaks here.

use tollgate_client::Nanos;

use super::{Around, Needs, Scenario, Work, rule};
use crate::trial::Load;

pub(super) const SOAK: Scenario = Scenario {
    name: "soak",
    about: "a tenth of the rate, ten times as long",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    let duration = Nanos::new(load.duration.as_u64().saturating_mul(LONGER));
    Work::plain(Load { duration, rate: load.rate.div_ceil(LONGER), ..load.clone() })
}

/// So many times as long, at so much less of a rate.
pub(super) const LONGER: u64 = 10;
