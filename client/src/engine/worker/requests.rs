//! Requests: taken from the plan, sent, answered, given up.

use super::super::connection::{Answered, Pending, State};
use super::super::{Exchange, Observer};
use super::Worker;
use crate::plan::{Due, Planned};
use crate::record::{MAX_SAMPLE, SAMPLED};
use crate::{Nanos, Outcome};

impl<O: Observer> Worker<'_, O> {
    /// Sends all that is due and for which there is room.
    pub(super) fn send_due(&mut self, now: Nanos) {
        loop {
            match self.share.due() {
                Due::At(due) if due <= now => {
                    if self.is_too_late(Some(due), now) {
                        self.shed(now);
                        continue;
                    }
                }
                Due::Now => {}
                Due::At(_) | Due::Never => break,
            }
            if !self.waiting.is_empty() {
                if !self.send_on_its_own(now) {
                    break;
                }
                continue;
            }
            let Some(index) = self.next_ready() else {
                self.refuse_stale(now);
                break;
            };
            self.fill(index, now);
        }
        for index in 0..self.waiting.len() {
            if !self.waiting[index].is_empty() && self.has_room(index) {
                self.fill(index, now);
            }
        }
    }

    /// Sends the next request on the connection that its client keeps, or has it wait there. `false` when too many wait already.
    fn send_on_its_own(&mut self, now: Nanos) -> bool {
        let enough = match self.share.due() {
            // As many under way as the connections hold together.
            Due::Now => self.waiting_count as u64 + self.in_flight >= self.capacity(),
            _ => self.waiting_count >= MAX_WAITING,
        };
        if enough || self.connections.is_empty() {
            return false;
        }
        let planned = self.take();
        let index = planned.id as usize / self.settings.workers() as usize % self.connections.len();
        self.waiting[index].push_back(planned);
        self.waiting_count += 1;
        if self.has_room(index) {
            self.fill(index, now);
        }
        true
    }

    /// Sends on this connection: in a closed loop as many requests as it has room for, by one call; on a schedule the next.
    pub(super) fn fill(&mut self, index: usize, now: Nanos) {
        self.output.clear();
        let batch_sent = self.clock.now();
        let mut sent = 0;
        while self.has_room(index) {
            let planned = if let Some(queue) = self.waiting.get_mut(index) {
                let Some(planned) = queue.pop_front() else { break };
                self.waiting_count -= 1;
                if self.is_too_late(planned.due, now) {
                    self.end_unsent(&planned, Outcome::Shed, now);
                    continue;
                }
                planned
            } else {
                match self.share.due() {
                    Due::Now => {}
                    // One at a time, so that they spread over the connections.
                    Due::At(due) if due <= now && sent == 0 => {}
                    _ => break,
                }
                self.take()
            };
            self.plan.request().render(&planned, &mut self.output);
            self.push(index, &planned, batch_sent);
            sent += 1;
        }
        if sent == 0 {
            return;
        }
        self.last_sent = batch_sent;
        let State::Open(open) = &mut self.connections[index] else { return };
        open.send(&self.output);
        let record = self.publisher.record();
        record.bytes_out += self.output.len() as u64;
        record.ledger.sent += sent;
        if self.plan.is_scheduled() && self.has_room(index) {
            self.make_ready(index);
        }
    }

    /// Notes that a request is on its way.
    fn push(&mut self, index: usize, planned: &Planned, sent: Nanos) {
        let State::Open(open) = &mut self.connections[index] else { return };
        let due = planned.due.unwrap_or(sent);
        open.in_flight.push_back(Pending { n: planned.n, id: planned.id, due, sent });
        open.requests += 1;
        self.count_in_flight(sent);
        self.in_flight += 1;
        if planned.due.is_some() {
            self.publisher.record().lateness.saturating_record((sent - due).as_u64());
        }
    }

    /// Whether a request is behind its schedule by more than allowed.
    fn is_too_late(&self, due: Option<Nanos>, now: Nanos) -> bool {
        let late = due.map_or(Nanos::ZERO, |due| now - due);
        self.settings.deadline.is_some_and(|deadline| late > deadline)
    }

    fn take(&mut self) -> Planned {
        self.publisher.record().ledger.planned += 1;
        self.share.take()
    }

    /// A whole answer has come.
    pub(super) fn answered(&mut self, index: usize, answered: Answered, done: Nanos) {
        let Answered { request, status } = answered;
        let outcome = self.settings.classes.outcome(status);
        let record = self.publisher.record();
        record.statuses.count(status);
        if let Some(times) = record.times(outcome) {
            times.record(request.due, request.sent, done);
        }
        if is_sampled(request.n) && record.sample.len() < MAX_SAMPLE {
            record.sample.push(request.id);
        }
        self.tally.count(request.id, outcome);
        self.ended(index, request, outcome, Some(status), done);
    }

    /// A request that was sent has ended.
    pub(super) fn ended(&mut self, index: usize, request: Pending, outcome: Outcome, status: Option<u16>, done: Nanos) {
        self.count_in_flight(done);
        self.in_flight -= 1;
        self.publisher.record().ledger.end(outcome);
        let Pending { n, id, due, sent } = request;
        self.observer.exchange(&Exchange { n, id, connection: index as u32, due, sent, done, outcome, status });
    }

    fn shed(&mut self, now: Nanos) {
        let planned = self.take();
        self.end_unsent(&planned, Outcome::Shed, now);
    }

    /// A request ends that was never sent.
    fn end_unsent(&mut self, planned: &Planned, outcome: Outcome, now: Nanos) {
        self.publisher.record().ledger.end(outcome);
        let due = planned.due.unwrap_or(now);
        let Planned { n, id, .. } = *planned;
        self.observer.exchange(&Exchange {
            n,
            id,
            connection: u32::MAX,
            due,
            sent: now,
            done: now,
            outcome,
            status: None,
        });
    }

    /// What was due and found no connection when the run was stopped; so much of it as fits in a turn. Says whether that was all.
    pub(super) fn shed_the_rest(&mut self, now: Nanos) -> bool {
        let end = self.plan.stop().after.map_or(self.stopped_at, |end| end.min(self.stopped_at));
        for _ in 0..MOST_SHED {
            if !matches!(self.share.due(), Due::At(due) if due <= end) {
                (0..self.waiting.len()).for_each(|index| self.end_waiting(index, Outcome::Shed, now));
                return true;
            }
            self.shed(now);
        }
        false
    }

    /// Requests that found no connection, because none can be had, for as long as an answer may take.
    fn refuse_stale(&mut self, now: Nanos) {
        if self.open > 0 || self.connecting > 0 || self.failures == 0 {
            return;
        }
        while matches!(self.share.due(), Due::At(due) if now - due > self.settings.timeout) {
            self.refuse(now);
        }
    }

    /// Ends the requests that wait for this connection.
    pub(super) fn end_waiting(&mut self, index: usize, outcome: Outcome, now: Nanos) {
        let Some(queue) = self.waiting.get_mut(index) else { return };
        let queue = std::mem::take(queue);
        self.waiting_count -= queue.len();
        for planned in queue {
            self.end_unsent(&planned, outcome, now);
        }
    }

    /// There is no connection to send the next request on. (In a closed loop one request for each attempt to connect that failed.)
    pub(super) fn refuse(&mut self, now: Nanos) {
        let due = match self.share.due() {
            Due::Now => true,
            Due::At(due) => due <= now,
            Due::Never => false,
        };
        if due {
            let planned = self.take();
            self.end_unsent(&planned, Outcome::Refused, now);
        }
    }

    /// Requests that are due and not sent, as far as they can be counted at a glance.
    pub(super) fn backlog(&mut self, now: Nanos) -> u64 {
        let due = match self.share.due() {
            Due::At(due) if self.stage == super::Stage::Running && due < now => {
                self.plan.due_between(due, now) / f64::from(self.settings.workers())
            }
            _ => 0.0,
        };
        let backlog = due as u64 + self.waiting_count as u64;
        self.longest_backlog = self.longest_backlog.max(backlog);
        backlog
    }

    fn capacity(&self) -> u64 {
        self.connections.len() as u64 * u64::from(self.settings.pipeline.get())
    }
}

/// Whether this request leaves its client's id in the sample: one in [`SAMPLED`], whatever the order of the ids.
fn is_sampled(n: u64) -> bool {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) < u64::MAX / SAMPLED
}

/// Requests shed in one turn: a millisecond or less, since answers wait meanwhile.
const MOST_SHED: usize = 10_000;
/// More requests than this don't wait for a connection of their own; they stay with the plan, where they take no memory.
pub(super) const MAX_WAITING: usize = 65_536;
