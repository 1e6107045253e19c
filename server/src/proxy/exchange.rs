//! One request on its way, from the slot to the end of the answer, and what the client's side sees of it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::task::Poll;

use futures_lite::future;
use tollgate_limiter::{Decision, Key, Nanos};

use super::Gate;
use super::failure::Failure;
use super::slots::Shed;
use super::talk::talk;
use super::upstream::Visit;
use crate::http::CloseReason;
use crate::http::response::Persistence;
use crate::http::upstream::reader::Asked;
use crate::overload::class::Class;
use crate::overload::cursor::Priority;
use crate::overload::level::Level;
use crate::socket::{Dial, Event, Socket};

/// A request that was let through.
#[derive(Debug)]
pub(super) struct Job {
    /// For the upstream, complete.
    pub head: Vec<u8>,
    pub asked: Asked,
    /// Idempotent, and without content: doing it twice does no harm.
    pub repeatable: bool,
    pub key: Key,
    pub class: Class,
    pub decision: Decision,
    pub persistence: Persistence,
    /// Counts the requests of the connection.
    pub number: u64,
}

/// What the two sides of an exchange share: bytes in either direction, and where it stands.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// Content for the upstream, framed for it.
    pub up: RefCell<Vec<u8>>,
    /// All of the content has come.
    pub up_ended: Cell<bool>,
    /// For the client.
    pub down: RefCell<Vec<u8>>,
    pub state: Cell<State>,
    /// Its answer is the next one that the client gets.
    pub first: Cell<bool>,
    /// Something has changed for the client's side.
    pub moved: Cell<bool>,
}

/// Where an exchange stands, as the client's side sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// No part of the final answer is there.
    #[default]
    Awaited,
    Begun,
    /// The answer is complete.
    Done {
        closes: bool,
    },
    /// The answer will never be complete.
    Cut {
        /// Only a reset tells the client.
        reset: bool,
    },
}

/// What the exchanges of one connection know of each other.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The connection is to end: the server goes down, or protects itself.
    pub draining: Cell<bool>,
    /// The number of the newest request.
    pub newest: Cell<u64>,
    /// More has arrived behind it.
    pub more: Cell<bool>,
    /// An answer has said that it is the last.
    pub sealed: Cell<bool>,
    /// When the first of them wants to be looked at, whatever happens.
    pub alarm: Cell<Option<Nanos>>,
}

impl Job {
    /// A number that nobody can foresee.
    fn chance(&self, now: Nanos) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.key, self.number, now).hash(&mut hasher);
        hasher.finish()
    }
}

impl Exchange {
    pub fn is_over(&self) -> bool {
        matches!(self.state.get(), State::Done { .. } | State::Cut { .. })
    }

    pub fn set(&self, state: State) {
        self.state.set(state);
        self.moved.set(true);
    }
}

impl Line {
    /// Waits for a moment. Whoever polls this sees to it that `alarm` wakes the task.
    pub async fn sleep_until(&self, dialer: &impl Dial, at: Nanos) {
        poll_fn(|_| {
            if dialer.now() >= at {
                return Poll::Ready(());
            }
            self.alarm.set(Some(self.alarm.get().map_or(at, |other| other.min(at))));
            Poll::Pending
        })
        .await;
    }

    /// What the answer to `job`, about to be written, says about the connection.
    pub fn persistence(&self, job: &Job, exchange: &Exchange) -> Persistence {
        let last = self.draining.get() && job.number == self.newest.get() && !self.more.get();
        match job.persistence {
            // Whether content follows that the client was never asked for, nobody can know.
            Persistence::Keep if job.asked.continues && !exchange.up_ended.get() => {
                Persistence::Close(CloseReason::ContentUnwanted)
            }
            Persistence::Keep | Persistence::KeepExplicitly if last => {
                self.sealed.set(true);
                Persistence::Close(CloseReason::Draining)
            }
            other => other,
        }
    }
}

