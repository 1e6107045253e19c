//! One decision, the hash of the client's id included: Tollgate's limiter and governor's keyed one on the same ids.
//!
//! Every figure is of one branch, named in its title, and each run checks that it took no other: *allow* visits each client
//! every 1.25 s under a quota of 5 per 5 s (found in the table, charged, written back); *deny* asks for clients who have used
//! their quota up (found, nothing written). Ids are text of 16 digits, all clients in turn in an order without a pattern, so
//! that a million clients means a million clients' memory, not one lucky line of cache.

mod gate;
mod lane;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};

use tollgate_benches::affinity;
use tollgate_benches::ids::client_ids;
use tollgate_limiter::Algorithm;

use crate::gate::{Batched, Gate, Governor, GovernorAsDocumented, Tollgate};
use crate::lane::{Branch, Lane, Lanes};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(1500))
        .configure_from_args();
    for branch in [Branch::Allow, Branch::Deny] {
        one_thread(&mut criterion, branch);
        two_threads(&mut criterion, branch);
    }
    hot_client(&mut criterion);
    other_algorithms(&mut criterion);
    new_clients(&mut criterion);
    key(&mut criterion);
    criterion.final_summary();
}

/// Run by `cargo test`: every bench once, and small.
fn is_test() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}

fn sizes() -> &'static [(usize, &'static str)] {
    if is_test() { &[(1_000, "1k")] } else { &[(1_000, "1k"), (1_000_000, "1M"), (10_000_000, "10M")] }
}

fn million() -> usize {
    if is_test() { 1_000 } else { 1_000_000 }
}

fn one_thread(criterion: &mut Criterion, branch: Branch) {
    let mut group = criterion.benchmark_group(format!("{branch}, 1 thread"));
    for &(clients, name) in sizes() {
        let lanes = || Lanes::new(vec![Lane::new(client_ids(clients), branch)]);
        measure(&mut group, "tollgate", name, || Tollgate::new(clients, 1), lanes);
        measure(&mut group, "tollgate, batches of 16", name, || Batched(Tollgate::new(clients, 1)), lanes);
        measure(&mut group, "governor", name, || GovernorAsDocumented::new(branch), lanes);
        measure(&mut group, "governor, tuned", name, || Governor::<String>::new(clients), lanes);
        measure(&mut group, "governor, tuned, keys of 16 bytes", name, || Governor::<[u8; 16]>::new(clients), lanes);
    }
}

/// Each thread has half of the clients; their slots are mixed in the table. A figure is the time in which *both* threads
/// made one decision.
fn two_threads(criterion: &mut Criterion, branch: Branch) {
    if !two_cpus() {
        return;
    }
    let mut group = criterion.benchmark_group(format!("{branch}, 2 threads"));
    let clients = million();
    let lanes = || {
        let mut first = client_ids(clients);
        let second = first.split_off(clients / 2);
        Lanes::new(vec![Lane::new(first, branch), Lane::new(second, branch)])
    };
    group.throughput(Throughput::Elements(2));
    measure(&mut group, "tollgate", "1M", || Tollgate::new(clients, 2), lanes);
    measure(&mut group, "governor", "1M", || GovernorAsDocumented::new(branch), lanes);
    measure(&mut group, "governor, tuned", "1M", || Governor::<String>::new(clients), lanes);
    measure(&mut group, "governor, tuned, keys of 16 bytes", "1M", || Governor::<[u8; 16]>::new(clients), lanes);
}

/// One client who floods and is denied: from one thread, and from two at once.
fn hot_client(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deny, one hot client");
    let hot = client_ids(1).remove(0);
    for threads in [1, 2] {
        if threads == 2 && !two_cpus() {
            continue;
        }
        let name = if threads == 1 { "1 thread" } else { "2 threads" };
        let lanes =
            || Lanes::new((0..threads).map(|_| Lane::new(vec![hot.clone(); gate::CHUNK], Branch::Deny)).collect());
        group.throughput(Throughput::Elements(threads));
        measure(&mut group, "tollgate", name, || Tollgate::new(1_000, 2), lanes);
        measure(&mut group, "governor", name, || GovernorAsDocumented::new(Branch::Deny), lanes);
        measure(&mut group, "governor, tuned", name, || Governor::<String>::new(1_000), lanes);
        measure(&mut group, "governor, tuned, keys of 16 bytes", name, || Governor::<[u8; 16]>::new(1_000), lanes);
    }
}

/// Among them the bucket, which is governor's algorithm.
fn other_algorithms(criterion: &mut Criterion) {
    let clients = million();
    for branch in [Branch::Allow, Branch::Deny] {
        let mut group = criterion.benchmark_group(format!("{branch}, 1 thread, other algorithms"));
        let lanes = || Lanes::new(vec![Lane::new(client_ids(clients), branch)]);
        for algorithm in Algorithm::ALL.into_iter().filter(|&algorithm| algorithm != Algorithm::SlidingWindow) {
            let title = format!("tollgate, {algorithm}");
            measure(&mut group, &title, "1M", || Tollgate::with_algorithm(clients, 1, algorithm), lanes);
        }
    }
}

/// Every id is new, a quarter million others are still live: each decision claims a slot whose client is long gone.
fn new_clients(criterion: &mut Criterion) {
    let (ids, capacity) = (2 * million(), million());
    let mut group = criterion.benchmark_group(Branch::AllowNew.to_string());
    let lanes = || Lanes::new(vec![Lane::new(client_ids(ids), Branch::AllowNew)]);
    measure(&mut group, "tollgate", "1M", || Tollgate::new(capacity, 1), lanes);
}

/// The hash alone, which every figure above includes.
fn key(criterion: &mut Criterion) {
    let gate = Tollgate::new(1_000, 1);
    let ids = client_ids(1_000);
    let mut next = ids.iter().cycle();
    criterion.bench_function("key of an id of 16 bytes", |bencher| {
        bencher.iter(|| next.next().map(|id| gate.limiter().key(black_box(id.as_bytes()))));
    });
}

/// One line of a group. Gate and ids are built on first use, so that a filtered run builds nothing else.
fn measure<G: Gate>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    title: &str,
    parameter: &str,
    gate: impl Fn() -> G,
    lanes: impl Fn() -> Lanes,
) {
    let mut prepared = None;
    group.bench_function(BenchmarkId::new(title, parameter), |bencher| {
        let (gate, lanes) = prepared.get_or_insert_with(|| {
            let (gate, mut lanes) = (gate(), lanes());
            lanes.prepare(&gate);
            (gate, lanes)
        });
        bencher.iter_custom(|decisions| lanes.run(gate, decisions));
    });
}

fn two_cpus() -> bool {
    affinity::allowed_cpus().is_ok_and(|cpus| cpus.len() >= 2)
}
