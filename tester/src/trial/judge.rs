//! What is wrong with what a trial has seen: what holds for every trial first, then the scenario's own rule.
//!
//! A violation and a ledger that doesn't balance aren't named here: the entry's own numbers tell.

use tollgate_client::report::{Reason, Validity, Verdict};

use super::run::{LONGEST_HELD, promised_wait};
use super::{Seen, Trial};
use crate::process::{Allowance, Condition, Growth, Vitals};
use crate::scenario::Needs;
use crate::summary::{Failure, Kind};

/// All that is wrong. A rule is asked only if the load was the one that was planned, and the server was there to answer it.
pub fn judge(trial: &Trial, seen: &Seen, baseline: Option<&Vitals>, allowance: &Allowance) -> Vec<Failure> {
    let mut failures = ended(seen).map_or_else(|| grown(seen, baseline, allowance), |failure| vec![failure]);
    let is_judged = failures.is_empty() && !seen.summary.interrupted && is_what_was_planned(trial, seen);
    if is_judged && let Err(broken) = (trial.scenario.rule)(seen) {
        failures.push(Failure::new(Kind::Rule, broken.to_string()));
    }
    failures
}

/// A server that was away for a while lets the load fall behind, and so does a gate in front of a service if it makes its clients wait, for that
/// load is small: then to have fallen behind is no reason not to ask why.
fn is_what_was_planned(trial: &Trial, seen: &Seen) -> bool {
    let is_the_servers = trial.scenario.needs != Needs::Nothing;
    let is_excused = |reason: &Reason| is_the_servers && matches!(reason, Reason::Behind { .. });
    let verdict = Verdict::of(&seen.summary);
    verdict.reasons().iter().all(|reason| reason.makes() != Validity::Invalid || is_excused(reason))
}

fn ended(seen: &Seen) -> Option<Failure> {
    let (kind, what) = match (seen.condition, seen.hung) {
        (Condition::Alive, None) => return None,
        (Condition::Alive, Some(span)) => {
            (Kind::Hang, format!("did not answer for {:.1} s, then did", span.as_secs_f64()))
        }
        (Condition::Hung(_), _) => (Kind::Hang, seen.condition.to_string()),
        (Condition::Exited(_) | Condition::Killed { .. } | Condition::Gone, _) => {
            (Kind::Crash, seen.condition.to_string())
        }
    };
    Some(Failure { lines: seen.last_lines.clone(), ..Failure::new(kind, format!("the server {what}")) })
}

/// Since the server was warm, unless it is another one now. Connections whose answers may still be held back haven't leaked.
fn grown(seen: &Seen, baseline: Option<&Vitals>, allowance: &Allowance) -> Vec<Failure> {
    let Some((before, after)) = baseline.zip(seen.vitals.as_ref()).filter(|_| !seen.restarted) else {
        return Vec::new();
    };
    let promise = seen.report.as_ref().map(|report| &report.promise);
    let is_held_back = promised_wait(promise, &seen.work.load) > LONGEST_HELD;
    let grown = Growth::between(before, after, allowance).into_iter();
    let grown = grown.filter(|growth| !(is_held_back && matches!(growth, Growth::Files { .. })));
    grown.map(|growth| Failure::new(Kind::Growth, growth.to_string())).collect()
}
