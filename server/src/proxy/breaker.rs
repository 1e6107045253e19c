//! The circuit breakers: which server may be called, what comes of a call, and who is turned away when none may be.
//!
//! There is one breaker for each server, which all cores share ([`ProxyServer`]). A request first looks whether any of them permits; if not, it
//! doesn't wait. The permit is taken for the server that is really called, and lives in its [`Visit`].
//!
//! # What is said of a call
//!
//! | what happened | outcome |
//! |---|---|
//! | no connection: refused, unreachable, too late | failure, and so many in a row open at once |
//! | 5xx but 501 and 505, which say that it won't, not that it can't | failure, as soon as the head is there |
//! | any other answer, whole, or still going on [`SETTLED`] after its head | success |
//! | lost before the head, malformed, too late, cut within [`SETTLED`] of its head | failure |
//! | cut by the server after that | one more call, which failed: what was said can't be taken back |
//! | a kept connection closed as the request came, which is then sent again | nothing: servers close connections |
//! | the client left, stopped sending or taking; no slot; on the ring also no descriptor | nothing |
//!
//! So a download doesn't keep a half-open breaker waiting for its end. **Slow** is what takes longer than the threshold from the end of the request
//! to the head of its answer: neither upload nor download is the server's doing.
//!
//! # When it opens
//!
//! One core sees a breaker open. If now no server permits, it turns away those who wait for a slot, and rings the bells of the other cores, which do
//! the same (at the latest when they tick, on streams, fifteen times a second).

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::task::Poll;

use futures_lite::future;
use tollgate_limiter::Nanos;
use tollgate_limiter::breaker::{Outcome, Permit, State, Transition};

use super::exchange::Line;
use super::failure::Failure;
use super::upstream::{Server, Upstream, Visit};
use crate::socket::{Dial, Socket};

/// What is known of a permitted call.
pub(super) struct Call<'u> {
    /// Until something is said of it, or nothing will be.
    permit: Cell<Option<Permit<'u>>>,
    said: Cell<Option<Outcome>>,
    /// When there was a connection.
    connected: Cell<Option<Nanos>>,
    /// When the server had the whole request.
    asked: Cell<Option<Nanos>>,
    /// When its answer began.
    answered: Cell<Option<Nanos>>,
}

impl<'u> Call<'u> {
    pub fn new(permit: Permit<'u>) -> Call<'u> {
        let permit = Cell::new(Some(permit));
        Call {
            permit,
            said: Cell::default(),
            connected: Cell::default(),
            asked: Cell::default(),
            answered: Cell::default(),
        }
    }

    fn is_probe(&self) -> bool {
        let permit = self.permit.take();
        let is_probe = permit.as_ref().is_some_and(|permit| permit.state() == State::HalfOpen);
        self.permit.set(permit);
        is_probe
    }

    /// How long the server took.
    fn took(&self, now: Nanos) -> Nanos {
        let end = self.answered.get().unwrap_or(now);
        self.asked.get().map_or(Nanos::ZERO, |asked| end.saturating_sub(asked))
    }
}

impl<S: Socket> Upstream<S> {
    /// Whether any server may be called; and how many requests may be under way, as one that is back gets its load little by little.
    pub fn admits(&self, now: Nanos) -> Result<(), Failure> {
        let share = self.servers().iter().filter(|server| server.permits(now)).map(|server| server.share(now));
        let Some(share) = share.reduce(f64::max) else { return Err(self.unavailable(now)) };
        self.slots.set_most(part(self.max_in_flight, share));
        Ok(())
    }

    /// No server may be called.
    pub fn unavailable(&self, now: Nanos) -> Failure {
        let waits = self.servers().iter().map(|server| server.breaker.retry_after(now).unwrap_or(Nanos::ZERO));
        // Nobody knows when a breaker will close that was opened by hand.
        Failure::Unavailable { retry_after: waits.min().filter(|wait| *wait < Nanos::MAX) }
    }

    /// Does what is due by the clock, or what another core has seen.
    pub fn look_at_breakers(&self, now: Nanos) {
        for server in self.servers() {
            let transition = server.breaker.tick(now);
            self.tell(server, transition, now);
        }
        if self.admits(now).is_err() {
            self.slots.flush();
        }
    }

