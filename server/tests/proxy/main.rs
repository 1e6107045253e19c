//! The gate in front of a service: the real binary, real upstreams, both engines.
//!
//! | file | about |
//! |---|---|
//! | `forwarding` | what the upstream sees, and what the client gets |
//! | `framing` | content in every framing, both ways, and answers without any |
//! | `smuggling` | requests and answers whose end is a matter of opinion |
//! | `failures` | upstreams that refuse, die, stall or lie |
//! | `breaker` | servers that are sick: called no more, and nobody waits for them |
//! | `outcomes` | what says that a server is sick, and what doesn't |
//! | `recovery` | servers that are back: how that is found out, and how they get their load |
//! | `clients` | clients that leave, and clients that stop |
//! | `pipelining` | many requests of one connection at once |
//! | `pressure` | caps, queues, slow readers, and memory |
//! | `listeners` | several addresses and upstreams in one process, and the PROXY protocol in front of one |
//! | `servers` | several servers, restarts, drains |
//! | `nginx` | the same in front of nginx |

#[allow(dead_code, reason = "shared with the tests of the plain gate, which need more of it")]
#[path = "../wire/support/mod.rs"]
mod support;

mod breaker;
mod clients;
mod crowd;
mod dice;
mod failures;
mod fairness;
mod forwarding;
mod framing;
mod got;
mod large;
mod ledger;
mod liars;
mod listeners;
mod nginx;
mod outcomes;
mod pipelining;
mod pressure;
mod recovery;
mod retries;
mod servers;
mod smuggling;
mod soak;
mod upstream;

use std::net::SocketAddr;

use support::server::{Engine, Launch, Server};

/// A gate in front of the upstream at `address`.
fn gate(engine: Engine, address: SocketAddr) -> Server {
    gate_with(engine, address, "")
}

/// The same, with lines for its `[upstream.app]`, and then whatever tables follow.
fn gate_with(engine: Engine, address: SocketAddr, settings: &str) -> Server {
    let config = format!("limit = \"1M/1s,fixed-window\"\n[upstream.app]\nservers = [\"{address}\"]\n{settings}\n");
    Launch::new(engine).config(&config).start()
}

/// A request for client 7.
fn request(path: &str) -> String {
    format!("GET {path}?clientId=7 HTTP/1.1\r\nHost: shop.example\r\n\r\n")
}

/// An answer with this body.
fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
