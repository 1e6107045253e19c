//! The oracle while a run goes on: each thread of the engine hands its exchanges over in batches, one thread judges them.
//!
//! ```text
//!   load-0 ── Tap ──┐  batches of up to 1024, or of 100 ms
//!   load-1 ── Tap ──┼──────────────► oracle ── Report
//!   load-2 ── Tap ──┘  at most 64 on the way
//! ```
//!
//! **When the oracle can't keep up, the engine waits for it.** Exchanges could be dropped instead: what is left would still prove that too
//! many were admitted, but no longer that a denial was wrong or what a fixed window held, and a run that was made to find that out would
//! say nothing. A thread that waits is late, and the client's own verdict tells that; how often it waited, [`Watch::waits`] does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::{io, mem};

use crossbeam::channel::{self, Receiver, Sender, TrySendError};
use tollgate_client::{Exchange, Nanos, Observer};

use super::{Counters, History, Oracle, Promise, Report};

/// An oracle on a thread of its own.
///
/// ```no_run
/// use tollgate_client::engine::{self, EngineSettings};
/// use tollgate_client::plan::{Plan, PlanSettings};
/// use tollgate_client::{Control, Nanos};
/// use tollgate_tester::oracle::{History, Promise, online::Watch};
///
/// let promise = Promise::parse("5/5s", "sliding-window")?.with_lag(Some(Nanos::from_millis(1)));
/// let plan = Plan::new(PlanSettings::default())?;
/// let settings = EngineSettings::to("127.0.0.1:8080".parse()?);
///
/// let watch = Watch::start(promise, History::Unused)?;
/// let (run, taps) = engine::observed(&plan, &settings, &Control::default(), |_| watch.tap(), |_| {})?;
/// let report = watch.finish(taps);
/// println!("{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Watch {
    messages: Sender<Message>,
    waits: Arc<AtomicU64>,
    counters: Arc<Mutex<Counters>>,
    oracle: JoinHandle<Report>,
}

/// Hands what one thread of the engine observes to a [`Watch`].
#[derive(Debug)]
pub struct Tap {
    messages: Sender<Message>,
    waits: Arc<AtomicU64>,
    batch: Vec<Exchange>,
}

#[derive(Debug)]
enum Message {
    Ended(Vec<Exchange>),
    Restarted { ended: Nanos, began: Nanos },
}

impl Watch {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the kernel gives none.
    pub fn start(promise: Promise, history: History) -> io::Result<Self> {
        let (messages, received) = channel::bounded(MOST_BATCHES);
        let counters = Arc::new(Mutex::new(Counters::default()));
        let published = Arc::clone(&counters);
        let oracle = Oracle::new(promise, history);
        let work = move || judge(oracle, &received, &published);
        let oracle = thread::Builder::new().name("oracle".to_owned()).spawn(work)?;
        Ok(Self { messages, waits: Arc::default(), counters, oracle })
    }

    /// For one thread of the engine.
    pub fn tap(&self) -> Tap {
        Tap { messages: self.messages.clone(), waits: Arc::clone(&self.waits), batch: Vec::new() }
    }

    /// The limiter lost its memory between these two instants of the run: see [`Oracle::restarted`]. To be called after its old
    /// process has ended and before the new one is started: then no exchange with the new one is judged before this is known.
    ///
    /// Whoever has another clock than the run, begun before the run was, may give any instant long enough before the end as `ended`, and
    /// the present one as `began`.
    pub fn restarted(&self, ended: Nanos, began: Nanos) {
        // The oracle ends with the last sender, and this is one.
        let _ = self.messages.send(Message::Restarted { ended, began });
    }

    /// What was judged until now. Wrong denials and fixed windows are judged at the end.
    pub fn counters(&self) -> Counters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a thread of the engine had to wait for the oracle.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// The run is over: what it proves. Takes the taps, since the oracle ends when nobody can tell it anything more.
    pub fn finish(self, taps: Vec<Tap>) -> Report {
        drop(taps);
        drop(self.messages);
        self.oracle.join().expect("an oracle that doesn't panic")
    }
}

impl Observer for Tap {
    fn exchange(&mut self, exchange: &Exchange) {
        if self.batch.capacity() == 0 {
            self.batch.reserve_exact(BATCH);
        }
        self.batch.push(*exchange);
        if self.batch.len() == BATCH || exchange.done - self.batch[0].done > LONGEST_BATCH {
            self.flush();
        }
    }
}

impl Tap {
    fn flush(&mut self) {
        match self.messages.try_send(Message::Ended(mem::take(&mut self.batch))) {
            Err(TrySendError::Full(batch)) => {
                self.waits.fetch_add(1, Ordering::Relaxed);
                // An oracle that has panicked is told of by `finish`.
                let _ = self.messages.send(batch);
            }
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.flush();
    }
}

fn judge(mut oracle: Oracle, messages: &Receiver<Message>, published: &Mutex<Counters>) -> Report {
    for message in messages {
        match message {
            Message::Ended(batch) => oracle.exchanges(&batch),
            Message::Restarted { ended, began } => oracle.restarted(ended, began),
        }
        *published.lock().unwrap_or_else(PoisonError::into_inner) = oracle.counters();
    }
    oracle.finish()
}

/// Exchanges handed over at once: 48 KB.
const BATCH: usize = 1_024;
/// A thread with few exchanges doesn't keep them for longer, so that those of all threads come about in order.
const LONGEST_BATCH: Nanos = Nanos::from_millis(100);
/// Batches on the way, at most: 3 MB, and at 150 000 requests a second the oracle may lose its CPU for 0.4 s.
const MOST_BATCHES: usize = 64;

#[cfg(test)]
mod tests;
