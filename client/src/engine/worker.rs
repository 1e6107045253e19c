//! One thread of the engine: its share of the plan, its connections, its loop.
//!
//! ```text
//!   send what is due ─► housekeeping ─► collect events ─► read answers, record them, in a closed loop send as many again ─┐
//!        ▲                                                                                                            │
//!        └────────────────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A connection is registered once, edge-triggered, and written to straight from where its answer was read: two calls to the kernel a
//! request and one a turn, where rearming for every write takes four. Nothing is shared with other threads but the [`Control`].

mod connections;
mod requests;

use requests::MAX_WAITING;

use std::collections::VecDeque;
use std::io;

use mio::{Events, Poll};

use super::connect::Connector;
use super::connection::State;
use super::health::ThreadMeter;
use super::pause::Pause;
use super::publish::{Glance, Publisher};
use super::tally::Tally;
use super::{Control, EngineSettings, LONGEST_WAIT, Observer, Stage};
use crate::http::Hints;
use crate::plan::{Affinity, Due, Plan, Planned, Share};
use crate::summary::ThreadHealth;
use crate::{Clock, Nanos};

pub(super) struct Worker<'run, O> {
    plan: &'run Plan,
    settings: &'run EngineSettings,
    control: &'run Control,
    clock: Clock,
    observer: O,
    publisher: Publisher,
    share: Share<'run>,
    tally: Tally,
    poll: Poll,
    connector: Connector,
    connections: Vec<State>,
    /// Those to be opened, and from when on; in that order.
    to_connect: VecDeque<(Nanos, usize)>,
    /// No earlier than this, for the sake of the connection rate.
    next_connect: Nanos,
    /// Open connections with room for a request. Some may be closed or full by the time their turn comes.
    ready: VecDeque<usize>,
    /// Requests taken for a connection of their own that had no room, one queue for each connection; none unless ids keep theirs.
    waiting: Vec<VecDeque<Planned>>,
    waiting_count: usize,
    hints: Hints,
    input: Box<[u8]>,
    output: Vec<u8>,
    stage: Stage,
    /// When answers in flight are given up.
    give_up: Nanos,
    /// When no more were sent, and whether what had been due by then has been accounted for.
    stopped_at: Nanos,
    all_shed: bool,
    in_flight: u64,
    open: u64,
    connecting: u64,
    /// Attempts to connect that failed in a row.
    failures: u32,
    /// Until when `in_flight_ns` has been counted.
    counted_until: Nanos,
    last_turn: Nanos,
    busy: Nanos,
    /// Whether somebody stopped it before the plan was at its end.
    interrupted: bool,
    next_scan: Nanos,
    last_sent: Nanos,
    longest_backlog: u64,
}

/// What a worker leaves behind.
pub(super) struct Left<O> {
    pub(super) observer: O,
    pub(super) tally: Tally,
    pub(super) health: ThreadHealth,
    pub(super) interrupted: bool,
    pub(super) longest_backlog: u64,
    /// When it sent its last request, and when it stopped sending.
    pub(super) last_sent: Nanos,
    pub(super) stopped_at: Nanos,
}

impl<'run, O: Observer> Worker<'run, O> {
    pub(super) fn new(
        number: u32,
        plan: &'run Plan,
        settings: &'run EngineSettings,
        control: &'run Control,
        publisher: Publisher,
        observer: O,
    ) -> io::Result<Self> {
        let (threads, connections) = (settings.workers(), settings.connections.get());
        let count = (connections / threads + u32::from(number < connections % threads)) as usize;
        let sticky = plan.affinity() == Affinity::Sticky;
        Ok(Self {
            plan,
            settings,
            control,
            // Starts again when all workers are there.
            clock: Clock::start(),
            observer,
            publisher,
            share: plan.share(number, threads),
            tally: Tally::new(plan, number, threads),
            poll: Poll::new()?,
            connector: Connector::new(settings.target, &settings.sources, settings.close, number as usize),
            connections: (0..count).map(|_| State::Closed).collect(),
            to_connect: (0..count).map(|index| (Nanos::ZERO, index)).collect(),
            next_connect: Nanos::ZERO,
            ready: VecDeque::with_capacity(count),
            waiting: vec![VecDeque::new(); if sticky { count } else { 0 }],
            waiting_count: 0,
            hints: Hints::default(),
            input: vec![0; INPUT].into(),
            output: Vec::new(),
            stage: Stage::Running,
            give_up: Nanos::MAX,
            stopped_at: Nanos::ZERO,
            all_shed: false,
            in_flight: 0,
            open: 0,
            connecting: 0,
            failures: 0,
            counted_until: Nanos::ZERO,
            last_turn: Nanos::ZERO,
            busy: Nanos::ZERO,
            interrupted: false,
            next_scan: Nanos::ZERO,
            last_sent: Nanos::ZERO,
            longest_backlog: 0,
        })
    }

