//! Where exactly each bound lies, to the millisecond: on one side proof, on the other none.

use tollgate_client::Nanos;
use tollgate_client::Outcome::{self, Allowed, Denied, TimedOut};

use super::super::{Algorithm, Broken, History, Oracle, Verdict, Why};
use super::{Promise, exact, exchange, is_violation, judge, judged, proven};

/// A clock that is 20 ms old, units that come back 50 ms late.
fn lenient(limit: &str, algorithm: &str) -> Promise {
    exact(limit, algorithm).with_tick(Nanos::from_millis(20)).with_lag(Some(Nanos::from_millis(50)))
}

#[test]
fn one_more_than_n_within_a_window_less_the_tick_are_too_many() {
    let promise = lenient("2/1s", "sliding-window");
    for (sent, too_many) in [(1978, 1), (1979, 0)] {
        let requests = [(1000, 1001, Allowed), (1100, 1101, Allowed), (sent, sent + 1, Allowed)];
        assert_eq!(proven(promise, &requests), (too_many, 0), "{sent}");
    }
    // The clock may drift as well.
    for (sent, too_many) in [(1968, 1), (1969, 0)] {
        let requests = [(1000, 1001, Allowed), (1100, 1101, Allowed), (sent, sent + 1, Allowed)];
        assert_eq!(proven(promise.with_drift_ppm(10_000), &requests), (too_many, 0), "{sent}");
    }
}

#[test]
fn an_early_request_with_a_late_answer_proves_nothing_and_hides_nothing() {
    let promise = exact("2/1s", "sliding-window");
    let slow = (100, 1500, Allowed);
    assert_eq!(proven(promise, &[(1000, 1001, Allowed), (1100, 1101, Allowed), slow]), (0, 0));
    let burst = [slow, (1600, 1601, Allowed), (1602, 1603, Allowed), (1604, 1605, Allowed)];
    assert_eq!(proven(promise, &burst), (1, 0));
}

#[test]
fn any_window_of_a_fixed_one_may_hold_one_less_than_twice_n() {
    let promise = lenient("2/1s", "fixed-window");
    for (sent, too_many) in [(1978, 1), (1979, 0)] {
        let first = [(1000, 1001, Allowed), (1700, 1701, Allowed), (1701, 1702, Allowed), (sent, sent + 1, Allowed)];
        let mut oracle = Oracle::new(promise, History::Unknown);
        (0..).zip(first).for_each(|(n, (sent, done, outcome))| oracle.exchange(&exchange(n, sent, done, outcome)));
        assert_eq!(oracle.finish().counters.too_many, too_many, "{sent}");
    }
}

#[test]
fn what_is_done_before_a_fixed_window_can_be_over_is_inside() {
    let promise = lenient("2/1s", "fixed-window");
    for (sent, too_many) in [(1978, 1), (1979, 0)] {
        // The second was sent first, so the window may have opened then.
        let requests = [(1005, 1006, Allowed), (1000, 1010, Allowed), (sent, sent + 1, Allowed)];
        assert_eq!(proven(promise, &requests), (too_many, 0), "{sent}");
    }
}

#[test]
fn behind_a_full_window_the_next_is_known_as_well() {
    let promise = exact("2/1s", "fixed-window");
    let full = [(1000, 1001, Allowed), (1900, 1901, Allowed)];
    let followed_by = |requests: &[_]| proven(promise, &[full.as_slice(), requests].concat()).0;
    // The next one opened it.
    for (done, too_many) in [(3299, 1), (3300, 0)] {
        let next = [(2300, 2301, Allowed), (2400, 2401, Allowed), (3298, done, Allowed)];
        assert_eq!(followed_by(&next), too_many, "{done}");
    }
    // Sent before the first can have ended, it opened the next when that had.
    for (done, too_many) in [(2999, 1), (3000, 0)] {
        let next = [(1990, 2005, Allowed), (2400, 2401, Allowed), (2998, done, Allowed)];
        assert_eq!(followed_by(&next), too_many, "{done}");
        let answered_late = [(2300, 2301, Allowed), (1990, 2302, Allowed), (2998, done, Allowed)];
        assert_eq!(followed_by(&answered_late), too_many, "{done}");
    }
    // Not full: the one at 1999 may belong to the first.
    let half = [(1000, 1001, Allowed), (1999, 2002, Allowed), (2100, 2101, Allowed), (2200, 2201, Allowed)];
    assert_eq!(proven(promise, &half), (0, 0));
}

#[test]
fn after_a_pause_of_a_window_and_all_tolerance_a_fixed_window_is_known_again() {
    let promise = lenient("2/1s", "fixed-window");
    for (sent, too_many) in [(2072, 1), (2070, 0)] {
        let (lost, burst) =
            ((1990, 2001, Allowed), [sent, sent + 2, sent + 4].map(|sent| (sent + 1000, sent + 1001, Allowed)));
        let requests = [[(1000, 1001, Allowed), lost].as_slice(), &burst].concat();
        assert_eq!(proven(promise, &requests), (too_many, 0), "{sent}");
    }
}

