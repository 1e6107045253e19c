//! When a request was decided: somewhere in here.

use tollgate_client::Exchange;

/// From *sent* to *done*, in nanoseconds: the decision lies within, ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) sent: u64,
    pub(super) done: u64,
}

impl From<&Exchange> for Span {
    fn from(exchange: &Exchange) -> Self {
        let sent = exchange.sent.as_u64();
        Self { sent, done: exchange.done.as_u64().max(sent) }
    }
}

/// A span in 8 bytes, a little wider than it was: *sent* is rounded down, *done* up. Orders by *sent*.
///
/// ```text
///   | sent: 43 bits of 256 ns (26 days) | denied: 1 | done - sent: 20 bits of 4096 ns (4.3 s) |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Packed(u64);

impl Packed {
    /// `None` for what doesn't fit: an answer that took longer, or came later, than 4 seconds and 26 days.
    pub(super) const fn new(span: Span, denied: bool) -> Option<Self> {
        let sent = span.sent / SENT_UNIT;
        let flight = (span.done - sent * SENT_UNIT).div_ceil(FLIGHT_UNIT);
        if sent >= 1 << SENT_BITS || flight > MOST_FLIGHT {
            return None;
        }
        Some(Self(sent << (FLIGHT_BITS + 1) | (denied as u64) << FLIGHT_BITS | flight))
    }

    pub(super) const fn sent(self) -> u64 {
        (self.0 >> (FLIGHT_BITS + 1)) * SENT_UNIT
    }

    pub(super) const fn done(self) -> u64 {
        self.sent() + self.flight() * FLIGHT_UNIT
    }

    /// Whether what was sent and done then is packed so.
    pub(super) const fn may_be(self, sent: u64, done: u64) -> bool {
        self.sent() == sent / SENT_UNIT * SENT_UNIT && self.done() >= done && self.done() - done < FLIGHT_UNIT
    }

    pub(super) const fn is_denied(self) -> bool {
        self.0 >> FLIGHT_BITS & 1 == 1
    }

    const fn flight(self) -> u64 {
        self.0 & ((1 << FLIGHT_BITS) - 1)
    }
}

const SENT_BITS: u32 = 43;
const FLIGHT_BITS: u32 = 20;
const SENT_UNIT: u64 = 256;
const FLIGHT_UNIT: u64 = 4_096;
const MOST_FLIGHT: u64 = (1 << FLIGHT_BITS) - 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{Packed, Span};

    proptest! {
        #[test]
        fn a_packed_span_is_wider_by_a_little(sent in 0..2_000_000_000_000_000_u64, flight in 0..4_290_000_000_u64, denied: bool) {
            let packed = Packed::new(Span { sent, done: sent + flight }, denied).unwrap();
            prop_assert!(packed.sent() <= sent && sent - packed.sent() < 256);
            prop_assert!(packed.done() >= sent + flight && packed.done() - (sent + flight) < 4_096);
            prop_assert!(packed.is_denied() == denied);
        }
    }

    #[test]
    fn what_took_too_long_is_not_packed() {
        assert_eq!(Packed::new(Span { sent: 0, done: 5_000_000_000 }, false), None);
        assert_eq!(Packed::new(Span { sent: u64::MAX / 2, done: u64::MAX / 2 }, false), None);
    }
}
