//! The double burst: who counts by windows lets a client have its quota twice in a moment, once on each side of the edge.
//!
//! ```text
//!   requests of a client   1            N N
//!                          ├── window ───┤├── window …
//! ```

use tollgate_client::Nanos;
use tollgate_client::plan::{Arrival, Pick};

use super::{Around, Needs, Scenario, Shape, Work, bursts, rule};
use crate::trial::Load;

pub(super) const WINDOW_EDGE: Scenario = Scenario {
    name: "window-edge",
    about: "each client's quota just before its window ends, and again just after",
    beside: None,
    needs: Needs::Nothing,
    work,
    rule: rule::answered,
};

fn work(load: &Load, around: &Around<'_>) -> Work {
    if !bursts::fits(around, around.window + around.window) {
        // No trial is long enough for a window to end in it.
        return Work::plain(load.clone());
    }
    let clients = bursts::clients(load, around, around.limit);
    let quota = bursts::stage(around, clients, around.limit);
    // All windows open within a tenth of a burst: a pause as long, at the edge, is on the other side of it for everybody.
    let opening = bursts::within(Nanos::new(quota.span.as_u64() / 10), clients);
    let waiting = bursts::pause(around.window - quota.span - opening.span);
    let cycle = [opening, waiting, quota, bursts::pause(opening.span), quota, bursts::pause(around.window)];
    let cycles = bursts::cycles(load, around.window + around.window + quota.span);
    let stages = bursts::repeated(&cycle, cycles);
    Work {
        shape: Shape::Stages(stages),
        // In turn and evenly: then each client's requests lie at the same places of its window.
        ..Work::plain(Load { clients, pick: Pick::RoundRobin, arrival: Arrival::Constant, ..load.clone() })
    }
}
