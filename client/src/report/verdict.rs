//! Whether a run's numbers can be believed, and if not, why.
//!
//! A load client that can't keep up measures itself and reports a slow server. So it looks at itself before it speaks: a run is
//! *invalid* if it wasn't the run that was planned, or if its numbers contradict each other; it is *suspect* if they hold together but
//! may tell of the client or of the machine rather than of the server. Everything here is a look at a finished [`Summary`].
//!
//! Spinning isn't work. A thread counts as busy from when it found an event or a due request until it looks for the next, and a look that
//! finds nothing counts as waiting, whether it slept or not; so `--wait spin` takes a whole CPU and has a utilisation of a few per cent.
//! (CPU time over elapsed time, which other clients go by, would call every spinning thread saturated.)

use super::quantiles::{of_all, value_at};
use super::reason::{Reason, Validity};
use crate::record::Times;
use crate::{Nanos, Summary};

/// A run's validity, with everything that speaks against it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    reasons: Vec<Reason>,
}

impl Verdict {
    /// Draws it from what was measured.
    pub fn of(summary: &Summary) -> Self {
        let all = [
            unbalanced(summary),
            unanswered(summary),
            behind(summary),
            exhausted(summary),
            contradictory(summary),
            saturated(summary),
            late(summary),
            preempted(summary),
            busy_machine(summary),
        ];
        let mut reasons: Vec<Reason> = all.into_iter().flatten().collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.makes()));
        Self { reasons }
    }

    /// The worst that a reason makes of the run.
    pub fn validity(&self) -> Validity {
        self.reasons.iter().map(Reason::makes).max().unwrap_or(Validity::Valid)
    }

    /// What speaks against the run, the worst first.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }
}

/// Requests sent over requests offered; `None` in a closed loop, or if none were offered.
pub fn rate_ratio(summary: &Summary) -> Option<f64> {
    let offered = summary.offered_rate? * summary.duration.as_secs_f64();
    (offered > 0.0).then(|| summary.total.ledger.sent as f64 / offered)
}

/// How long the run took on the wall, drain included.
pub(super) fn elapsed(summary: &Summary) -> Nanos {
    Nanos::new(summary.total.elapsed.as_u64() / summary.health.threads.len().max(1) as u64)
}

fn unbalanced(summary: &Summary) -> Option<Reason> {
    let (ledger, connections) = (&summary.total.ledger, &summary.total.connections);
    let (requests, attempts, open) = (ledger.residual(), connections.residual(), connections.open());
    let connections = if attempts == 0 { open } else { attempts };
    (requests != 0 || connections != 0).then_some(Reason::Unbalanced { requests, connections })
}

fn unanswered(summary: &Summary) -> Option<Reason> {
    let ledger = &summary.total.ledger;
    (ledger.answers() == 0).then_some(Reason::Unanswered { planned: ledger.planned })
}

fn behind(summary: &Summary) -> Option<Reason> {
    let ratio = rate_ratio(summary)?;
    (ratio < ENOUGH_SENT).then_some(Reason::Behind { ratio })
}

fn exhausted(summary: &Summary) -> Option<Reason> {
    let (ports, descriptors) = (summary.total.connections.no_port, summary.total.connections.no_descriptor);
    (ports > 0 || descriptors > 0).then_some(Reason::Exhausted { ports, descriptors })
}

/// Little's law: requests in flight on average = rate × mean service time. Time cancels out, and it says that the requests in flight, added
/// up over time, are the service times, added up over requests. Exact only when every request sent was answered: the others were in flight
/// as well, and have no service time.
fn contradictory(summary: &Summary) -> Option<Reason> {
    let total = &summary.total;
    let elapsed = elapsed(summary).as_u64() as f64;
    let answers = total.ledger.answers();
    if answers < FEW_ANSWERS || total.ledger.sent != answers || elapsed == 0.0 {
        return None;
    }
    let served: f64 = [&total.allowed, &total.denied, &total.other]
        .map(|times: &Times| times.service.mean() * times.service.len() as f64)
        .iter()
        .sum();
    let (counted, expected) = (total.in_flight_ns as f64 / elapsed, served / elapsed);
    (deviation(counted, expected) > DEVIATION).then_some(Reason::Contradictory { counted, expected })
}

fn saturated(summary: &Summary) -> Option<Reason> {
    let threads = summary.health.threads.iter().map(|thread| thread.utilisation);
    let (thread, utilisation) = threads.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (utilisation >= SATURATION).then_some(Reason::Saturated { thread, utilisation })
}

