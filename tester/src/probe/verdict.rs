//! From fits to a finding: what the best model says, and by how much the others are worse.

use super::error::show;
use super::finding::{Confidence, Denials, Finding, Judged, Quota};
use super::fit::{Evidence, Fit};
use super::model::Algorithm;
use super::plan::times;
use super::roundest;
use super::scope::Scope;
use tollgate_client::Nanos;

/// What the fits, the best first, say about a limiter. `asking`: something came back for an id that kept asking.
pub(super) fn verdict(fits: &[Fit], evidence: &Evidence, asking: bool, scope: Judged<Scope>) -> Finding {
    // With a limit of one, a bucket is what all of them are.
    let single = evidence.capacity == 1;
    let first = fits.iter().find(|fit| !single || fit.model.algorithm == Algorithm::Bucket).unwrap_or(&fits[0]);
    // A few answers more don't outweigh that asking too early had no price.
    let free = |fit: &&Fit| {
        fit.model.algorithm == first.model.algorithm
            && !fit.model.charges_denials
            && fit.misses <= first.misses + first.misses / 2 + FEW
    };
    let best = fits.iter().find(free).filter(|_| asking).unwrap_or(first);
    let algorithm = if single { one_at_a_time(best) } else { algorithm(best, fits, evidence) };
    Finding {
        quota: quota(best, evidence),
        burst: burst(best, evidence),
        denials: denials(best, fits, asking, algorithm.confidence),
        algorithm,
        scope,
        requests: 0,
        took: Nanos::ZERO,
    }
}

fn quota(best: &Fit, evidence: &Evidence) -> Judged<Quota> {
    let Fit { model, misses, shortest, longest } = *best;
    // Clocks tick and drift.
    let (least, most) = (times(shortest, 0.995), times(longest, 1.005));
    let (quota, what) = if model.algorithm == Algorithm::Bucket && evidence.capacity > 1 {
        let (limit, window) = roundest::rate(least, most);
        (Quota { limit, window }, "a unit is back after")
    } else {
        (Quota { limit: model.limit, window: roundest::span(least, most) }, "the window takes")
    };
    let precision = longest.as_u64() as f64 / shortest.as_u64().max(1) as f64 - 1.0;
    let explained = f64::from(misses) <= 0.02 * evidence.answers() as f64 + 1.0;
    let confidence = if explained { Confidence::from(-precision, -0.1, -0.03) } else { Confidence::Low };
    Judged::new(quota, confidence, format!("{what} {} to {}", show(shortest), show(longest)))
}

fn burst(best: &Fit, evidence: &Evidence) -> Judged<u32> {
    let bursts = &evidence.bursts;
    let near = |admitted: &u32| admitted.abs_diff(evidence.capacity) * 10 <= evidence.capacity;
    let same = bursts.iter().filter(|admitted| near(admitted)).count();
    let share = same as f64 / bursts.len().max(1) as f64;
    let refills = best.model.algorithm == Algorithm::Bucket;
    let alike = Confidence::from(share, 0.6, 0.9);
    let confidence = match bursts.len() {
        ..3 => Confidence::Fair,
        _ if refills => alike.max(Confidence::Fair),
        _ => alike,
    };
    let (least, most) = (bursts.iter().min().copied().unwrap_or(0), bursts.iter().max().copied().unwrap_or(0));
    let evidence = format!("{least} to {most} admitted before the first denial, on {} fresh ids", bursts.len());
    Judged::new(best.model.limit, confidence, evidence)
}

fn algorithm(best: &Fit, fits: &[Fit], evidence: &Evidence) -> Judged<Algorithm> {
    let other = fits.iter().find(|fit| fit.model.algorithm != best.model.algorithm);
    let answers = evidence.answers() as u32;
    let mut why = format!("explains {} of {answers} answers", answers.saturating_sub(best.misses));
    let lead = other.map_or(u32::MAX, |other| other.misses.saturating_sub(best.misses));
    if let Some(other) = other {
        why += &format!("; next, {}: at most {}", other.model.algorithm.name(), answers.saturating_sub(other.misses));
    }
    // A lead that is only a part of what the best one doesn't explain itself is no lead.
    let confidence = Confidence::from(f64::from(lead) / (1.0 + f64::from(best.misses) / 4.0), 2.0, 5.0);
    Judged::new(best.model.algorithm, confidence, why)
}

fn one_at_a_time(best: &Fit) -> Judged<Algorithm> {
    let why = format!("one admitted, the next one {} to {} later", show(best.shortest), show(best.longest));
    Judged::new(Algorithm::OneAtATime, Confidence::High, why)
}

fn denials(best: &Fit, fits: &[Fit], asking: bool, algorithm: Confidence) -> Judged<Denials> {
    if asking && !best.model.algorithm.can_charge_denials() {
        // As sure as it is that windows are fixed.
        let why = "an id that kept asking was admitted again; in a fixed window, charged or not makes no difference";
        return Judged::new(Denials::Free, algorithm, why);
    }
    let charged = best.model.charges_denials;
    let otherwise =
        fits.iter().find(|fit| fit.model.algorithm == best.model.algorithm && fit.model.charges_denials != charged);
    let lead = otherwise.map_or(0, |fit| fit.misses.saturating_sub(best.misses));
    // The fit and the id that kept asking are to agree.
    let confidence = if asking == charged { Confidence::Low } else { Confidence::from(f64::from(lead), 0.0, 3.0) };
    let why = match (asking, lead) {
        (true, 0) => "an id that kept asking was admitted again; charged or not, it would have been".to_owned(),
        (true, _) => {
            format!("an id that kept asking was admitted again; if charged, {lead} answers would be unexplained")
        }
        (false, _) => {
            format!("an id that kept asking was kept out for longer; if free, {lead} answers would be unexplained")
        }
    };
    Judged::new(if charged { Denials::Charged } else { Denials::Free }, confidence, why)
}

/// Answers that a busy machine may have spoiled.
const FEW: u32 = 3;
