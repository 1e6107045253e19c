//! How a limiter is put together, what it takes, and what it shows of itself.

use tollgate_limiter::{Algorithm, Capacity, Ladder, Limiter, Nanos, Override, Quota, Settings};

use crate::traffic::{quota, settings};

fn everything() -> Settings {
    let stack = [quota("5/5s", Algorithm::SlidingWindow), quota("500/1m", Algorithm::FixedWindow)];
    let tier = |ids: &[&str], quotas: &[Quota]| Override {
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        quotas: quotas.to_vec(),
    };
    Settings {
        overrides: vec![tier(&["ann", "bob"], &stack), tier(&["cy"], &stack[1..])],
        allow: vec!["health".to_owned()],
        bans: Some(Ladder::new(3, Nanos::from_secs(1), &[Nanos::from_secs(60)]).expect("possible")),
        capacity: Capacity::clients(100_000).expect("in range"),
        shards: 3,
        seed: 0x00c0_ffee,
        ..settings(&stack)
    }
}

#[test]
fn memory_is_what_the_documentation_says() {
    let settings = everything();
    let clients = |clients| Capacity::clients(clients).expect("in range").bytes_per_quota(3);
    // Two default quotas and the bans, two quotas of a tier of two, one of a tier of one.
    let bytes = 3 * clients(100_000) + 2 * clients(2) + clients(1);
    assert_eq!(Limiter::new(&settings).expect("possible").memory_bytes() as u64, bytes);
    assert_eq!(clients(1), 3 * 704, "the least that a quota takes in three shards");
}

#[test]
fn a_limiter_in_parts_is_the_limiter_in_one() {
    let settings = everything();
    let plan = Limiter::plan(&settings).expect("possible");
    let parts = (0..3).map(|_| plan.build().expect("some memory")).collect();
    let (parted, whole) = (plan.assemble(parts), Limiter::new(&settings).expect("possible"));
    assert_eq!(parted.memory_bytes(), whole.memory_bytes());
    for turn in 0..3_000_u32 {
        let (id, now) = ((turn % 400).to_le_bytes(), Nanos::from_millis(u64::from(turn)));
        assert_eq!(parted.decide(parted.key(&id), now), whole.decide(whole.key(&id), now));
    }
}

#[test]
#[should_panic(expected = "every part is built from this plan")]
fn a_part_of_another_plan_is_refused() {
    let plan = || Limiter::plan(&settings(&[quota("5/5s", Algorithm::SlidingWindow)])).expect("possible");
    let other = plan().build().expect("some memory");
    let _ = plan().assemble(vec![other]);
}

#[test]
#[should_panic(expected = "one part for each shard")]
fn a_missing_part_is_noticed() {
    let plan = Limiter::plan(&everything()).expect("possible");
    let part = plan.build().expect("some memory");
    let _ = plan.assemble(vec![part]);
}

#[test]
fn no_debug_output_shows_the_secret_or_the_table() {
    let settings = everything();
    let plan = Limiter::plan(&settings).expect("possible");
    let part = format!("{:?}", plan.build());
    let limiter = Limiter::new(&settings).expect("possible");
    for shown in [format!("{settings:?}"), format!("{plan:?}"), part, format!("{limiter:?}")] {
        assert!(shown.len() < 1_000, "{shown}");
        assert!(!shown.contains(&settings.seed.to_string()), "{shown}");
    }
}
