//! Who is answered when the core itself can't keep up, in every mode: the cursor, moved by the loop's lag. One per core, common to its listeners.
//!
//! ```text
//!   ban, quota ── no ─────────────────────────▶ denied ─┐ in time, while all is well;
//!      │ yes                                            ├─ a moment later, while it isn't
//!      ▼                                                │
//!   cursor ── less important than the line ───▶ shed ───┘
//!      ▼
//!   answered, or forwarded: to the upstream's own queue and cursor
//! ```
//!
//! **A moment later.** A gate that answers itself saves nothing by saying no; what helps is that whoever is told no asks again later ([`super::pace`]). That
//! begins with the first overloaded interval, and shedding with the second: who is over its quota is slowed down before anybody else is shed for it.
//!
//! **Asleep.** While all is well nobody is counted, and a request pays one look at a flag. An overloaded interval wakes it; it has counted for an interval before
//! it is to shed.
//!
//! Rejected: one cursor for this and for the upstream's queue. They are about different requests (a core may have several upstreams, and requests for none), and move
//! for different reasons; each counts those that it is shown.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::sync::Arc;

use tollgate_limiter::Nanos;

use super::class::Rule;
use super::codel::Delays;
use super::cursor::Priority;
use super::lag::Lag;
use super::level::Level;
use super::pace::{Pace, Patience};
use super::relapse::Relapse;
use super::{Admission, Signal};

/// What a gatekeeper goes by.
#[derive(Clone, Debug)]
pub struct GatekeeperSettings {
    /// How far the core may be behind, and for how long.
    pub delays: Delays,
    /// Which requests matter how much.
    pub priorities: Arc<[Rule]>,
}

/// The gatekeeper of one core.
#[derive(Debug)]
pub struct Gatekeeper {
    /// Its CPU, in a log.
    core: usize,
    priorities: Arc<[Rule]>,
    state: RefCell<State>,
    /// Requests are counted.
    awake: Cell<bool>,
    level: Cell<Level>,
    /// Nobody new comes in.
    closed: Cell<bool>,
}

#[derive(Debug)]
struct State {
    lag: Lag,
    admission: Admission,
    pace: Pace,
    interval: Nanos,
    /// When the interval of the pace ends.
    ends: Nanos,
    /// Until then nobody new comes in, if the level says so, too.
    closed_until: Nanos,
    relapse: Relapse,
}

impl Gatekeeper {
    /// Lets everybody in.
    pub fn new(settings: &GatekeeperSettings, core: usize) -> Gatekeeper {
        let GatekeeperSettings { delays, priorities } = settings;
        let state = State {
            lag: Lag::new(*delays),
            admission: Admission::for_loop(delays.interval),
            pace: Pace::default(),
            interval: delays.interval,
            ends: Nanos::ZERO,
            closed_until: Nanos::ZERO,
            relapse: Relapse::default(),
        };
        Gatekeeper {
            core,
            priorities: Arc::clone(priorities),
            state: RefCell::new(state),
            awake: Cell::new(false),
            level: Cell::new(Level::Normal),
            closed: Cell::new(false),
        }
    }

    /// Which requests matter how much.
    pub fn priorities(&self) -> &[Rule] {
        &self.priorities
    }

    /// Whether requests are to be shown to [`Gatekeeper::admits`].
    #[inline]
    pub fn is_awake(&self) -> bool {
        self.awake.get()
    }

    /// Whether a request that the limiter let through may go on.
    pub fn admits(&self, priority: Priority, now: Nanos) -> bool {
        let state = &mut *self.state.borrow_mut();
        self.turn(state, now);
        let admits = !self.awake.get() || state.admission.admit(priority);
        if admits {
            state.pace.on_yes();
        }
        admits
    }

    /// When a *no* may be said; `None`: at once.
    pub fn release(&self, patience: Patience, now: Nanos) -> Option<Nanos> {
        (self.level.get() > Level::Normal).then(|| self.state.borrow_mut().pace.on_no(patience, now))
    }

    /// Whether new connections are to wait in the kernel's queue.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// How bad it is.
    pub fn level(&self) -> Level {
        self.level.get()
    }

    /// Whether the engine is to find out how far the core is behind.
    #[inline]
    pub fn is_due(&self, now: Nanos) -> bool {
        self.state.borrow().lag.is_due(now)
    }

    /// The core was so far behind when it looked at its sockets, `now`.
    pub fn note(&self, lag: Nanos, now: Nanos) {
        let state = &mut *self.state.borrow_mut();
        state.lag.note(lag, now);
        if !self.awake.get() && state.lag.signal(now) != Signal::Quiet {
            self.awake.set(true);
            state.admission.begin(now);
            state.pace = Pace::default();
            state.ends = now.saturating_add(state.interval);
        }
        self.turn(state, now);
    }

