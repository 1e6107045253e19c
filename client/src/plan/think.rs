//! Think time: each client sends, pauses for a random while, and sends again, under its own id.
//!
//! Client c's requests are due at the sums of its draws: the first after one draw, the second after two. (So with `fixed` all clients
//! are in step: a herd, which is a load worth having.) The pauses count from when the request before was *due*, not from its
//! answer, so a slow server cannot slow the clients down. That is an open loop, and the only kind whose plan can be known before.
//!
//! Requests are numbered n = j · clients + c (client c's j-th, from 0): by round, not by time. Any thread can tell whose request n is, and
//! the draw for it, without having followed the others. `-n 10k` of 1k clients thus means ten requests of each.
//!
//! The next request is the smallest due time of all clients: a heap of 16 bytes for each of the worker's own clients. Rejected: a timing wheel (its
//! buckets would cost more per client, and rounding would make due times depend on the wheel).

use super::error::{PlanError, Problem};
use super::parse::{LONGEST, read_duration, show_duration};
use super::random::{Stream, below, exponential};
use super::stop::Stop;
use crate::clock::Nanos;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fmt;
use std::str::FromStr;

/// How long a client pauses between two requests. Never always 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Think(Dist);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dist {
    Uniform(Nanos, Nanos),
    Exp(Nanos),
    Fixed(Nanos),
}

impl Think {
    /// Between `least` and `most`, both included, all equally likely; `None` if they are in the wrong order or `most` is below a microsecond.
    pub fn uniform(least: Nanos, most: Nanos) -> Option<Think> {
        (least <= most && most >= SHORTEST).then_some(Think(Dist::Uniform(least, most)))
    }

    /// Exponential: often short, sometimes long; `None` if the mean is below a microsecond.
    pub fn exponential(mean: Nanos) -> Option<Think> {
        (mean >= SHORTEST).then_some(Think(Dist::Exp(mean)))
    }

    /// Always the same; `None` if below a microsecond.
    pub fn fixed(span: Nanos) -> Option<Think> {
        (span >= SHORTEST).then_some(Think(Dist::Fixed(span)))
    }

    /// The mean pause; `clients / mean` is the total rate.
    pub fn mean(self) -> Nanos {
        match self.0 {
            Dist::Uniform(least, most) => Nanos::new(least.as_u64().midpoint(most.as_u64())),
            Dist::Exp(span) | Dist::Fixed(span) => span,
        }
    }

    /// The pause before request n.
    pub(super) fn draw(self, stream: Stream, n: u64) -> Nanos {
        match self.0 {
            Dist::Uniform(least, most) => {
                let spread = most.saturating_sub(least).as_u64() + 1;
                least.saturating_add(Nanos::new(below(stream.word(n), spread)))
            }
            Dist::Exp(mean) => Nanos::new((mean.as_u64() as f64 * exponential(stream.word(n))) as u64),
            Dist::Fixed(span) => span,
        }
    }
}

/// Where one client is. In order of due time; ties go to the lower client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    due: Nanos,
    client: u32,
    /// Requests of this client before this one.
    round: u32,
}

const _: () = assert!(size_of::<Turn>() == 16);

/// One worker's thinking clients: those c ≡ worker (mod workers).
#[derive(Clone, Debug)]
pub(super) struct Thinkers {
    think: Think,
    draws: Stream,
    clients: u32,
    /// Requests with n at or above this one don't exist, nor do those due at the end or later.
    requests: u64,
    end: Option<Nanos>,
    turns: BinaryHeap<std::cmp::Reverse<Turn>>,
}

impl Thinkers {
    pub(super) fn new(think: Think, seed: u64, clients: u32, stop: Stop, (worker, workers): (u32, u32)) -> Thinkers {
        let requests = stop.requests.unwrap_or(u64::MAX);
        let draws = Stream::new(seed, Stream::THINK);
        let turn = |client: u32| Turn { due: think.draw(draws, u64::from(client)), client, round: 0 };
        let mine = (worker..u64::from(clients).min(requests) as u32).step_by(workers as usize);
        let turns: Vec<_> = mine.map(|client| std::cmp::Reverse(turn(client))).collect();
        Thinkers { think, draws, clients, requests, end: stop.after, turns: BinaryHeap::from(turns) }
    }

    /// The next request: n, client and due time. A client whose requests are used up leaves.
    pub(super) fn next(&mut self) -> Option<(u64, u32, Nanos)> {
        let clients = self.clients;
        let mut top = self.turns.peek_mut()?;
        let Turn { due, client, round } = top.0;
        if self.end.is_some_and(|end| due >= end) {
            return None;
        }
        match round.checked_add(1).filter(|&round| number(clients, round, client) < self.requests) {
            Some(round) => {
                let n = number(clients, round, client);
                top.0 = Turn { due: due.saturating_add(self.think.draw(self.draws, n)), client, round };
                drop(top);
            }
            None => drop(PeekMut::pop(top)),
        }
        Some((number(clients, round, client), client, due))
    }
}

