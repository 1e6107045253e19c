//! How requests and connections end, and the ledgers that count them.
//!
//! A ledger is kept twice over: what was planned is counted when it is taken from the plan, what became of it when it ends. The
//! difference, less what is still under way, is the residual; it must be 0 when a run is over, or the client has lost a request.

use std::ops::AddAssign;

/// Where a planned request ended. Each ends in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered, with a status that counts as allowed (`--allow`).
    Allowed,
    /// Answered, with a status that counts as denied (`--deny`).
    Denied,
    /// Answered, with any other status.
    Other,
    /// No whole answer in time.
    TimedOut,
    /// There was no connection to send it on: refused, unreachable, or no port or descriptor left for it.
    Refused,
    /// The connection was reset before anything of the answer came.
    ResetBefore,
    /// The connection was reset in the middle of the answer.
    ResetWithin,
    /// The peer closed the connection before the whole answer came.
    EndOfFile,
    /// What came is no HTTP answer. (More than was asked for is nobody's: see [`ConnectionLedger::surplus`].)
    Malformed,
    /// Too late to be worth sending: behind the schedule by more than allowed, or still waiting for a connection at the end.
    Shed,
    /// Given up when the run was stopped.
    Aborted,
}

impl Outcome {
    /// All of them, in the order of the ledger.
    pub const ALL: [Self; 11] = [
        Self::Allowed,
        Self::Denied,
        Self::Other,
        Self::TimedOut,
        Self::Refused,
        Self::ResetBefore,
        Self::ResetWithin,
        Self::EndOfFile,
        Self::Malformed,
        Self::Shed,
        Self::Aborted,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Other => "other status",
            Self::TimedOut => "timed out",
            Self::Refused => "refused",
            Self::ResetBefore => "reset before the answer",
            Self::ResetWithin => "reset in the answer",
            Self::EndOfFile => "end of file",
            Self::Malformed => "malformed",
            Self::Shed => "shed",
            Self::Aborted => "aborted",
        }
    }

    /// Whether there was a whole answer.
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Allowed | Self::Denied | Self::Other)
    }

    /// Whether something broke: neither an answer nor the client's own decision not to send or wait.
    pub const fn is_error(self) -> bool {
        !self.is_answer() && !matches!(self, Self::Shed | Self::Aborted)
    }
}

/// What became of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Taken from the plan.
    pub planned: u64,
    /// Put on a connection; the kernel may have to wait for room to take all of it. (Not an outcome: every sent request also ends in one.)
    pub sent: u64,
    ended: [u64; Outcome::ALL.len()],
}

impl Ledger {
    /// A request ended like this.
    pub fn end(&mut self, outcome: Outcome) {
        self.ended[outcome as usize] += 1;
    }

    /// How many ended like this.
    pub const fn count(&self, outcome: Outcome) -> u64 {
        self.ended[outcome as usize]
    }

    /// How many ended in one of the outcomes that `is` picks.
    pub fn count_where(&self, is: impl Fn(Outcome) -> bool) -> u64 {
        Outcome::ALL.into_iter().filter(|outcome| is(*outcome)).map(|outcome| self.count(outcome)).sum()
    }

    /// Whole answers.
    pub fn answers(&self) -> u64 {
        self.count_where(Outcome::is_answer)
    }

    /// What broke.
    pub fn errors(&self) -> u64 {
        self.count_where(Outcome::is_error)
    }

    /// Planned and not ended: under way during a run, lost (or ended twice) after it.
    pub fn residual(&self) -> i64 {
        self.planned as i64 - self.ended.iter().sum::<u64>() as i64
    }
}

impl AddAssign<&Ledger> for Ledger {
    fn add_assign(&mut self, other: &Ledger) {
        self.planned += other.planned;
        self.sent += other.sent;
        for (sum, count) in self.ended.iter_mut().zip(other.ended) {
            *sum += count;
        }
    }
}

/// What became of the connections. Those attempted are established or failed; those established are closed by somebody or still open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionLedger {
    /// Asked of the kernel.
    pub attempted: u64,
    /// Established.
    pub established: u64,
    /// Refused by the peer's machine.
    pub refused: u64,
    /// No answer to the attempt in time.
    pub timed_out: u64,
    /// No local port (or address) left.
    pub no_port: u64,
    /// No descriptor left.
    pub no_descriptor: u64,
    /// Failed in another way, or given up at the end.
    pub failed: u64,
    /// Closed by the peer, in an orderly way.
    pub closed_by_peer: u64,
    /// Reset by the peer.
    pub reset: u64,
    /// Closed by us: requests per connection reached, an answer that said so, a time-out, something malformed, or the end of the run.
    pub closed_by_us: u64,
    /// Of those, the ones on which more came than was asked for.
    pub surplus: u64,
}

impl ConnectionLedger {
    /// Attempted and not accounted for; 0 after a run.
    pub const fn residual(&self) -> i64 {
        let ended = self.established + self.refused + self.timed_out + self.no_port + self.no_descriptor + self.failed;
        self.attempted as i64 - ended as i64
    }

    /// Established and not closed; 0 after a run.
    pub const fn open(&self) -> i64 {
        self.established as i64 - (self.closed_by_peer + self.reset + self.closed_by_us) as i64
    }
}

impl AddAssign<&ConnectionLedger> for ConnectionLedger {
    fn add_assign(&mut self, other: &ConnectionLedger) {
        self.attempted += other.attempted;
        self.established += other.established;
        self.refused += other.refused;
        self.timed_out += other.timed_out;
        self.no_port += other.no_port;
        self.no_descriptor += other.no_descriptor;
        self.failed += other.failed;
        self.closed_by_peer += other.closed_by_peer;
        self.reset += other.reset;
        self.closed_by_us += other.closed_by_us;
        self.surplus += other.surplus;
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, Outcome};

    #[test]
    fn a_ledger_balances_when_every_planned_request_ended_once() {
        let mut ledger = Ledger { planned: Outcome::ALL.len() as u64, ..Ledger::default() };
        for (before, outcome) in (0..).zip(Outcome::ALL) {
            assert_eq!(ledger.residual(), Outcome::ALL.len() as i64 - before);
            ledger.end(outcome);
            assert_eq!(ledger.count(outcome), 1, "{}", outcome.name());
        }
        assert_eq!((ledger.residual(), ledger.answers(), ledger.errors()), (0, 3, 6));
        ledger.end(Outcome::Allowed);
        assert_eq!(ledger.residual(), -1, "ended twice");
    }
}
