//! The gate in front of a service: what the quota allows is forwarded, and the answer streamed back.
//!
//! ```text
//!                      one task per client connection                            this core's own
//!   ┌──────────────────────────────────────────────────────────────────────┐   ┌────────────────┐
//!   │ client ── intake: head, verdict, content      replies, in order      │   │ upstream       │
//!   │              │ denied, refused ─────────────▶ an answer of our own   │   │  slots, queue  │
//!   │              │ allowed ─▶ exchange ─────────▶ ┐                      │   │  servers       │  every core's
//!   │              │              │ permitted? ─────┼──────────────────────┼──▶│   a breaker ───┼─▶ breakers, one
//!   │              │              │ slot or queue ──┼──────────────────────┼──▶│   connections  │  for each server
//!   │              │ content ───▶ │ head, content ──┼──────────────────────┼──▶│   at rest      │
//!   │              │              │ answer ◀────────┼──────────────────────┼───│                │
//!   │ client ◀── one send ◀────── └────────────────▶ ┘ the oldest first     │   └────────────────┘
//!   └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Pipelined requests of one connection are under way at the same time (`MOST_REPLIES`), each an `async fn` of straight-line code
//! (`exchange`); all of them are polled by the one task that owns the client, so they share memory without locks or wake-ups, and to
//! drop the client is to cancel them all: an upstream connection that is dropped in the middle is closed, a slot given back.
//!
//! # Invariants
//!
//! 1. **Denied means untouched.** The upstream hears of a request only when the limiter has let it through.
//! 2. **Written anew.** Every byte that frames a message is our own; see [`crate::http::upstream`].
//! 3. **In order, and whole or visibly cut.** An answer is never passed off as complete: a chunked one lacks its last chunk, one with a length is
//!    short, one that ends with the connection ends with a reset.
//! 4. **Bounded.** Per exchange and direction: `BUFFER` (`BUFFER_BEHIND` for an answer that waits its turn) and what one receive brings; per connection: `MOST_REPLIES` exchanges; per core:
//!    `max-in-flight` of them upstream, `queue.max` waiting.
//! 5. **A connection is used again only if nothing is left on it**: the answer was complete, the request too, and nothing came after.
//! 6. **Nobody waits for a sick service.** When no breaker permits a call, a request is answered at once, and so is one that waits already.
//! 7. **Nobody is asked twice**, unless nothing was sent, or the request is idempotent, has no content, and nothing was received.

mod breaker;
mod client;
mod desk;
mod exchange;
mod failure;
mod intake;
mod own;
mod preamble;
mod replies;
mod settings;
mod slots;
mod talk;
mod upstream;

use std::rc::Rc;
use std::sync::Arc;

use tollgate_limiter::Nanos;

pub(crate) use client::serve;
pub use settings::{ProxyServer, ProxySettings, Queue, UpstreamTimeouts};

use crate::connection::Site;
use crate::drain::Control;
use crate::overload::level::Level;
use crate::socket::{Again, Socket};
use upstream::Upstream;

/// What the proxied connections of one core and one listener share.
pub(crate) struct Gate<S> {
    site: Rc<Site>,
    upstream: Rc<Upstream<S>>,
}

/// What one core sees of the upstreams. Gates of several listeners in front of one of them share its slots and connections.
pub(crate) struct Upstreams<S>(Vec<Rc<Upstream<S>>>);

impl<S: Socket> Upstreams<S> {
    pub fn new(settings: &[ProxySettings], control: &Arc<Control>) -> Upstreams<S> {
        let upstream = |settings| Rc::new(Upstream::new(settings, Arc::clone(control)));
        Upstreams(settings.iter().map(upstream).collect())
    }

    /// A gate in front of one of them.
    pub fn gate(&self, index: usize, site: Rc<Site>) -> Gate<S> {
        Gate { site, upstream: Rc::clone(&self.0[index]) }
    }

    /// Closes upstream connections that have been idle for too long, or that the upstream has closed; heeds what other cores have seen of
    /// its servers; lets the queues see the time. Says when to do so again.
    pub fn sweep(&self, now: Nanos) -> Again {
        for upstream in &self.0 {
            upstream.sweep(now);
            upstream.look_at_breakers(now);
        }
        self.0.iter().map(|upstream| upstream.again(now)).max().unwrap_or_default()
    }
}

impl<S: Socket> Gate<S> {
    /// For how long a client may leave its connection unused.
    fn idle(&self) -> Nanos {
        match self.upstream.slots.level() {
            Level::Protecting | Level::Survival => self.site.idle.min(IDLE_PROTECTING),
            Level::Normal | Level::Busy | Level::Shedding => self.site.idle,
        }
    }
}

/// Requests of one connection that are under way or whose answers wait for their turn.
const MOST_REPLIES: usize = 16;
/// How long an unused connection stays while important requests are shed.
const IDLE_PROTECTING: Nanos = Nanos::from_secs(5);
/// What an exchange holds in either direction before the side that it comes from is no longer read.
const BUFFER: usize = 32 << 10;
/// What it holds of an answer that waits for those before it.
const BUFFER_BEHIND: usize = 4 << 10;
