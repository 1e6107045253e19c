//! The sale opens: ten times the load within a second, and it stays for a while.

use tollgate_client::Nanos;
use tollgate_client::plan::Stage;

use super::{Around, Needs, Scenario, Shape, Work, rule};
use crate::trial::Load;

pub(super) const SPIKE: Scenario = Scenario {
    name: "spike",
    about: "ten times the load within a second, and back",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    let (quiet, busy) = (load.rate.div_ceil(10), load.rate);
    let third = Nanos::new(load.duration.as_u64() / 3);
    let rise = third.min(Nanos::from_secs(1));
    let stages = vec![
        Stage { span: third, from: quiet, to: quiet },
        Stage { span: rise, from: quiet, to: busy },
        Stage { span: third, from: busy, to: busy },
        Stage { span: third.saturating_sub(rise), from: quiet, to: quiet },
    ];
    Work {
        shape: Shape::Stages(stages.into_iter().filter(|stage| stage.span > Nanos::ZERO).collect()),
        ..Work::plain(load.clone())
    }
}
