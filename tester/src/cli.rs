//! The command line, as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use tollgate_client::Nanos;
use tollgate_client::plan::{Affinity, Arrival, IdPlace, Pick};

use crate::scenario::Scenario;
use crate::summary::Kind;
use crate::trial::Setting;
use crate::trial::space::{self, Span};

pub mod value;

/// Load tests with random parameters for ever, and an oracle that checks a rate limit from outside.
#[derive(Debug, Parser)]
#[command(name = "tollgate-tester", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_help_heading = "Instead of the loop",
    disable_help_subcommand = true
)]
pub struct Line {
    /// What to do instead of the loop.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What the loop does.
    #[command(flatten)]
    pub options: Options,
}

/// What can be done instead of the loop.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs one trial of a loop again; give the loop's options and seed
    Repro {
        /// Its number
        #[arg(value_parser = value::trial)]
        trial: u64,

        #[command(flatten)]
        options: Options,
    },
    /// Runs a trial that failed again and again, each time with less of something, until less doesn't fail any more
    Shrink {
        /// Its number
        #[arg(value_parser = value::trial)]
        trial: u64,

        #[command(flatten)]
        options: Options,
    },
    /// Checks a log of exchanges that was written with --log
    Verify {
        /// The log
        #[arg(value_hint = ValueHint::FilePath)]
        log: PathBuf,

        #[command(flatten)]
        promised: Promised,
    },
    /// Tells from outside what limit a server has
    Probe {
        /// The server
        #[arg(value_name = "URL", default_value = DEFAULT_URL)]
        url: String,

        /// Where the id goes: query:NAME, header:NAME or path
        #[arg(long, value_name = "PLACE", default_value = "query:clientId")]
        id: IdPlace,

        /// How long it may take
        #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = value::span)]
        most: Nanos,
    },
    /// Lists the scenarios
    List,
}

/// What the limiter promised.
#[derive(Clone, Debug, Args)]
pub struct Promised {
    /// The limit: N/T, such as 5/5s; none if there is none to check
    #[arg(long, value_name = "N/T", default_value = "5/5s", help_heading = "Promised")]
    pub limit: String,

    /// How it counts: sliding-window, fixed-window, token-bucket[:BURST] or leaky-bucket[:MAX_DELAY]
    #[arg(long, value_name = "NAME", default_value = "sliding-window", help_heading = "Promised")]
    pub algorithm: String,

    /// How old the time may be by which the server decides [default: 20ms]
    #[arg(long, value_name = "TIME", value_parser = value::tick, help_heading = "Promised")]
    pub tick: Option<Nanos>,

    /// How late a used unit may come back; never: denials aren't judged [default: a quarter of T]
    #[arg(long, value_name = "TIME|never", value_parser = value::lag, help_heading = "Promised")]
    pub lag: Option<value::Lag>,

    /// Denied requests count against the limit too
    #[arg(long, help_heading = "Promised")]
    pub charges_denied: bool,
}

