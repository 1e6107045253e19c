//! What a hostile peer does: its part, written down before it plays it.

use std::collections::VecDeque;

use tollgate_client::Nanos;

use super::seen::Due;

/// A peer's whole part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// In words.
    pub(super) what: String,
    pub(super) steps: VecDeque<Step>,
    pub(super) reading: Reading,
    pub(super) due: Due,
}

/// One thing after the other, from the connection on. After the last, it listens until it has what it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Sends all of it as fast as the server takes it.
    Send(Vec<u8>),
    /// Sends it so often, as fast as the server takes it.
    Repeat { bytes: Vec<u8>, times: usize },
    /// Sends it one byte at a time.
    Drip { bytes: Vec<u8>, every: Nanos },
    /// Sends no more, and says so (FIN).
    Finish,
    /// Is gone, in an orderly way.
    Close,
    /// Is gone, with a reset.
    Reset,
}

/// How a peer takes what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Eager,
    /// So few bytes each time, through the smallest window that the kernel gives.
    Slow {
        bytes: usize,
        every: Nanos,
    },
}

impl Script {
    pub(super) fn new(what: impl Into<String>, steps: impl Into<VecDeque<Step>>, due: Due) -> Self {
        Self { what: what.into(), steps: steps.into(), reading: Reading::Eager, due }
    }

    /// Sends these bytes and listens.
    pub(super) fn send(what: impl Into<String>, bytes: impl Into<Vec<u8>>, due: Due) -> Self {
        Self::new(what, [Step::Send(bytes.into())], due)
    }
}