fn number(clients: u32, round: u32, client: u32) -> u64 {
    u64::from(round) * u64::from(clients) + u64::from(client)
}

/// When request n of `clients` thinking clients is due; takes n / clients draws.
pub(super) fn due(think: Think, seed: u64, clients: u32, n: u64) -> Nanos {
    let draws = Stream::new(seed, Stream::THINK);
    let client = n % u64::from(clients);
    let mine = (client..=n).step_by(clients as usize);
    mine.map(|n| think.draw(draws, n)).fold(Nanos::default(), Nanos::saturating_add)
}

impl FromStr for Think {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Think, PlanError> {
        let refused = |problem| PlanError::new("--think", text, problem);
        let span = |text, least| read_duration(text, least, LONGEST).map_err(refused);
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["uniform", least, most] => Think::uniform(span(least, Nanos::default())?, span(most, SHORTEST)?)
                .ok_or_else(|| refused(Problem::Backwards)),
            ["exp", mean] => Ok(Think(Dist::Exp(span(mean, SHORTEST)?))),
            ["fixed", pause] => Ok(Think(Dist::Fixed(span(pause, SHORTEST)?))),
            _ => Err(refused(Problem::NotOneOf("uniform:10ms:1s, exp:100ms or fixed:1s"))),
        }
    }
}

impl fmt::Display for Think {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Dist::Uniform(least, most) => write!(f, "uniform:{}:{}", show_duration(least), show_duration(most)),
            Dist::Exp(mean) => write!(f, "exp:{}", show_duration(mean)),
            Dist::Fixed(span) => write!(f, "fixed:{}", show_duration(span)),
        }
    }
}

/// A client that paused for less would be a closed loop of one.
const SHORTEST: Nanos = Nanos::from_micros(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn all(think: &str, clients: u32, requests: u64) -> Vec<(u64, u32, Nanos)> {
        let stop = Stop { after: None, requests: Some(requests) };
        let mut thinkers = Thinkers::new(think.parse().unwrap(), 3, clients, stop, (0, 1));
        std::iter::from_fn(|| thinkers.next()).collect()
    }

    #[test]
    fn a_client_is_due_at_the_sums_of_its_own_draws() {
        for (n, client, due_then) in all("uniform:10ms:1s", 10, 1_000) {
            assert_eq!(n % 10, u64::from(client));
            assert_eq!(due_then, due("uniform:10ms:1s".parse().unwrap(), 3, 10, n));
        }
    }

    #[test]
    fn each_request_comes_once_in_order_of_time() {
        let taken = all("exp:100ms", 7, 1_003);
        assert!(taken.is_sorted_by_key(|&(_, _, due)| due));
        let mut numbers: Vec<u64> = taken.iter().map(|&(n, _, _)| n).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..1_003));
    }

    #[test]
    fn pauses_have_their_range_and_mean() {
        let cases = [("uniform:10ms:1s", 0.01, 1.0), ("exp:100ms", 0.0, 4.0), ("fixed:1s", 1.0, 1.0)];
        for (text, least, most) in cases {
            let think: Think = text.parse().unwrap();
            let draws = Stream::new(1, Stream::THINK);
            let pauses: Vec<f64> = (0..20_000).map(|n| think.draw(draws, n).as_secs_f64()).collect();
            assert!(pauses.iter().all(|pause| (least..=most).contains(pause)), "{text}");
            let mean = pauses.iter().sum::<f64>() / pauses.len() as f64 / think.mean().as_secs_f64();
            assert!((mean - 1.0).abs() < 0.03, "{text}: the mean is {mean} of what it should be");
        }
    }

    #[test]
    fn fixed_clients_are_in_step() {
        let due: Vec<Nanos> = all("fixed:1s", 3, 6).into_iter().map(|(_, _, due)| due).collect();
        assert_eq!(due, [1, 1, 1, 2, 2, 2].map(Nanos::from_secs));
    }

    #[test]
    fn a_think_time_prints_as_it_is_read_and_refuses_nonsense() {
        for text in ["uniform:10ms:1s", "uniform:0s:1s", "exp:100ms", "fixed:1s", "fixed:1500us"] {
            assert_eq!(text.parse::<Think>().unwrap().to_string(), text);
        }
        let cases = [
            ("uniform:1s:10ms", "the smaller end of a range comes first"),
            ("fixed:0", "must be between 1us and 8760h"),
            ("exp:soon", "not a duration"),
            ("uniform:1s", "unknown: write uniform:10ms:1s, exp:100ms or fixed:1s"),
            ("", "unknown"),
        ];
        for (text, problem) in cases {
            let error = text.parse::<Think>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("--think \"{text}\": {problem}")), "{error}");
        }
    }
}
