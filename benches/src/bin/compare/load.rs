//! One run of wrk with the prepared requests of `peers/load.lua`.

use std::io::Read;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{Interrupt, Process};

/// The clients who send every other request, and are nearly always denied, if there are any.
pub const FLOODERS: u64 = 64;
/// What one flooder may be allowed in a run besides its burst: one a second, and one more on either side.
const FLOODER_BURST: u64 = 5 + 2;
/// Clients drawn at random come together by chance, in a limiter's table or within five seconds.
const CHANCE: f64 = 0.05;
/// How long wrk may need beyond its run, to prepare the requests and to close.
const GRACE: Duration = Duration::from_secs(60);

/// What wrk is asked to do.
#[derive(Debug)]
pub struct Load<'a> {
    pub target: SocketAddr,
    pub script: &'a Path,
    pub threads: usize,
    pub connections: usize,
    pub depth: usize,
    pub seconds: u64,
    pub seed: usize,
    /// Clients who send every other request.
    pub flooders: u64,
    pub cpus: &'a [usize],
}

/// What wrk saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub requests: u64,
    pub seconds: f64,
    /// Answers with a status of 400 or more: with a limiter, the denials.
    pub denied: u64,
    /// Connections that failed, answers that did not come.
    pub errors: u64,
}

impl Load<'_> {
    pub fn run(&self, interrupt: &Interrupt) -> Result<Seen> {
        let mut command = Command::new("wrk");
        command
            .arg(format!("--threads={}", self.threads))
            .arg(format!("--connections={}", self.connections))
            .arg(format!("--duration={}s", self.seconds))
            .arg(format!("--script={}", self.script.display()))
            .arg(format!("http://{}/", self.target))
            .arg("--")
            .args([self.prepared(), self.depth, self.seed, self.flooders as usize].map(|argument| argument.to_string()))
            .stdout(Stdio::piped());
        let mut wrk = Process::start(&mut command, self.cpus)?;
        let limit = Duration::from_secs(self.seconds) + GRACE;
        let status = interrupt.wait_for("wrk", limit, || Ok(wrk.exited()?))?;
        let mut said = String::new();
        wrk.child.stdout.take().context("wrk's output")?.read_to_string(&mut said)?;
        ensure!(status.success(), "wrk failed: {status}\n{said}");
        Seen::parse(&said).with_context(|| format!("wrk said:\n{said}"))
    }

    /// So many that a client who is not a flooder comes round less than once a second at any rate a core can serve, and not
    /// so many that preparing them takes longer than the run.
    fn prepared(&self) -> usize {
        let per_thread = if self.depth == 1 { 1 << 19 } else { 1 << 21 };
        per_thread / self.depth * self.depth
    }
}

impl Seen {
    /// Which share of the requests a limiter may have denied if it did what it should.
    pub fn denied_by_a_limiter(&self, flooders: u64) -> RangeInclusive<f64> {
        if flooders == 0 {
            return 0.0..=CHANCE;
        }
        let forgiven = flooders as f64 * (FLOODER_BURST as f64 + self.seconds);
        let least = 0.5 - forgiven / self.requests as f64 - CHANCE;
        least..=0.5 + CHANCE
    }

    fn parse(said: &str) -> Result<Seen> {
        let line = said.lines().find_map(|line| line.strip_prefix("compare: ")).context("no summary line")?;
        let field = |name: &str| -> Result<u64> {
            let value = line.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            Ok(value.with_context(|| format!("no {name}"))?.parse()?)
        };
        Ok(Seen {
            requests: field("requests")?,
            seconds: Duration::from_micros(field("duration_us")?).as_secs_f64(),
            denied: field("not_2xx")?,
            errors: field("connect")? + field("read")? + field("write")? + field("timeout")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_line_is_read_field_by_field() {
        let said =
            "Running 1s test\ncompare: requests=10 duration_us=2000000 not_2xx=4 connect=1 read=2 write=3 timeout=4\n";
        let seen = Seen::parse(said).unwrap();
        assert_eq!(seen, Seen { requests: 10, seconds: 2.0, denied: 4, errors: 10 });
        assert!(Seen::parse("compare: requests=10\n").is_err());
    }

    #[test]
    fn a_limiter_that_denies_nobody_is_found_out() {
        let seen = Seen { requests: 100_000, seconds: 3.0, denied: 0, errors: 0 };
        assert!(seen.denied_by_a_limiter(FLOODERS).contains(&0.5));
        assert!(!seen.denied_by_a_limiter(FLOODERS).contains(&0.4));
        assert!(!seen.denied_by_a_limiter(FLOODERS).contains(&0.6));
        assert!(seen.denied_by_a_limiter(0).contains(&0.0) && !seen.denied_by_a_limiter(0).contains(&0.5));
    }
}
