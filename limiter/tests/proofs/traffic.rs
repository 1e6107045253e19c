//! Random quotas and random traffic, with many instants where something is about to happen: a period's end, give or take a nanosecond.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::sample::select;
use tollgate_limiter::{Algorithm, Capacity, Decision, Limiter, Nanos, Quota, Settings, WhenFull};

/// One request, so long after the one before it.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub client: u8,
    pub cost: u32,
    pub after: u64,
}

pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, max_shrink_iters: 1_000, ..ProptestConfig::default() }
}

pub fn quota(text: &str, algorithm: Algorithm) -> Quota {
    Quota::with_algorithm_of(text, algorithm).expect("a possible quota")
}

/// Room for so many that nobody is displaced.
pub fn limiter(quotas: &[Quota]) -> Limiter {
    Limiter::new(&settings(quotas)).expect("possible settings")
}

pub fn settings(quotas: &[Quota]) -> Settings {
    let capacity = Capacity::clients(200).expect("more than none");
    Settings { quotas: quotas.to_vec(), capacity, seed: 7, ..Settings::default() }
}

/// Twelve slots, which all clients share.
pub fn tiny(quotas: &[Quota], when_full: WhenFull) -> Settings {
    Settings { capacity: Capacity::clients(1).expect("more than none"), when_full, ..settings(quotas) }
}

pub fn any_quota() -> impl Strategy<Value = Quota> {
    select(&Algorithm::ALL[..]).prop_flat_map(quota_by)
}

pub fn quota_by(algorithm: Algorithm) -> impl Strategy<Value = Quota> {
    let second = 1_000_000_000;
    let period = select(vec![20, 1_000, 999_983, 1_000_000, second, 5 * second, 3_600 * second, 86_400 * second]);
    // Longer periods would take some tests beyond the end of a sliding window's time, which is 2.3 years: see `time` and `extremes`.
    (1..=19_u32, period, 1..=30_u32, 0..=3_u64).prop_map(move |(limit, period, burst, delay)| {
        let quota = Quota::with(limit, Nanos::new(period), algorithm).expect("possible");
        match algorithm {
            Algorithm::TokenBucket => quota.with_burst(burst).expect("possible"),
            Algorithm::LeakyBucket => {
                quota.with_max_delay(Nanos::new((period / 2 * delay).min(86_400 * second))).expect("possible")
            }
            Algorithm::SlidingWindow | Algorithm::FixedWindow => quota,
        }
    })
}

/// A quota, with up to `most` requests by `clients` clients, of cost 1 above all.
pub fn quota_and_traffic(clients: u8, most: usize) -> impl Strategy<Value = (Quota, Vec<Request>)> {
    any_quota().prop_flat_map(move |quota| (Just(quota), traffic(&[quota], clients, most)))
}

/// Up to three quotas, some in shadow, and traffic at the first one's pace.
pub fn stack_and_traffic(clients: u8, most: usize) -> impl Strategy<Value = (Vec<Quota>, Vec<Request>)> {
    let shadowed = (any_quota(), any::<bool>(), any::<bool>());
    vec(shadowed.prop_map(|(quota, a, b)| if a && b { quota.shadow() } else { quota }), 1..=3)
        .prop_flat_map(move |quotas| (Just(quotas.clone()), traffic(&quotas, clients, most)))
}

pub fn traffic(quotas: &[Quota], clients: u8, most: usize) -> impl Strategy<Value = Vec<Request>> + use<> {
    let cost = prop_oneof![6 => Just(1_u32), 2 => 0..=3_u32, 1 => 0..=25_u32];
    let request = (0..clients, cost, gap(quotas[0].period().as_u64()));
    vec(request.prop_map(|(client, cost, after)| Request { client, cost, after }), 1..=most)
}

/// Spans at which a quota of that period has something to get wrong.
pub fn gap(period: u64) -> impl Strategy<Value = u64> + Clone + use<> {
    let near_an_edge =
        (0..=8_u64, -2..=2_i64).prop_map(move |(eighths, off)| (period / 8 * eighths).saturating_add_signed(off));
    prop_oneof![
        4 => Just(0),
        2 => 1..=3_u64,
        3 => near_an_edge,
        2 => 0..=period / 4,
        1 => 0..=3 * period,
    ]
}

/// Each request with its instant, the first one at `start`.
pub fn timed(start: u64, requests: &[Request]) -> impl Iterator<Item = (Request, Nanos)> + '_ {
    requests.iter().scan(start, |now, request| {
        *now += request.after;
        Some((*request, Nanos::new(*now)))
    })
}

pub fn at(now: Nanos, span: Nanos) -> Nanos {
    now.saturating_add(span)
}

/// Units that were let through.
pub fn passed(decision: Decision, cost: u32) -> u64 {
    if decision.is_allow() { u64::from(cost) } else { 0 }
}
