//! One id on every connection, as fast as answers come: all cores want the same slot.

use tollgate_client::plan::Affinity;

use super::{Around, Needs, Scenario, Shape, Work, rule};
use crate::trial::Load;

pub(super) const HOT_ID: Scenario = Scenario {
    name: "hot-id",
    about: "one id from all connections, as fast as answers come",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    Work { shape: Shape::Closed, ..Work::plain(Load { clients: 1, affinity: Affinity::Spray, ..load.clone() }) }
}
