//! The plan: what is sent and when, decided before anything is sent.
//!
//! Request n has an id, a due time and a text, each a pure function of (settings, seed, n). Workers ask for their [`Share`]; nobody else
//! needs to be asked, so the same seed and options give the same requests on any number of threads, and a run can be repeated, halved or shrunk.
//!
//! ```text
//!   Schedule ── when is n due? ─┐
//!   Pick ────── whose is n? ────┼─► Share of one worker ─► Planned { n, id, due } ─► Template ─► bytes
//!   Stop ────── does n exist? ──┘
//! ```
//!
//! The price is that every worker walks past its neighbours' requests too: about 5 ns each for Poisson arrivals, nothing for the others.
//! The one thing outside of the plan is the mathematical library: a machine whose logarithm rounds the last bit otherwise may see
//! a due time move by a nanosecond.
//!
//! ```
//! use tollgate_client::plan::{Due, Plan, PlanSettings};
//!
//! let plan = Plan::new(PlanSettings { seed: 42, clients: 1_000, ..PlanSettings::default() })?;
//! let mut share = plan.share(0, 1);
//! assert_eq!(share.due(), Due::Now);
//! let planned = share.take();
//! let mut bytes = Vec::new();
//! plan.request().render(&planned, &mut bytes);
//! assert!(bytes.starts_with(b"GET /?clientId="));
//! # Ok::<(), tollgate_client::plan::PlanError>(())
//! ```

mod affinity;
mod error;
mod hash;
pub mod parse;
mod picker;
mod profile;
mod random;
mod schedule;
mod share;
mod stop;
mod template;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod texts;
mod think;
mod zipf;

pub use affinity::Affinity;
pub use error::{PlanError, Problem, UrlProblem};
pub use parse::Decimal;
pub use picker::Pick;
pub use profile::{Profile, Rate, Stage};
pub use schedule::{Arrival, Schedule};
pub use share::Share;
pub use stop::Stop;
pub use template::{IdPlace, RequestSettings, Template, body};
pub use think::Think;

use crate::clock::Nanos;
use hash::PlanHash;
use picker::Picker;
use random::Stream;
use std::borrow::Cow;

/// All that a plan is made of.
#[derive(Clone, Debug)]
pub struct PlanSettings {
    /// Same seed and settings, same plan.
    pub seed: u64,
    /// When requests are due.
    pub schedule: Schedule,
    /// When the run ends by itself.
    pub stop: Stop,
    /// Simulated clients, at least 1. Ids from a file count by themselves.
    pub clients: u32,
    /// Whose requests they are.
    pub pick: Pick,
    /// Which worker sends a client's requests.
    pub affinity: Affinity,
    /// What is sent.
    pub request: RequestSettings,
}

/// When a worker's next request is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// As soon as a connection is free (closed loop).
    Now,
    /// At this time since the start of the run.
    At(Nanos),
    /// The plan is at its end.
    Never,
}

/// A request of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its number. With think time they are numbered by round: n = round · clients + client.
    pub n: u64,
    /// Whose it is.
    pub id: u32,
    /// When it is due; `None` in a closed loop.
    pub due: Option<Nanos>,
}

/// A plan that is sound: made once, then shared by all workers.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    schedule: Schedule,
    stop: Stop,
    pick: Pick,
    picker: Picker,
    picks: Stream,
    affinity: Affinity,
    template: Template,
    hash: u64,
}

impl Plan {
    /// Checks the settings and reads the files that they name.
    pub fn new(settings: PlanSettings) -> Result<Plan, PlanError> {
        let PlanSettings { seed, schedule, stop, clients, pick, affinity, request } = settings;
        if clients == 0 {
            parse::count("--clients", "0", 1, u32::MAX.into())?;
        }
        if matches!(schedule, Schedule::Think(_)) && !pick.leaves_turns() {
            return Err(PlanError::new("--pick", pick.to_string(), Problem::PickWithThink));
        }
        let picker = pick.load(clients)?;
        let template = Template::new(&request, seed, stop, &picker)?;
        let mut plan =
            Plan { seed, schedule, stop, pick, picker, picks: share::picks(seed), affinity, template, hash: 0 };
        plan.hash = plan.hashed();
        Ok(plan)
    }

