//! An HTTP load client for everybody who has to believe its numbers: open and closed loop, many simulated clients over few connections,
//! a latency that starts when a request was due, and a ledger in which no request is missing.
//!
//! **Model.** A [`plan::Plan`] says which requests there are, whose they are and when each is due: a pure function of its settings and a
//! seed. The [`engine`] carries it out: one loop a thread, nothing shared but a flag to stop by. What it measures goes as whole
//! [`Record`]s to a thread that merges them, into [`Interval`]s while it runs and a [`Run`] at the end.
//!
//! **Guarantees.** Each planned request ends in exactly one [`Outcome`], and [`Ledger::residual`] is 0. An answer 429 or 503 is an outcome
//! (*denied*), not an error, with times of its own. Memory doesn't grow with the number of requests.
//!
//! **Price.** Two calls to the kernel a request and one a turn, half a microsecond of our own; 170 bytes for a connection and 32 for
//! each request that may be in flight on it (680 with 16); at most 32 for a simulated client (in all 16 MB, if they are few): where many threads
//! would take more, clients are not counted one by one.
//!
//! ```
//! use std::net::TcpListener;
//! use tollgate_client::engine::{self, EngineSettings};
//! use tollgate_client::plan::{Plan, PlanSettings, RequestSettings, Stop};
//! use tollgate_client::{Control, Outcome};
//!
//! // Nobody listens on a port that was just given back.
//! let target = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
//! let plan = Plan::new(PlanSettings {
//!     stop: Stop { after: None, requests: Some(10) },
//!     request: RequestSettings { url: format!("http://{target}/"), ..RequestSettings::default() },
//!     ..PlanSettings::default()
//! })?;
//! let run = engine::run(&plan, &EngineSettings::to(target), &Control::default(), |_| {})?;
//! assert_eq!(run.total.ledger.count(Outcome::Refused), 10);
//! assert_eq!(run.total.ledger.residual(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]

mod cli;
mod clock;
pub mod engine;
pub mod http;
mod outcome;
pub mod plan;
pub mod program;
pub mod record;
pub mod report;
pub mod summary;
mod view;

pub use clock::{Clock, Nanos};
pub use engine::{Control, EngineSettings, Exchange, Interval, Observer, Run};
pub use outcome::{ConnectionLedger, Ledger, Outcome};
pub use record::Record;
pub use summary::Summary;
