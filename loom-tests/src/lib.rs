//! Loom models of the limiter's races.

#[cfg(loom)]
mod explore;
#[cfg(loom)]
pub use explore::{at, build, explore, explore_three, join, limiter, passes, settings, spawn_request, would_pass};
