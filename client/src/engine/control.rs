//! Stops a run from outside: first gently, then at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A handle on a run, for any thread or signal handler. Threads of the engine look at it once per turn of their loop, at least every
/// [`crate::engine::LONGEST_WAIT`].
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<AtomicU8>);

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Requests are sent.
    Running,
    /// No more are sent; the answers in flight are awaited.
    Draining,
    /// Nothing is awaited any more.
    Aborted,
}

impl Control {
    /// Sends no more requests and awaits the answers in flight; when that was asked for already, gives them up.
    pub fn stop(&self) -> Stage {
        let next = |stage: u8| Some((stage + 1).min(Stage::Aborted as u8));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_else(|stage| stage);
        if before == Stage::Running as u8 { Stage::Draining } else { Stage::Aborted }
    }

    /// Where the run is, as far as anybody outside has asked.
    pub fn stage(&self) -> Stage {
        match self.0.load(Ordering::Relaxed) {
            0 => Stage::Running,
            1 => Stage::Draining,
            _ => Stage::Aborted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Control, Stage};

    #[test]
    fn the_first_stop_drains_and_the_second_aborts() {
        let control = Control::default();
        assert_eq!(control.stage(), Stage::Running);
        assert_eq!((control.stop(), control.stage()), (Stage::Draining, Stage::Draining));
        assert_eq!((control.stop(), control.stage()), (Stage::Aborted, Stage::Aborted));
        assert_eq!((control.stop(), control.stage()), (Stage::Aborted, Stage::Aborted));
    }
}