/// What the loop does.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The server, if it runs already
    #[arg(value_hint = ValueHint::Url, help_heading = "Server")]
    pub url: Option<String>,

    /// Starts this server, watches it, and starts it again after a crash; {upstream} in it is a service to be in front of
    #[arg(long, value_name = "CMD", help_heading = "Server")]
    pub server: Option<String>,

    /// The process of the server at URL, to be watched
    #[arg(long, value_name = "PID", conflicts_with = "server", value_parser = value::pid, help_heading = "Server")]
    pub pid: Option<u32>,

    /// Where a request says whose it is: query:NAME, header:NAME or path
    #[arg(long, value_name = "PLACE", default_value = "query:clientId", help_heading = "Server")]
    pub id: IdPlace,

    /// What the limiter promised.
    #[command(flatten)]
    pub promised: Promised,

    /// Same seed and options, same trials [default: random, and printed]
    #[arg(long, value_name = "N", value_parser = value::seed, help_heading = "Loop")]
    pub seed: Option<u64>,

    /// Stop after so many trials
    #[arg(long, value_name = "N", value_parser = value::trials, help_heading = "Loop")]
    pub trials: Option<u64>,

    /// Begin no trial after so long
    #[arg(long = "for", value_name = "TIME", value_parser = value::span, help_heading = "Loop")]
    pub span: Option<Nanos>,

    /// Stop at the first of these: crash, hang, growth, violation, rule, unbalanced
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = value::kind, help_heading = "Loop")]
    pub stop_on: Vec<Kind>,

    /// How often a trial in which the server crashed is repeated, to tell repeats from flaky
    #[arg(long, value_name = "N", default_value = "2", value_parser = value::retries, help_heading = "Loop")]
    pub retries: u32,

    /// Scenarios: all, or some of those that `list` lists
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = value::scenarios, help_heading = "Drawn")]
    pub scenarios: Scenarios,

    /// Simulated clients, from A to B
    #[arg(long, value_name = "A:B", default_value = "1:100k", value_parser = space::clients, help_heading = "Drawn")]
    pub clients: Span,

    /// Connections
    #[arg(long, value_name = "A:B", default_value = "1:500", value_parser = space::connections, help_heading = "Drawn")]
    pub connections: Span,

    /// Requests per second
    #[arg(long, value_name = "A:B", default_value = "100:20k", value_parser = space::rate, help_heading = "Drawn")]
    pub rate: Span,

    /// How long a trial sends requests
    #[arg(long, value_name = "A:B", default_value = "5s:60s", value_parser = space::length, help_heading = "Drawn")]
    pub duration: Span,

    /// Requests in flight on a connection
    #[arg(long, value_name = "A:B", default_value = "1:32", value_parser = space::pipeline, help_heading = "Drawn")]
    pub pipeline: Span,

    /// How requests are spread around the rate
    #[arg(
        long,
        value_name = "LIST",
        default_value = "poisson,constant",
        value_delimiter = ',',
        help_heading = "Drawn"
    )]
    pub arrival: Vec<Arrival>,

    /// Whose request is next
    #[arg(
        long,
        value_name = "LIST",
        default_value = "uniform,rr,zipf:1.1,hot:0.2:0.8,tail:0.1",
        value_delimiter = ',',
        help_heading = "Drawn"
    )]
    pub pick: Vec<Pick>,

    /// Requests after which a connection is closed; 0 for never
    #[arg(long, value_name = "LIST", default_value = "0,0,10,100", value_delimiter = ',', value_parser = value::churn, help_heading = "Drawn")]
    pub churn: Vec<u32>,

    /// Whether a client keeps to one thread's connections: spray or sticky
    #[arg(long, value_name = "LIST", default_value = "spray,sticky", value_delimiter = ',', help_heading = "Drawn")]
    pub affinity: Vec<Affinity>,

    /// Sets a value that was drawn by hand, like clients=10; give it again for more
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Drawn")]
    pub with: Vec<Setting>,

    /// Where results go
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath, help_heading = "Output")]
    pub dir: PathBuf,

    /// Totals, failures, and a line for each trial; rewritten after each
    #[arg(long, value_name = "FILE", default_value = "test_summary.txt", help_heading = "Output")]
    pub summary: PathBuf,

    /// One JSON object for each trial
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub json: Option<PathBuf>,

    /// One page with plots
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub html: Option<PathBuf>,

    /// Every exchange of the last trial, for `verify`; not of a restart
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub log: Option<PathBuf>,
}

impl Options {
    /// The same, with results in files of their own beside those of the loop: `test_summary.txt` becomes `test_summary.repro-17.txt`.
    #[must_use]
    pub fn beside(self, what: &str, trial: u64) -> Self {
        let own = |path: PathBuf| {
            let mut name = path.file_stem().unwrap_or_default().to_owned();
            name.push(format!(".{what}-{trial}"));
            path.extension().into_iter().for_each(|extension| {
                name.push(".");
                name.push(extension);
            });
            path.with_file_name(name)
        };
        Self {
            summary: own(self.summary),
            json: self.json.map(own),
            html: self.html.map(own),
            log: self.log.map(own),
            ..self
        }
    }
}

/// The scenarios to draw from, as typed.
#[derive(Clone, Debug)]
pub struct Scenarios(pub Vec<&'static Scenario>);

/// Where our own gate listens.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8080/";

const EXAMPLES: &str = "\
Examples:
  tollgate-tester --server 'tollgate --listen 127.0.0.1:0' --for 1h --html tests.html
  tollgate-tester http://127.0.0.1:8080/ --limit 5/5s --trials 20
  tollgate-tester --server 'tollgate --listen 127.0.0.1:0 --limit 5/1s' --limit 5/1s --duration 2s:5s --seed 42
  tollgate-tester repro 17 --seed 42 --server 'tollgate --listen 127.0.0.1:0 --limit 5/1s' --limit 5/1s --duration 2s:5s
  tollgate-tester probe http://127.0.0.1:8080/

Durations take us, ms, s, m and h (a bare number is seconds), numbers take k and M.

A key (or SIGINT, SIGTERM) ends the trial that runs and then the loop; another one gives up the answers in flight.

Exit codes:
  0   every trial passed
  1   could not run: the server can't be started or reached, a file can't be written, ...
  2   usage: an option is wrong
  3   a scenario's rule was broken, or the server's memory, descriptors or threads grew
  4   the oracle proved a violation of the limit
  5   no trial's result was valid
  6   the server crashed or hung
  70  a ledger does not balance: a bug of the tester";
