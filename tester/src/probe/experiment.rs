//! An experiment as data: who asks what, when, and until when.
//!
//! ```text
//!   Experiment ── Script ── Phase   5 requests at once until one is denied
//!              │         └─ Phase   at 300 ms, again until one is denied
//!              └─ Script ── …       with an id and connections of its own, at the same time
//! ```
//!
//! A [`Course`] walks along one script: it says which request comes next, and is told what became of it. It knows no socket and no clock, so
//! the driver and the simulated limiters of the tests walk in exactly the same way.

use tollgate_client::Nanos;

/// Scripts that run at the same time.
#[derive(Clone, Debug)]
pub(super) struct Experiment {
    pub scripts: Vec<Script>,
    pub ends: Ends,
    /// It ends after so long in any case.
    pub longest: Nanos,
}

/// When an experiment has said what it can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// All scripts are at their end.
    WhenDone,
    /// Something that was used up has come back for some script: the others get another third of the time that it took.
    SoonAfterAReturn,
}

/// Requests one after the other.
#[derive(Clone, Debug)]
pub(super) struct Script {
    /// Starts so long after the experiment.
    pub after: Nanos,
    pub phases: Vec<Phase>,
}

/// Requests of a kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub id: u32,
    /// Counted within the script.
    pub connection: u32,
    /// Not before so long after the script's first request.
    pub at: Nanos,
    pub pace: Pace,
    pub until: Until,
    pub at_most: u32,
}

/// The pauses between requests.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    AtOnce,
    Every(Nanos),
    /// A two-hundredth of the time since the script's first request, so that whatever comes back is timed to half a percent.
    EverSlower,
}

/// What ends a phase, if its number of requests doesn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Denied,
    /// Or answers keep coming late, as if they were held back on purpose.
    DeniedOrSlow,
    Admitted,
    Never,
}

/// A request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub phase: usize,
    /// Just before it was sent.
    pub sent: Nanos,
    /// Just after its answer was read.
    pub done: Nanos,
    pub admitted: bool,
}

/// What became of a script.
pub(super) type Trace = Vec<Sample>;

/// The next request of a script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub phase: usize,
    pub id: u32,
    pub connection: u32,
    pub at: Nanos,
}

/// A walk along a script.
#[derive(Debug)]
pub(super) struct Course<'a> {
    script: &'a Script,
    start: Nanos,
    phase: usize,
    asked: u32,
    trace: Trace,
}

impl Phase {
    /// As fast as answers come, until one is a denial.
    pub fn burst(id: u32, at_most: u32) -> Self {
        Self { id, connection: 0, at: Nanos::ZERO, pace: Pace::AtOnce, until: Until::Denied, at_most }
    }

    /// Later.
    pub fn at(self, at: Nanos) -> Self {
        Self { at, ..self }
    }

    /// Over another connection of the script.
    pub fn over(self, connection: u32) -> Self {
        Self { connection, ..self }
    }

    /// Ended by something else.
    pub fn until(self, until: Until) -> Self {
        Self { until, ..self }
    }

    /// With pauses.
    pub fn paced(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Asks now and then, until it is admitted.
    pub fn poll(id: u32) -> Self {
        Self::burst(id, u32::MAX).until(Until::Admitted).paced(Pace::EverSlower)
    }
}

impl Script {
    /// These, at once.
    pub fn new(phases: impl Into<Vec<Phase>>) -> Self {
        Self { after: Nanos::ZERO, phases: phases.into() }
    }
}

impl Ends {
    /// When the experiment that began at `start` is to end, now that a script has got so far.
    pub fn after(self, trace: &[Sample], start: Nanos) -> Option<Nanos> {
        let returned = trace.last().filter(|last| last.admitted && last.phase > 0)?;
        (self == Self::SoonAfterAReturn).then(|| returned.done + Nanos::new((returned.done - start).as_u64() / 3))
    }
}

impl<'a> Course<'a> {
    /// `start`: of the experiment.
    pub fn new(script: &'a Script, start: Nanos) -> Self {
        Self { script, start: start + script.after, phase: 0, asked: 0, trace: Trace::new() }
    }

    /// The next request; none at the end.
    pub fn next(&self) -> Option<Ask> {
        let phase = self.script.phases.get(self.phase)?;
        let Some(last) = self.trace.last() else {
            return Some(self.ask(phase, self.start));
        };
        let begun = self.trace[0].sent;
        let pause = match phase.pace {
            Pace::Every(pause) => pause,
            Pace::EverSlower => Nanos::new((last.done - begun).as_u64() / 200).max(SHORTEST_PAUSE),
            Pace::AtOnce => Nanos::ZERO,
        };
        let at = if self.asked == 0 { last.done } else { last.sent + pause };
        Some(self.ask(phase, at.max(last.done).max(begun + phase.at)))
    }

