//! The load as it was drawn.

use super::{Needs, Scenario, Work, rule};

pub(super) const STEADY: Scenario = Scenario {
    name: "steady",
    about: "the drawn load, nothing else",
    beside: None,
    needs: Needs::Nothing,
    work: |load, _| Work::plain(load.clone()),
    rule: rule::answered,
};
