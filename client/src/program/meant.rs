//! The options as meant: defaults that depend on one another and on the machine, filled in. Pure: who sits at the terminal, how many CPUs there are
//! and the seed to fall back on are arguments.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use crate::Nanos;
use crate::cli::{Args, Given};
use crate::engine::{Classes, EngineSettings};
use crate::plan::parse::{show_count, show_duration};
use crate::plan::{self, Plan, PlanError, PlanSettings, RequestSettings, Schedule, Stop};
use crate::summary::Header;
use crate::view::Title;

/// What isn't on the command line and decides nevertheless.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// CPUs that this process may use.
    pub cpus: u32,
    /// Somebody can press a key.
    pub hands: bool,
    /// The seed, if none was given.
    pub seed: u64,
    /// The number of clients, if none was given.
    pub clients: u32,
}

impl Surroundings {
    /// One CPU is left to the server, or to whatever else there is.
    fn threads(self) -> NonZeroU32 {
        NonZeroU32::new(self.cpus.saturating_sub(1)).unwrap_or(NonZeroU32::MIN)
    }
}

/// A run, as meant.
#[derive(Debug)]
pub struct Meant {
    args: Args,
    given: Vec<Given>,
    clients: u32,
    threads: NonZeroU32,
    seed: u64,
    schedule: Schedule,
    stop: Stop,
}

impl Meant {
    /// Fills in what wasn't typed.
    ///
    /// # Errors
    ///
    /// When a rate has no end to reach.
    pub fn of(args: Args, given: Vec<Given>, around: Surroundings) -> Result<Self, PlanError> {
        let schedule = schedule(&args)?;
        Ok(Self {
            clients: args.clients.unwrap_or(around.clients),
            threads: args.threads.unwrap_or_else(|| around.threads().min(args.connections)),
            seed: args.seed.unwrap_or(around.seed),
            stop: stop(&args, around.hands),
            schedule,
            args,
            given,
        })
    }

    /// What was typed.
    pub const fn args(&self) -> &Args {
        &self.args
    }

    /// What is sent, and when.
    ///
    /// # Errors
    ///
    /// When the body's file can't be read.
    pub fn plan(&self) -> Result<PlanSettings, PlanError> {
        let Args { url, method, headers, body, id, pick, affinity, .. } = &self.args;
        Ok(PlanSettings {
            seed: self.seed,
            schedule: self.schedule.clone(),
            stop: self.stop,
            clients: self.clients,
            pick: pick.clone(),
            affinity: *affinity,
            request: RequestSettings {
                method: method.clone(),
                url: url.clone(),
                headers: headers.clone(),
                body: body.as_deref().map_or(Ok(Vec::new()), plan::body)?,
                id: id.clone(),
            },
        })
    }

    /// How it is carried out.
    pub fn engine(&self, target: SocketAddr) -> EngineSettings {
        let args = &self.args;
        EngineSettings {
            target,
            sources: args.sources.clone(),
            connections: args.connections,
            threads: self.threads,
            pipeline: args.pipeline,
            requests_per_connection: args.reqs_per_conn,
            connection_rate: args.conn_rate,
            close: args.close,
            timeout: args.timeout,
            deadline: args.deadline,
            drain: args.drain_timeout,
            wait: args.wait,
            pin: args.pin,
            classes: Classes { allowed: args.allow.0.clone(), denied: args.deny.0.clone() },
            interval: args.interval,
        }
    }

    /// What the view says that is going on.
    pub fn title(&self, plan: &Plan) -> Title {
        Title {
            url: self.args.url.clone(),
            mode: mode(&self.schedule),
            clients: u32::try_from(plan.ids()).unwrap_or(u32::MAX),
            seed: self.seed,
            end: self.end(),
            top: self.args.top,
        }
    }

    /// What the reports say that was planned.
    pub fn header(&self, plan: &Plan) -> Header {
        Header {
            url: self.args.url.clone(),
            options: self.options(),
            command: self.command(),
            seed: self.seed,
            plan_hash: plan.hash(),
            pipeline: self.args.pipeline.get(),
            connections: self.args.connections.get(),
        }
    }

    fn end(&self) -> Option<Nanos> {
        self.stop.after.or(match &self.schedule {
            Schedule::Open { rate, .. } => rate.end(),
            Schedule::Closed | Schedule::Think(_) => None,
        })
    }

    /// The options that made the plan, and all that were typed.
    fn options(&self) -> Vec<(String, String)> {
        let threads = self.args.threads.is_none().then(|| chosen("-t", self.threads.to_string()));
        let options = self.given.iter().cloned().chain(self.chosen()).chain(threads);
        options.map(|Given { name, value, .. }| (name, value)).collect()
    }

    /// What makes the same requests again: the options that were typed, and those that would be chosen anew.
    fn command(&self) -> String {
        let typed = self.given.iter().filter(|given| given.typed).cloned();
        let command = format!("tollgate-client {}", quote(&self.args.url));
        typed.chain(self.chosen()).fold(command, |command, Given { name, value, .. }| match value.as_str() {
            "" => format!("{command} {name}"),
            dashed if dashed.starts_with('-') => format!("{command} {name}={}", quote(dashed)),
            value => format!("{command} {name} {}", quote(value)),
        })
    }

    /// What wasn't typed, and another time or elsewhere would be chosen otherwise.
    fn chosen(&self) -> Vec<Given> {
        let Args { clients, seed, duration, .. } = &self.args;
        let after = self.stop.after.filter(|_| duration.is_none());
        let clients = clients.is_none().then(|| chosen("--clients", show_count(self.clients.into())));
        let seed = seed.is_none().then(|| chosen("--seed", self.seed.to_string()));
        [clients, after.map(|after| chosen("-d", show_duration(after))), seed].into_iter().flatten().collect()
    }
}

fn chosen(name: &str, value: String) -> Given {
    Given { name: name.to_owned(), value, typed: false }
}

/// As a shell takes it for one word.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn schedule(args: &Args) -> Result<Schedule, PlanError> {
    let arrival = args.arrival.unwrap_or_default();
    // The end must have been said: a ramp to an end that depends on who sits at the terminal is two different ramps.
    let after = args.duration.and_then(|end| end.0);
    Ok(match (&args.rate, &args.stages, &args.think) {
        (Some(rate), _, _) => Schedule::Open { rate: rate.over(after)?, arrival },
        (None, Some(stages), _) => Schedule::Open { rate: stages.clone(), arrival },
        (None, None, Some(think)) => Schedule::Think(*think),
        (None, None, None) => Schedule::Closed,
    })
}

/// Somebody who can press a key decides; a script that said nothing gets its report soon.
fn stop(args: &Args, hands: bool) -> Stop {
    let ends_anyway = args.requests.is_some() || args.stages.is_some() || hands;
    let after = match args.duration {
        Some(end) => end.0,
        None => (!ends_anyway).then_some(WITHOUT_A_KEY),
    };
    Stop { after, requests: args.requests }
}

fn mode(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Closed => "closed loop".to_owned(),
        Schedule::Open { rate, .. } if rate.is_stages() => format!("open loop, {rate}"),
        Schedule::Open { rate, arrival } => format!("open loop, {rate}/s {arrival} in total"),
        Schedule::Think(think) => format!("thinking {think}"),
    }
}

/// How long a run takes that nobody limited and nobody can stop by a key.
const WITHOUT_A_KEY: Nanos = Nanos::from_secs(10);

#[cfg(test)]
mod tests;
