//! Is it there at all? Gentle enough for any server: a failure here is none of load.

use tollgate_client::Nanos;
use tollgate_client::plan::{Arrival, Pick};

use super::{Around, Broken, Needs, Scenario, Work, rule};
use crate::trial::{Load, Seen};

pub(super) const SMOKE: Scenario = Scenario {
    name: "smoke",
    about: "250 new clients a second for 30 s, within --rate and --duration",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule,
};

fn work(load: &Load, around: &Around<'_>) -> Work {
    let rate = around.space.rate.nearest(CLIENTS_PER_SECOND);
    let duration = Nanos::new(around.space.duration.nearest(LENGTH.as_u64()));
    let clients = (rate as f64 * duration.as_secs_f64()).ceil().max(1.0) as u32;
    Work::plain(Load { clients, rate, duration, pick: Pick::Seq(None), arrival: Arrival::Constant, ..load.clone() })
}

fn rule(seen: &Seen) -> Result<(), Broken> {
    rule::answered(seen)?;
    rule::in_time(seen, RESPONSE_TIME)?;
    let ledger = &seen.summary.total.ledger;
    let ratio = ledger.answers() as f64 / ledger.planned.max(1) as f64;
    if ratio < THROUGHPUT { Err(Broken::Behind { ratio, least: THROUGHPUT }) } else { Ok(()) }
}

const CLIENTS_PER_SECOND: u64 = 250;
const LENGTH: Nanos = Nanos::from_secs(30);
/// A page that takes longer feels slow; a machine that is shared has its moments.
const RESPONSE_TIME: Nanos = Nanos::from_millis(500);
const THROUGHPUT: f64 = 0.99;
