//! What the limiter promises, each promise against a brute-force model that shares no code with it. One file, one story.

mod bounds;
mod building;
mod capacity;
mod extremes;
mod full_table;
mod lists_and_bans;
mod model;
mod purity;
mod quotas;
mod refunds;
mod retry_after;
mod same_answers;
mod stress;
mod swaps;
mod time;
mod traffic;
