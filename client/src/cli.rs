//! The command line, as typed. What the options mean together is decided in [`crate::program::meant`].

use std::ffi::OsString;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser, ValueHint};

use crate::Nanos;
use crate::engine::{Close, Wait};
use crate::plan::{Affinity, Arrival, IdPlace, Pick, Profile, Rate, Stop, Think};
use crate::report::Gate;
pub use answer::Answer;
use value::Codes;

mod answer;
pub mod value;

/// An HTTP load client with an open and a closed loop, many simulated clients, and numbers that add up.
#[derive(Debug, Parser)]
#[command(name = "tollgate-client", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(allow_negative_numbers = true)]
pub struct Args {
    /// Where to: http://HOST[:PORT]/PATH; may hold {id} {seq} {rand:A:B} {zipf:S:A:B} {csv:FILE:COLUMN}
    #[arg(default_value = "http://127.0.0.1:8080/", value_hint = ValueHint::Url)]
    pub url: String,

    /// Requests per second in total, or A:B from A to B over the duration; without it, a closed loop: as fast as answers come
    #[arg(short = 'R', long, short_alias = 'q', value_name = "N|A:B", help_heading = LOAD)]
    pub rate: Option<Rate>,

    /// Rates one after the other, like 10s@1k,30s@1k:50k,5s@0
    #[arg(long, value_name = "PLAN", help_heading = LOAD)]
    pub stages: Option<Profile>,

    /// How each client pauses between its requests: uniform:10ms:1s, exp:100ms or fixed:1s
    #[arg(long, value_name = "DIST", help_heading = LOAD)]
    pub think: Option<Think>,

    /// How requests are spread around the rate: poisson or constant [default: poisson]
    #[arg(long, value_name = "NAME", help_heading = LOAD)]
    pub arrival: Option<Arrival>,

    /// How long; 0 is until stopped [default: until a key is pressed; without a terminal 10s]
    #[arg(short, long, short_alias = 'z', value_name = "TIME", value_parser = value::end, help_heading = LOAD)]
    pub duration: Option<value::End>,

    /// Stop after so many requests
    #[arg(short = 'n', long, value_name = "N", value_parser = Stop::parse_requests, help_heading = LOAD)]
    pub requests: Option<u64>,

    /// Connections in total
    #[arg(short, long, value_name = "N", default_value = "64", value_parser = value::connections, help_heading = "Connections")]
    pub connections: NonZeroU32,

    /// Requests in flight on one connection, at most
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = value::pipeline, help_heading = "Connections")]
    pub pipeline: NonZeroU32,

    /// Close a connection after so many requests and open another
    #[arg(long, value_name = "N", value_parser = value::reqs_per_conn, help_heading = "Connections")]
    pub reqs_per_conn: Option<NonZeroU32>,

    /// New connections per second, at most
    #[arg(long, value_name = "N", value_parser = value::conn_rate, help_heading = "Connections")]
    pub conn_rate: Option<NonZeroU32>,

    /// How a connection is closed: orderly (FIN) or reset (RST, leaves no TIME-WAIT)
    #[arg(long, value_name = "HOW", default_value = "orderly", value_parser = value::close, help_heading = "Connections")]
    pub close: Close,

    /// Local addresses to connect from, like 127.0.0.2,127.0.0.3: each has some 28k ports
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = value::source, help_heading = "Connections")]
    pub sources: Vec<IpAddr>,

    /// A request without an answer for so long has timed out
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = value::timeout, help_heading = "Connections")]
    pub timeout: Nanos,

    /// A request so far behind its schedule is not sent, and counts as shed
    #[arg(long, value_name = "TIME", value_parser = value::deadline, help_heading = "Connections")]
    pub deadline: Option<Nanos>,

    /// How long answers in flight are awaited at the end
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = value::drain_timeout, help_heading = "Connections")]
    pub drain_timeout: Nanos,

    /// Simulated clients, each with an id of its own [default: asked on a terminal, otherwise 1000]
    #[arg(long, value_name = "N", value_parser = value::clients, help_heading = CLIENTS)]
    pub clients: Option<u32>,

    /// Whose request is next: uniform, rr (in turn), zipf:1.1, hot:0.2:0.8 (80% of the requests to the first 20% of the ids),
    /// tail:0.1 (90% to the last 10%; tail:0.1:0.5 half of them), seq or file:PATH
    #[arg(long, value_name = "DIST", default_value = "uniform", help_heading = CLIENTS)]
    pub pick: Pick,

    /// Where the id goes: query:NAME, header:NAME or path
    #[arg(long, value_name = "PLACE", default_value = "query:clientId", help_heading = CLIENTS)]
    pub id: IdPlace,

    /// Whether a client stays with a thread's connections (sticky) or not (spray)
    #[arg(long, value_name = "HOW", default_value = "spray", help_heading = CLIENTS)]
    pub affinity: Affinity,

    /// Same seed and options, same requests [default: random, and printed]
    #[arg(long, value_name = "N", value_parser = value::seed, help_heading = CLIENTS)]
    pub seed: Option<u64>,

    /// The method
    #[arg(short, long, value_name = "NAME", default_value = "GET", help_heading = REQUEST)]
    pub method: String,

    /// A header, 'Name: value'; give it again for more; may hold {id} and the like
    #[arg(short = 'H', long = "header", value_name = "HEADER", help_heading = REQUEST)]
    pub headers: Vec<String>,

    /// The body, or @FILE; may hold {id} and the like
    #[arg(short, long, value_name = "TEXT|@FILE", help_heading = REQUEST)]
    pub body: Option<String>,

    /// Statuses that count as allowed: 2xx, 200-299, 200,204
    #[arg(long, value_name = "CODES", default_value = "2xx", value_parser = value::allow, help_heading = REQUEST)]
    pub allow: Codes,

    /// Statuses that count as denied, even if also allowed; none for none
    #[arg(long, value_name = "CODES", default_value = "429,503", value_parser = value::deny, help_heading = REQUEST)]
    pub deny: Codes,

    /// Exit with 3 if this holds at the end, or if nothing was measured for it: 'denied.p99>5ms', 'errors>0.1%', 'rate_ratio<0.99'; give it again for more
    #[arg(long, value_name = "EXPR", help_heading = "Pass or fail")]
    pub fail_if: Vec<Gate>,

    /// Exit with 5 if the client itself was the bottleneck
    #[arg(long, help_heading = "Pass or fail")]
    pub require_valid: bool,

    /// The report as JSON; - for stdout, and the text goes to stderr
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath, help_heading = OUTPUT)]
    pub json: Option<PathBuf>,

    /// One JSON object per interval
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = OUTPUT)]
    pub series: Option<PathBuf>,

    /// Latency percentiles for the HdrHistogram plotter
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = OUTPUT)]
    pub hgrm: Option<PathBuf>,

    /// How often the view and the series go on
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = value::interval, help_heading = OUTPUT)]
    pub interval: Nanos,

    /// Lines instead of a live view
    #[arg(long, help_heading = OUTPUT)]
    pub plain: bool,

    /// Hottest ids in the live view
    #[arg(long, value_name = "N", default_value = "4", value_parser = value::top, help_heading = OUTPUT)]
    pub top: usize,

    /// Threads, one loop each [default: CPUs - 1, at least 1]
    #[arg(short, long, value_name = "N", value_parser = value::threads, help_heading = "Generator")]
    pub threads: Option<NonZeroU32>,

    /// How a thread waits: spin (exact, takes a CPU), hybrid or sleep
    #[arg(long, value_name = "HOW", default_value = "hybrid", value_parser = value::wait, help_heading = "Generator")]
    pub wait: Wait,

    /// Keep each thread on a CPU of its own
    #[arg(long, help_heading = "Generator")]
    pub pin: bool,
}