    /// A hash of all that decides what is sent and when: every setting, the seed and the contents of files, not the number of workers or
    /// connections. Print it with `{:016x}`.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The requests of one of so many workers.
    ///
    /// # Panics
    /// If there is no such worker.
    pub fn share(&self, worker: u32, workers: u32) -> Share<'_> {
        Share::new(self, worker, workers)
    }

    /// When request n is due; `None` in a closed loop, and if there is no such request. Takes n steps for Poisson arrivals and n / clients
    /// for think time: for tests and replays, not for sending.
    pub fn due(&self, n: u64) -> Option<Nanos> {
        if n >= self.requests() {
            return None;
        }
        match &self.schedule {
            Schedule::Closed => None,
            Schedule::Open { rate, arrival } => schedule::Arrivals::new(rate, *arrival, self.stop, self.seed).due(n),
            Schedule::Think(think) => Some(think::due(*think, self.seed, self.turns(), n))
                .filter(|&due| self.stop.after.is_none_or(|end| due < end)),
        }
    }

    /// Whose request n is.
    pub fn id(&self, n: u64) -> u32 {
        match self.schedule {
            Schedule::Think(_) => (n % u64::from(self.turns())) as u32,
            _ => self.picker.pick(self.picks, n),
        }
    }

    /// What is sent.
    pub fn request(&self) -> &Template {
        &self.template
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When requests are due.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// When the run ends by itself.
    #[inline]
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// Whose requests they are, as typed.
    pub fn pick(&self) -> &Pick {
        &self.pick
    }

    /// Which worker sends a client's requests.
    pub fn affinity(&self) -> Affinity {
        self.affinity
    }

    /// Whether all requests of id i are worker i mod workers's: the reason may be the affinity, or think time.
    pub(crate) fn keeps_ids_apart(&self) -> bool {
        self.affinity == Affinity::Sticky || matches!(self.schedule, Schedule::Think(_))
    }

    /// Whether requests are due at instants of their own; otherwise the loop is closed.
    pub fn is_scheduled(&self) -> bool {
        !matches!(self.schedule, Schedule::Closed)
    }

    /// About how many requests of all workers are due between these instants; 0 in a closed loop.
    pub fn due_between(&self, from: Nanos, to: Nanos) -> f64 {
        match &self.schedule {
            Schedule::Closed => 0.0,
            Schedule::Open { rate, .. } => rate.due_by(to) - rate.due_by(from),
            Schedule::Think(think) => {
                self.ids() as f64 * to.saturating_sub(from).as_secs_f64() / think.mean().as_secs_f64().max(1e-9)
            }
        }
    }

    /// How many ids there are; every id is below.
    pub fn ids(&self) -> u64 {
        self.picker.ids()
    }

    /// An id as a person would recognise it: the digits that are sent, or the text of the file.
    pub fn id_text(&self, id: u32) -> Cow<'_, str> {
        match self.picker.texts() {
            Some(texts) => String::from_utf8_lossy(texts.text(id)),
            None => Cow::Owned(format!("{id:0width$}", width = template::id_width(&self.picker))),
        }
    }

    /// Requests with n at or above this one don't exist.
    #[inline]
    fn requests(&self) -> u64 {
        self.stop.requests.unwrap_or(u64::MAX)
    }

    /// Thinking clients: [`Pick::leaves_turns`] has made sure that they are as many as ids, and files hold fewer than 2³² ids.
    fn turns(&self) -> u32 {
        self.ids() as u32
    }

    fn hashed(&self) -> u64 {
        let mut hash = PlanHash::new();
        hash.number("seed", self.seed);
        hash.field("schedule", self.schedule.to_string());
        if let Schedule::Open { rate, .. } = &self.schedule {
            hash.number("schedule ends", rate.end().map_or(u64::MAX, Nanos::as_u64));
        }
        hash.number("after", self.stop.after.map_or(u64::MAX, Nanos::as_u64));
        hash.number("requests", self.requests());
        hash.number("ids", self.ids());
        hash.field("affinity", self.affinity.to_string());
        self.picker.hash(&self.pick, &mut hash);
        self.template.hash(&mut hash);
        hash.finish()
    }
}

impl Default for PlanSettings {
    /// What the program does without options: a closed loop of 1000 clients, uniform, until stopped.
    fn default() -> PlanSettings {
        PlanSettings {
            seed: 0,
            schedule: Schedule::Closed,
            stop: Stop::default(),
            clients: 1_000,
            pick: Pick::default(),
            affinity: Affinity::default(),
            request: RequestSettings::default(),
        }
    }
}
