//! The experiments, each for what the ones before it have left open.
//!
//! ```text
//!   first burst    one id until it is denied                               how many at once?
//!   scope          one id over eight connections, another over the first   whose quota is it?
//!   first return   one id keeps asking; others ask once, each after a      how long does it take until something comes back,
//!                  longer silence                                          and do denials put it off?
//!   closer look    admissions spread over the window, bursts after many    how does it come back?
//!                  silences, denials on purpose, a start half a window later
//!   herd           many connections at once, if answers are held back      how long is the queue?
//!   one by one     one id that is held back, and goes on                   for as long as it asks?
//! ```
//!
//! An id is used by one script only, so that scripts can run at the same time; where ids don't matter, they run one after the other.

use std::cell::Cell;

use tollgate_client::Nanos;

use super::experiment::{Ends, Experiment, Pace, Phase, Script, Until};

/// Ids that nobody has used.
#[derive(Debug, Default)]
pub(super) struct Ids(Cell<u32>);

impl Ids {
    pub fn fresh(&self) -> u32 {
        self.0.set(self.0.get() + 1);
        self.0.get()
    }
}

/// A fresh id until it is denied, or slowed down.
pub(super) fn first_burst(ids: &Ids, at_most: u32, longest: Nanos) -> Experiment {
    let burst = Phase::burst(ids.fresh(), at_most).until(Until::DeniedOrSlow);
    Experiment { scripts: vec![Script::new([burst])], ends: Ends::WhenDone, longest }
}

/// A fresh id until it is denied or slowed down, after `capacity` requests at the latest, and so many requests more.
pub(super) fn one_by_one(ids: &Ids, capacity: u32, more: u32, longest: Nanos) -> Experiment {
    let id = ids.fresh();
    let burst = Phase::burst(id, capacity).until(Until::DeniedOrSlow);
    let script = Script::new([burst, Phase::burst(id, more).until(Until::Never)]);
    Experiment { scripts: vec![script], ends: Ends::WhenDone, longest }
}

/// An id over so many connections, and then another over the first of them.
pub(super) fn scope(ids: &Ids, capacity: u32, longest: Nanos) -> Experiment {
    let (one, other) = (ids.fresh(), ids.fresh());
    let enough = 2 * capacity + 2;
    let mut phases: Vec<Phase> = (0..SCOPE_CONNECTIONS).map(|line| Phase::burst(one, enough).over(line)).collect();
    phases.push(Phase::burst(other, enough));
    Experiment { scripts: vec![Script::new(phases)], ends: Ends::WhenDone, longest }
}

/// An id that is used up and keeps asking, and `silent` others that are used up and ask once more after ever longer silences.
pub(super) fn first_return(ids: &Ids, capacity: u32, silent: u32, longest: Nanos) -> Experiment {
    let at_most = 2 * capacity + 2;
    let asking = ids.fresh();
    let mut scripts = vec![Script::new([Phase::burst(asking, at_most), Phase::poll(asking)])];
    let factor = (longest.as_secs_f64() / SHORTEST_SILENCE.as_secs_f64()).max(1.0).powf(1.0 / f64::from(silent.max(1)));
    for step in 0..silent {
        let id = ids.fresh();
        let silence = times(SHORTEST_SILENCE, factor.powi(step as i32));
        scripts.push(Script::new([Phase::burst(id, at_most), Phase::burst(id, 1).at(silence)]));
    }
    Experiment { scripts, ends: Ends::SoonAfterAReturn, longest }
}

/// How everything comes back, when the first of it came back after `first`. `polls`: asking doesn't put it off.
pub(super) fn closer_look(ids: &Ids, capacity: u32, first: Nanos, silent: u32, polls: bool) -> Vec<Script> {
    let mut scripts = Vec::new();
    if polls {
        scripts.push(returns(ids.fresh(), capacity, 2));
        scripts.push(Script { after: times(first, 0.5), ..returns(ids.fresh(), capacity, 1) });
    }
    scripts.extend([0.6, 0.4, 0.8].map(|later| spread(ids.fresh(), capacity, first, later)));
    scripts.push(denials(ids.fresh(), capacity, first));
    scripts.extend((1..=silent).map(|step| {
        let id = ids.fresh();
        let silence = times(first, 0.3 + 2.0 * f64::from(step) / f64::from(silent));
        Script::new([Phase::burst(id, 2 * capacity + 2), Phase::burst(id, 2 * capacity + 2).at(silence)])
    }));
    scripts
}

/// Used up, and again whenever something has come back.
fn returns(id: u32, capacity: u32, times: usize) -> Script {
    let burst = Phase::burst(id, 2 * capacity + 2);
    let mut phases = vec![burst];
    for _ in 0..times {
        phases.extend([Phase::poll(id), burst]);
    }
    Script::new(phases)
}

/// A few admissions at the beginning, the others later, and as many again when the first ones should have left the window.
fn spread(id: u32, capacity: u32, first: Nanos, later: f64) -> Script {
    let early = (capacity / 5).max(1);
    let all = |at_most| Phase::burst(id, at_most).until(Until::Never);
    let mut phases = vec![all(early)];
    if early < capacity {
        phases.push(all(capacity - early).at(times(first, later)));
    }
    phases.push(all(capacity).at(times(first, 1.05)));
    Script::new(phases)
}

/// Used up, denied twice as often as it was admitted, and then given time.
fn denials(id: u32, capacity: u32, first: Nanos) -> Script {
    let burst = Phase::burst(id, 2 * capacity + 2);
    let denied = 2 * capacity;
    let pause = Pace::Every(Nanos::new(times(first, 0.7).as_u64() / u64::from(denied)));
    let knock = Phase::burst(id, denied).until(Until::Never).paced(pause).at(times(first, 0.1));
    Script::new([burst, knock, burst.at(times(first, 1.3))])
}

/// So many connections at once with one id, each of which asks again after `again`; and meanwhile [`NEWCOMERS`] with other ids.
pub(super) fn herd(ids: &Ids, connections: u32, again: Option<Nanos>, longest: Nanos) -> Experiment {
    let id = ids.fresh();
    let once = Phase::burst(id, 1);
    let phases: Vec<Phase> = [once].into_iter().chain(again.map(|again| once.at(again))).collect();
    let mut scripts = vec![Script::new(phases); connections as usize];
    let newcomer =
        |_| Script { after: times(again.unwrap_or_default(), 0.1), ..Script::new([Phase::burst(ids.fresh(), 1)]) };
    scripts.extend((0..NEWCOMERS).map(newcomer));
    Experiment { scripts, ends: Ends::WhenDone, longest }
}

/// A part or a multiple of a span.
pub(super) fn times(span: Nanos, factor: f64) -> Nanos {
    Nanos::new((span.as_u64() as f64 * factor) as u64)
}

/// Enough that one of them isn't held up by a busy machine.
pub(super) const NEWCOMERS: usize = 3;
/// Enough that all of them are dealt to one of two cores only once in 128 times.
pub(super) const SCOPE_CONNECTIONS: u32 = 8;
/// Whatever comes back sooner is seen by asking.
const SHORTEST_SILENCE: Nanos = Nanos::from_millis(20);
