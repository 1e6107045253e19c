//! The last exchanges of a run, to name the requests of a witness.

use std::collections::VecDeque;

use tollgate_client::{Exchange, Outcome};

/// Exchanges kept: 1.5 MB.
pub(super) const KEPT: usize = 32_768;

/// See the module.
#[derive(Debug)]
pub(super) struct Recent(VecDeque<Exchange>);

impl Recent {
    pub(super) fn new() -> Self {
        Self(VecDeque::with_capacity(KEPT))
    }

    pub(super) fn push(&mut self, exchange: &Exchange) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(*exchange);
    }

    /// A client's requests that were allowed or denied, the latest first.
    pub(super) fn latest(&self, id: u32) -> impl Iterator<Item = &Exchange> {
        let is_answer = |outcome| matches!(outcome, Outcome::Allowed | Outcome::Denied);
        self.0.iter().rev().filter(move |exchange| exchange.id == id && is_answer(exchange.outcome))
    }
}