fn late(summary: &Summary) -> Option<Reason> {
    let latency = of_all(&summary.total, |times| &times.latency);
    if summary.total.lateness.is_empty() || latency.is_empty() {
        return None;
    }
    // One request in a hundred; of a few hundred, so many that chance alone doesn't make them late.
    let share = (FEW_LATE as f64 / summary.total.lateness.len() as f64).max(0.01);
    if share > 0.5 {
        return None;
    }
    let (by, latency_p50) = (value_at(&summary.total.lateness, 1.0 - share), value_at(&latency, 0.5));
    let is_late = by >= NOTICEABLE && by.as_u64() as f64 > latency_p50.as_u64() as f64 * LATENESS;
    is_late.then_some(Reason::Late { share, by, latency_p50, backlog: summary.health.longest_backlog })
}

fn preempted(summary: &Summary) -> Option<Reason> {
    let (thread, health) = summary.health.threads.iter().enumerate().max_by_key(|(_, health)| health.waited)?;
    let share = health.waited.as_secs_f64() / elapsed(summary).as_secs_f64();
    let switches = health.involuntary_switches;
    (switches >= FEW_SWITCHES && share > WAITED).then_some(Reason::Preempted { thread, share, switches })
}

fn busy_machine(summary: &Summary) -> Option<Reason> {
    let load = summary.health.load_at_start;
    (load > LOAD).then_some(Reason::BusyMachine { load })
}

/// Relative to what was expected.
pub(super) fn deviation(counted: f64, expected: f64) -> f64 {
    (counted - expected).abs() / expected.max(f64::MIN_POSITIVE)
}

