//! The course of a probe: which experiment comes next, and what all of them together say.
//!
//! Pure: a [`Bench`] carries experiments out, over sockets or in a simulation.

use tollgate_client::Nanos;

use super::error::ProbeError;
use super::experiment::{Ends, Experiment, Sample, Script, Trace, Until, is_slow};
use super::finding::{Confidence, Finding, Judged};
use super::fit::{self, Evidence};
use super::plan::{self, Ids, times};
use super::scope::Scope;
use super::{shaper, verdict};

/// Carries experiments out.
pub(super) trait Bench {
    /// What became of each script, in their order. One that was cut short by time or by the number of requests is shorter.
    fn carry_out(&mut self, experiment: &Experiment) -> Result<Vec<Trace>, ProbeError>;
    /// Until the end of the probe.
    fn time_left(&self) -> Nanos;
    /// Until the end of the probe.
    fn requests_left(&self) -> u32;
}

/// A probe under way.
pub(super) struct Inquiry<'a, B> {
    pub bench: &'a mut B,
    pub ids: Ids,
    /// All that was seen, a script each, those about the scope apart.
    traces: Vec<Trace>,
    scope: Judged<Scope>,
    scope_traces: Vec<Trace>,
}

/// What the first return has shown.
struct Return {
    /// The time from the first admission to it.
    after: Nanos,
    /// It came although the id kept asking.
    asking: bool,
}

/// Finds out.
pub(super) fn inquire(bench: &mut impl Bench) -> Result<Finding, ProbeError> {
    let (requests, time) = (bench.requests_left(), bench.time_left());
    let scope = Judged::new(Scope::Id, Confidence::Low, "");
    let mut inquiry = Inquiry { bench, ids: Ids::default(), traces: Vec::new(), scope, scope_traces: Vec::new() };
    let mut finding = inquiry.run()?;
    finding.requests = requests - inquiry.bench.requests_left();
    finding.took = time - inquiry.bench.time_left();
    Ok(finding)
}

