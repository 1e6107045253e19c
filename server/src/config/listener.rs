//! `listen` and `[[listener]]`: where the gate listens, and what each address is for.
//!
//! `listen`, with `decide` and `proxy-protocol`, is the short form for one listener. It stands before those of `[[listener]]`, and is there by
//! default only if there are none of these.

mod meant;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::problem::{Place, Problem};
use super::section::{Review, Section};
use super::typed::At;
use super::value;
pub(super) use meant::meant;

/// One address and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; port 0 lets the kernel pick.
    pub address: SocketAddr,
    /// What its requests come to.
    pub mode: Mode,
    /// Whether every connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

/// What the requests of a listener come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An answer: 200, or the status of a denial.
    Answer,
    /// The same, and decisions for proxies and programs.
    Decide,
    /// What the quota allows is forwarded.
    Proxy {
        /// The name of an upstream.
        upstream: String,
    },
}

/// A `[[listener]]` as typed.
#[derive(Debug)]
pub struct TypedListener {
    /// Where it stands.
    pub at: At,
    /// Where it listens.
    pub address: SocketAddr,
    /// The name of its mode.
    pub mode: ModeName,
    /// What it forwards to.
    pub upstream: Option<(Place, String)>,
    /// Whether every connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

/// The name of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeName {
    /// [`Mode::Answer`].
    Answer,
    /// [`Mode::Decide`].
    Decide,
    /// [`Mode::Proxy`].
    Proxy,
}

/// The listener of the short form, as typed.
pub(super) struct Short {
    pub listen: Option<SocketAddr>,
    pub decide: bool,
    pub proxy_protocol: bool,
}

impl FromStr for ModeName {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<ModeName, &'static str> {
        match name {
            "answer" => Ok(ModeName::Answer),
            "decide" => Ok(ModeName::Decide),
            "proxy" => Ok(ModeName::Proxy),
            _ => Err("no such mode: write answer, decide or proxy"),
        }
    }
}

impl Mode {
    /// Its name, as a listener is told it.
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Answer => "answer",
            Mode::Decide => "decide",
            Mode::Proxy { .. } => "proxy",
        }
    }
}

/// Prints `answer`, or `proxy to app, PROXY headers`.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mode.name())?;
        if let Mode::Proxy { upstream } = &self.mode {
            write!(f, " to {upstream}")?;
        }
        if self.proxy_protocol { f.write_str(", PROXY headers") } else { Ok(()) }
    }
}

impl Default for Listener {
    fn default() -> Listener {
        Listener { address: DEFAULT_LISTEN, mode: Mode::Answer, proxy_protocol: false }
    }
}

/// Reads all `[[listener]]` tables.
pub(super) fn read(top: &mut Section<'_, '_>, review: &mut Review) -> Vec<TypedListener> {
    let tables = top.array(review, "listener", "write [[listener]] above each address");
    tables.into_iter().filter_map(|(at, section)| read_one(at, section, review)).collect()
}

fn read_one(at: At, mut section: Section<'_, '_>, review: &mut Review) -> Option<TypedListener> {
    for (key, example) in
        [("address", "IP:PORT, like address = \"127.0.0.1:8081\""), ("mode", "answer, decide or proxy")]
    {
        if section.value(key).is_none() {
            let what = format_args!("missing: write {example}");
            review.problems.push(Problem::new(at.place.clone(), section.name(key), what));
        }
    }
    let address = section.read(review, "address", value::listen);
    let mode = section.read(review, "mode", str::parse);
    let place = section.value("upstream").map(|value| review.place(value.span().start));
    let upstream = section.read(review, "upstream", value::text);
    let proxy_protocol = section.read(review, "proxy-protocol", value::on_off).unwrap_or(false);
    section.finish(review);
    Some(TypedListener { at, address: address?, mode: mode?, upstream: place.zip(upstream), proxy_protocol })
}

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