#[test]
fn a_request_under_way_may_have_opened_a_fixed_window_earlier() {
    let promise = exact("2/1s", "fixed-window");
    let burst = [(1900, 1901, Allowed), (2100, 2101, Allowed), (2102, 2103, Allowed)];
    assert_eq!(proven(promise, &burst), (1, 0));
    for late in [Allowed, TimedOut] {
        assert_eq!(proven(promise, &[burst.as_slice(), &[(1050, 3500, late)]].concat()), (0, 0), "{late:?}");
    }
    assert_eq!(proven(promise, &[burst.as_slice(), &[(1901, 3500, TimedOut)]].concat()), (1, 0));
    // What may have been admitted before may have opened one as well.
    assert_eq!(proven(promise, &[[(1050, 1060, TimedOut)].as_slice(), &burst].concat()), (0, 0));
}

#[test]
fn a_bucket_lets_its_burst_pass_and_what_runs_out() {
    let promise = lenient("10/1s", "token-bucket:2");
    // The third may come 100 ms after the first: less the tick.
    for (sent, too_many) in [(1078, 1), (1079, 0)] {
        let requests = [(1000, 1001, Allowed), (1001, 1002, Allowed), (sent, sent + 1, Allowed)];
        assert_eq!(proven(promise, &requests), (too_many, 0), "{sent}");
    }
}

#[test]
fn a_bucket_takes_an_early_request_with_a_late_answer_if_that_proves_more() {
    let promise = exact("10/1s", "token-bucket:2");
    for (early, too_many) in [(1480, 2), (100, 1)] {
        let burst = [(1490, 1491, Allowed), (1491, 1492, Allowed), (early, 1493, Allowed), (1493, 1494, Allowed)];
        assert_eq!(proven(promise, &burst), (too_many, 0), "{early}");
    }
}

#[test]
fn a_bucket_of_a_fast_clock_may_hold_less_and_be_refilled_later() {
    // Ten units of 90 ms, each paid off after 110.
    let promise = exact("10/1s", "token-bucket:10").with_drift_ppm(100_000);
    for (maybes, wrong) in [(7, 1), (8, 0)] {
        let requests = [[(1000, 1001, TimedOut)].repeat(maybes), vec![(5000, 5001, Denied)]].concat();
        assert_eq!(proven(promise, &requests), (0, wrong), "{maybes}");
    }
}

#[test]
fn a_leaky_bucket_lets_requests_leave_at_an_even_pace() {
    let promise = exact("10/1s", "leaky-bucket:200ms");
    for (done, too_many) in [(1199, 1), (1200, 0)] {
        let requests = [(1000, 1001, Allowed), (1000, 1100, Allowed), (1000, done, Allowed)];
        assert_eq!(proven(promise, &requests), (too_many, 0), "{done}");
    }
}

#[test]
fn a_denial_is_wrong_when_a_unit_had_come_back_for_certain() {
    let used = [(1000, 1001, Allowed), (1100, 1101, Allowed)];
    for algorithm in ["sliding-window", "fixed-window"] {
        for (sent, wrong) in [(2072, 1), (2070, 0)] {
            let requests = [used.as_slice(), &[(sent, sent + 1, Denied)]].concat();
            assert_eq!(proven(lenient("2/1s", algorithm), &requests), (0, wrong), "{algorithm} {sent}");
        }
    }
    // 1001 and 100 ms for it, 100 ms for the second: less than 100 ms are left at 1171 with the tick and the lag.
    for (sent, wrong) in [(1172, 1), (1170, 0)] {
        let used = [(1000, 1001, Allowed), (1000, 1001, Allowed)];
        let requests = [used.as_slice(), &[(sent, sent + 1, Denied)]].concat();
        assert_eq!(proven(lenient("10/1s", "token-bucket:2"), &requests), (0, wrong), "{sent}");
    }
    // With 1001 + 300 paid off at 1301, a request that comes at 1171 may have to wait for 200 ms, and then it leaves.
    for (sent, wrong) in [(1172, 1), (1170, 0)] {
        let used = [(1000, 1001, Allowed), (1000, 1001, Allowed), (1000, 1001, Allowed)];
        let requests = [used.as_slice(), &[(sent, sent + 1, Denied)]].concat();
        let leaky = Algorithm::LeakyBucket { burst: 1.try_into().unwrap(), max_delay: Nanos::from_millis(200) };
        let promise = Promise::new(10.try_into().unwrap(), Nanos::from_secs(1), leaky).unwrap().with_drift_ppm(0);
        let promise = promise.with_lag(Some(Nanos::from_millis(50)));
        assert_eq!(judged(promise, &requests).counters.wrong_denials, wrong, "{sent}");
    }
}