/// Sees one request through. What it comes to is in `exchange`.
pub(super) async fn run<S: Socket>(
    gate: Rc<Gate<S>>,
    dialer: S::Dialer,
    job: Job,
    exchange: Rc<Exchange>,
    line: Rc<Line>,
) {
    let Err(failure) = forward(&gate, &dialer, &job, &exchange, &line).await else { return };
    match exchange.state.get() {
        State::Awaited => {
            let service = gate.site.service();
            match failure {
                Failure::Shed(_) => {
                    service.count_shed(job.class);
                    if gate.upstream.slots.level() >= Level::Protecting {
                        line.draining.set(true);
                    }
                }
                Failure::Unavailable { .. } => service.count_unavailable(),
                _ => tracing::debug!(?failure, "an exchange failed"),
            }
            let persistence = line.persistence(&job, &exchange);
            let down = &mut exchange.down.borrow_mut();
            let chance = job.chance(dialer.now());
            failure.answer(chance, |answer| service.answers().plain(down, answer, persistence, job.asked.head_only));
            exchange.set(State::Done { closes: matches!(persistence, Persistence::Close(_)) });
        }
        State::Begun => exchange.set(State::Cut { reset: false }),
        State::Done { .. } | State::Cut { .. } => {}
    }
}

async fn forward<S: Socket>(
    gate: &Gate<S>,
    dialer: &S::Dialer,
    job: &Job,
    exchange: &Exchange,
    line: &Line,
) -> Result<(), Failure> {
    if let Decision::Allow { delay, .. } = job.decision
        && delay > Nanos::ZERO
    {
        line.sleep_until(dialer, dialer.now().saturating_add(delay)).await;
    }
    let upstream = &gate.upstream;
    let priority = Priority::new(job.class, job.key, dialer.now());
    upstream.slots.admit(priority, dialer.now()).map_err(Failure::Shed)?;
    // Nobody waits for a service that may not be called.
    upstream.admits(dialer.now())?;
    let slot = upstream.slots.take(job.class, || dialer.now(), |at| line.sleep_until(dialer, at)).await;
    let _slot = slot.map_err(|shed| match shed {
        Shed::Flushed => upstream.unavailable(dialer.now()),
        shed => Failure::Shed(shed),
    })?;
    let until = dialer.now().saturating_add(upstream.timeouts.total);
    let visit = upstream.visit(dialer.now(), None)?;
    let tried = visit.server.address;
    let first = attempt(gate, dialer, job, exchange, line, until, visit).await;
    match first {
        Err(failure) if failure.allows_retry(job.repeatable) => {
            let Some(_retry) = upstream.retry() else { return first };
            let Ok(visit) = upstream.visit(dialer.now(), Some(tried)) else { return first };
            attempt(gate, dialer, job, exchange, line, until, visit).await
        }
        _ => first,
    }
}

async fn attempt<S: Socket>(
    gate: &Gate<S>,
    dialer: &S::Dialer,
    job: &Job,
    exchange: &Exchange,
    line: &Line,
    until: Nanos,
    visit: Visit<'_, S>,
) -> Result<(), Failure> {
    let timeouts = gate.upstream.timeouts;
    let at_rest = visit.idle();
    let was_at_rest = at_rest.is_some();
    let conversation = async {
        let socket = match at_rest {
            Some(socket) => socket,
            None => connect(&visit, dialer, timeouts.connect).await?,
        };
        let mut held = Held(Some(socket));
        let keeps = talk(held.socket(), gate, &visit, job, exchange, line, until).await?;
        if keeps {
            visit.rest(held.release(), timeouts.idle);
        }
        Ok(())
    };
    let end = future::or(conversation, visit.watch(line, dialer)).await;
    // The server closed it before it knew of the request, which is sent again.
    let excused = was_at_rest && job.repeatable && end == Err(Failure::Lost { silent: true });
    visit.is_over(&end, excused, dialer.now());
    end
}

async fn connect<S: Socket>(visit: &Visit<'_, S>, dialer: &S::Dialer, patience: Nanos) -> Result<S, Failure> {
    let mut held = Held(Some(visit.dial(dialer).map_err(|_| Failure::NoSocket)?));
    let socket = held.socket();
    let until = dialer.now().saturating_add(patience);
    socket.deadline(until);
    loop {
        match socket.event().await {
            Event::Connected => return Ok(held.release()),
            Event::Expired => {
                visit.pause(dialer.now());
                return Err(Failure::ConnectTimeout);
            }
            Event::Failed | Event::End => {
                visit.pause(dialer.now());
                return Err(Failure::Connect);
            }
            _ => {}
        }
    }
}

/// An upstream connection in use: closed at once when dropped, because whatever it was doing is of no use to anybody any more.
struct Held<S: Socket>(Option<S>);

impl<S: Socket> Held<S> {
    fn socket(&mut self) -> &mut S {
        self.0.as_mut().expect("held until released")
    }

    fn release(mut self) -> S {
        self.0.take().expect("held until released")
    }
}

impl<S: Socket> Drop for Held<S> {
    fn drop(&mut self) {
        if let Some(socket) = &mut self.0 {
            socket.abort();
        }
    }
}
