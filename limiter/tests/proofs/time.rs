//! Clocks that lag, jump and run backwards mint no quota.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, proptest};
use tollgate_limiter::{Algorithm, Decision, Key, Limiter, Nanos, Quota, WhenFull};

use crate::model::Log;
use crate::traffic::{any_quota, cases, gap, limiter, quota, tiny};

const START: u64 = 10_000_000_000;

/// Client, cost, and an instant anywhere within some periods, in any order.
fn jumping(clients: u8) -> impl Strategy<Value = (Quota, Vec<(u8, u32, u64)>)> {
    any_quota().prop_flat_map(move |quota| {
        let instant = (0..3_u64, gap(quota.period().as_u64()))
            .prop_map(move |(periods, off)| START + periods * quota.period().as_u64() + off);
        (Just(quota), vec((0..clients, 1..=3_u32, instant), 1..120))
    })
}

fn check_bound(quota: &Quota, log: &Log) -> Result<(), proptest::test_runner::TestCaseError> {
    let largest = log.0.iter().map(|(_, units)| units - 1).max().unwrap_or(0);
    let together = if quota.algorithm() == Algorithm::LeakyBucket { largest } else { 0 };
    let period = quota.period().as_u64();
    for window in [1, period / 3 + 1, period, 2 * period] {
        let (most, bound) = (log.most_in(window), quota.worst_case(Nanos::new(window)) + together);
        prop_assert!(most <= bound, "{most} in {window} ns, above {bound}: {log:?}");
    }
    Ok(())
}

/// A client's clock as the limiter may know it: the latest instant at which it was admitted, or at which its slot was given away because
/// all that it had used was over by then.
#[derive(Clone, Default)]
struct Seen {
    clock: u64,
    /// By the clock of the request. In a new slot time may have begun later; then this is too early.
    told: u64,
    expires: u64,
    log: Log,
}

impl Seen {
    fn request(&mut self, limiter: &Limiter, key: Key, cost: u32, now: u64) {
        // Still there, the slot would show something a nanosecond before the client was told that it expires.
        let before = Nanos::new(self.told.saturating_sub(1));
        let gone = limiter.peek(key, 1, before) == limiter.peek(limiter.key(b"nobody"), 1, before);
        let floor = if gone { self.expires } else { 0 };
        if let Decision::Allow { reset_after, delay, .. } = limiter.decide_n(key, cost, Nanos::new(now)) {
            self.clock = self.clock.max(now).max(floor);
            // A leaky bucket's departures are instants in themselves.
            let leaves = now.max(floor) + delay.as_u64();
            let leaky = limiter.quotas(key)[0].algorithm() == Algorithm::LeakyBucket;
            self.log.add(if leaky { leaves } else { self.clock }, u64::from(cost));
            self.told = now + reset_after.as_u64();
            self.expires = now.max(floor) + reset_after.as_u64();
        }
    }
}

proptest! {
    #![proptest_config(cases(700))]

    #[test]
    fn a_clock_that_runs_backwards_mints_nothing((quota, requests) in jumping(1)) {
        let limiter = limiter(&[quota]);
        let (key, mut seen) = (limiter.key(b"alice"), Seen::default());
        for (_, cost, now) in requests {
            seen.request(&limiter, key, cost, now);
        }
        check_bound(&quota, &seen.log)?;
    }

    /// Eleven clients in twelve slots: slots that expired are given to others all the time, and nobody is displaced.
    #[test]
    fn a_clock_that_lags_behind_a_reclaimed_slot_mints_nothing((quota, requests) in jumping(11)) {
        let limiter = Limiter::new(&tiny(&[quota], WhenFull::Remember)).expect("possible");
        let mut clients = vec![Seen::default(); 11];
        for (client, cost, now) in requests {
            clients[usize::from(client)].request(&limiter, limiter.key(&[client]), cost, now);
        }
        for client in clients {
            check_bound(&quota, &client.log)?;
        }
    }

    /// Threads whose clocks lag by up to `lag` keep the bound of a window that is longer by as much, also in a table that is always full.
    #[test]
    fn clocks_that_differ_widen_a_window_by_their_difference_at_most(
        (quota, lag, requests) in any_quota().prop_flat_map(|quota| {
            let period = quota.period().as_u64();
            let lag = 0..=period;
            lag.prop_flat_map(move |lag| (Just(quota), Just(lag), vec((0..20_u8, gap(period / 4), 0..=lag), 1..200)))
        }),
        refuse in any::<bool>(),
    ) {
        let rule = if refuse { WhenFull::Refuse } else { WhenFull::Remember };
        let limiter = Limiter::new(&tiny(&[quota], rule)).expect("possible");
        let mut logs = vec![Log::default(); 20];
        let mut truth = START + quota.period().as_u64();
        for (client, after, behind) in requests {
            truth += after;
            let now = Nanos::new(truth - behind);
            if let Decision::Allow { delay, .. } = limiter.decide(limiter.key(&[client]), now) {
                logs[usize::from(client)].add(truth + delay.as_u64(), 1);
            }
        }
        let period = quota.period().as_u64();
        for log in logs {
            for window in [1, period / 2 + 1, period, 2 * period] {
                let bound = quota.worst_case(Nanos::new(window + lag));
                prop_assert!(log.most_in(window) <= bound, "more than {bound} in {window} ns: {log:?}");
            }
        }
    }
}

#[test]
fn at_the_end_of_time_everybody_is_denied_for_good() {
    for algorithm in Algorithm::ALL {
        let quota = quota("3/5s", algorithm);
        let limiter = Limiter::new(&tiny(&[quota], WhenFull::Remember)).expect("possible");
        let alice = limiter.key(b"alice");
        let mut admitted = 0;
        for end in [Nanos::new(1 << 62), Nanos::new(u64::MAX - 1), Nanos::MAX] {
            for id in 0..100_u32 {
                admitted += u32::from(limiter.decide(alice, end).is_allow());
                let _ = limiter.decide(limiter.key(&id.to_le_bytes()), end);
            }
        }
        assert_eq!(admitted, 3, "{algorithm}");
    }
}
