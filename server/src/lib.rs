//! Tollgate: a gate that answers 200 or 503 per client, at most so many 200s in so long, on every core of a Linux machine; or, in front of a
//! service, lets so many requests through.
//!
//! This is the library behind the `tollgate` binary. It holds nothing that decides about quotas (that is [`tollgate_limiter`], which any
//! program can embed); it is the server around it. [`run`] is the whole program; [`session::Session`] on a [`service::Service`] is the whole
//! protocol, bytes and a time in, bytes out, without a socket.
//!
//! # The life of a request
//!
//! ```text
//!             core 0                                          core 1
//!   ┌──────────────────────────────────────┐     ┌──────────────────────────────────────┐
//!   │ listener 0                           │     │ listener 1        one port,          │
//!   │    │ accept                          │     │    │              the kernel deals   │
//!   │    ▼                                 │     │    ▼                                 │
//!   │ connection: a task, owns no buffer   │     │ connection                           │
//!   │    │ receive: whatever has arrived   │     │    │                                 │
//!   │    ▼                                 │     │    ▼                                 │
//!   │ session ── http: head, framing, body │     │ session                              │
//!   │    │     ── identity: who is it?     │     │    │                                 │
//!   │    │                                 │     │    │                                 │
//!   │    ├─ decide ──┐                     │     │    ├─ decide ──┐                     │
//!   │    ▼           │                     │     │    ▼           │                     │
//!   │  one send for  │                     │     │  one send      │                     │
//!   │  all answers   │                     │     │                │                     │
//!   └────────────────┼─────────────────────┘     └────────────────┼─────────────────────┘
//!                    ▼                                            ▼
//!         ┌─────────────────────── the limiter's table ──────────────────────┐
//!         │  shard 0: memory of core 0      │   shard 1: memory of core 1    │
//!         │  any core decides on any shard: one compare-and-swap on one word │
//!         └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! # Its price
//!
//! - **System calls**: one ring entry moves the bytes of every connection that is ready, so the busier, the cheaper each request; all
//!   requests that arrive together are answered by one send.
//! - **The limit**: an allowed request costs one compare-and-swap, a denied one writes nothing. No lock, no message between cores.
//! - **Memory**: the table is reserved at start (see [`config`]) and never grows; an idle connection is a task and a descriptor.
//! - **Cores**: each is one pinned executor and busy only while there is work. A core that dies takes the process with it, loudly.
//! - **What it doesn't do**: TLS, HTTP/2 and limits across machines.
//!
//! # Where things are
//!
//! | question | module |
//! |---|---|
//! | what was asked for? | [`cli`], [`config`] |
//! | which bytes are a request, and which the answer? | [`http`] |
//! | who asks, and what comes of it? | [`identity`], [`policy`], [`service`], [`session`] |
//! | what goes to the service behind, and what comes back? | [`proxy`], [`http::upstream`] |
//! | how are proxies told, and what do they say? | [`decide`], [`proxy_protocol`] |
//! | how do bytes move, and how does it start and end? | [`boot`], `connection`, `ring`, `drain` |
//! | what does the operator see? | [`screen`], [`log`] |

#![warn(missing_docs)]

// The checks of the fuzz targets, which name this crate from outside, are also run by its own tests.
#[cfg(test)]
extern crate self as tollgate;

#[cfg(test)]
#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, missing_docs, reason = "it is another crate's")]
mod checks;

mod balance;
pub mod boot;
pub mod cli;
mod clock;
mod closing;
mod complaints;
pub mod config;
mod connection;
pub mod decide;
mod drain;
pub mod http;
pub mod identity;
mod listener;
pub mod log;
pub mod overload;
pub mod policy;
pub mod preflight;
pub mod proxy;
pub mod proxy_protocol;
mod ring;
mod run;
pub mod screen;
pub mod service;
pub mod session;
mod shards;
mod socket;
mod streams;
pub mod tally;
mod watch;
mod wheel;

pub use run::run;
