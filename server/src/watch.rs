//! Is every core still turning? A watchdog that only looks.
//!
//! Each core counts its turns; the main thread looks twice a second. A core whose count stands still *while its thread burns CPU* is stuck in
//! a loop, and the process ends with a line that says so, like one whose core panicked. Time on the wall proves nothing, because a stopped
//! or starved process makes no turns either; so the thread's own CPU time decides. A core that sleeps burns none.
//!
//! Not seen: a thread that blocks for ever without using CPU. Nothing on a core blocks except its own wait.

use std::fs;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam::utils::CachePadded;

/// One core's pulse. The core writes, the main thread reads; on a line of its own so that neither disturbs others.
#[derive(Debug, Default)]
pub(crate) struct Pulse(CachePadded<Beat>);

#[derive(Debug, Default)]
struct Beat {
    /// Only ever compared for equality, so relaxed.
    turns: AtomicU64,
    /// The thread's id, 0 before it runs.
    thread: AtomicI32,
}

impl Pulse {
    /// Says which thread to look at. To be called on it.
    pub fn start(&self) {
        self.0.thread.store(rustix::thread::gettid().as_raw_nonzero().get(), Ordering::Relaxed);
    }

    /// One more turn.
    #[inline]
    pub fn beat(&self) {
        // One writer, so no read-modify-write is needed.
        self.0.turns.store(self.0.turns.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}

/// What was seen of one core when it last made a turn.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    turns: u64,
    cpu: Duration,
}

impl Watch {
    /// Looks at a core; true if it has burnt CPU for [`STUCK`] without making a turn.
    pub fn is_stuck(&mut self, pulse: &Pulse) -> bool {
        let turns = pulse.0.turns.load(Ordering::Relaxed);
        let Some(cpu) = cpu_time(pulse.0.thread.load(Ordering::Relaxed)) else { return false };
        if turns != self.turns {
            *self = Watch { turns, cpu };
        }
        cpu.saturating_sub(self.cpu) >= STUCK
    }
}

/// The CPU time a thread of this process has used.
fn cpu_time(thread: i32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// A turn takes microseconds, under a flood tens of milliseconds, and without optimisation up to a second. A false alarm ends everybody's
/// connections.
const STUCK: Duration = Duration::from_millis(1_500);
/// How often to look; with [`STUCK`] this finds a stuck core within two seconds.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::{Pulse, STUCK, Watch, cpu_time};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    /// Ends the spinning even if the look at it panics.
    struct Stop<'a>(&'a AtomicBool);

    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Burns CPU on a thread of its own while `look` looks at its pulse.
    fn while_spinning(beats: bool, look: impl FnOnce(&Pulse)) {
        let (pulse, stop) = (&Pulse::default(), &AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (started, ready) = std::sync::mpsc::channel();
            scope.spawn(move || {
                pulse.start();
                started.send(()).expect("the test waits");
                while !stop.load(Ordering::Relaxed) {
                    if beats {
                        pulse.beat();
                    }
                }
            });
            let _stop = Stop(stop);
            ready.recv().expect("started");
            look(pulse);
        });
    }

    fn burnt(pulse: &Pulse) -> Duration {
        cpu_time(pulse.0.thread.load(Ordering::Relaxed)).expect("the thread lives")
    }

    #[test]
    fn a_core_that_spins_without_a_turn_is_stuck() {
        while_spinning(false, |pulse| {
            let mut watch = Watch::default();
            while burnt(pulse) < STUCK + STUCK / 10 {
                assert!(!watch.is_stuck(pulse) || burnt(pulse) >= STUCK);
                std::thread::yield_now();
            }
            assert!(watch.is_stuck(pulse));
        });
    }

    #[test]
    fn a_core_that_turns_is_not_stuck_however_busy() {
        while_spinning(true, |pulse| {
            let mut watch = Watch::default();
            while burnt(pulse) < STUCK + STUCK / 10 {
                assert!(!watch.is_stuck(pulse));
                std::thread::yield_now();
            }
        });
    }
}