    /// Carries the share out, to its end or until it is stopped.
    pub(super) fn run(mut self, clock: Clock) -> io::Result<Left<O>> {
        self.clock = clock;
        let meter = ThreadMeter::start();
        let pause = Pause::new(self.settings.wait);
        let mut events = Events::with_capacity(EVENTS);
        let (mut idle, start) = (Nanos::ZERO, self.clock.now());
        (self.last_turn, self.counted_until) = (start, start);
        loop {
            let now = self.clock.now();
            self.account(now, idle);
            self.advance(now);
            if self.stage == Stage::Running {
                self.send_due(now);
            }
            self.connect_due(now);
            if now >= self.next_scan {
                self.scan_for_timeouts(now);
            }
            if now >= self.publisher.next() {
                let glance = Glance { in_flight: self.in_flight, backlog: self.backlog(now), open: self.open };
                self.publisher.publish(glance);
            }
            if self.is_over() {
                break;
            }
            let (next, latest) = (self.next_send(), self.next_chore(now));
            idle = pause.collect(&mut self.poll, &mut events, self.clock, next, latest)?;
            for event in &events {
                self.on_event(event);
            }
        }
        self.close_all();
        self.publisher.publish_last();
        Ok(Left {
            health: meter.stop(self.busy, self.last_turn - start),
            interrupted: self.interrupted,
            observer: self.observer,
            tally: self.tally,
            longest_backlog: self.longest_backlog,
            last_sent: self.last_sent,
            stopped_at: self.stopped_at,
        })
    }

    /// The time since the last turn, of which so much was idle.
    fn account(&mut self, now: Nanos, idle: Nanos) {
        let elapsed = now - self.last_turn;
        let busy = elapsed - idle;
        self.busy = self.busy + busy;
        let record = self.publisher.record();
        record.elapsed = record.elapsed + elapsed;
        record.busy = record.busy + busy;
        self.last_turn = now;
        self.count_in_flight(now);
    }

    /// Adds what was in flight until now; to be called before that changes.
    fn count_in_flight(&mut self, now: Nanos) {
        let span = now - self.counted_until;
        self.publisher.record().in_flight_ns += u128::from(self.in_flight) * u128::from(span.as_u64());
        self.counted_until = self.counted_until.max(now);
    }

    /// Looks whether the run is to be stopped, by whoever asked or because the plan is at its end.
    fn advance(&mut self, now: Nanos) {
        let asked = self.control.stage();
        let time_is_up = self.plan.stop().after.is_some_and(|end| now >= end);
        let all_sent = self.share.due() == Due::Never && self.waiting_count == 0;
        if self.stage == Stage::Running && (asked > Stage::Running || time_is_up || all_sent) {
            if time_is_up && self.plan.is_scheduled() {
                // This turn may have come after the end of the plan: what was due before it still goes out, as far as there is room.
                self.send_due(now);
            }
            self.stage = Stage::Draining;
            self.stopped_at = now;
            self.to_connect.clear();
        }
        // Also in the drain of a plan that was at its end.
        self.interrupted |= asked > Stage::Running;
        if self.stage == Stage::Draining && !self.all_shed {
            self.all_shed = self.shed_the_rest(now);
        }
        // The last answers of a plan that was carried out are awaited as long as any others.
        if self.give_up == Nanos::MAX && (asked > Stage::Running || time_is_up) {
            self.give_up = now + self.settings.drain;
        }
        if self.stage == Stage::Draining && (asked == Stage::Aborted || now >= self.give_up) {
            self.stage = Stage::Aborted;
        }
    }

    fn is_over(&self) -> bool {
        match self.stage {
            Stage::Running => false,
            Stage::Draining => self.in_flight == 0 && self.all_shed,
            Stage::Aborted => true,
        }
    }

    /// When the next request is due, if it could be sent then.
    fn next_send(&self) -> Option<Nanos> {
        match self.share.due() {
            Due::At(due) if self.stage == Stage::Running && self.could_take() => Some(due),
            _ => None,
        }
    }

    /// Whether there is somewhere to put a request: a connection with room, or the queue of one that its client keeps.
    fn could_take(&self) -> bool {
        if self.waiting.is_empty() { !self.ready.is_empty() } else { self.waiting_count < MAX_WAITING }
    }

    /// When something else is to be done, at the latest.
    fn next_chore(&self, now: Nanos) -> Nanos {
        if self.stage == Stage::Draining && !self.all_shed {
            return now;
        }
        let connect = self.to_connect.front().map_or(Nanos::MAX, |(at, _)| (*at).max(self.next_connect));
        (now + LONGEST_WAIT).min(self.next_scan).min(connect).min(self.publisher.next()).min(self.give_up)
    }
}

/// Bytes read at once: some hundred answers.
const INPUT: usize = 64 * 1024;
/// Events collected at once: with fewer, connections at the end of a long queue starve.
const EVENTS: usize = 4_096;
