//! Load tests with random parameters for ever, and an oracle that checks a rate limit from outside.
//!
//! **Model.** A [`trial::Trial`] is drawn from a [`trial::Space`] by a seed and its number; its [`scenario`] makes a load of it, which the client's
//! engine sends, beside [`hostile`] peers if the scenario has some. The server is a [`process`] that is watched all the while, perhaps
//! in front of an [`upstream`] that has its moods. What ended goes to the [`oracle`] as it ends, and what came of it all into a [`summary`].
//!
//! **What it proves.** Each admission was decided between *sent* and *done*. From nothing but these intervals the oracle proves that more was admitted
//! than promised, or that a denial was wrong, or it says nothing: no delay, loss or order of answers makes it accuse a limiter that kept its promise.
//!
//! **Price.** Memory is fixed, whatever the number of trials; the oracle takes 8 to 16 bytes for each admission of the last window, and a thread.
//!
//! The oracle by itself, on exchanges from anywhere:
//!
//! ```
//! use tollgate_client::{Exchange, Nanos, Outcome};
//! use tollgate_tester::oracle::{History, Oracle, Promise, Verdict};
//!
//! let mut oracle = Oracle::new(Promise::parse("5/1s", "sliding-window")?, History::Unused);
//! for n in 0..6 {
//!     let (sent, done) = (Nanos::from_millis(10 * n), Nanos::from_millis(10 * n + 3));
//!     let outcome = Outcome::Allowed;
//!     oracle.exchange(&Exchange { n, id: 7, connection: 0, due: sent, sent, done, outcome, status: Some(200) });
//! }
//! let report = oracle.finish();
//! assert!(matches!(report.verdict, Verdict::Violation(_)), "six within 53 ms: {report}");
//! # Ok::<(), tollgate_tester::oracle::PromiseError>(())
//! ```

#![warn(missing_docs)]

mod cli;
pub mod clock;
pub mod hostile;
pub mod oracle;
pub mod probe;
pub mod process;
pub mod program;
pub mod scenario;
pub mod summary;
pub mod trial;
pub mod upstream;
