//! What the benchmarks share: a clock to measure with, threads that stay on their CPU, and client ids.
//!
//! The measurements themselves are `benches/decisions.rs` and `benches/http.rs` (criterion) and `src/bin/compare` (whole
//! servers beside their peers). How to run and read them: `README.md`.

pub mod affinity;
pub mod clock;
pub mod ids;
