//! The states, and every transition between them.

use core::fmt;

/// What a breaker does with calls. The numbers are Resilience4j's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// Calls flow, outcomes are counted.
    Closed = 0,
    /// Calls are rejected until the wait is over.
    Open = 1,
    /// A few calls are let through to find out.
    HalfOpen = 2,
    /// Calls flow, nothing is counted.
    Disabled = 3,
    /// Calls are rejected until an operator says otherwise.
    ForcedOpen = 4,
    /// Calls flow, outcomes are counted, a rate above its threshold is only reported.
    MetricsOnly = 5,
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Too many calls failed.
    FailureRate,
    /// Too many calls were slow.
    SlowCallRate,
    /// Too many calls in a row found nobody there.
    ConsecutiveFailures,
    /// The wait in the open state was over, and a call asked.
    WaitOver,
    /// Enough of the permitted calls did well.
    Recovered,
    /// Half-open took too long, and the settings say that it opens then.
    MaxWaitOpens,
    /// Half-open took too long, and the settings say that it closes then.
    MaxWaitCloses,
    /// An operator said so.
    Operator(Order),
}

/// What an operator may say at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Begin anew: closed, with an empty window.
    Close,
    /// Let everything through and count nothing.
    Disable,
    /// Reject everything.
    ForceOpen,
    /// Let everything through, count, and report.
    MetricsOnly,
}

/// One change of state. Exactly one caller is told of it: whose call, outcome, tick or order it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state since. Equal to `from` only in [`State::MetricsOnly`], where a rate has reached its threshold.
    pub to: State,
    /// The reason.
    pub cause: Cause,
}

impl State {
    /// The list of all transitions.
    pub(super) const fn after(self, cause: Cause) -> Option<State> {
        use Cause::{
            ConsecutiveFailures, FailureRate, MaxWaitCloses, MaxWaitOpens, Operator, Recovered, SlowCallRate, WaitOver,
        };
        use State::{Closed, HalfOpen, MetricsOnly, Open};
        Some(match (self, cause) {
            (Closed, FailureRate | SlowCallRate | ConsecutiveFailures) => Open,
            (Open, WaitOver) => HalfOpen,
            (HalfOpen, FailureRate | SlowCallRate | MaxWaitOpens) => Open,
            (HalfOpen, Recovered | MaxWaitCloses) => Closed,
            (MetricsOnly, FailureRate | SlowCallRate) => MetricsOnly,
            (_, Operator(order)) if order.state() as u8 != self as u8 => order.state(),
            _ => return None,
        })
    }

    /// Of all states, in the order of their numbers.
    pub const ALL: [State; 6] =
        [State::Closed, State::Open, State::HalfOpen, State::Disabled, State::ForcedOpen, State::MetricsOnly];

    /// As it stands in metrics and settings.
    pub const fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half_open",
            State::Disabled => "disabled",
            State::ForcedOpen => "forced_open",
            State::MetricsOnly => "metrics_only",
        }
    }

    /// Whether outcomes of calls permitted in this state go into the sliding window.
    pub(super) const fn has_window(self) -> bool {
        matches!(self, State::Closed | State::MetricsOnly)
    }
}

impl Order {
    /// The state that is ordered.
    pub const fn state(self) -> State {
        match self {
            Order::Close => State::Closed,
            Order::Disable => State::Disabled,
            Order::ForceOpen => State::ForcedOpen,
            Order::MetricsOnly => State::MetricsOnly,
        }
    }
}

impl Cause {
    /// As it stands in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::FailureRate => "failure_rate",
            Cause::SlowCallRate => "slow_call_rate",
            Cause::ConsecutiveFailures => "consecutive_failures",
            Cause::WaitOver => "wait_over",
            Cause::Recovered => "recovered",
            Cause::MaxWaitOpens => "max_wait_opens",
            Cause::MaxWaitCloses => "max_wait_closes",
            Cause::Operator(_) => "operator",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} ({})", self.from, self.to, self.cause.name())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Cause, Order, State};

    const BY_ITSELF: [Cause; 7] = [
        Cause::FailureRate,
        Cause::SlowCallRate,
        Cause::ConsecutiveFailures,
        Cause::WaitOver,
        Cause::Recovered,
        Cause::MaxWaitOpens,
        Cause::MaxWaitCloses,
    ];
    const ORDERS: [Order; 4] = [Order::Close, Order::Disable, Order::ForceOpen, Order::MetricsOnly];

    /// A line for each pair of states that one leads to the other by itself, then one for each order.
    fn graph() -> String {
        let mut graph = String::new();
        for from in State::ALL {
            for to in State::ALL {
                let causes = BY_ITSELF.into_iter().filter(|cause| from.after(*cause) == Some(to)).map(Cause::name);
                let causes = causes.collect::<Vec<_>>().join(", ");
                if !causes.is_empty() {
                    graph += &format!("{from:<12} -> {to:<12}  {causes}\n");
                }
            }
        }
        for order in ORDERS {
            let obeys = |from: &State| from.after(Cause::Operator(order)) == Some(order.state());
            let from = State::ALL.into_iter().filter(obeys).map(State::name).collect::<Vec<_>>().join(", ");
            graph += &format!("{:<12} -> {:<12}  from {from}\n", "operator", order.state());
        }
        graph
    }

    #[test]
    fn the_graph_is_the_one_in_the_documentation() {
        let graph = graph();
        println!("{graph}");
        assert_eq!(graph, include_str!("graph.txt"));
    }
}