    /// Logs a transition, and turns away who waits in vain since.
    pub fn tell(&self, server: &Server<S>, transition: Option<Transition>, now: Nanos) {
        let Some(Transition { from, to, cause }) = transition else { return };
        let (server, cause) = (server.address, cause.name());
        if to != State::Open {
            return tracing::info!(%server, %from, %to, %cause, "circuit breaker");
        }
        tracing::warn!(%server, %from, %to, %cause, "circuit breaker");
        if self.admits(now).is_err() {
            self.slots.flush();
            self.control.ring_all();
        }
    }
}

impl<S> Server<S> {
    /// Whether a call would be permitted.
    pub fn permits(&self, now: Nanos) -> bool {
        self.breaker.retry_after(now).is_none()
    }

    /// What it may be given of its usual load.
    fn share(&self, now: Nanos) -> f64 {
        self.breaker.slow_start(now)
    }

    /// Whether it has as much as it may have of `most`.
    pub fn is_full(&self, most: usize, now: Nanos) -> bool {
        self.in_flight.get() >= part(most, self.share(now))
    }
}

impl<S: Socket> Visit<'_, S> {
    /// The request is on its way.
    pub fn is_connected(&self, now: Nanos) {
        self.call.connected.set(Some(now));
    }

    /// The server has the whole request.
    pub fn is_asked(&self, now: Nanos) {
        let asked = &self.call.asked;
        asked.set(asked.get().or(Some(now)));
    }

    /// The head of the answer is there.
    pub fn is_answered(&self, status: u16, now: Nanos) {
        if self.call.answered.get().is_none() {
            self.call.answered.set(Some(now));
            if is_failure(status) {
                self.settle(Outcome::Failure, now);
            }
        }
    }

    /// The call has ended. `excused`: a failure says nothing about the server.
    pub fn is_over(&self, end: &Result<(), Failure>, excused: bool, now: Nanos) {
        match end.as_ref().map_err(|failure| failure.outcome()) {
            Ok(()) => self.settle(Outcome::Success, now),
            Err(Some(outcome)) if !excused => {
                if end.is_err_and(Failure::is_cut_by_server) {
                    self.take_back(now);
                }
                self.settle(outcome, now);
            }
            Err(_) => drop(self.call.permit.take()),
        }
    }

    /// If the call was said to have gone well, counts another one, which didn't.
    fn take_back(&self, now: Nanos) {
        let breaker = &self.server.breaker;
        if self.call.said.get() == Some(Outcome::Success)
            && breaker.state() == State::Closed
            && let Ok(permit) = breaker.try_acquire(now)
        {
            self.upstream.tell(self.server, permit.record_with_duration(Outcome::Failure, Nanos::ZERO, now), now);
        }
    }

    /// Sees to it that something is said of a call that goes on for long: that it went well, if its answer has begun. And a client that is slow to
    /// send doesn't keep one of the few permits of a half-open breaker.
    pub async fn watch<T>(&self, line: &Line, dialer: &impl Dial) -> T {
        let Call { connected, asked, answered, .. } = &self.call;
        if self.call.is_probe() {
            let since = moment(|| connected.get()).await;
            let begun = moment(|| asked.get().or(answered.get()));
            let dawdles = async {
                line.sleep_until(dialer, since.saturating_add(SETTLED)).await;
                drop(self.call.permit.take());
                since
            };
            future::or(begun, dawdles).await;
        }
        let since = moment(|| answered.get()).await;
        line.sleep_until(dialer, since.saturating_add(SETTLED)).await;
        self.settle(Outcome::Success, dialer.now());
        pending().await
    }

    fn settle(&self, outcome: Outcome, now: Nanos) {
        let Visit { upstream, server, call, .. } = self;
        let Some(permit) = call.permit.take() else { return };
        call.said.set(Some(outcome));
        upstream.tell(server, permit.record_with_duration(outcome, call.took(now), now), now);
    }
}

/// Waits for something that happens within the exchange, of which all parts are polled together.
async fn moment<T>(come: impl Fn() -> Option<T>) -> T {
    poll_fn(|_| come().map_or(Poll::Pending, Poll::Ready)).await
}

fn is_failure(status: u16) -> bool {
    status >= 500 && !matches!(status, 501 | 505)
}

/// A share of `most`, at least one.
fn part(most: usize, share: f64) -> usize {
    ((most as f64 * share).ceil() as usize).max(1)
}

/// An answer that has gone on for so long after its head is a good one. Most are whole by then.
const SETTLED: Nanos = Nanos::from_secs(1);

#[cfg(test)]
mod tests;
