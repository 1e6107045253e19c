//! The options as meant.

use std::ffi::OsString;

use tollgate_client::plan::{IdPlace, Plan, PlanSettings, RequestSettings};
use tollgate_client::program::random_seed;
use tollgate_client::{Clock, Control, Nanos};

use super::failure::Failure;
use crate::cli::value::Lag;
use crate::cli::{DEFAULT_URL, Options, Promised};
use crate::clock;
use crate::oracle::Promise;
use crate::process::{Launch, Server};
use crate::scenario::{Around, Needs, Scenario};
use crate::summary::Files;
use crate::trial::{Bench, Load, Setting, Space, Target, Trial};
use crate::upstream::Upstream;

/// A loop, as meant.
#[derive(Debug)]
pub struct Meant {
    /// As typed.
    pub options: Options,
    /// The program and its arguments, as they would be typed again.
    pub words: Vec<String>,
    /// The master seed.
    pub seed: u64,
    /// What the limiter promised.
    pub promise: Option<Promise>,
    /// What trials are drawn from.
    pub space: Space,
}

impl Meant {
    /// Fills in what wasn't typed.
    ///
    /// # Errors
    ///
    /// When the promise can't be one, or there is no randomness.
    pub fn of(options: Options, args: &[OsString]) -> Result<Self, Failure> {
        let promise = promise(&options.promised)?;
        let seed = options.seed.map_or_else(random_seed, Ok).map_err(Failure::System)?;
        let words = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let Options { clients, connections, rate, duration, pipeline, .. } = options;
        let space = Space {
            clients,
            connections,
            rate,
            duration,
            pipeline,
            arrivals: options.arrival.clone(),
            picks: options.pick.clone(),
            churns: options.churn.clone(),
            affinities: options.affinity.clone(),
            scenarios: scenarios(&options)?,
        };
        Ok(Self { options, words, seed, promise, space })
    }

    /// A trial of the loop, with what was set by hand.
    pub fn trial(&self, number: u64) -> Trial {
        let drawn = self.space.draw(self.seed, number);
        let load = self.options.with.iter().fold(drawn.load, Load::with);
        Trial { load, ..drawn }
    }

    /// Starts the server, or finds it.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn bench(&self, control: &Control) -> Result<Bench<'_>, Failure> {
        let clock = Clock::start();
        let nonce = clock::wall().as_u64() / 1_000_000;
        let url = self.options.url.as_deref();
        let target = |url: String| Target { url, id: self.options.id.clone() };
        // The question only needs the path: it goes to wherever the server is.
        let question = target(url.unwrap_or(DEFAULT_URL).to_owned()).question(&format!("tester.{nonce:x}."))?;
        let has_service = self.options.server.as_deref().is_some_and(has_service);
        let upstream = has_service.then(|| Upstream::start(clock)).transpose().map_err(Failure::System)?;
        let (server, url) = match (&self.options.server, url) {
            (Some(line), url) => {
                let service = upstream.as_ref().map(|upstream| upstream.address().to_string());
                let line = service.map_or(line.clone(), |service| line.replace(SERVICE, &service));
                let launch = Launch::parse(&line)?;
                let launch = match url {
                    Some(url) => launch.at(address(url)?),
                    None => launch,
                };
                let server = Server::start(&launch, &question, clock)?;
                let url = url.map_or_else(|| format!("http://{}/", server.address()), str::to_owned);
                (server, url)
            }
            (None, url) => {
                let url = url.unwrap_or(DEFAULT_URL);
                (Server::running(address(url)?, self.options.pid, &question, clock)?, url.to_owned())
            }
        };
        Ok(Bench {
            server,
            upstream,
            target: target(url),
            promise: self.promise,
            around: self.around(),
            control: control.clone(),
            clock,
            nonce,
            runs: 0,
            log: self.options.log.as_ref().map(|path| self.options.dir.join(path)),
            baseline: None,
        })
    }

    /// Which files there are to be.
    pub fn files(&self) -> Files {
        let within = |path: &std::path::PathBuf| self.options.dir.join(path);
        let Options { summary, json, html, .. } = &self.options;
        Files { text: Some(within(summary)), json: json.as_ref().map(within), html: html.as_ref().map(within) }
    }

    /// The line that runs a trial again, with these values set by hand.
    pub fn command(&self, trial: u64, settings: &[Setting]) -> String {
        let (program, rest) =
            self.words.split_first().map_or(("tollgate-tester", &[][..]), |(first, rest)| (first.as_str(), rest));
        let rest = match rest {
            [word, _, rest @ ..] if ["repro", "shrink"].contains(&word.as_str()) => rest,
            rest => rest,
        };
        let mut words = vec![program.to_owned(), "repro".to_owned(), trial.to_string()];
        words.extend(rest.iter().cloned());
        if self.options.seed.is_none() {
            words.extend(["--seed".to_owned(), self.seed.to_string()]);
        }
        words.extend(settings.iter().flat_map(|setting| ["--with".to_owned(), setting.to_string()]));
        line(&words)
    }

    /// The command line, as it would be typed again.
    pub fn typed(&self) -> String {
        line(&self.words)
    }

    fn around(&self) -> Around<'_> {
        let (limit, window) = self.promise.map_or(UNKNOWN, |promise| (promise.limit(), promise.period()));
        Around { space: &self.space, limit, window }
    }
}

/// What is asked for and possible: a server that somebody else started can't be started again, and has no service of ours behind it.
fn scenarios(options: &Options) -> Result<Vec<&'static Scenario>, Failure> {
    let server = options.server.as_deref();
    let is_possible = |needs: Needs| match needs {
        Needs::Nothing => true,
        Needs::Launch => server.is_some(),
        Needs::Service => server.is_some_and(has_service),
    };
    let asked = &options.scenarios.0;
    let possible: Vec<_> = asked.iter().copied().filter(|scenario| is_possible(scenario.needs)).collect();
    match asked.first() {
        Some(first) if possible.is_empty() => Err(Failure::Missing(first)),
        _ => Ok(possible),
    }
}

/// Whether this starts a gate in front of our service.
fn has_service(line: &str) -> bool {
    line.contains(SERVICE)
}

/// Where the address of our service goes.
pub(super) const SERVICE: &str = "{upstream}";

/// Words as a shell takes them.
fn line(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// What `--limit` and its like promise.
pub fn promise(promised: &Promised) -> Result<Option<Promise>, Failure> {
    if promised.limit == "none" {
        return Ok(None);
    }
    let mut promise = Promise::parse(&promised.limit, &promised.algorithm)?;
    if let Some(tick) = promised.tick {
        promise = promise.with_tick(tick);
    }
    if let Some(Lag(lag)) = promised.lag {
        promise = promise.with_lag(lag);
    }
    Ok(Some(if promised.charges_denied { promise.charging_denials() } else { promise }))
}

/// Where a URL leads.
fn address(url: &str) -> Result<std::net::SocketAddr, Failure> {
    let request =
        RequestSettings { url: url.to_owned(), id: IdPlace::Header("X".to_owned()), ..RequestSettings::default() };
    let plan = Plan::new(PlanSettings { request, ..PlanSettings::default() })?;
    tollgate_client::program::find(plan.request().host(), plan.request().port(), &[]).map_err(Failure::Target)
}

/// What scenarios go by if nobody says what the limit is.
const UNKNOWN: (u32, Nanos) = (5, Nanos::from_secs(5));
