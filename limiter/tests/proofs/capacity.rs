//! That many clients fit, in that much memory.

use tollgate_limiter::{Algorithm, Capacity, Decision, DeniedBy, Limiter, Nanos, Settings, WhenFull};

use crate::traffic::{quota, settings};

fn refusing(clients: u64, shards: usize, seed: u64) -> Limiter {
    let capacity = Capacity::clients(clients).expect("more than none");
    let quota = quota("1/1s", Algorithm::FixedWindow);
    Limiter::new(&Settings { capacity, shards, seed, when_full: WhenFull::Refuse, ..settings(&[quota]) })
        .expect("possible")
}

/// Whether a new client finds no room. (Where the table displaces instead, somebody is displaced then.)
fn is_turned_away(limiter: &Limiter, id: u64, now: Nanos) -> bool {
    match limiter.decide(limiter.key(&id.to_le_bytes()), now) {
        Decision::Allow { .. } => false,
        Decision::Deny { by: DeniedBy::Full(0), .. } => true,
        other @ Decision::Deny { .. } => panic!("{other:?} for the new client {id}"),
    }
}

/// Clients of one request come one by one, so that `clients` are live at any time, until all have been replaced some times.
fn turned_away(clients: u64, shards: usize, seed: u64, turnovers: u64) -> u64 {
    let limiter = refusing(clients, shards, seed);
    let newcomers = clients * (1 + turnovers);
    let now = |id: u64| Nanos::new(1_000_000_000 + (u128::from(id) * 1_000_000_000 / u128::from(clients)) as u64);
    (0..newcomers).filter(|id| is_turned_away(&limiter, *id, now(*id))).count() as u64
}

#[test]
fn the_promised_number_of_clients_fits_while_they_come_and_go() {
    let turnovers = 4;
    // Ten clients to a shard, on average: some shards get twice as many.
    for (clients, shards) in [(100_000, 1), (100_000, 8), (10_240, 1_024)] {
        let turned_away = turned_away(clients, shards, 7, turnovers);
        assert!(turned_away * 100_000 < clients * (1 + turnovers), "{turned_away} turned away, in {shards} shards");
    }
}

#[test]
fn the_promised_number_of_clients_fits_also_in_a_small_table() {
    let (mut newcomers, mut turned_away_of_all) = (0, 0);
    for clients in (1..=50).chain([64, 97, 128, 200, 500, 1_000]) {
        for seed in 0..(12_000 / clients).clamp(1, 150) {
            newcomers += clients * 3;
            turned_away_of_all += turned_away(clients, 1, seed, 2);
        }
    }
    assert!(turned_away_of_all * 100_000 < newcomers, "{turned_away_of_all} of {newcomers} turned away");
}

#[test]
fn the_promise_has_an_end() {
    // The test above can fail: three times as many clients don't fit.
    let limiter = refusing(1_000, 1, 7);
    let turned_away = (0..3_000).filter(|id| is_turned_away(&limiter, *id, Nanos::from_secs(1))).count();
    assert!(turned_away > 500, "{turned_away}");
}

#[test]
fn a_client_takes_at_most_32_bytes_and_a_shard_4_kib() {
    for clients in
        (0..24).map(|power| 1_u64 << power).flat_map(|n| [n, n + n / 3, n + n / 2 + 1]).chain([10_000_000, 1 << 32])
    {
        for shards in [1, 2, 3, 7, 16, 33, 64] {
            let capacity = Capacity::clients(clients).expect("in range");
            let bytes = capacity.bytes_per_quota(shards);
            assert!(bytes <= 32 * clients + 4_096 * shards as u64, "{bytes} for {clients} in {shards}");
            if clients <= 100_000 {
                let settings = Settings { capacity, shards, ..settings(&[quota("5/5s", Algorithm::SlidingWindow)]) };
                let limiter = Limiter::new(&settings).expect("possible");
                assert_eq!(limiter.memory_bytes() as u64, bytes, "{clients} in {shards}, as built");
            }
        }
    }
}
