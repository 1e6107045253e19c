//! From what a trial has seen to what is told about it.

use rustix::system::uname;
use tollgate_client::Nanos;
use tollgate_client::report::{Quantiles, Verdict};

use super::meant::Meant;
use crate::clock;
use crate::oracle::{self, Report};
use crate::process;
use crate::summary::{Admitted, Entry, Failure, Fate, Header, Promise, Server, Usage, Verdict as Said};
use crate::trial::{Seen, Trial};

/// What is the same for all trials.
pub fn header(meant: &Meant) -> Header {
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: meant.seed,
        command: meant.typed(),
        machine: machine(),
        started: clock::wall(),
        promise: meant.promise.map(|promise| Promise { text: promise.to_string(), bound: bound(&promise) }),
    }
}

/// A trial that is over, for the summary. `restarted`: the server was started anew because of it.
pub fn entry(
    trial: &Trial,
    seen: &Seen,
    failures: Vec<Failure>,
    started: Nanos,
    meant: &Meant,
    restarted: bool,
) -> Entry {
    let total = &seen.summary.total;
    let verdict = Verdict::of(&seen.summary);
    let seconds = seen.summary.duration.as_secs_f64().max(f64::MIN_POSITIVE);
    Entry {
        trial: trial.number,
        seed: trial.seed,
        plan_hash: seen.summary.header.plan_hash,
        scenario: trial.scenario.name.to_owned(),
        parameters: seen.work.load.settings().iter().map(|set| (set.name().to_owned(), set.value())).collect(),
        started,
        length: seen.length,
        ledger: total.ledger,
        statuses: total.statuses.iter().collect(),
        offered_per_s: seen.summary.offered_rate,
        sent_per_s: total.ledger.sent as f64 / seconds,
        allowed: Quantiles::of(&total.allowed.latency),
        denied: Quantiles::of(&total.denied.latency),
        oracle: seen.report.as_ref().map(said),
        validity: verdict.validity(),
        reasons: verdict.reasons().iter().map(ToString::to_string).collect(),
        server: server(seen, restarted),
        failures,
        command: meant.command(trial.number, &[]),
        course: seen.course.clone(),
        admitted: admitted(seen, meant),
    }
}

fn said(report: &Report) -> Said {
    match &report.verdict {
        oracle::Verdict::Conforms => Said::Conforms,
        oracle::Verdict::Inconclusive(why) => Said::Inconclusive(why.to_string()),
        oracle::Verdict::Violation(witnesses) => Said::Violation {
            count: report.counters.too_many + report.counters.wrong_denials,
            witness: witnesses.iter().map(ToString::to_string).collect(),
        },
    }
}

fn server(seen: &Seen, restarted: bool) -> Server {
    let answers = seen.summary.total.ledger.answers();
    let cpu_per_request = seen.server_cpu.filter(|_| answers > 0).map(|cpu| Nanos::new(cpu.as_u64() / answers.max(1)));
    let usage = seen.vitals.as_ref().map(|vitals| Usage {
        rss: vitals.rss,
        descriptors: vitals.files.unwrap_or(0),
        threads: vitals.threads,
        cpu_per_request,
    });
    let fate = match seen.condition {
        process::Condition::Alive => Fate::Alive,
        process::Condition::Hung(_) => Fate::Hung,
        process::Condition::Exited(code) => Fate::Exited { code },
        process::Condition::Killed { signal, .. } => Fate::Killed { signal },
        process::Condition::Gone => Fate::Gone,
    };
    Server { fate, usage, restarted: restarted || seen.restarted }
}

/// Clients by what they were admitted in a window, on average over the trial: the oracle knows better who was admitted too much.
fn admitted(seen: &Seen, meant: &Meant) -> Admitted {
    let mut admitted = Admitted::default();
    if let Some(promise) = meant.promise {
        let windows = (seen.summary.duration.as_secs_f64() / promise.period().as_secs_f64()).ceil().max(1.0) as u64;
        let quota = windows * u64::from(promise.limit());
        seen.summary.clients.iter().for_each(|client| admitted.client(client.allowed.into(), quota));
    }
    admitted
}

/// The most that any span of T may hold, in quotas.
fn bound(promise: &oracle::Promise) -> f64 {
    let limit = f64::from(promise.limit());
    match promise.algorithm() {
        oracle::Algorithm::SlidingWindow => 1.0,
        oracle::Algorithm::FixedWindow => 2.0 - 1.0 / limit,
        oracle::Algorithm::TokenBucket { burst } | oracle::Algorithm::LeakyBucket { burst, .. } => {
            1.0 + f64::from(burst.get()) / limit
        }
    }
}

fn machine() -> String {
    let uname = uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cpus} CPUs, {} {} {}", part(uname.sysname()), part(uname.release()), part(uname.machine()))
}
