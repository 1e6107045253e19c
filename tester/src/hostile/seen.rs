//! What a server did to one hostile peer, and what it owed it.

use std::fmt;

/// How a peer's connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The peer left first: it got what it was due, it was its part to leave, or the run was over.
    Left,
    /// The server closed it in an orderly way.
    Closed,
    /// The server reset it.
    Reset,
    /// The server owed something, and for too long nothing came.
    TimedOut,
    /// There never was one: refused, or not accepted in time.
    NoConnection,
}

impl End {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Left, Self::Closed, Self::Reset, Self::TimedOut, Self::NoConnection];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::TimedOut => "timed out",
            Self::NoConnection => "no connection",
        }
    }

    /// Whether the server ended it.
    pub(super) const fn is_the_servers(self) -> bool {
        matches!(self, Self::Closed | Self::Reset)
    }
}

/// What a server did to one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The statuses of its whole answers, in order.
    pub(super) answers: Vec<u16>,
    /// Something came that is no answer.
    pub(super) is_malformed: bool,
    pub(super) end: End,
}

impl Seen {
    /// Not a byte came, and then this.
    pub(super) const fn nothing(end: End) -> Self {
        Self { answers: Vec::new(), is_malformed: false, end }
    }

    /// Not a byte came.
    pub(super) fn is_nothing(&self) -> bool {
        self.answers.is_empty() && !self.is_malformed
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let malformed = if self.is_malformed { ", something malformed" } else { "" };
        write!(f, "answers {:?}{malformed}, {}", self.answers, self.end.name())
    }
}

/// What a server owes a peer. To all of them: that what comes is HTTP, and that nothing of it says that the server broke (500, 502, 504).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing more: it may answer or end the connection whenever it likes.
    Nothing,
    /// So many answers, refusals or not.
    Answers(usize),
    /// So many answers to what was well-formed, an answer that refuses, and the end.
    RefusalAfter(usize),
    /// The end, after an answer or without; it must not be cut off by a reset.
    OrderlyEnd,
    /// The end, after an answer or without.
    AnyEnd,
}

impl Due {
    /// Whether there is nothing left to wait for, though the connection is open.
    pub(super) fn is_paid(self, answers: usize) -> bool {
        matches!(self, Self::Answers(due) if answers >= due)
    }

    /// Whether the server has to do something before the peer has waited for too long.
    pub(super) fn has_a_time(self) -> bool {
        self != Self::Nothing
    }

    /// Whether the server did its part. A peer that was called off proves nothing.
    pub(super) fn is_met(self, seen: &Seen) -> bool {
        let Seen { answers, is_malformed, end } = seen;
        let is_broken = |status: &u16| matches!(status, 500 | 502 | 504);
        if *is_malformed || *end == End::NoConnection || answers.iter().any(is_broken) {
            return false;
        }
        match self {
            Self::Nothing => true,
            Self::Answers(due) => *end == End::Left || answers.len() >= due,
            Self::RefusalAfter(_) | Self::OrderlyEnd | Self::AnyEnd if *end == End::Left => true,
            Self::RefusalAfter(due) => {
                let is_in_order =
                    answers.len() == due + 1 && !answers[..due].contains(&400) && is_refusal(answers[due]);
                is_in_order && end.is_the_servers()
            }
            Self::OrderlyEnd => *end == End::Closed,
            Self::AnyEnd => end.is_the_servers(),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing but HTTP"),
            Self::Answers(1) => f.write_str("an answer"),
            Self::Answers(due) => write!(f, "{due} answers"),
            Self::RefusalAfter(due) => write!(f, "{due} answers, a refusal and the end"),
            Self::OrderlyEnd => f.write_str("an orderly end"),
            Self::AnyEnd => f.write_str("the end"),
        }
    }
}

/// A status that says *I don't take this request*: the client's fault, or more than the server does.
fn is_refusal(status: u16) -> bool {
    matches!(status, 400..=428 | 430..=499 | 501 | 505)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_met_by_these_and_not_by_those() {
        use Due::{Answers, AnyEnd, Nothing, OrderlyEnd, RefusalAfter};
        use End::{Closed, Left, NoConnection, Reset, TimedOut};
        for (due, answers, end, is_met) in [
            (Nothing, &[][..], Left, true),
            (Nothing, &[408], Reset, true),
            (Nothing, &[500], Closed, false),
            (Nothing, &[], NoConnection, false),
            (Answers(1), &[503], Left, true),
            (Answers(1), &[400], Closed, true),
            (Answers(1), &[], Closed, false),
            (Answers(1), &[], TimedOut, false),
            (Answers(1), &[], Left, true),
            (RefusalAfter(2), &[200, 503, 400], Closed, true),
            (RefusalAfter(2), &[200, 429, 431], Reset, true),
            (RefusalAfter(2), &[200, 503, 429], Closed, false),
            (RefusalAfter(2), &[200, 400], Closed, false),
            (RefusalAfter(2), &[200, 400, 400], Closed, false),
            (RefusalAfter(2), &[200, 200, 400, 200], Closed, false),
            (RefusalAfter(2), &[200, 200, 200], Closed, false),
            (RefusalAfter(2), &[200, 200], Reset, false),
            (RefusalAfter(2), &[200, 200, 400], TimedOut, false),
            (RefusalAfter(0), &[400], Closed, true),
            (OrderlyEnd, &[200], Closed, true),
            (OrderlyEnd, &[], Closed, true),
            (OrderlyEnd, &[200], Reset, false),
            (OrderlyEnd, &[200], TimedOut, false),
            (AnyEnd, &[], Reset, true),
            (AnyEnd, &[405], TimedOut, false),
            (AnyEnd, &[502], Closed, false),
        ] {
            let mut seen = Seen { answers: answers.to_vec(), is_malformed: false, end };
            assert_eq!(due.is_met(&seen), is_met, "{due:?}: {seen}");
            seen.is_malformed = true;
            assert!(!due.is_met(&seen), "{due:?}: {seen}");
        }
    }
}
