//! What holds for plans as a whole.

use super::{Affinity, Due, Pick, Plan, PlanSettings, Planned, Rate, RequestSettings, Schedule, Share, Stop};
use crate::clock::Nanos;
use crate::plan::Arrival;
use crate::plan::testing::TempFile;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

fn settings() -> PlanSettings {
    PlanSettings { seed: 1, clients: 20, ..PlanSettings::default() }
}

fn open(rate: u64, arrival: Arrival) -> Schedule {
    Schedule::Open { rate: Rate::Constant(rate).over(None).unwrap(), arrival }
}

/// A share's requests: its order, and that `due` announces what `take` gives.
fn drain(mut share: Share<'_>) -> Vec<Planned> {
    let taken = std::iter::from_fn(|| {
        let due = share.due();
        let planned = (due != Due::Never).then(|| share.take())?;
        assert_eq!(due, planned.due.map_or(Due::Now, Due::At));
        Some(planned)
    });
    taken.collect()
}

fn union(plan: &Plan, workers: u32) -> Vec<Planned> {
    let mut all: Vec<Planned> = (0..workers).flat_map(|worker| drain(plan.share(worker, workers))).collect();
    all.sort_by_key(|planned| planned.n);
    all
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let profile = |text: &str| text.parse().unwrap();
    let think = |text: &str| Schedule::Think(text.parse().unwrap());
    prop_oneof![
        Just(Schedule::Closed),
        Just(open(500, Arrival::Poisson)),
        Just(open(500, Arrival::Constant)),
        Just(Schedule::Open { rate: profile("1s@100,2s@0,1s@100:900,100ms@0"), arrival: Arrival::Poisson }),
        Just(Schedule::Open { rate: profile("1s@0,1s@300:0,1s@200"), arrival: Arrival::Constant }),
        Just(think("uniform:10ms:1s")),
        Just(think("exp:100ms")),
        Just(think("fixed:50ms")),
    ]
}

fn picks() -> impl Strategy<Value = Pick> {
    let pick = |text: &str| text.parse::<Pick>().unwrap();
    let texts = ["uniform", "rr", "zipf:1.1", "hot:0.2:0.8", "hot:0.01:1", "tail:0.1", "tail:0.1:1", "seq", "seq:1M"];
    prop_oneof![2 => Just(Pick::Uniform), 5 => (0..texts.len()).prop_map(move |place| pick(texts[place]))]
}

proptest! {
    #[test]
    fn the_union_of_all_shares_is_the_plan(
        schedule in schedules(), pick in picks(), seed in any::<u64>(), clients in 1..50u32,
        sticky in any::<bool>(), requests in 0..600u64, limit_time in any::<bool>(),
    ) {
        let thinking = matches!(schedule, Schedule::Think(_));
        let pick = if thinking { Pick::RoundRobin } else { pick };
        let affinity = if sticky { Affinity::Sticky } else { Affinity::Spray };
        let stop = Stop { after: limit_time.then(|| Nanos::from_millis(700)), requests: Some(requests) };
        let plan = Plan::new(PlanSettings { seed, schedule, stop, clients, pick, affinity, ..settings() }).unwrap();
        let whole = union(&plan, 1);
        for planned in &whole {
            assert_eq!((planned.due, planned.id), (plan.due(planned.n), plan.id(planned.n)));
            assert!(u64::from(planned.id) < plan.ids() && planned.n < requests);
        }
        let closed = *plan.schedule() == Schedule::Closed;
        let exist = (0..requests).filter(|&n| closed || plan.due(n).is_some()).count();
        assert_eq!(whole.len(), exist, "each request comes, and once");
        for workers in 2..=8 {
            assert_eq!(union(&plan, workers), whole, "{workers} workers");
        }
    }

    #[test]
    fn a_worker_gets_its_own_requests_in_order(schedule in schedules(), pick in picks(), sticky in any::<bool>(), workers in 1..8u32) {
        let thinking = matches!(schedule, Schedule::Think(_));
        let pick = if thinking { Pick::Uniform } else { pick };
        let affinity = if sticky { Affinity::Sticky } else { Affinity::Spray };
        let stop = Stop { after: None, requests: Some(500) };
        let plan = Plan::new(PlanSettings { schedule, stop, pick, affinity, ..settings() }).unwrap();
        for worker in 0..workers {
            let taken = drain(plan.share(worker, workers));
            assert!(taken.is_sorted_by_key(|planned| planned.due));
            let mine = |planned: &Planned| match affinity {
                Affinity::Spray if !thinking => planned.n % u64::from(workers) == u64::from(worker),
                _ => planned.id % workers == worker,
            };
            assert!(taken.iter().all(mine));
        }
    }
}

#[test]
fn a_worker_whose_ids_never_come_is_idle_rather_than_searching_forever() {
    for (pick, clients) in [("uniform", 2), ("hot:0.1:1", 20), ("tail:0.1:1", 20)] {
        let pick = pick.parse().unwrap();
        let plan = Plan::new(PlanSettings { clients, pick, affinity: Affinity::Sticky, ..settings() }).unwrap();
        let busy = (0..4).filter(|&worker| plan.share(worker, 4).due() == Due::Now).count();
        assert_eq!(busy, 2);
    }
}

