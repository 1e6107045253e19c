//! The oracle against everything that can be tried, for few requests.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};
use tollgate_client::{Exchange, Nanos, Outcome};

use super::super::{Algorithm, Promise};
use super::{History, judge};

/// Times are whole in this, so that packing loses nothing.
const UNIT: u64 = 4_096_000;
/// T in units.
const PERIOD: u64 = 8;

/// When a request was sent and done, in units, and whether it was admitted.
type Request = (u64, u64, bool);

fn promise(limit: u32, algorithm: Algorithm) -> Promise {
    let promise = Promise::new(limit.try_into().unwrap(), Nanos::new(PERIOD * UNIT), algorithm).unwrap();
    promise.with_tick(Nanos::ZERO).with_lag(Some(Nanos::ZERO)).with_drift_ppm(0)
}

fn bucket(burst: u32) -> Algorithm {
    Algorithm::TokenBucket { burst: burst.try_into().unwrap() }
}

/// Admissions too many and wrong denials that are proven.
fn proven(promise: Promise, requests: &[Request]) -> (u64, u64) {
    let exchanges: Vec<_> = (0..)
        .zip(requests)
        .map(|(n, (sent, done, admitted))| {
            let (sent, done) = (Nanos::new(sent * UNIT), Nanos::new(done * UNIT));
            let outcome = if *admitted { Outcome::Allowed } else { Outcome::Denied };
            Exchange { n, id: 0, connection: 0, due: sent, sent, done, outcome, status: None }
        })
        .collect();
    let counters = judge(promise, History::Unused, &exchanges).counters;
    (counters.too_many, counters.wrong_denials)
}

/// In the order of *done*, under way at the same time.
fn overlapping(most: usize, end: u64, flight: u64) -> impl Strategy<Value = Vec<Request>> {
    vec((1..end, 0..=flight, any::<bool>()), 1..=most).prop_map(|requests| {
        let mut requests: Vec<_> = requests.into_iter().map(|(sent, flight, ok)| (sent, sent + flight, ok)).collect();
        requests.sort_by_key(|request| request.1);
        requests
    })
}

/// One after the other.
fn sequential() -> impl Strategy<Value = Vec<Request>> {
    vec((1..5_u64, 0..2_u64, any::<bool>()), 1..24).prop_map(|requests| {
        let mut now = 100;
        let step = |(gap, flight, ok)| {
            let sent = now + gap;
            now = sent + flight;
            (sent, now, ok)
        };
        requests.into_iter().map(step).collect()
    })
}

fn admitted(requests: &[Request]) -> Vec<Request> {
    requests.iter().copied().filter(|request| request.2).collect()
}

/// All admissions that lie between the start of one and the end of another; with the length of that.
fn sets(requests: &[Request]) -> impl Iterator<Item = (u64, u64)> {
    let admitted = admitted(requests);
    let pairs: Vec<_> = admitted.iter().flat_map(|first| admitted.iter().map(move |last| (first.0, last.1))).collect();
    pairs.into_iter().filter(|(from, to)| from <= to).map(move |(from, to)| {
        let count = admitted.iter().filter(|request| request.0 >= from && request.1 <= to).count();
        (count as u64, to - from)
    })
}

/// Whether decisions could have been made, each within its request, that a limiter may make: tries all.
fn is_possible(requests: &[Request], decided: &mut Vec<u64>, may: &dyn Fn(&[u64]) -> bool) -> bool {
    let Some((sent, done, _)) = requests.get(decided.len()) else {
        let mut sorted = decided.clone();
        sorted.sort_unstable();
        return may(&sorted);
    };
    (*sent..=*done).any(|at| {
        decided.push(at);
        let is_possible = is_possible(requests, decided, may);
        decided.pop();
        is_possible
    })
}

