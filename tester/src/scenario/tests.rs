use std::collections::BTreeSet;

use tollgate_client::plan::{Affinity, Arrival, IdPlace, Pick, Plan};

use super::*;
use crate::trial::{Span, Target, Trial};

fn space() -> Space {
    Space {
        clients: Span::new(1, 1_000_000),
        connections: Span::new(1, 500),
        rate: Span::new(1, 50_000),
        duration: Span::new(100_000_000, 60_000_000_000),
        pipeline: Span::new(1, 32),
        arrivals: vec![Arrival::Poisson],
        picks: vec![Pick::Uniform],
        churns: vec![0],
        affinities: vec![Affinity::Spray],
        scenarios: all().collect(),
    }
}

fn load(clients: u32, rate: u64, seconds: u64) -> Load {
    Load {
        clients,
        connections: 10,
        rate,
        duration: Nanos::from_secs(seconds),
        arrival: Arrival::Poisson,
        pick: Pick::Uniform,
        pipeline: 4,
        churn: 0,
        affinity: Affinity::Spray,
    }
}

fn plan(name: &str, load: Load) -> Plan {
    let space = space();
    let scenario: &Scenario = name.parse().unwrap();
    let around = Around { space: &space, limit: 5, window: Nanos::from_secs(1) };
    let work = (scenario.work)(&load, &around);
    let target = Target { url: "http://127.0.0.1:1/".to_owned(), id: IdPlace::Path };
    target.plan(&Trial { number: 1, seed: 1, scenario, load }, &work, "x").unwrap()
}

/// When each request of a client is due, in milliseconds.
fn due(plan: &Plan, client: u32) -> Vec<u64> {
    let numbers = (0..).take_while(|n| plan.due(*n).is_some()).filter(|n| plan.id(*n) == client);
    numbers.map(|n| plan.due(n).unwrap().as_u64() / 1_000_000).collect()
}

#[test]
fn names_are_unique_and_every_corner_of_the_space_makes_a_plan() {
    let names: BTreeSet<&str> = all().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), all().count());
    for scenario in all() {
        for (clients, rate, seconds) in [(1, 1, 1), (1_000_000, 50_000, 60), (1, 50_000, 60), (1_000_000, 1, 1)] {
            let plan = plan(scenario.name, load(clients, rate, seconds));
            assert!(plan.stop().after.is_some(), "{} ends", scenario.name);
        }
    }
}

#[test]
fn the_window_edge_has_a_quota_on_each_side_of_each_clients_own_edge() {
    let plan = plan("window-edge", load(3, 1_000, 2));
    for client in 0..3 {
        let due = due(&plan, client);
        let (opened, edge) = (due[0], due[0] + 1_000);
        let before = due.iter().filter(|due| (opened + 1..edge).contains(due)).count();
        let after = due.iter().filter(|due| (edge..edge + 200).contains(due)).count();
        assert!((4..=6).contains(&before) && (4..=6).contains(&after), "client {client}: {due:?}");
    }
}

#[test]
fn the_herd_comes_in_bursts_a_window_apart() {
    let due = due(&plan("herd", load(4, 1_000, 3)), 2);
    assert_eq!(due.len(), 4 * 6, "a quota and one more, at the start and in each of three windows");
    for (burst, requests) in due.chunks(6).enumerate() {
        let start = 1_000 * burst as u64;
        assert!(requests.iter().all(|due| (start..start + 100).contains(due)), "{requests:?}");
    }
}

#[test]
fn churn_never_has_the_same_client_twice() {
    let plan = plan("id-churn", load(1, 2_000, 2));
    let clients: Vec<u32> = (0..).take_while(|n| plan.due(*n).is_some()).map(|n| plan.id(n)).collect();
    assert!(clients.len() > 3_000);
    assert_eq!(clients.iter().collect::<BTreeSet<_>>().len(), clients.len());
}

#[test]
fn the_spike_is_ten_times_the_quiet_load() {
    let plan = plan("spike", load(10, 10_000, 9));
    let per_second = |from, to| plan.due_between(Nanos::from_secs(from), Nanos::from_secs(to)) / (to - from) as f64;
    assert_eq!([per_second(0, 3), per_second(4, 7), per_second(8, 9)].map(f64::round), [1_000.0, 10_000.0, 1_000.0]);
}

#[test]
fn smoke_is_250_a_second_unless_the_flags_allow_less() {
    let plan = plan("smoke", load(1, 7, 7));
    let length = Nanos::from_secs(30);
    assert_eq!((plan.stop().after, plan.due_between(Nanos::ZERO, length).round()), (Some(length), 7_500.0));
    assert_eq!(plan.ids(), 7_500);
}

#[test]
fn a_scenario_that_does_not_exist_is_told_with_those_that_do() {
    let told = "smoke,rain".parse::<&Scenario>().unwrap_err().to_string();
    assert!(told.contains("write all or some of smoke, steady, ramp"), "{told}");
}

#[test]
fn with_a_window_of_an_hour_no_trial_takes_longer_than_a_soak() {
    let space = space();
    for scenario in all() {
        let load = load(10, 100, 60);
        let around = Around { space: &space, limit: 5, window: Nanos::from_secs(3_600) };
        let work = (scenario.work)(&load, &around);
        let target = Target { url: "http://127.0.0.1:1/".to_owned(), id: IdPlace::Path };
        let plan = target.plan(&Trial { number: 1, seed: 1, scenario, load }, &work, "x").unwrap();
        assert!(plan.stop().after.unwrap() <= Nanos::from_secs(600), "{}", scenario.name);
    }
}
