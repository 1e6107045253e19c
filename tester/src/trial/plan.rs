//! From a trial's work to the plan that the engine carries out.

use tollgate_client::Nanos;
use tollgate_client::plan::{IdPlace, Plan, PlanError, PlanSettings, Profile, Rate, RequestSettings, Schedule, Stop};

use super::Trial;
use crate::process::Question;
use crate::scenario::{Shape, Work};

/// Where requests go, and how they say whose they are.
#[derive(Clone, Debug)]
pub struct Target {
    /// `http://HOST:PORT/PATH`.
    pub url: String,
    /// Where the id stands.
    pub id: IdPlace,
}

impl Target {
    /// The same target at an address that is always the same, for a plan's hash: it names the plan, not the port that a server got this time.
    #[must_use]
    pub fn anywhere(&self) -> Self {
        let beyond_scheme = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let path = beyond_scheme.find('/').map_or("/", |slash| &beyond_scheme[slash..]);
        Self { url: format!("http://127.0.0.1{path}"), id: self.id.clone() }
    }

    /// The same place, and below it this path instead of its own.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        let start = self.url.find("://").map_or(0, |scheme| scheme + 3);
        let end = self.url[start..].find(['/', '?']).map_or(self.url.len(), |slash| start + slash);
        Self { url: format!("{}{path}", &self.url[..end]), id: self.id.clone() }
    }

    /// The plan of a trial. `prefix` stands before every id: nobody has used these ids before, and the limiter knows nothing of them.
    ///
    /// # Errors
    ///
    /// When the URL or the load can't be made into a plan.
    pub fn plan(&self, trial: &Trial, work: &Work, prefix: &str) -> Result<Plan, PlanError> {
        let load = &work.load;
        let schedule = match &work.shape {
            Shape::Closed => Schedule::Closed,
            Shape::Rate => open(Rate::Constant(load.rate).over(None)?, work),
            Shape::Stages(stages) => open(Profile::stages(stages.clone())?, work),
        };
        let after = match &schedule {
            Schedule::Open { rate, .. } => rate.end().unwrap_or(load.duration),
            _ => load.duration,
        };
        Plan::new(PlanSettings {
            seed: trial.seed,
            schedule,
            stop: Stop { after: Some(after), requests: None },
            clients: load.clients,
            pick: load.pick.clone(),
            affinity: load.affinity,
            request: self.request(prefix),
        })
    }

    /// Whether anybody answers, asked by clients that nobody was before.
    ///
    /// # Errors
    ///
    /// When the URL is none.
    pub fn question(&self, prefix: &str) -> Result<Question, PlanError> {
        Question::by_newcomers(self.request(prefix))
    }

    fn request(&self, prefix: &str) -> RequestSettings {
        let url = match &self.id {
            IdPlace::Header(_) => self.url.clone(),
            IdPlace::Query(name) => {
                let separator = if self.url.contains('?') { '&' } else { '?' };
                format!("{}{separator}{name}={prefix}{{id}}", self.url)
            }
            IdPlace::Path => format!("{}/{prefix}{{id}}", self.url.trim_end_matches('/')),
        };
        let headers = match &self.id {
            IdPlace::Header(name) => vec![format!("{name}: {prefix}{{id}}")],
            IdPlace::Query(_) | IdPlace::Path => Vec::new(),
        };
        RequestSettings { url, headers, ..RequestSettings::default() }
    }
}

fn open(rate: Profile, work: &Work) -> Schedule {
    Schedule::Open { rate, arrival: work.load.arrival }
}

/// How long a plan sends, at most.
pub(crate) fn length(plan: &Plan) -> Nanos {
    plan.stop().after.unwrap_or(Nanos::MAX)
}