/// What each limiter admits, given when.
fn may(algorithm: Algorithm, limit: u64, at: &[u64]) -> bool {
    let (mut opened, mut count) = (None, 0);
    match algorithm {
        Algorithm::SlidingWindow => at.windows(limit as usize + 1).all(|of| of[limit as usize] - of[0] >= PERIOD),
        Algorithm::FixedWindow => at.iter().all(|now| {
            if opened.is_none_or(|opened| opened + PERIOD <= *now) {
                (opened, count) = (Some(*now), 0);
            }
            count += 1;
            count <= limit
        }),
        Algorithm::TokenBucket { burst } | Algorithm::LeakyBucket { burst, .. } => (0..at.len()).all(|first| {
            (first..at.len()).all(|last| {
                (last - first + 1) as u64 * PERIOD <= u64::from(burst.get()) * PERIOD + (at[last] - at[first]) * limit
            })
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_sliding_window_finds_too_many_exactly_if_some_n_and_one_lie_within_a_window(
        requests in overlapping(20, 60, 12), limit in 1..5_u32,
    ) {
        let exists = sets(&requests).any(|(count, length)| count > u64::from(limit) && length < PERIOD);
        prop_assert_eq!(proven(promise(limit, Algorithm::SlidingWindow), &requests).0 > 0, exists);
    }

    #[test]
    fn the_sliding_window_finds_all_wrong_denials_of_one_request_at_a_time(requests in sequential(), limit in 1..5_u32) {
        let is_wrong = |denial: &Request| {
            let may_count = |other: &&Request| other.2 && other.0 <= denial.1 && other.1 + PERIOD > denial.0;
            !denial.2 && requests.iter().filter(may_count).count() < limit as usize
        };
        let wrong = requests.iter().filter(|request| is_wrong(request)).count().min(16);
        prop_assert_eq!(proven(promise(limit, Algorithm::SlidingWindow), &requests).1, wrong as u64);
    }

    #[test]
    fn a_bucket_finds_no_more_than_some_set_proves_and_as_much_of_one_request_at_a_time(
        (requests, is_sequential) in proptest::prop_oneof![(overlapping(20, 60, 12), Just(false)), (sequential(), Just(true))],
        limit in 1..5_u32, burst in 1..5_u32,
    ) {
        let too_many = |(count, length)| count * PERIOD > u64::from(burst) * PERIOD + length * u64::from(limit);
        let (exists, found) = (sets(&requests).any(too_many), proven(promise(limit, bucket(burst)), &requests).0 > 0);
        prop_assert!(exists || !found);
        prop_assert!(!is_sequential || found == exists);
    }

    #[test]
    fn a_bucket_finds_all_wrong_denials_of_one_request_at_a_time(requests in sequential(), burst in 1..5_u32) {
        // Two units of time for one of the bucket.
        let limit = PERIOD as u32 / 2;
        let is_wrong = |(place, denial): (usize, &Request)| {
            let before = admitted(&requests[..place]);
            let paid_off = |first: usize| before[first].1 + 2 * (before.len() - first) as u64;
            let used = (0..before.len()).map(paid_off).max().unwrap_or(0);
            !denial.2 && used.max(denial.0) + 2 <= denial.0 + 2 * u64::from(burst)
        };
        let wrong = requests.iter().enumerate().filter(|request| is_wrong(*request)).count().min(16);
        prop_assert_eq!(proven(promise(limit, bucket(burst)), &requests).1, wrong as u64);
    }

    #[test]
    fn what_is_proven_can_have_happened_in_no_way(
        requests in overlapping(6, 24, 5), limit in 1..3_u32, burst in 1..3_u32, which in 0..3,
    ) {
        let requests = admitted(&requests);
        let algorithm = [Algorithm::SlidingWindow, Algorithm::FixedWindow, bucket(burst)][which as usize];
        let may = |at: &[u64]| may(algorithm, limit.into(), at);
        if proven(promise(limit, algorithm), &requests).0 > 0 {
            prop_assert!(!is_possible(&requests, &mut Vec::new(), &may));
        }
    }
}