    /// What became of it.
    pub fn answered(&mut self, sample: Sample) {
        self.trace.push(sample);
        self.asked += 1;
        let phase = &self.script.phases[self.phase];
        let over = match phase.until {
            Until::Denied => !sample.admitted,
            Until::DeniedOrSlow => !sample.admitted || is_slow(&self.trace),
            Until::Admitted => sample.admitted,
            Until::Never => false,
        };
        if over || self.asked >= phase.at_most {
            self.phase += 1;
            self.asked = 0;
        }
    }

    /// All that became of it so far.
    pub fn trace(&self) -> &[Sample] {
        &self.trace
    }

    /// The same, at the end.
    pub fn into_trace(self) -> Trace {
        self.trace
    }

    fn ask(&self, phase: &Phase, at: Nanos) -> Ask {
        Ask { phase: self.phase, id: phase.id, connection: phase.connection, at }
    }
}

/// Whether the last answers came so much later than the quickest one that somebody held them back.
pub(super) fn is_slow(trace: &[Sample]) -> bool {
    let took = |sample: &Sample| sample.done - sample.sent;
    let Some(quickest) = trace.iter().map(took).min() else { return false };
    let slow = |sample: &Sample| took(sample) > HELD_BACK + Nanos::new(2 * quickest.as_u64());
    trace.len() > SLOW_IN_A_ROW && trace[trace.len() - SLOW_IN_A_ROW..].iter().all(slow)
}

/// Polls at the start of a wait, when half a percent of it is nothing.
const SHORTEST_PAUSE: Nanos = Nanos::from_millis(1);
/// Longer than a busy machine lets a request wait.
const HELD_BACK: Nanos = Nanos::from_millis(3);
const SLOW_IN_A_ROW: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// When each request of a script is sent, if this many of the first are admitted and answers take a millisecond.
    fn sent(script: &Script, admitted: usize) -> Vec<u64> {
        let mut course = Course::new(script, Nanos::from_secs(7));
        while let Some(ask) = course.next() {
            let done = ask.at + Nanos::from_millis(1);
            let admitted = course.trace().len() < admitted;
            course.answered(Sample { phase: ask.phase, sent: ask.at, done, admitted });
        }
        course.trace().iter().map(|sample| (sample.sent - Nanos::from_secs(7)).as_u64() / 1_000_000).collect()
    }

    #[test]
    fn a_course_goes_through_its_phases_each_in_its_time() {
        let millis = Nanos::from_millis;
        let burst = Phase::burst(1, 9);
        let cases = [
            (Script::new([burst]), vec![0, 1, 2]),
            (Script::new([Phase { at_most: 2, ..burst }]), vec![0, 1]),
            (Script { after: millis(50), ..Script::new([burst]) }, vec![50, 51, 52]),
            (Script::new([burst, burst.at(millis(300))]), vec![0, 1, 2, 300]),
            (Script::new([burst, burst.at(millis(1))]), vec![0, 1, 2, 3]),
            (
                Script::new([
                    burst,
                    Phase::burst(1, 3).until(Until::Never).paced(Pace::Every(millis(20))).at(millis(10)),
                ]),
                vec![0, 1, 2, 10, 30, 50],
            ),
        ];
        for (script, expected) in cases {
            assert_eq!(sent(&script, 2), expected, "{script:?}");
        }
    }

    #[test]
    fn polls_are_half_a_percent_of_the_wait_apart() {
        let script = Script::new([Phase::burst(1, 1), Phase::poll(1).at(Nanos::from_secs(2))]);
        let mut walk = Course::new(&script, Nanos::ZERO);
        for _ in 0..3 {
            let ask = walk.next().expect("it goes on until it is admitted");
            walk.answered(Sample { phase: ask.phase, sent: ask.at, done: ask.at, admitted: false });
        }
        assert_eq!(walk.trace()[2].sent, Nanos::from_millis(2_010));
    }

    #[test]
    fn an_experiment_ends_soon_after_something_has_come_back() {
        let at = |millis, phase, admitted| {
            let now = Nanos::from_millis(millis);
            Sample { phase, sent: now, done: now, admitted }
        };
        let start = Nanos::from_millis(100);
        let end = |trace: &[Sample]| Ends::SoonAfterAReturn.after(trace, start);
        assert_eq!(end(&[at(100, 0, true)]), None);
        assert_eq!(end(&[at(100, 0, true), at(400, 1, false)]), None);
        assert_eq!(end(&[at(100, 0, true), at(400, 1, true)]), Some(Nanos::from_millis(500)));
        assert_eq!(Ends::WhenDone.after(&[at(400, 1, true)], start), None);
    }
}
