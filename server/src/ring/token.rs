//! What a completion says about itself: which operation, on which slot, of which generation.
//!
//! The kernel carries 64 bits from submission to completion. A completion that arrives after its connection is gone (a timer, a
//! cancelled receive) has an old generation and is dropped, so a slot can be used again without waiting for such stragglers.

/// Operation (8 bits), generation (24 bits) and slot (32 bits) in the `user_data` of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token(u64);

/// What was asked of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Op {
    /// Something whose completion nobody waits for: a close, a cancellation.
    Ignored = 0,
    Accept,
    Receive,
    /// The first attempt of a send, which says nothing unless it fell short.
    Send,
    /// The rest of a send that fell short.
    Resend,
    /// A connection's own precise timer.
    Timer,
    /// Look at the listener again, after running out of descriptors.
    AcceptTimer,
    /// Ends a sleep of the core when a deadline is near.
    SleepTimer,
    /// Another thread wants something.
    Doorbell,
    /// While draining: look at the listener for the last time.
    DrainTimer,
    /// A receive or a resend that could not be cancelled.
    Cancel,
    /// An accept that could not be cancelled.
    AcceptCancel,
    /// A connection of our own.
    Connect,
    /// The end of a connection whose input is left with the kernel.
    HangUp,
}

impl Token {
    /// A connection's operation.
    #[inline]
    pub const fn new(op: Op, generation: u32, slot: u32) -> Token {
        Token((op as u64) << 56 | ((generation & GENERATION_MASK) as u64) << 32 | slot as u64)
    }

    /// An operation of the core itself, of which there is one.
    pub const fn core(op: Op) -> Token {
        Token::new(op, 0, 0)
    }

    #[inline]
    pub fn from_user_data(user_data: u64) -> Token {
        Token(user_data)
    }

    #[inline]
    pub const fn user_data(self) -> u64 {
        self.0
    }

    #[inline]
    pub fn op(self) -> Op {
        match (self.0 >> 56) as u8 {
            1 => Op::Accept,
            2 => Op::Receive,
            3 => Op::Send,
            4 => Op::Resend,
            5 => Op::Timer,
            6 => Op::AcceptTimer,
            7 => Op::SleepTimer,
            8 => Op::Doorbell,
            9 => Op::DrainTimer,
            10 => Op::Cancel,
            11 => Op::AcceptCancel,
            12 => Op::Connect,
            13 => Op::HangUp,
            _ => Op::Ignored,
        }
    }

    #[inline]
    pub fn generation(self) -> u32 {
        (self.0 >> 32) as u32 & GENERATION_MASK
    }

    #[inline]
    pub fn slot(self) -> u32 {
        self.0 as u32
    }
}

/// Generations wrap at 2^24; a straggler would have to survive that many connections in its slot to be mistaken.
pub(super) const GENERATION_MASK: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::{GENERATION_MASK, Op, Token};

    #[test]
    fn a_token_gives_back_what_went_in() {
        let ops = [
            Op::Ignored,
            Op::Accept,
            Op::Receive,
            Op::Send,
            Op::Resend,
            Op::Timer,
            Op::AcceptTimer,
            Op::SleepTimer,
            Op::Doorbell,
            Op::DrainTimer,
            Op::Cancel,
            Op::AcceptCancel,
            Op::Connect,
            Op::HangUp,
        ];
        for op in ops {
            for (generation, slot) in [(0, 0), (1, 7), (GENERATION_MASK, u32::MAX)] {
                let token = Token::from_user_data(Token::new(op, generation, slot).user_data());
                assert_eq!((token.op(), token.generation(), token.slot()), (op, generation, slot));
            }
        }
    }
}
