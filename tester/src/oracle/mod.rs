//! Was a limiter's promise kept? Told from outside, by what its clients sent and got, and without a false alarm.
//!
//! Nobody outside sees when a limiter decides; only that it does so after the request was sent and before the answer was read:
//!
//! ```text
//!                     sent      done
//!   1  |--x--|          |--x--|          x: the decision, somewhere between
//!   2        |-x-|
//!   3         |-----------x-----|        What lies within [s, d] was decided within [s, d],
//!   4               |x-|                 whichever of the x are where.
//!      s-----------------d
//! ```
//!
//! **Proof** is what holds wherever the decisions were. Some admissions, the first of them sent at s and the last done at d, were all
//! decided within d − s, in whatever order and whether or not there were others; if no limiter that keeps its promise admits so many in that
//! time, it is broken. If another choice of decisions would keep it, nothing is said. So a slow network, answers out of order and several
//! threads can hide a fault, but never make one.
//!
//! | promise | too many are |
//! |---|---|
//! | sliding window | N + 1 with d − s < T |
//! | fixed window | 2N with d − s < T; or N + 1 that are certainly in one window that is followed from the client's first admission, or one after a pause, to the next |
//! | token bucket | more than B + N·(d − s)/T |
//! | leaky bucket | as a token bucket: requests *leave* within [sent, done], too |
//!
//! **A denial is wrong** when there was room even if each request that can have taken a unit did: all that were sent before it was answered,
//! and were done less than T before it was sent. In a bucket each of them is taken to have been admitted as late as it can have been.
//!
//! **Nobody knows** whether a request was admitted whose answer was lost, or is neither yes nor no: it never proves that too many were,
//! always that a denial was right, and ends what is known of a fixed window. Neither does a request prove anything that is still under
//! way. So what looks like a wrong denial or an overfull fixed window is a suspicion until all have ended.
//!
//! **Tolerance.** A limiter may read its clock once for many requests: then it decides by a time up to a *tick* before. So *sent* counts as a
//! tick earlier throughout. Its clock may run faster or slower than ours, by some millionths of T; units may come back late, by a
//! *lag*, which concerns denials alone. See [`Promise`].
//!
//! **What can't be proven**: faults smaller than the time that answers take, since a decision may lie anywhere in it; what 2N + 1
//! admissions show in less than 2T, though no N + 1 show it in T; most of what a client's lost answers hide. Clients of one run must
//! be its own, and a limiter that lets strangers share a unit, or denies for another reason with the same status, is accused
//! of wrong denials: [`Promise::with_lag`] with `None` judges admissions only. A window that is aligned with the clock isn't one that
//! opens at the first admission, and is accused when 2N meet at its edge.
//!
//! **Price**: some hundred nanoseconds an exchange with a million clients, mostly for cache misses; 32 bytes a client, and for windows
//! 8 for each admission that is remembered, N or 2N − 1 at most, in rooms that double. Fixed windows take 24 more.
//! Rejected: to keep all exchanges and judge them in the end, which finds a little more and takes 48 bytes for each of them.
//!
//! | file | |
//! |---|---|
//! | `judge.rs` | takes exchanges one by one: the [`Oracle`] |
//! | `promise.rs` | what was promised |
//! | `check.rs`, `window.rs`, `fixed.rs`, `opening.rs`, `bucket.rs` | too many? denied wrongly? for each algorithm |
//! | `latest.rs`, `table.rs`, `span.rs`, `part.rs` | what is remembered of each client |
//! | `suspect.rs`, `recent.rs`, `witness.rs`, `verdict.rs` | from a suspicion to a report |
//! | [`online`], [`mod@log`] | judging while a run goes on, and later |
//!
//! ```
//! use tollgate_client::{Exchange, Nanos, Outcome};
//! use tollgate_tester::oracle::{History, Oracle, Promise, Verdict};
//!
//! let mut oracle = Oracle::new(Promise::parse("2/5s", "sliding-window")?, History::Unused);
//! for n in 0..3 {
//!     let (sent, done) = (Nanos::from_millis(n), Nanos::from_millis(n + 2));
//!     let (outcome, status) = (Outcome::Allowed, Some(200));
//!     oracle.exchange(&Exchange { n, id: 7, connection: 0, due: sent, sent, done, outcome, status });
//! }
//! let report = oracle.finish();
//! assert!(matches!(report.verdict, Verdict::Violation(_)), "{report}");
//! # Ok::<(), tollgate_tester::oracle::PromiseError>(())
//! ```

mod bucket;
mod check;
mod fixed;
mod judge;
mod latest;
pub mod log;
pub mod online;
mod opening;
mod part;
mod promise;
mod recent;
mod span;
mod suspect;
mod table;
#[cfg(test)]
mod tests;
mod verdict;
mod window;
mod witness;

pub use judge::{History, Oracle};
pub use promise::{Algorithm, Promise, PromiseError};
pub use verdict::{Counters, Report, Verdict, Why};
pub use witness::{Broken, Name, Request, Witness};
