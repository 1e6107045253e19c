//! From little to all.

use tollgate_client::plan::Stage;

use super::{Around, Needs, Scenario, Shape, Work, rule};
use crate::trial::Load;

pub(super) const RAMP: Scenario = Scenario {
    name: "ramp",
    about: "from a tenth of the rate to all of it",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    let stage = Stage { span: load.duration, from: load.rate / 10, to: load.rate };
    Work { shape: Shape::Stages(vec![stage]), ..Work::plain(load.clone()) }
}
