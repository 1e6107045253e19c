//! Traffic at random: what clients send, when it is decided in truth, and what of that they get to see.

use tollgate_client::{Exchange, Nanos, Outcome};

use super::super::Promise;
use super::MS;
use super::limiter::{Answer, Fault, Limiter};

/// SplitMix64.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// What the world is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    pub(super) promise: Promise,
    pub(super) fault: Fault,
    pub(super) requests: u64,
    pub(super) ids: u64,
    /// The longest that an answer usually takes.
    pub(super) flight: u64,
    /// One answer in so many is late, by up to three windows; or lost; 0 is none.
    pub(super) late: u64,
    pub(super) lost: u64,
    /// How old the limiter's time may be, and how late units may come back.
    pub(super) tick: u64,
    pub(super) lag: u64,
    /// By how many millionths the limiter's clock is off.
    pub(super) drift_ppm: i64,
}

/// A request on its way: when it was sent and done, and when it was decided.
#[derive(Clone, Copy, Debug)]
struct Underway {
    n: u64,
    id: u32,
    sent: u64,
    decided: u64,
    done: u64,
}

impl World {
    /// The exchanges in the order of *done*.
    pub(super) fn exchanges(&self, rng: &mut Rng) -> Vec<Exchange> {
        let mut underway = self.requests(rng);
        underway.sort_by_key(|request| request.decided);
        let mut limiter = Limiter::new(self.promise, self.fault);
        let mut exchanges = Vec::new();
        for request in underway {
            let by_its_clock = (request.decided as i64 + request.decided as i64 * self.drift_ppm / 1_000_000) as u64;
            let now = by_its_clock.saturating_sub(rng.below(self.tick + 1));
            let answer = limiter.decide(request.id, request.n as u32, now, rng.below(self.lag + 1));
            exchanges.push(self.seen(request, answer, rng));
        }
        exchanges.sort_by_key(|exchange| exchange.done);
        exchanges
    }

    fn requests(&self, rng: &mut Rng) -> Vec<Underway> {
        let period = self.promise.period().as_u64();
        let interval = period / u64::from(self.promise.limit());
        // Not at 0: an early instant minus a tick would be none.
        let mut sent = vec![period; self.ids as usize];
        let requests = (0..self.requests).map(|n| {
            let id = rng.below(self.ids);
            // Together, at the pace of the units, at the edge of the window, or after a rest.
            let gap = match rng.below(16) {
                0..=7 => rng.below(MS),
                8..=10 => rng.below(2 * interval),
                11..=13 => period - rng.below(period / 4) + rng.below(period / 8),
                14 => rng.below(period),
                _ => 2 * period + rng.below(period),
            };
            let sent = &mut sent[id as usize];
            *sent += gap;
            let is_late = self.late > 0 && rng.one_in(self.late);
            let most = |is_late| if is_late { 3 * period } else { self.flight } + 1;
            let is_late_there = is_late && rng.one_in(2);
            let (there, back) = (rng.below(most(is_late_there)), rng.below(most(is_late)));
            Underway { n, id: id as u32, sent: *sent, decided: *sent + there, done: *sent + there + back }
        });
        requests.collect()
    }

    fn seen(&self, request: Underway, answer: Answer, rng: &mut Rng) -> Exchange {
        let Underway { n, id, sent, done, decided } = request;
        let (done, outcome) = match answer {
            // It leaves when it may, and not before.
            Answer::Allow { delay } => (done + delay, Outcome::Allowed),
            Answer::Deny => (done, Outcome::Denied),
        };
        let lost = [Outcome::TimedOut, Outcome::ResetBefore, Outcome::EndOfFile, Outcome::Aborted, Outcome::Other];
        let (done, outcome) = match self.lost > 0 && rng.one_in(self.lost) {
            // Given up, maybe before it was decided.
            true => (sent + rng.below(2 * (decided - sent) + MS), rng.pick(&lost)),
            false => (done, outcome),
        };
        let (sent, done) = (Nanos::new(sent), Nanos::new(done));
        Exchange { n, id, connection: n as u32 % 8, due: sent, sent, done, outcome, status: None }
    }
}

/// The same exchanges as several threads would tell them: each its own in order, in batches.
pub(super) fn in_batches(exchanges: &[Exchange], threads: u64, rng: &mut Rng) -> Vec<Exchange> {
    let mut queues = vec![Vec::new(); threads as usize];
    for exchange in exchanges {
        queues[(exchange.n % threads) as usize].push(*exchange);
    }
    let mut queues: Vec<_> = queues.into_iter().map(Vec::into_iter).collect();
    let mut merged = Vec::new();
    while merged.len() < exchanges.len() {
        let batch = rng.below(8) as usize + 1;
        let queue = rng.below(threads) as usize;
        merged.extend(queues[queue].by_ref().take(batch));
    }
    merged
}

/// In no order at all.
pub(super) fn shuffled(exchanges: &[Exchange], rng: &mut Rng) -> Vec<Exchange> {
    let mut shuffled = exchanges.to_vec();
    for place in (1..shuffled.len()).rev() {
        shuffled.swap(place, rng.below(place as u64 + 1) as usize);
    }
    shuffled
}
