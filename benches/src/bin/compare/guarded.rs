//! A gate in front of a service of known capacity, and clients that ask it for things.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{Interrupt, Process};
use crate::server::{build, start_announced};

/// The service's workers, and how long a request keeps one of them.
pub const WORKERS: usize = 16;
pub const SERVICE_TIME: Duration = Duration::from_millis(8);
/// How long a client may need beyond its run.
const GRACE: Duration = Duration::from_secs(30);

/// The programs.
#[derive(Debug)]
pub struct Programs {
    tollgate: PathBuf,
    client: PathBuf,
    service: PathBuf,
}

/// A program that answers at `address`.
#[derive(Debug)]
pub struct Serving {
    pub process: Process,
    pub address: SocketAddr,
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub target: SocketAddr,
    pub path: &'a str,
    /// Per second, whatever the answers; without it, as fast as they come.
    pub rate: Option<f64>,
    pub connections: usize,
    pub seconds: u64,
    /// Where figures of every 50 ms go.
    pub series: Option<&'a Path>,
}

/// What it saw.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub requests: f64,
    /// Answers with 200 per second.
    pub served: f64,
    /// Answers with 503, as a share of the requests.
    pub refused: f64,
    /// Answers neither with 200 nor 503, and none at all, as a share of the requests.
    pub failed: f64,
    /// Milliseconds from when a request was due to its 200.
    pub p99_ms: f64,
}

/// A client under way.
pub struct Asking {
    process: Process,
    report: PathBuf,
    seconds: u64,
}

impl Programs {
    pub fn build(tollgate: Option<PathBuf>, interrupt: &Interrupt) -> Result<Programs> {
        Ok(Programs {
            tollgate: tollgate.map_or_else(|| build("tollgate", "tollgate", interrupt), Ok)?,
            client: build("tollgate-client", "tollgate-client", interrupt)?,
            service: build("tollgate-benches", "service", interrupt)?,
        })
    }

    /// The service at this address; port 0 lets the kernel pick.
    pub fn service(&self, address: &str, dir: &tempfile::TempDir, cpus: &[usize]) -> Result<Serving> {
        let mut command = Command::new(&self.service);
        command.args([address, &WORKERS.to_string(), &SERVICE_TIME.as_millis().to_string()]);
        Serving::start(&mut command, dir, cpus)
    }

    /// A gate on one core, in front of `service`; `more` follows in its `[upstream.app]`, and whatever tables after it.
    pub fn gate(&self, service: SocketAddr, more: &str, dir: &tempfile::TempDir, cpu: usize) -> Result<Serving> {
        let config = format!("limit = \"1M/1s,fixed-window\"\n[upstream.app]\nservers = [\"{service}\"]\n{more}\n");
        let path = dir.path().join("gate.toml");
        std::fs::write(&path, config)?;
        let mut command = Command::new(&self.tollgate);
        command.args(["--listen", "127.0.0.1:0", "--cores", &format!("{cpu}-{cpu}"), "--config"]).arg(path);
        Serving::start(&mut command, dir, &[cpu])
    }

    pub fn ask(&self, ask: &Ask<'_>, dir: &Path, cpus: &[usize]) -> Result<Asking> {
        let report = dir.join(format!("{}.json", ask.path.trim_start_matches('/')));
        let mut command = Command::new(&self.client);
        command
            .arg(format!("http://{}{}", ask.target, ask.path))
            .args(["--clients", "1M", "--pick", "seq", "--threads", "1", "--plain"])
            .args(["--connections", &ask.connections.to_string(), "--duration", &format!("{}s", ask.seconds)])
            .arg("--json")
            .arg(&report)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(rate) = ask.rate {
            command.args(["--rate", &format!("{rate:.0}")]);
        }
        if let Some(series) = ask.series {
            command.arg("--series").arg(series).args(["--interval", "50ms"]);
        }
        Ok(Asking { process: Process::start(&mut command, cpus)?, report, seconds: ask.seconds })
    }
}

impl Serving {
    fn start(command: &mut Command, dir: &tempfile::TempDir, cpus: &[usize]) -> Result<Serving> {
        let (process, address) = start_announced(command, dir, cpus)?;
        Ok(Serving { process, address })
    }
}

impl Asking {
    /// Waits for its end.
    pub fn seen(mut self, interrupt: &Interrupt) -> Result<Seen> {
        let limit = Duration::from_secs(self.seconds) + GRACE;
        let status = interrupt.wait_for("tollgate-client", limit, || Ok(self.process.exited()?))?;
        ensure!(status.success(), "tollgate-client failed: {status}");
        let text = std::fs::read_to_string(&self.report)?;
        Seen::of(&text).with_context(|| format!("tollgate-client reported {text}"))
    }
}

impl Seen {
    fn of(report: &str) -> Result<Seen> {
        let report: Value = serde_json::from_str(report)?;
        let number = |name: &str| report[name].as_f64().with_context(|| format!("no {name}"));
        let (requests, allowed) = (number("requests")?, number("allowed")?);
        ensure!(requests > 0.0, "no request was sent");
        let refused = report["status"]["503"].as_f64().unwrap_or(0.0);
        Ok(Seen {
            requests,
            served: allowed / number("duration_s")?,
            refused: refused / requests,
            failed: (requests - allowed - refused) / requests,
            p99_ms: report["latency_us"]["allowed"]["p99"].as_f64().map_or(f64::NAN, |micros| micros / 1000.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn a_report_is_read_by_what_became_of_requests() {
        let report = r#"{"requests":100,"allowed":60,"duration_s":2.0,"status":{"200":60,"503":30,"502":10},
            "latency_us":{"allowed":{"p99":4000.0}}}"#;
        let seen = Seen::of(report).unwrap();
        assert_eq!((seen.served, seen.refused, seen.failed, seen.p99_ms), (30.0, 0.3, 0.1, 4.0));
        assert!(Seen::of("{}").is_err());
    }
}
