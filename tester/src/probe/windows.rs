//! What a window may have counted: every state that the answers leave possible.
//!
//! Two brackets, as for logs and buckets, won't do. A window that is taken to have opened later ends later too: what is counted late in one of them
//! is missing in the next, and neither bracket is one. So each way in which an answer can have come about is followed, and an answer is a miss
//! if none of them leads to it. Mostly there is one; around an edge there are two for a while.

use tollgate_client::Nanos;

use super::experiment::Sample;
use super::model::{Algorithm, Model};

/// The states that are possible; none before the first request.
#[derive(Debug, Default)]
pub(super) struct Windows {
    now: Vec<State>,
    /// Where the next ones are put together.
    next: Vec<State>,
}

/// A window, and what it has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// It opened between these.
    opened: (u64, u64),
    count: u64,
    /// What the one before it had counted, where that matters.
    past: u64,
}

/// Between these.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: u64,
    to: u64,
}

impl Windows {
    /// Goes on to what is possible after this answer. Whether anything is; if not, it goes on from what really happened.
    pub fn follow(&mut self, model: &Model, sample: &Sample, slack: Nanos) -> bool {
        let decided = Span { from: (sample.sent - slack).as_u64(), to: (sample.done + slack).as_u64() };
        let opens = Span { from: sample.sent.as_u64(), to: sample.done.as_u64() };
        let more = u64::from(sample.admitted || model.charges_denials);
        let Self { now, next } = self;
        next.clear();
        let mut meet = |state: State| {
            if state.answers(model, decided, sample.admitted) {
                merge(next, state.counting(more));
            }
        };
        if now.is_empty() {
            State::first(model, opens, &mut meet);
        }
        for state in &*now {
            state.still_open(model, decided).into_iter().for_each(&mut meet);
            state.after(model, decided, opens, &mut meet);
        }
        let is_possible = !next.is_empty();
        if !is_possible && sample.admitted {
            State::first(model, opens, &mut |state| next.push(state.counting(1)));
        }
        if !next.is_empty() {
            std::mem::swap(now, next);
        }
        is_possible
    }
}

impl State {
    /// The windows that nothing came before.
    fn first(model: &Model, opens: Span, meet: &mut impl FnMut(Self)) {
        match model.algorithm {
            Algorithm::AlignedWindow => edges(model, opens).for_each(|edge| meet(Self::opened((edge, edge)))),
            _ => meet(Self::opened((opens.from, opens.to))),
        }
    }

    const fn opened(opened: (u64, u64)) -> Self {
        Self { opened, count: 0, past: 0 }
    }

    const fn counting(self, more: u64) -> Self {
        Self { count: self.count + more, ..self }
    }

    /// This window, if a request that was decided between these can have met with it: then it didn't open so early as to be over.
    fn still_open(self, model: &Model, decided: Span) -> Option<Self> {
        let (earliest, latest) = self.opened;
        let span = model.span.as_u64();
        (decided.from < latest + span)
            .then(|| Self { opened: (earliest.max(decided.from.saturating_sub(span)).min(latest), latest), ..self })
    }

    /// The windows after this one that such a request can have met with. `opens`: when it opens one itself.
    fn after(self, model: &Model, decided: Span, opens: Span, meet: &mut impl FnMut(Self)) {
        let (earliest, latest) = self.opened;
        let span = model.span.as_u64();
        let mut over = earliest + span;
        match model.algorithm {
            Algorithm::AlignedWindow => {
                return edges(model, decided)
                    .filter(|edge| *edge > latest)
                    .for_each(|edge| meet(Self::opened((edge, edge))));
            }
            Algorithm::SlidingCounter => {
                if decided.to >= over && decided.from < latest + 2 * span {
                    meet(Self { opened: (over, latest + span), count: 0, past: self.count });
                }
                over += span;
            }
            _ => {}
        }
        if decided.to >= over {
            meet(Self::opened((over.clamp(opens.from, opens.to), opens.to)));
        }
    }

    /// Whether the model may answer like this at some instant of these.
    fn answers(self, model: &Model, decided: Span, admitted: bool) -> bool {
        let (earliest, latest) = self.opened;
        let span = model.span.as_u64().max(1);
        // Of the last window's, the part that lies within a span before the request still counts: the less the later it is.
        let still = |opened: u64, now: u64| {
            let left = (opened + span).saturating_sub(now).min(span);
            (u128::from(self.past) * u128::from(left) / u128::from(span)) as u64
        };
        let limit = u64::from(model.limit);
        if admitted {
            self.count + still(earliest, decided.to) < limit
        } else {
            self.count + still(latest, decided.from) >= limit
        }
    }
}

/// Where the clock opens the windows that these instants lie in.
fn edges(model: &Model, decided: Span) -> impl Iterator<Item = u64> {
    let span = model.span.as_u64().max(1);
    let behind = (decided.from + span - model.phase.as_u64() % span) % span;
    let first = decided.from.saturating_sub(behind);
    let last = decided.to;
    (0..MOST_STATES as u64).map(move |window| first + window * span).take_while(move |edge| *edge <= last)
}

/// Adds a state; two that have counted the same are one that opened at some time or other.
fn merge(states: &mut Vec<State>, state: State) {
    let known = states.iter_mut().find(|known| (known.count, known.past) == (state.count, state.past));
    if let Some(known) = known {
        known.opened = (known.opened.0.min(state.opened.0), known.opened.1.max(state.opened.1));
    } else if states.len() < MOST_STATES {
        states.push(state);
    }
}

/// More than ever were possible at a time; so that a trace that fits nothing costs no more than another.
const MOST_STATES: usize = 16;
