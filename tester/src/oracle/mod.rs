//! To come.

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
