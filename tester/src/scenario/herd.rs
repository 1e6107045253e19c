//! Everybody uses up the quota, reads the same `Retry-After`, and is back at the same moment.

use tollgate_client::plan::{Arrival, Pick};

use super::{Around, Needs, Scenario, Shape, Work, bursts, rule};
use crate::trial::Load;

pub(super) const HERD: Scenario = Scenario {
    name: "herd",
    about: "all clients use up their quota, and all come back at the reset",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, around: &Around<'_>) -> Work {
    if !bursts::fits(around, around.window) {
        // Nobody would be back before the trial is over.
        return Work::plain(load.clone());
    }
    let each = around.limit + 1;
    let clients = bursts::clients(load, around, each);
    let cycle =
        [bursts::stage(around, clients, each), bursts::pause(around.window.saturating_sub(bursts::burst(around)))];
    let cycles = bursts::cycles(load, around.window) + 1;
    let stages = bursts::repeated(&cycle, cycles);
    Work {
        shape: Shape::Stages(stages),
        ..Work::plain(Load { clients, pick: Pick::RoundRobin, arrival: Arrival::Constant, ..load.clone() })
    }
}
