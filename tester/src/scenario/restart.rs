//! The server is stopped and started in the middle of the load, as in every deployment.

use super::{Around, Broken, Scenario, Work, rule};
use crate::summary::Point;
use crate::trial::{Load, Seen};

pub(crate) const RESTART: Scenario =
    Scenario { name: "restart", about: "the server is stopped and started in the middle", beside: None, work, rule };

fn work(load: &Load, _: &Around<'_>) -> Work {
    Work { restarts: true, ..Work::plain(load.clone()) }
}

/// What was under way when it stopped may be lost; afterwards there must be answers again.
fn rule(seen: &Seen) -> Result<(), Broken> {
    rule::understood(seen)?;
    let is_silent = |point: &Point| point.offered > 0 && point.allowed + point.denied == 0;
    if seen.restarted && seen.course.iter().last().is_some_and(is_silent) {
        return Err(Broken::SilentSinceRestart);
    }
    Ok(())
}