/// An option that decides what is done, rather than what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// As people type it: `-c` rather than `--connections`.
    pub name: String,
    /// Empty for a switch.
    pub value: String,
    /// Whether it was typed, or is a default.
    pub typed: bool,
}

impl Args {
    /// Reads the command line; the first argument is the program. Also returns the options that decide what is done (not those that
    /// decide what is shown), as typed; and those that make the plan also when they are defaults.
    ///
    /// # Errors
    ///
    /// What to print instead of running.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<(Self, Vec<Given>), Answer> {
        let matches = Self::command().try_get_matches_from(args).map_err(Answer::from)?;
        let args = Self::from_arg_matches(&matches).map_err(Answer::from)?;
        Ok((args, given(&matches)))
    }
}

fn given(matches: &ArgMatches) -> Vec<Given> {
    let command = Args::command();
    let plans = |arg: &Arg| matches!(arg.get_help_heading(), Some(LOAD | CLIENTS | REQUEST));
    let typed = |arg: &Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let decides =
        |arg: &&Arg| plans(arg) || (typed(arg) && !arg.is_positional() && arg.get_help_heading() != Some(OUTPUT));
    command.get_arguments().filter(decides).flat_map(|arg| values(arg, matches)).collect()
}

fn values(arg: &Arg, matches: &ArgMatches) -> Vec<Given> {
    let (id, name) = (arg.get_id().as_str(), name(arg));
    let typed = matches.value_source(id) == Some(ValueSource::CommandLine);
    let given = |value: String| Given { name: name.clone(), value, typed };
    if !arg.get_action().takes_values() {
        return typed.then(|| given(String::new())).into_iter().collect();
    }
    let values = matches.get_raw_occurrences(id).into_iter().flatten();
    // What was typed as one list is one value.
    let joined = values.map(|list| list.map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(","));
    joined.map(given).collect()
}

fn name(arg: &Arg) -> String {
    match (arg.get_short(), arg.get_long()) {
        (Some(short), _) => format!("-{short}"),
        (None, long) => format!("--{}", long.unwrap_or_default()),
    }
}

const LOAD: &str = "Load";
const CLIENTS: &str = "Simulated clients";
const REQUEST: &str = "Request";
const OUTPUT: &str = "Output";

const EXAMPLES: &str = "\
Examples:
  tollgate-client                                 asks for the number of clients, runs until a key is pressed
  tollgate-client --clients 100 -d 30s http://127.0.0.1:8080/
  tollgate-client -R 50k --arrival constant --pick zipf:1.1 --clients 1M -d 1m
  tollgate-client --stages 10s@1k,30s@1k:50k,5s@0 --series load.ndjson
  tollgate-client --clients 200 --think uniform:10ms:1s -d 5m
  tollgate-client -R 20k -d 30s --json - --fail-if 'denied.p99>5ms' --fail-if 'errors>0.1%' --require-valid
  tollgate-client --id header:X-Api-Key -m POST -b @order.json -H 'Content-Type: application/json' -p 16

Durations take us, ms, s, m and h (a bare number is seconds), numbers take k and M.

While it runs, a key (or SIGINT, SIGTERM) stops it: no new requests, the answers in flight are awaited. Another key or signal gives them
up, and so does the same key after a moment: one that is held counts once.

Exit codes:
  0   ok: it ran, or was stopped, and its numbers add up
  1   could not run: the host is unknown or refuses, a file can't be written, ...
  2   usage: an option is wrong
  3   a --fail-if broke, or there was nothing to judge it by
  5   --require-valid, and the client itself was the bottleneck
  70  the ledger does not balance: a bug of the client";

#[cfg(test)]
mod tests;
