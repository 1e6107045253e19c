//! A list of products whose newest, at its end, everybody wants.

use tollgate_client::plan::{Decimal, Pick};

use super::{Around, Needs, Scenario, Work, rule};
use crate::trial::Load;

pub(super) const PRODUCT_LIST: Scenario = Scenario {
    name: "product-list",
    about: "the last tenth of the ids is popular",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    let (tenth, most) = (Decimal::from_millionths(100_000), Decimal::from_millionths(900_000));
    Work::plain(Load { pick: Pick::Tail { part: tenth, share: most }, ..load.clone() })
}