/// A thread at work this much has no slack: what arrives now waits for it, and the wait is counted as the server's. (Locust warns at 90 %,
/// k6 and Hyperfoil's authors at 80 %.)
pub const SATURATION: f64 = 0.9;
/// Sent over offered. Below, another load was measured than was asked for; the last hundredth is for the ends of a short run.
pub const ENOUGH_SENT: f64 = 0.99;
/// Lateness of one request in a hundred over latency p50. Above, a tenth of what is told as latency can be the client's own.
pub const LATENESS: f64 = 0.1;
/// No more late requests than this show nothing: the first of each connection are late in any run, and of a hundred requests p99 is a single one.
pub const FEW_LATE: u64 = 10;
/// Less lateness is never a reason, however fast the server: it is about what a kernel takes to wake a thread, and there is nothing to change.
pub const NOTICEABLE: Nanos = Nanos::from_micros(50);
/// Off Little's law by more than the clock reads of a turn explain.
pub const DEVIATION: f64 = 0.02;
/// Off by more than anything but a fault explains.
pub const CONTRADICTION: f64 = 0.05;
/// The part of the time that a thread may wait for its CPU. Time, not how often: a server that is woken on the client's CPU takes it for
/// microseconds, thousands of times a second, and a busy neighbour for milliseconds, some twenty times.
pub const WAITED: f64 = 0.05;
/// CPUs busy with something else: half of one is more than an idle machine's housekeeping.
pub const LOAD: f64 = 0.5;
/// Fewer answers tell nothing about an average: the start and the end of the run would weigh too much.
pub const FEW_ANSWERS: u64 = 1_000;
/// Fewer tell nothing about a rate.
pub const FEW_SWITCHES: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example::{answers, end, healthy};
    use crate::{Ledger, Outcome, Record};

    fn changed(change: impl FnOnce(&mut Summary)) -> Verdict {
        let mut summary = healthy();
        change(&mut summary);
        Verdict::of(&summary)
    }

    #[test]
    fn nothing_speaks_against_a_run_in_which_nothing_went_wrong() {
        let verdict = Verdict::of(&healthy());
        assert_eq!((verdict.validity(), verdict.reasons()), (Validity::Valid, &[][..]));
    }

    #[test]
    fn everything_that_speaks_against_a_run_is_named_alone() {
        type Change = fn(&mut Summary);
        let cases: [(&str, Validity, Change); 14] = [
            ("unbalanced", Validity::Invalid, |s| s.total.ledger.planned += 1),
            ("unbalanced", Validity::Invalid, |s| s.total.ledger.end(Outcome::Shed)),
            ("unbalanced", Validity::Invalid, |s| s.total.connections.closed_by_us -= 1),
            ("unbalanced", Validity::Invalid, |s| s.total.connections.attempted += 1),
            ("behind", Validity::Invalid, |s| s.offered_rate = Some(1_011.0)),
            ("exhausted", Validity::Invalid, |s| {
                (s.total.connections.no_port, s.total.connections.attempted) = (1, 65);
            }),
            ("exhausted", Validity::Invalid, |s| {
                (s.total.connections.no_descriptor, s.total.connections.attempted) = (1, 65);
            }),
            ("contradictory", Validity::Invalid, |s| s.total.in_flight_ns = s.total.in_flight_ns * 94 / 100),
            ("contradictory", Validity::Suspect, |s| s.total.in_flight_ns = s.total.in_flight_ns * 103 / 100),
            ("saturated", Validity::Suspect, |s| s.health.threads[1].utilisation = 0.9),
            ("late", Validity::Suspect, |s| {
                (0..110).for_each(|_| s.total.lateness.saturating_record(50_000));
            }),
            ("preempted", Validity::Suspect, |s| {
                (s.health.threads[0].involuntary_switches, s.health.threads[0].waited) = (10, Nanos::from_millis(501));
            }),
            ("busy_machine", Validity::Suspect, |s| s.health.load_at_start = 0.51),
            ("unanswered", Validity::Invalid, |s| {
                s.total.ledger = Ledger::default();
                (s.total.ledger.planned, s.total.ledger.sent) = (3, 3);
                end(&mut s.total.ledger, &[(Outcome::EndOfFile, 3)]);
                s.offered_rate = None;
            }),
        ];
        for (name, makes, change) in cases {
            let verdict = changed(change);
            let named: Vec<&str> = verdict.reasons().iter().map(Reason::name).collect();
            assert_eq!((named, verdict.validity()), (vec![name], makes), "{:?}", verdict.reasons());
        }
    }

    #[test]
    fn what_stays_within_a_bound_is_no_reason() {
        let cases: [fn(&mut Summary); 8] = [
            |s| s.offered_rate = Some(1_010.0),
            // More than a tenth of the median answer, and too little to be told.
            |s| (0..110).for_each(|_| s.total.lateness.saturating_record(49_000)),
            |s| s.total.in_flight_ns = s.total.in_flight_ns * 1_019 / 1_000,
            |s| s.health.threads[1].utilisation = 0.899,
            |s| {
                (s.health.threads[0].involuntary_switches, s.health.threads[0].waited) =
                    (10_000, Nanos::from_millis(500));
            },
            |s| s.health.load_at_start = 0.5,
            // In flight without an answer: no service time to compare with.
            |s| {
                (s.total.ledger.planned, s.total.ledger.sent) = (10_001, 10_001);
                end(&mut s.total.ledger, &[(Outcome::TimedOut, 1)]);
                s.total.in_flight_ns *= 2;
            },
            // A closed loop knows neither offers nor lateness.
            |s| {
                s.offered_rate = None;
                s.total.lateness.reset();
            },
        ];
        for (case, change) in cases.into_iter().enumerate() {
            assert_eq!(changed(change).reasons(), [], "case {case}");
        }
    }

    #[test]
    fn few_answers_and_few_switches_prove_nothing() {
        let verdict = changed(|s| {
            let mut total = Record { elapsed: Nanos::from_millis(200), ..Record::default() };
            end(&mut total.ledger, &[(Outcome::Allowed, 999)]);
            (total.ledger.planned, total.ledger.sent) = (999, 999);
            answers(&mut total, Outcome::Allowed, 200, 999, 400);
            (s.total, s.offered_rate) = (total, None);
            (s.health.threads[0].involuntary_switches, s.health.threads[0].waited) = (9, Nanos::from_millis(501));
        });
        assert_eq!(verdict.reasons(), []);
    }

    #[test]
    fn ten_late_requests_of_a_short_run_prove_nothing_and_more_do() {
        for (late, names) in [(9, vec![]), (11, vec!["late"])] {
            let verdict = changed(|s| {
                s.total.lateness.reset();
                (0..300 - late).for_each(|_| s.total.lateness.saturating_record(1_000));
                (0..late).for_each(|_| s.total.lateness.saturating_record(2_000_000));
            });
            assert_eq!(verdict.reasons().iter().map(Reason::name).collect::<Vec<_>>(), names, "{late} of 300");
        }
    }

    #[test]
    fn the_worst_reason_comes_first() {
        let verdict = changed(|s| {
            s.health.load_at_start = 3.0;
            s.offered_rate = Some(2_000.0);
        });
        let named: Vec<&str> = verdict.reasons().iter().map(Reason::name).collect();
        assert_eq!((named, verdict.validity()), (vec!["behind", "busy_machine"], Validity::Invalid));
    }

    #[test]
    fn exhaustion_names_only_what_ran_out() {
        let told = |ports, descriptors| Reason::Exhausted { ports, descriptors }.to_string();
        assert_eq!(told(3, 0), "no local port for 3 connections: add --sources, or keep connections longer");
        assert_eq!(told(0, 5), "no descriptor for 5 connections: raise ulimit -n, or lower --connections");
        assert!(told(3, 5).starts_with("no descriptor for 5 connections and no local port for 3: "), "{}", told(3, 5));
    }

    #[test]
    fn a_late_run_says_whether_connections_were_missing() {
        let (by, latency_p50) = (Nanos::from_millis(2), Nanos::from_micros(90));
        let late = |backlog| Reason::Late { share: 0.01, by, latency_p50, backlog };
        assert!(late(0).to_string().contains("--wait spin"), "{}", late(0));
        assert!(late(7).to_string().contains("7 waited for a free connection: add --connections"), "{}", late(7));
    }
}
