//! The oracle itself: takes exchanges one by one, and says in the end what they prove.

use tollgate_client::{Exchange, Nanos};

use super::check::Check;
use super::part::Part;
use super::recent::Recent;
use super::span::Span;
use super::suspect::Suspects;
use super::table::Table;
use super::witness::{Broken, Witness};
use super::{Counters, Promise, Report, Verdict, Why};

/// What the clients did before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The limiter knew none of them.
    Unused,
    /// They may have used their quotas up. Nobody else uses them during the run.
    Unknown,
}

/// Judges a limiter by the exchanges with it. See [`crate::oracle`].
#[derive(Debug)]
pub struct Oracle {
    promise: Promise,
    check: Check,
    life: Option<Life>,
    suspects: Suspects,
    recent: Recent,
    /// A bit for each client.
    seen: Table<u64>,
    witnesses: Vec<Witness>,
    counters: Counters,
}

/// The limiter's present life: it lost its memory between these two instants.
#[derive(Clone, Copy, Debug)]
struct Life {
    ended: u64,
    began: u64,
}

impl Oracle {
    /// One that has seen nothing.
    pub fn new(promise: Promise, history: History) -> Self {
        Self {
            promise,
            check: Check::new(&promise, history),
            life: None,
            suspects: Suspects::default(),
            recent: Recent::new(),
            seen: Table::new(0),
            witnesses: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// A request has ended. Feed them about in the order of *done*: what is proven is right in any order, but more is found in that one.
    pub fn exchange(&mut self, exchange: &Exchange) {
        self.counters.exchanges += 1;
        let Some(part) = Part::of(exchange.outcome, self.promise.charges_denied()) else { return };
        self.suspects.explain(exchange, part);
        let span = Span::from(exchange);
        let part = match self.life {
            Some(life) if span.done <= life.ended => return,
            Some(life) if span.sent < life.began => Part::Maybe,
            _ => part,
        };
        match part {
            Part::Admitted => self.admitted(exchange, span),
            Part::Denied | Part::Charged => self.denied(exchange, span, part),
            Part::Maybe => {
                self.counters.maybes += 1;
                self.check.maybe(exchange.id);
            }
        }
        self.recent.push(exchange);
    }

    /// [`Oracle::exchange`] for each of them, in less time: the states of several clients are fetched at once.
    pub fn exchanges(&mut self, exchanges: &[Exchange]) {
        for exchanges in exchanges.chunks(FETCHED) {
            self.check.fetch(exchanges.iter().map(|exchange| exchange.id));
            exchanges.iter().for_each(|exchange| self.exchange(exchange));
        }
    }

    /// The limiter lost its memory, after `ended` and before `began`. To be said before any exchange with its new life is fed.
    ///
    /// What ended before has nothing to do with what was sent after; and what was under way may have been admitted in either life.
    pub fn restarted(&mut self, ended: Nanos, began: Nanos) {
        self.counters.closest = self.counters().closest;
        self.check = Check::new(&self.promise, History::Unused);
        self.life = Some(Life { ended: ended.as_u64(), began: began.as_u64().max(ended.as_u64()) });
    }

    /// What was seen until now.
    pub fn counters(&self) -> Counters {
        let closest = self.check.closest().into_iter().chain(self.counters.closest).min();
        let memory = self.check.memory() + self.seen.memory();
        Counters { closest, memory, ..self.counters }
    }

    /// All requests have ended, and all that were sent have been fed.
    pub fn finish(mut self) -> Report {
        let (proven, unjudged) = std::mem::take(&mut self.suspects).judge();
        self.counters.unjudged = unjudged;
        for witness in proven {
            match witness.broken {
                Broken::Denied { .. } => self.counters.wrong_denials += 1,
                _ => self.counters.too_many += 1,
            }
            self.keep(witness);
        }
        let Counters { admissions, denials, at_limit, .. } = self.counters;
        let untested = match (admissions, denials, at_limit) {
            (0, 0, _) => Some(Why::NoAnswers),
            (_, 0, 0) => Some(Why::NeverAtLimit),
            _ => None,
        };
        self.report(untested)
    }

    /// Some requests will never be known: suspicions are forgotten, and what is proven without them stays.
    pub fn cut_off(self) -> Report {
        self.report(Some(Why::CutOff))
    }

    fn report(mut self, untested: Option<Why>) -> Report {
        let counters = self.counters();
        let witnesses = std::mem::take(&mut self.witnesses);
        let verdict = match untested {
            _ if !witnesses.is_empty() => Verdict::Violation(witnesses),
            Some(why) => Verdict::Inconclusive(why),
            None => Verdict::Conforms,
        };
        Report { promise: self.promise, verdict, counters }
    }

    fn admitted(&mut self, exchange: &Exchange, span: Span) {
        self.see(exchange.id);
        self.counters.admissions += 1;
        if let Some(broken) = self.check.judge(exchange.id, span) {
            self.broken(exchange, broken);
        }
        self.counters.at_limit += u64::from(self.check.add(exchange.id, span));
    }

    fn denied(&mut self, exchange: &Exchange, span: Span, part: Part) {
        self.see(exchange.id);
        self.counters.denials += 1;
        if self.promise.judges_denials() {
            let room = self.check.room(exchange.id, span);
            if room > 0 {
                self.broken(exchange, Broken::Denied { room });
            }
        }
        if part == Part::Charged {
            self.check.charge(exchange.id, span);
        }
    }

    #[cold]
    fn broken(&mut self, exchange: &Exchange, broken: Broken) {
        let witness = || Witness::new(exchange, self.promise, broken, &self.check, &self.recent);
        match broken {
            Broken::Denied { .. } | Broken::Opened { .. } => self.suspects.add(exchange.id, witness),
            Broken::Window { .. } | Broken::Level { .. } => {
                self.counters.too_many += 1;
                if self.witnesses.len() < MOST_WITNESSES {
                    let witness = witness();
                    self.witnesses.push(witness);
                }
            }
        }
    }

    fn keep(&mut self, witness: Witness) {
        if self.witnesses.len() < MOST_WITNESSES {
            self.witnesses.push(witness);
        }
    }

    fn see(&mut self, id: u32) {
        let (word, bit) = (self.seen.of(id / u64::BITS), 1 << (id % u64::BITS));
        self.counters.clients += u64::from(*word & bit == 0);
        *word |= bit;
    }
}

/// As many cache misses as a core has under way at once, about.
const FETCHED: usize = 32;
/// Witnesses that are kept: whoever reads the eleventh has read ten.
const MOST_WITNESSES: usize = 10;
