//! N in each window that opens at a client's first admitted request; so at most 2N − 1 in any T.
//!
//! The second bound needs no knowledge of windows: if [s, s + T) meets two of them, the second was opened in it, and the request that
//! opened the first, T or more before, lies outside. For the first, windows are followed: see [`super::opening`].

use std::hint::black_box;

use tollgate_client::Nanos;

use super::opening::{Opening, Windows};
use super::span::Span;
use super::table::Table;
use super::window::Window;
use super::witness::Broken;
use super::{History, Promise};

/// See the module.
#[derive(Debug)]
pub(super) struct Fixed {
    /// For any T.
    pub(super) any: Window,
    openings: Table<Opening>,
    windows: Windows,
}

impl Fixed {
    pub(super) fn new(promise: &Promise, history: History) -> Self {
        let unopened = match history {
            History::Unused => Opening::UNOPENED,
            History::Unknown => Opening::LOST,
        };
        Self {
            any: Window::new(promise, history, promise.limit().saturating_mul(2) - 1),
            openings: Table::new(unopened),
            windows: Windows {
                limit: promise.limit(),
                period: promise.shortest(),
                tick: promise.tick(),
                back: promise.back(),
            },
        }
    }

    pub(super) fn judge(&mut self, id: u32, span: Span) -> Option<Broken> {
        let any = self.any.judge(id, span);
        if self.any.latest.has_maybes(id) {
            // Any of its windows may have been opened by one of those.
            return any;
        }
        let done = self.any.latest.done(id);
        let opened = self.openings.of(id).admitted(span, done, self.windows);
        any.or(opened.map(|from| Broken::Opened { limit: self.windows.limit, from: Nanos::new(from) }))
    }

    pub(super) fn add(&mut self, id: u32, span: Span) -> bool {
        let is_full = !self.any.latest.has_maybes(id) && self.openings.of(id).is_full(self.windows);
        self.any.add(id, span) || is_full
    }

    pub(super) fn fetch(&self, ids: impl Iterator<Item = u32> + Clone) {
        ids.clone().for_each(|id| _ = black_box(self.openings.peek(id).copied()));
        self.any.latest.fetch(ids);
    }

    pub(super) fn memory(&self) -> usize {
        self.any.latest.memory() + self.openings.memory()
    }
}
