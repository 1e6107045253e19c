//! The server is stopped and started in the middle of the load, as in every deployment.

use tollgate_client::Nanos;

use super::{Around, Broken, Needs, Scenario, Work, rule};
use crate::summary::Point;
use crate::trial::{Load, Seen, promised_wait};

pub(super) const RESTART: Scenario = Scenario {
    name: "restart",
    about: "the server is stopped and started in the middle",
    beside: None,
    needs: Needs::Launch,
    work,
    rule,
};

fn work(load: &Load, _: &Around<'_>) -> Work {
    Work { restarts: true, ..Work::plain(load.clone()) }
}

/// What was under way when it stopped may be lost; afterwards there must be answers again.
fn rule(seen: &Seen) -> Result<(), Broken> {
    rule::understood(seen)?;
    let Some(back) = seen.back else { return Ok(()) };
    let promise = seen.report.as_ref().map(|report| &report.promise);
    let patience = RECONNECTED + promised_wait(promise, &seen.work.load);
    if is_silent_since(back, patience, seen.course.iter()) { Err(Broken::SilentSinceRestart) } else { Ok(()) }
}

/// Whether nobody was answered since then, although somebody asked and had the time to be answered.
fn is_silent_since<'p>(back: Nanos, patience: Nanos, course: impl Iterator<Item = &'p Point> + Clone) -> bool {
    let since = course.filter(|point| point.from >= back);
    let end = since.clone().map(|point| point.until).max().unwrap_or_default();
    let asked = since.clone().any(|point| point.offered > 0 && point.until + patience <= end);
    asked && since.clone().all(|point| point.allowed + point.denied == 0)
}

/// By then a client that was refused has tried again, and been answered: also where many do that at once, on a machine with little time.
const RECONNECTED: Nanos = Nanos::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Quarters of a second, in each of which so many are due and answered.
    fn course(quarters: &[(u64, u64)]) -> Vec<Point> {
        let at = |quarter: usize| Nanos::from_millis(250 * quarter as u64);
        let point = |(n, &(offered, allowed)): (usize, &(u64, u64))| Point {
            from: at(n),
            until: at(n + 1),
            offered,
            allowed,
            ..Point::default()
        };
        quarters.iter().enumerate().map(point).collect()
    }

    #[test]
    fn a_server_is_silent_since_a_restart_if_there_was_time_to_answer_and_nobody_was() {
        let back = Nanos::from_millis(500);
        let before = [(10, 10), (10, 0)];
        for (after, is_silent) in [
            (&[(10, 0); 8][..], true),
            // Too short: who was refused last had no time to try again.
            (&[(10, 0); 4], false),
            (&[], false),
            // Nobody asked, or only just before the end.
            (&[(0, 0); 8], false),
            (&[(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1, 0), (0, 0)], false),
            // A trial may end in a moment without an answer.
            (&[(10, 0), (10, 1), (10, 0), (10, 0), (10, 0), (10, 0), (10, 0), (10, 0)], false),
        ] {
            let course = course(&[&before[..], after].concat());
            assert_eq!(is_silent_since(back, RECONNECTED, course.iter()), is_silent, "{after:?}");
        }
    }
}
