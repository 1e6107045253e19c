//! A limiter that answers in simulated time, over a link that delays. It shares nothing with the models: each algorithm as a textbook has it, over
//! the whole history of an id.

use std::collections::HashMap;

use tollgate_client::Nanos;

use crate::probe::experiment::{Course, Experiment, Sample, Trace};
use crate::probe::inquiry::Bench;
use crate::probe::plan::times;
use crate::probe::{ProbeError, Quota};

/// How long answers take.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub shortest: Nanos,
    pub jitter: Nanos,
    /// On a busy machine nothing happens for a while now and then: one in so many steps takes up to `stall` longer. 0: never.
    pub one_in: u32,
    pub stall: Nanos,
}

#[derive(Clone, Copy, Debug)]
pub struct Limiter {
    quota: Quota,
    rule: Rule,
    charges_denials: bool,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Log,
    Window,
    Aligned(Nanos),
    Bucket { burst: u32 },
    Counter,
}

/// Of one id: when something was charged, in order, and what the rule keeps beside it.
#[derive(Default)]
struct History {
    charges: Vec<f64>,
    opened: Option<f64>,
    level: f64,
}

pub struct Simulation {
    limiter: Limiter,
    link: Link,
    now: Nanos,
    random: u64,
    left: u32,
    ids: HashMap<u32, History>,
}

impl Limiter {
    pub fn log(quota: Quota) -> Self {
        Self { quota, rule: Rule::Log, charges_denials: false }
    }

    pub fn window(quota: Quota) -> Self {
        Self { rule: Rule::Window, ..Self::log(quota) }
    }

    pub fn aligned(quota: Quota, phase: Nanos) -> Self {
        Self { rule: Rule::Aligned(phase), ..Self::log(quota) }
    }

    pub fn bucket(quota: Quota, burst: u32) -> Self {
        Self { rule: Rule::Bucket { burst }, ..Self::log(quota) }
    }

    pub fn counter(quota: Quota) -> Self {
        Self { rule: Rule::Counter, ..Self::log(quota) }
    }

    pub fn charging(self) -> Self {
        Self { charges_denials: true, ..self }
    }

    /// Times are in seconds.
    fn admits(&self, history: &mut History, now: f64) -> bool {
        let (limit, window) = (f64::from(self.quota.limit), self.quota.window.as_secs_f64());
        let within = |from: f64, to: f64| history.charges.iter().filter(|at| **at >= from && **at < to).count() as f64;
        let admits = match self.rule {
            Rule::Log => within(now - window + 1e-9, f64::MAX) < limit,
            Rule::Window | Rule::Counter => {
                let old = if matches!(self.rule, Rule::Counter) { 2.0 } else { 1.0 };
                let fresh = history.opened.is_none_or(|opened| now - opened >= old * window);
                let opened = if fresh { now } else { history.opened.unwrap_or(now) };
                let second = matches!(self.rule, Rule::Counter) && now - opened >= window;
                let this = if second { opened + window } else { opened };
                history.opened = Some(this);
                // Rounding must not lose the charge that opened the window.
                let still = ((this + window - now) / window * within(this - window - 1e-9, this - 1e-9)).floor();
                let past = if matches!(self.rule, Rule::Counter) && !fresh { still } else { 0.0 };
                within(this - 1e-9, f64::MAX) + past < limit
            }
            Rule::Aligned(phase) => {
                let phase = phase.as_secs_f64();
                within(((now - phase) / window).floor() * window + phase, f64::MAX) < limit
            }
            Rule::Bucket { burst } => {
                let last = history.charges.last().copied().unwrap_or(f64::MIN);
                history.level = (history.level - (now - last) * limit / window).max(0.0);
                let fits = history.level + 1.0 <= f64::from(burst) + 1e-9;
                // The level is as of now.
                history.level += if fits || self.charges_denials { 1.0 } else { 0.0 };
                history.charges.push(now);
                return fits;
            }
        };
        if admits || self.charges_denials {
            history.charges.push(now);
        }
        admits
    }
}

impl Simulation {
    pub fn new(limiter: Limiter, link: Link, seed: u64) -> Self {
        Self { limiter, link, now: Nanos::ZERO, random: seed, left: 20_000, ids: HashMap::new() }
    }

    /// Below 1 (SplitMix64).
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn stall(&mut self) -> Nanos {
        let stalls = self.link.one_in > 0 && self.chance() * f64::from(self.link.one_in) < 1.0;
        if stalls { times(self.link.stall, self.chance()) } else { Nanos::ZERO }
    }
}

impl Bench for Simulation {
    fn carry_out(&mut self, experiment: &Experiment) -> Result<Vec<Trace>, ProbeError> {
        let start = self.now;
        let mut end = start + experiment.longest;
        let mut courses: Vec<Course<'_>> = experiment.scripts.iter().map(|script| Course::new(script, start)).collect();
        // Always the script whose turn is next.
        while let Some((ask, course)) =
            courses.iter_mut().filter_map(|course| Some((course.next()?, course))).min_by_key(|(ask, _)| ask.at)
        {
            if ask.at >= end || self.left == 0 {
                break;
            }
            self.left -= 1;
            let takes = self.link.shortest + times(self.link.jitter, self.chance());
            let there = times(takes, self.chance());
            // The sender, the limiter or the reader may have to wait.
            let sent = ask.at + self.stall();
            let decided = sent + there + self.stall();
            let admitted = self.limiter.admits(self.ids.entry(ask.id).or_default(), decided.as_secs_f64());
            let done = decided + (takes - there) + self.stall();
            course.answered(Sample { phase: ask.phase, sent, done, admitted });
            end = experiment.ends.after(course.trace(), start).unwrap_or(end).min(end);
            self.now = self.now.max(done);
        }
        Ok(courses.into_iter().map(Course::into_trace).collect())
    }

    fn time_left(&self) -> Nanos {
        Nanos::from_secs(60) - self.now
    }

    fn requests_left(&self) -> u32 {
        self.left
    }
}
