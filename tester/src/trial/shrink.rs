//! Less of everything: the steps from a load that fails to the smallest that still does.
//!
//! Greedy: of all the ways to make it smaller, the first that still fails is taken, and it goes on from there. Halving first, because it
//! saves the most; then one feature after the other.

use tollgate_client::Nanos;
use tollgate_client::plan::{Affinity, Arrival, Pick};

use super::{Load, Setting};

/// Every load that is one step smaller, what saves most first.
pub fn smaller(load: &Load) -> Vec<Setting> {
    let half = Load::whole(Nanos::new(load.duration.as_u64() / 2));
    let steps = [
        (half >= SHORTEST).then_some(Setting::Duration(half)),
        (load.rate > 1).then_some(Setting::Rate(load.rate / 2)),
        (load.clients > 1).then_some(Setting::Clients(load.clients / 2)),
        (load.connections > 1).then_some(Setting::Connections(load.connections / 2)),
        (load.pipeline > 1).then_some(Setting::Pipeline(load.pipeline / 2)),
        (load.churn > 0).then_some(Setting::Churn(0)),
        (load.affinity != Affinity::Spray).then_some(Setting::Affinity(Affinity::Spray)),
        (load.arrival != Arrival::Constant).then_some(Setting::Arrival(Arrival::Constant)),
        (load.pick != Pick::RoundRobin).then_some(Setting::Pick(Pick::RoundRobin)),
    ];
    steps.into_iter().flatten().collect()
}

/// The smallest load, found with at most so many tries, for which `fails` says that it fails. `load` itself must fail.
pub fn shrink(load: &Load, mut tries: u32, mut fails: impl FnMut(&Load) -> bool) -> Load {
    let mut smallest = load.clone();
    let mut untried = smaller(&smallest).into_iter();
    while let Some(step) = untried.next() {
        if tries == 0 {
            break;
        }
        tries -= 1;
        let candidate = smallest.clone().with(&step);
        if fails(&candidate) {
            smallest = candidate;
            untried = smaller(&smallest).into_iter();
        }
    }
    smallest
}

/// A trial that is shorter shows nothing but its start.
const SHORTEST: Nanos = Nanos::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    fn large() -> Load {
        Load {
            clients: 1_000,
            connections: 100,
            rate: 10_000,
            duration: Nanos::from_secs(60),
            arrival: Arrival::Poisson,
            pick: Pick::Uniform,
            pipeline: 16,
            churn: 10,
            affinity: Affinity::Sticky,
        }
    }

    #[test]
    fn what_the_failure_does_not_need_is_taken_away() {
        let needs = |load: &Load| load.connections >= 3 && load.rate >= 700 && load.pipeline > 1;
        let small = shrink(&large(), 1_000, needs);
        assert!(needs(&small));
        assert_eq!((small.clients, small.connections, small.rate, small.pipeline), (1, 3, 1_250, 2));
        assert_eq!((small.churn, small.affinity, small.arrival), (0, Affinity::Spray, Arrival::Constant));
        assert!(
            smaller(&small).iter().all(|step| !needs(&small.clone().with(step)) || matches!(step, Setting::Pick(_)))
        );
    }

    #[test]
    fn it_tries_no_more_often_than_it_may() {
        let mut tried = 0;
        let small = shrink(&large(), 5, |_| {
            tried += 1;
            false
        });
        assert_eq!((tried, small), (5, large()));
    }
}