    fn turn(&self, state: &mut State, now: Nanos) {
        if !self.awake.get() {
            return;
        }
        let State { lag, admission, pace, interval, ends, closed_until, relapse } = state;
        let signal = lag.signal(now);
        admission.turn(now, || signal);
        if now >= *ends {
            let over = now.saturating_sub(*ends).saturating_add(*interval);
            pace.turn(signal != Signal::Quiet, over);
            *ends = now.saturating_add(*interval);
        }
        if signal == Signal::Drowning {
            *closed_until = now.saturating_add(CLOSED_FOR);
        }
        let level = relapse.level(admission.level(), signal, now);
        self.closed.set(level >= Level::Survival && now < *closed_until);
        if level == Level::Normal && signal == Signal::Quiet {
            self.awake.set(false);
        }
        let before = self.level.replace(level);
        let core = self.core;
        match level.cmp(&before) {
            Ordering::Greater => tracing::warn!(%level, %before, core, "more comes than this core can answer"),
            Ordering::Less => tracing::info!(%level, %before, core, "the core catches up"),
            Ordering::Equal => {}
        }
    }
}

/// For so long after a core drowned it takes no new connections. A level lasts for ten intervals, and where those are long the kernel's queue wouldn't.
const CLOSED_FOR: Nanos = Nanos::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overload::class::Class;

    const fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    fn gatekeeper() -> Gatekeeper {
        let delays = Delays { target: ms(5), interval: ms(100) };
        Gatekeeper::new(&GatekeeperSettings { delays, priorities: Arc::from([]) }, 0)
    }

    /// Turns of `lag` milliseconds until then, and `requests` in each; says how many were let in.
    fn turns(gatekeeper: &Gatekeeper, now: &mut u64, until: u64, lag: u64, requests: u64) -> u64 {
        let mut admitted = 0;
        while *now < until {
            *now += lag.max(10);
            gatekeeper.note(ms(lag), ms(*now));
            let come = (0..requests)
                .filter(|user| gatekeeper.admits(Priority::new(Class::Critical, user, ms(*now)), ms(*now)));
            admitted += come.count() as u64;
        }
        admitted
    }

    #[test]
    fn it_sleeps_until_the_core_is_behind_and_again_when_it_no_longer_is() {
        let (gatekeeper, now) = (gatekeeper(), &mut 60_000);
        turns(&gatekeeper, now, 61_000, 0, 10);
        assert!(!gatekeeper.is_awake() && gatekeeper.release(Patience::Client, ms(*now)).is_none());
        turns(&gatekeeper, now, 61_200, 20, 10);
        assert_eq!((gatekeeper.is_awake(), gatekeeper.level()), (true, Level::Busy));
        assert_eq!(gatekeeper.release(Patience::Client, ms(*now)), Some(ms(*now + 100)));
        turns(&gatekeeper, now, 63_000, 20, 10);
        assert!(gatekeeper.level() >= Level::Shedding);
        turns(&gatekeeper, now, 66_000, 0, 10);
        assert_eq!((gatekeeper.is_awake(), gatekeeper.level()), (false, Level::Normal));
    }

    #[test]
    fn nobody_is_shed_for_a_single_interval_however_long_it_slept() {
        let (gatekeeper, now) = (gatekeeper(), &mut 60_000);
        turns(&gatekeeper, now, 60_100, 0, 10);
        *now = 3_600_000;
        turns(&gatekeeper, now, 3_600_020, 20, 10);
        assert_eq!(turns(&gatekeeper, now, 3_600_200, 20, 10), 90);
        assert!(gatekeeper.level() <= Level::Busy);
        assert!(turns(&gatekeeper, now, 3_602_000, 20, 10) < 600, "and then they are");
    }

    #[test]
    fn a_flood_that_comes_back_whenever_it_is_let_go_is_held_back_for_longer_each_time() {
        let (gatekeeper, now) = (gatekeeper(), &mut 60_000);
        let mut held = Vec::new();
        for _ in 0..4 {
            let began = *now;
            turns(&gatekeeper, now, began + 250, 20, 10);
            while gatekeeper.level() > Level::Normal {
                turns(&gatekeeper, now, *now + 100, 0, 10);
            }
            held.push((*now - began) / 1000);
        }
        assert_eq!(held, [1, 2, 4, 8]);
        turns(&gatekeeper, now, *now + 20_000, 0, 10);
        let began = *now;
        turns(&gatekeeper, now, began + 250, 20, 10);
        turns(&gatekeeper, now, began + 2_000, 0, 10);
        assert_eq!(gatekeeper.level(), Level::Normal, "that was another one");
    }

    #[test]
    fn a_core_that_drowns_takes_no_connections_until_a_second_after() {
        let (gatekeeper, now) = (gatekeeper(), &mut 60_000);
        turns(&gatekeeper, now, 62_000, 300, 10);
        assert!(gatekeeper.is_closed());
        turns(&gatekeeper, now, 62_900, 20, 10);
        assert!(gatekeeper.is_closed());
        turns(&gatekeeper, now, 63_600, 20, 10);
        assert!(!gatekeeper.is_closed() && gatekeeper.level() >= Level::Shedding);
    }

    #[test]
    fn a_core_that_drowned_takes_connections_a_second_after_also_where_intervals_are_long() {
        let delays = Delays { target: ms(5), interval: ms(10_000) };
        let gatekeeper = Gatekeeper::new(&GatekeeperSettings { delays, priorities: Arc::from([]) }, 0);
        let now = &mut 60_000;
        turns(&gatekeeper, now, 75_000, 300, 10);
        assert!(gatekeeper.is_closed());
        turns(&gatekeeper, now, 76_600, 1, 10);
        assert!(!gatekeeper.is_closed() && gatekeeper.level() == Level::Survival);
    }
}