#[test]
fn whatever_may_have_been_admitted_before_explains_a_denial() {
    for algorithm in ["sliding-window", "fixed-window", "token-bucket"] {
        let promise = exact("2/1s", algorithm);
        let explained = |requests: &[(u64, u64, Outcome)]| proven(promise, requests).1 == 0;
        let denial = (3000, 3005, Denied);
        assert!(!explained(&[denial]));
        for outcome in [Allowed, TimedOut, Outcome::ResetWithin, Outcome::Aborted, Outcome::Other] {
            let before = [(2990, 2991, outcome), (2990, 2991, outcome), denial];
            assert!(explained(&before), "{algorithm} {outcome:?}");
            let under_way = [denial, (3004, 3100, outcome), (3005, 3101, outcome)];
            assert!(explained(&under_way), "{algorithm} {outcome:?}");
            let after = [denial, (3004, 3100, outcome), (3006, 3101, outcome)];
            assert!(!explained(&after), "{algorithm} {outcome:?}");
        }
        for outcome in [Outcome::Refused, Outcome::Shed, Denied] {
            assert!(!explained(&[denial, (3004, 3100, outcome), (3005, 3101, outcome)]), "{algorithm} {outcome:?}");
        }
        // Nobody knows when a request without an answer is decided.
        assert!(explained(&[(100, 200, TimedOut), (100, 200, TimedOut), denial]), "{algorithm}");
    }
}

#[test]
fn clients_that_were_used_before_may_have_no_units_left() {
    for (algorithm, back) in [("sliding-window", 1000), ("fixed-window", 1000), ("token-bucket", 500)] {
        for (sent, wrong) in [(back - 1, 0), (back, 1)] {
            let denial = exchange(0, sent, sent + 1, Denied);
            let report = judge(exact("2/1s", algorithm), History::Unknown, [&denial]);
            assert_eq!(report.counters.wrong_denials, wrong, "{algorithm} {sent}");
        }
    }
}

#[test]
fn denials_that_are_charged_count_like_admissions() {
    let promise = exact("2/1s", "sliding-window");
    let hammering = [(1000, 1001, Denied), (1100, 1101, Denied), (1200, 1201, Allowed)];
    assert_eq!(proven(promise.charging_denials().with_lag(None), &hammering), (1, 0));
    assert_eq!(proven(promise.with_lag(None), &hammering), (0, 0));
    // The denial may have been the last.
    let at_once = [(1000, 1001, Allowed), (1100, 1101, Allowed), (1100, 1102, Denied)];
    assert_eq!(proven(promise.charging_denials(), &at_once), (0, 0));
    let persistent = [(1000, 1001, Allowed), (1500, 1501, Denied), (1700, 1701, Denied), (2100, 2101, Denied)];
    assert_eq!(proven(promise, &persistent), (0, 3));
    assert_eq!(proven(promise.charging_denials(), &persistent), (0, 1));
}

#[test]
fn a_verdict_needs_somebody_at_the_limit() {
    let promise = exact("2/1s", "sliding-window");
    let verdict = |requests: &[_]| judged(promise, requests).verdict;
    assert_eq!(verdict(&[]), Verdict::Inconclusive(Why::NoAnswers));
    assert_eq!(verdict(&[(1000, 1001, TimedOut)]), Verdict::Inconclusive(Why::NoAnswers));
    assert_eq!(verdict(&[(1000, 1001, Allowed), (2000, 2001, Allowed)]), Verdict::Inconclusive(Why::NeverAtLimit));
    assert_eq!(verdict(&[(1000, 1001, Allowed), (1900, 1901, Allowed)]), Verdict::Conforms);
    let full = [(1000, 1001, Allowed), (1100, 1101, Allowed), (1200, 1300, TimedOut), (9000, 9001, Allowed)];
    assert_eq!(judged(exact("2/1s", "fixed-window"), &full).counters.at_limit, 1);
}

#[test]
fn a_witness_names_its_requests() {
    let report = judged(exact("1/1s", "sliding-window"), &[(1000, 1001, Allowed), (1500, 1502, Allowed)]);
    assert!(is_violation(&report));
    let lines = "breaks 1/1s by sliding-window: 1 admitted too many, 0 denied wrongly (1 clients, 2 admitted, 0 denied, 0 unknown)\n\
        client 1, 1/1s by sliding-window: 2 admitted within 0.502000 s, at most 1 may be in any window\n  \
        sent 1.000000 s, done 1.001000 s: request 0, connection 0, allowed\n  \
        sent 1.500000 s, done 1.502000 s: request 1, connection 1, allowed\n";
    assert_eq!(report.to_string(), lines);
    let Verdict::Violation(witnesses) = report.verdict else { unreachable!() };
    assert!(matches!(witnesses[0].broken, Broken::Window { most: 1, .. }));
}