#[test]
#[should_panic(expected = "never due")]
fn taking_from_a_share_at_its_end_is_a_mistake() {
    let plan = Plan::new(PlanSettings { stop: Stop { after: None, requests: Some(0) }, ..settings() }).unwrap();
    plan.share(0, 1).take();
}

#[test]
fn thinking_clients_send_under_their_own_ids() {
    let think = || Schedule::Think("exp:100ms".parse().unwrap());
    let pick = "zipf:1.1".parse().unwrap();
    let error = Plan::new(PlanSettings { schedule: think(), pick, ..settings() }).unwrap_err().to_string();
    assert!(error.starts_with("--pick \"zipf:1.1\": with --think each client"), "{error}");
    let file = TempFile::new("a\nb\na\nc\n");
    let pick = Pick::File(file.path().to_owned());
    let stop = Stop { after: None, requests: Some(9) };
    let plan = Plan::new(PlanSettings { schedule: think(), pick, stop, ..settings() }).unwrap();
    let ids: Vec<u32> = union(&plan, 2).iter().map(|planned| planned.id).collect();
    assert_eq!(ids, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn no_clients_is_refused() {
    let error = Plan::new(PlanSettings { clients: 0, ..settings() }).unwrap_err().to_string();
    assert!(error.starts_with("--clients \"0\": must be between 1 and"), "{error}");
}

#[test]
fn whatever_changes_the_requests_changes_the_hash_and_nothing_else_does() {
    let of = |settings: PlanSettings| Plan::new(settings).unwrap().hash();
    let file = |content: &str| TempFile::new(content);
    let picked = |file: &TempFile| of(PlanSettings { pick: Pick::File(file.path().to_owned()), ..settings() });
    let url = |url: &str| PlanSettings {
        request: RequestSettings { url: url.to_owned(), ..Default::default() },
        ..settings()
    };
    let ramp = |seconds| {
        let rate = Rate::Ramp(1, 9).over(Some(Nanos::from_secs(seconds))).unwrap();
        Schedule::Open { rate, arrival: Arrival::Poisson }
    };
    let (one, same, other) = (file("a\nb\na\n"), file("a\nb\na\n"), file("a\nb\nb\n"));
    let csv = |file: &TempFile| of(url(&format!("http://h/{{csv:{}:1}}", file.path().display())));
    let hashes = [
        of(settings()),
        of(PlanSettings { seed: 2, ..settings() }),
        of(PlanSettings { clients: 21, ..settings() }),
        of(PlanSettings { schedule: open(500, Arrival::Poisson), ..settings() }),
        of(PlanSettings { schedule: open(501, Arrival::Poisson), ..settings() }),
        of(PlanSettings { schedule: open(500, Arrival::Constant), ..settings() }),
        of(PlanSettings { schedule: ramp(5), ..settings() }),
        of(PlanSettings { schedule: ramp(6), ..settings() }),
        of(PlanSettings { schedule: Schedule::Think("exp:1s".parse().unwrap()), ..settings() }),
        of(PlanSettings { schedule: Schedule::Think("fixed:1s".parse().unwrap()), ..settings() }),
        of(PlanSettings { stop: Stop { after: None, requests: Some(5) }, ..settings() }),
        of(PlanSettings { stop: Stop { after: Some(Nanos::new(5)), requests: None }, ..settings() }),
        of(PlanSettings { pick: Pick::RoundRobin, ..settings() }),
        of(PlanSettings { pick: "zipf:1.1".parse().unwrap(), ..settings() }),
        of(PlanSettings { pick: "zipf:1.2".parse().unwrap(), ..settings() }),
        of(PlanSettings { affinity: Affinity::Sticky, ..settings() }),
        of(url("http://h/")),
        of(url("http://h/a")),
        of(url("http://h/{rand:1:5}")),
        of(url("http://h/{rand:2:5}")),
        of(url("http://h/{rand:2:6}")),
        of(url("http://h/{zipf:1.1:1:5}")),
        of(url("http://h/{zipf:1.2:1:5}")),
        of(url("http://h/{seq}")),
        picked(&one),
        picked(&other),
        csv(&one),
        csv(&other),
    ];
    let distinct: std::collections::HashSet<u64> = hashes.into_iter().collect();
    assert_eq!(distinct.len(), hashes.len());
    assert_eq!((picked(&one), csv(&one)), (picked(&same), csv(&same)), "the contents count, not the name");
}

#[test]
fn a_plan_is_the_same_in_the_next_release() {
    let plan = |schedule| Plan::new(PlanSettings { schedule, seed: 42, ..settings() }).unwrap();
    let closed = plan(Schedule::Closed);
    let ids: Vec<u32> = (0..8).map(|n| closed.id(n)).collect();
    assert_eq!(ids, [15, 19, 5, 7, 2, 15, 6, 19]);
    assert_eq!(format!("{:016x}", closed.hash()), "b51ea5d12c37afca");
}
