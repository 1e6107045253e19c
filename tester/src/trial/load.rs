//! How much of what a trial does: the values that are drawn, and that `--with` can set by hand.

use std::fmt;
use std::str::FromStr;

use tollgate_client::Nanos;
use tollgate_client::plan::parse::{count, duration, show_count, show_duration};
use tollgate_client::plan::{Affinity, Arrival, Pick, PlanError};

/// What is drawn for a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Simulated clients.
    pub clients: u32,
    /// Connections.
    pub connections: u32,
    /// Requests per second.
    pub rate: u64,
    /// How long requests are sent.
    pub duration: Nanos,
    /// How evenly.
    pub arrival: Arrival,
    /// Whose requests.
    pub pick: Pick,
    /// Requests in flight on a connection, at most.
    pub pipeline: u32,
    /// Requests after which a connection is closed; 0 for never.
    pub churn: u32,
    /// Whether a client keeps to one thread's connections.
    pub affinity: Affinity,
}

/// One value, set by hand: `clients=10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `clients=N`.
    Clients(u32),
    /// `connections=N`.
    Connections(u32),
    /// `rate=N`.
    Rate(u64),
    /// `duration=T`.
    Duration(Nanos),
    /// `arrival=NAME`.
    Arrival(Arrival),
    /// `pick=DIST`.
    Pick(Pick),
    /// `pipeline=N`.
    Pipeline(u32),
    /// `churn=N`.
    Churn(u32),
    /// `affinity=HOW`.
    Affinity(Affinity),
}

/// Why `--with` can't be read.
#[derive(Debug)]
pub enum SettingError {
    /// Not `NAME=VALUE` with a name of a load's.
    Unknown(String),
    /// The value isn't one.
    Value(PlanError),
}

impl Load {
    /// With one value set by hand.
    pub fn with(mut self, setting: &Setting) -> Self {
        match setting.clone() {
            Setting::Clients(clients) => self.clients = clients,
            Setting::Connections(connections) => self.connections = connections,
            Setting::Rate(rate) => self.rate = rate,
            Setting::Duration(duration) => self.duration = duration,
            Setting::Arrival(arrival) => self.arrival = arrival,
            Setting::Pick(pick) => self.pick = pick,
            Setting::Pipeline(pipeline) => self.pipeline = pipeline,
            Setting::Churn(churn) => self.churn = churn,
            Setting::Affinity(affinity) => self.affinity = affinity,
        }
        self
    }

    /// For so long, in whole milliseconds: so that it can be typed again.
    pub(super) fn whole(span: Nanos) -> Nanos {
        Nanos::from_millis(span.as_u64() / 1_000_000)
    }

    /// All of it, as settings.
    pub fn settings(&self) -> [Setting; 9] {
        [
            Setting::Clients(self.clients),
            Setting::Connections(self.connections),
            Setting::Rate(self.rate),
            Setting::Duration(self.duration),
            Setting::Arrival(self.arrival),
            Setting::Pick(self.pick.clone()),
            Setting::Pipeline(self.pipeline),
            Setting::Churn(self.churn),
            Setting::Affinity(self.affinity),
        ]
    }
}

impl Setting {
    /// What stands before the `=`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Clients(_) => "clients",
            Self::Connections(_) => "connections",
            Self::Rate(_) => "rate",
            Self::Duration(_) => "duration",
            Self::Arrival(_) => "arrival",
            Self::Pick(_) => "pick",
            Self::Pipeline(_) => "pipeline",
            Self::Churn(_) => "churn",
            Self::Affinity(_) => "affinity",
        }
    }

    /// What stands behind it.
    pub fn value(&self) -> String {
        match self {
            Self::Clients(n) | Self::Connections(n) | Self::Pipeline(n) | Self::Churn(n) => show_count((*n).into()),
            Self::Rate(n) => show_count(*n),
            Self::Duration(span) => show_duration(*span),
            Self::Arrival(arrival) => arrival.to_string(),
            Self::Pick(pick) => pick.to_string(),
            Self::Affinity(affinity) => affinity.to_string(),
        }
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (name, value) = text.split_once('=').ok_or_else(|| SettingError::Unknown(text.to_owned()))?;
        let number = |least, most| count("--with", value, least, most).map(|n| n as u32);
        let setting = match name {
            "clients" => number(1, u32::MAX.into()).map(Self::Clients),
            "connections" => number(1, MOST_CONNECTIONS).map(Self::Connections),
            "rate" => count("--with", value, 1, FASTEST).map(Self::Rate),
            "duration" => duration("--with", value, SHORTEST, LONGEST).map(Self::Duration),
            "arrival" => value.parse().map(Self::Arrival),
            "pick" => value.parse().map(Self::Pick),
            "pipeline" => number(1, DEEPEST).map(Self::Pipeline),
            "churn" => number(0, u32::MAX.into()).map(Self::Churn),
            "affinity" => value.parse().map(Self::Affinity),
            _ => return Err(SettingError::Unknown(text.to_owned())),
        };
        setting.map_err(SettingError::Value)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name(), self.value())
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(text) => write!(f, "--with {text:?}: write NAME=VALUE, with one of {NAMES}"),
            Self::Value(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SettingError {}

const NAMES: &str = "clients, connections, rate, duration, arrival, pick, pipeline, churn, affinity";
/// As many as one address has ports for, and more than any trial needs.
pub(crate) const MOST_CONNECTIONS: u64 = 28_000;
/// More than any machine sends.
pub(crate) const FASTEST: u64 = 10_000_000;
/// What the engine takes.
pub(crate) const DEEPEST: u64 = 256;
/// Anything shorter measures its own start.
pub(crate) const SHORTEST: Nanos = Nanos::from_millis(100);
/// The longest time that any flag takes: a soak of a week.
pub const LONGEST: Nanos = Nanos::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_read_back_as_it_is_shown() {
        let shown = [
            "clients=10",
            "connections=28k",
            "rate=2500",
            "duration=1500ms",
            "arrival=constant",
            "pick=zipf:1.1",
            "pipeline=16",
            "churn=0",
            "affinity=sticky",
        ];
        let settings = shown.map(|text| text.parse::<Setting>().unwrap());
        assert_eq!(settings.clone().map(|setting| setting.to_string()), shown);
        let load = Load {
            clients: 1,
            connections: 1,
            rate: 1,
            duration: Nanos::ZERO,
            arrival: Arrival::Poisson,
            pick: Pick::Uniform,
            pipeline: 1,
            churn: 1,
            affinity: Affinity::Spray,
        };
        let load = settings.iter().fold(load, Load::with);
        assert_eq!(load.settings(), settings);
    }

    #[test]
    fn what_is_no_setting_is_told_with_the_cure() {
        for (text, line) in [
            ("10", "--with \"10\": write NAME=VALUE, with one of clients, "),
            ("colour=red", "--with \"colour=red\": write NAME=VALUE"),
            ("clients=0", "--with \"0\": "),
            ("pick=mine", "--pick \"mine\": "),
        ] {
            let told = text.parse::<Setting>().unwrap_err().to_string();
            assert!(told.starts_with(line), "{told}");
        }
    }
}
