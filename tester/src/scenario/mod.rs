//! What is tried: each scenario is a little data and a rule, in a file of its own.
//!
//! | name | what happens | the rule, beside those that hold for every trial |
//! |---|---|---|
//! | `smoke` | 250 new clients a second for 30 s | answers in time, none missing, no errors, the rate is reached |
//! | `steady` | the drawn load | every request is answered |
//! | `ramp` | from a tenth of the rate to all of it | every request is answered |
//! | `spike` | ten times the load within a second: the sale day | every request is answered |
//! | `soak` | a tenth of the rate, ten times as long | every request is answered |
//! | `window-edge` | each client's quota just before its window ends, and again just after | every request is answered |
//! | `herd` | all clients use up their quota, and all come back at the reset | every request is answered |
//! | `hot-id` | one id, from all connections, as fast as they go | every request is answered |
//! | `id-churn` | never the same id twice | every request is answered, and nobody is denied |
//! | `cold-crowd` | one hot id among many cold ones | every request is answered |
//! | `product-list` | the last tenth of the ids is popular | every request is answered |
//! | `connection-churn` | a connection for each request | every request is answered |
//! | `restart` | the server is stopped and started in the middle; only with `--server` | it answers again, and no quota is exceeded since |
//! | `sick-upstream` | the service behind the gate fails, hangs up, and recovers | every request is answered, and soon allowed again |
//! | `upstream-restart` | it goes away and comes back | the same |
//! | `overload` | ten times what it can answer, for a moment | the same |
//! | `slow-among-fast` | one of its paths is slow | every request is answered, and the others don't wait for the slow ones |
//! | `slow-heads` … `bad-chunks` | rude peers beside the load, see [`hostile::Kind`] | they are treated as HTTP says, and the load doesn't notice |
//!
//! The four about a service take part if there is one: `--server 'tollgate --upstream {upstream} …'`.
//!
//! For every trial: the server lives and answers, its memory, descriptors and threads don't grow, the client's ledger balances, and the oracle proves no
//! violation.

mod bursts;
mod cold_crowd;
mod connection_churn;
mod herd;
mod hot_id;
mod id_churn;
mod overload;
mod product_list;
mod ramp;
mod restart;
mod rude;
mod rule;
mod service;
mod sick_upstream;
mod slow_among_fast;
mod smoke;
mod soak;
mod spike;
mod steady;
mod upstream_restart;
mod window_edge;

pub(crate) use id_churn::ID_CHURN;
pub use rule::Broken;

use std::fmt;
use std::str::FromStr;

use tollgate_client::Nanos;
use tollgate_client::plan::Stage;

use crate::hostile;
use crate::trial::{Load, Seen, Space};
use crate::upstream::Change;

/// One way to try a server.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// As typed after `--scenarios`.
    pub name: &'static str,
    /// One line for the list.
    pub about: &'static str,
    /// Rude peers beside the load.
    pub beside: Option<hostile::Kind>,
    /// What has to be there.
    pub needs: Needs,
    /// What it makes of the drawn load.
    pub work: fn(&Load, &Around<'_>) -> Work,
    /// What must hold afterwards.
    pub rule: fn(&Seen) -> Result<(), Broken>,
}

/// What has to be there, beside a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The server is one that we started, and so can start again.
    Launch,
    /// The server is a gate in front of a service of ours.
    Service,
}

/// What a scenario goes by, beside the load.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The ranges that the load was drawn from.
    pub space: &'a Space,
    /// The limit: so many.
    pub limit: u32,
    /// In so long.
    pub window: Nanos,
}

/// What a trial does.
#[derive(Clone, Debug)]
pub struct Work {
    /// The load; what follows goes before it.
    pub load: Load,
    /// When requests are due.
    pub shape: Shape,
    /// Whether the server is restarted in the middle.
    pub restarts: bool,
    /// What the service behind the gate goes through; it is well before and afterwards.
    pub upstream: Vec<Change>,
    /// Whether others ask for its slow path meanwhile.
    pub slow_beside: bool,
    /// A request without an answer by then has timed out.
    pub timeout: Nanos,
}

/// When requests are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// At the load's rate.
    Rate,
    /// As fast as answers come.
    Closed,
    /// In stages.
    Stages(Vec<Stage>),
}

impl Work {
    /// The load as it was drawn.
    pub const fn plain(load: Load) -> Self {
        Self { load, shape: Shape::Rate, restarts: false, upstream: Vec::new(), slow_beside: false, timeout: TIMEOUT }
    }
}

/// No scenario has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownScenario(String);

impl FromStr for &'static Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, UnknownScenario> {
        all().find(|scenario| scenario.name == name).ok_or_else(|| UnknownScenario(name.to_owned()))
    }
}

impl fmt::Display for UnknownScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = all().map(|scenario| scenario.name).collect();
        write!(f, "--scenarios {:?}: there is no such scenario, write all or some of {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownScenario {}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scenario({})", self.name)
    }
}

/// All of them, in the order of the list.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    GENTLE.iter().chain(&rude::ALL)
}

static GENTLE: [Scenario; 17] = [
    smoke::SMOKE,
    steady::STEADY,
    ramp::RAMP,
    spike::SPIKE,
    soak::SOAK,
    window_edge::WINDOW_EDGE,
    herd::HERD,
    hot_id::HOT_ID,
    ID_CHURN,
    cold_crowd::COLD_CROWD,
    product_list::PRODUCT_LIST,
    connection_churn::CONNECTION_CHURN,
    restart::RESTART,
    sick_upstream::SICK_UPSTREAM,
    upstream_restart::UPSTREAM_RESTART,
    overload::OVERLOAD,
    slow_among_fast::SLOW_AMONG_FAST,
];

/// Answers come within milliseconds, or not at all.
const TIMEOUT: Nanos = Nanos::from_secs(2);

#[cfg(test)]
mod tests;