impl<B: Bench> Inquiry<'_, B> {
    fn run(&mut self) -> Result<Finding, ProbeError> {
        let at_most = self.bench.requests_left() / 4;
        let mut experiment = plan::first_burst(&self.ids, at_most, self.part_of_time(0.25));
        let mut first = self.bench.carry_out(&experiment)?.remove(0);
        // Whoever isn't denied may be held back.
        if first.last().is_some_and(|last| last.admitted) {
            if let Some(finding) = shaper::inquire(self)? {
                return Ok(finding);
            }
            if is_slow(&first) {
                // Only the machine was, or the network.
                experiment = plan::first_burst(&self.ids, at_most, self.part_of_time(0.25));
                experiment.scripts[0].phases[0].until = Until::Denied;
                first = self.bench.carry_out(&experiment)?.remove(0);
            }
        }
        let (Some(begun), Some(last)) = (first.first(), first.last()) else { return Err(ProbeError::TooShort) };
        if !begun.admitted {
            return Err(ProbeError::NothingAdmitted);
        }
        if last.admitted {
            return Err(ProbeError::NoLimiter { requests: first.len() as u32, within: last.done - begun.sent });
        }
        let capacity = admitted(&first);
        self.traces.push(first);
        self.find_scope(capacity)?;
        let mut back = self.first_return(capacity)?;
        let mut looks = 1;
        loop {
            let complete = self.look_closer(capacity, &back)?;
            let evidence = self.evidence(&back);
            let fits = fit::fits(&evidence);
            let finding = verdict::verdict(&fits, &evidence, back.asking, self.scope.clone());
            let clear = complete && finding.algorithm.confidence == Confidence::High;
            if clear || looks == CLOSER_LOOKS || self.bench.time_left() < times(back.after, 8.0) {
                return Ok(finding);
            }
            looks += 1;
            // Something came back late because the machine was busy, or soon because a window of the clock was nearly over.
            back.after = if complete { fits[0].model.span } else { times(back.after, 3.0) };
        }
    }

    /// Until two of at most three tries say the same.
    fn find_scope(&mut self, capacity: u32) -> Result<(), ProbeError> {
        let mut seen: Vec<Scope> = Vec::new();
        for tries in 1..=3 {
            let experiment = plan::scope(&self.ids, capacity, self.part_of_time(0.1));
            let trace = self.bench.carry_out(&experiment)?.remove(0);
            let found = Scope::of(&trace, capacity);
            self.scope_traces.push(trace);
            let Some((scope, got)) = found else { break };
            let evidence = format!(
                "one id over {} connections: {:?} admitted; another over the first: {}; {tries} tries",
                plan::SCOPE_CONNECTIONS,
                &got[..got.len() - 1],
                got[got.len() - 1]
            );
            let agreed = seen.contains(&scope);
            seen.push(scope);
            let confidence = if agreed { Confidence::High } else { Confidence::Low };
            self.scope = Judged::new(scope, confidence, evidence);
            if agreed {
                break;
            }
        }
        Ok(())
    }

    fn first_return(&mut self, capacity: u32) -> Result<Return, ProbeError> {
        let silent = if self.shared() { 0 } else { self.at_the_same_time(capacity, 40) };
        let longest = self.part_of_time(if silent == 0 { 0.6 } else { 0.4 });
        let experiment = plan::first_return(&self.ids, capacity, silent, longest);
        let traces = self.bench.carry_out(&experiment)?;
        let came_back = |trace: &Trace| {
            let last = trace.last().filter(|last| last.admitted && last.phase > 0)?;
            Some(last.done - trace[0].sent)
        };
        let after = traces.iter().filter_map(came_back).min();
        let asking = traces.first().and_then(came_back);
        self.traces.extend(traces);
        let Some(after) = after else {
            return Err(ProbeError::NoReturn { admitted: capacity, waited: longest });
        };
        Ok(Return { after, asking: asking.is_some() })
    }

    /// Whether it was long enough: an id that keeps asking has got something back twice.
    fn look_closer(&mut self, capacity: u32, back: &Return) -> Result<bool, ProbeError> {
        let scale = back.after.max(SHORTEST_LOOK.min(times(back.after, f64::from(capacity) / 2.0)));
        let silent = if self.shared() { 0 } else { self.at_the_same_time(capacity, 16) };
        let scripts = plan::closer_look(&self.ids, capacity, scale, silent, back.asking);
        let longest = (times(scale, 2.5) + MARGIN).min(self.bench.time_left());
        let together = !self.shared() && self.at_the_same_time(capacity, 10) >= 10;
        let batches: Vec<Vec<Script>> =
            if together { vec![scripts] } else { scripts.into_iter().map(|script| vec![script]).collect() };
        let first = self.traces.len();
        for mut scripts in batches {
            if self.shared() {
                // What the script before it has used comes back first.
                scripts[0].after = times(scale, 1.1);
            }
            let experiment = Experiment { scripts, ends: Ends::WhenDone, longest: longest + times(scale, 1.1) };
            let traces = self.bench.carry_out(&experiment)?;
            self.traces.extend(traces);
        }
        let complete = |trace: &Trace| trace.last().is_some_and(|last| last.phase >= 3);
        Ok(!back.asking || self.traces.get(first).is_none_or(complete))
    }

    fn evidence(&self, back: &Return) -> Evidence {
        let fresh = |trace: &&Trace| trace.iter().any(|sample| sample.phase == 0 && !sample.admitted);
        // Where ids don't matter, only the first burst has met with a quota that nobody had used.
        let bursts: Vec<&Trace> =
            self.traces.iter().filter(fresh).take(if self.shared() { 1 } else { usize::MAX }).collect();
        let least = bursts.iter().copied().min_by_key(|trace| admitted(trace)).unwrap_or(&self.traces[0]);
        let emptied_in = last_admitted(least).saturating_sub(least[0].sent);
        let quickest = self.traces.iter().filter_map(|trace| quickest_return(trace)).min();
        let quickest = quickest.unwrap_or(back.after).min(back.after).max(SHORTEST_SPAN);
        // What came back first may have been on its way already while the quota was used up.
        let part = if quickest < Nanos::from_millis(20) { 0.05 } else { 0.3 };
        let longest = self.traces.iter().filter_map(|trace| Some(longest_denial(trace)?.max(back.after))).max();
        Evidence {
            capacity: admitted(least),
            emptied_in,
            bursts: bursts.iter().map(|trace| admitted(trace)).collect(),
            spans: (times(quickest, part), times(longest.unwrap_or(back.after), 1.3)),
            quotas: if self.shared() { self.as_one() } else { self.traces.clone() },
        }
    }

    /// Everything in the order in which it was sent.
    fn as_one(&self) -> Vec<Trace> {
        let mut all: Trace = self.traces.iter().chain(&self.scope_traces).flatten().copied().collect();
        all.sort_by_key(|sample| sample.sent);
        vec![all]
    }

    fn shared(&self) -> bool {
        self.scope.value == Scope::Everyone
    }

    /// How many ids can be used up at the same time, so quickly that nothing comes back meanwhile.
    fn at_the_same_time(&self, capacity: u32, most: u32) -> u32 {
        let most = most.min(TOGETHER / capacity.max(1)).min(self.bench.requests_left() / (8 * capacity + 8));
        if most < 4 { 0 } else { most }
    }

    pub fn part_of_time(&self, part: f64) -> Nanos {
        times(self.bench.time_left(), part)
    }
}

/// How many were admitted in the first phase.
fn admitted(trace: &[Sample]) -> u32 {
    trace.iter().filter(|sample| sample.phase == 0 && sample.admitted).count() as u32
}

fn last_admitted(trace: &[Sample]) -> Nanos {
    trace
        .iter()
        .filter(|sample| sample.phase == 0 && sample.admitted)
        .map(|sample| sample.done)
        .max()
        .unwrap_or_default()
}

/// The shortest time between an admission that was followed by a denial, and the next admission.
fn quickest_return(trace: &[Sample]) -> Option<Nanos> {
    let mut used_up = None;
    let mut quickest = None;
    for pair in trace.windows(2) {
        match (pair[0].admitted, pair[1].admitted) {
            (true, false) => used_up = Some(pair[0].sent),
            (false, true) => quickest = quickest.into_iter().chain(used_up.map(|since| pair[1].done - since)).min(),
            _ => {}
        }
    }
    quickest
}

/// The longest time between an admission after a denial and the first admission before it that could have caused it.
fn longest_denial(trace: &[Sample]) -> Option<Nanos> {
    let mut since = trace.first()?.sent;
    let mut longest = None;
    for pair in trace.windows(2) {
        if !pair[0].admitted && pair[1].admitted {
            longest = longest.max(Some(pair[1].done - since));
            since = pair[1].sent;
        }
    }
    longest
}

/// The second and third are for times that the first return has shown wrong.
const CLOSER_LOOKS: usize = 3;
/// A look at something quicker than this would be all jitter.
const SHORTEST_LOOK: Nanos = Nanos::from_millis(50);
/// Of what is quicker than this, no answer tells.
const SHORTEST_SPAN: Nanos = Nanos::from_millis(1);
const MARGIN: Nanos = Nanos::from_millis(20);
/// Requests that use ids up at the same time.
const TOGETHER: u32 = 2_000;
