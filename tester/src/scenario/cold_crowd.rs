//! One hot id in a crowd of cold ones: half of the requests are its own, and it must not push the others out, nor they it.

use tollgate_client::plan::{Decimal, Pick};

use super::{Around, Needs, Scenario, Work, rule};
use crate::trial::Load;

pub(super) const COLD_CROWD: Scenario = Scenario {
    name: "cold-crowd",
    about: "one hot id among many cold ones",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    let one = Decimal::from_millionths(1);
    let half = Decimal::from_millionths(500_000);
    let clients = load.clients.max(CROWD);
    Work::plain(Load { clients, pick: Pick::Hot { part: one, share: half }, ..load.clone() })
}

/// Fewer would be no crowd; up to a million, a millionth of it is one id.
const CROWD: u32 = 1_000;
