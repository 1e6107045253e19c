//! Servers as processes, on free ports and gone with their guards: ours, nginx, HAProxy.

mod peer;
mod tollgate;

pub use peer::{haproxy, nginx};
pub use tollgate::tollgate;
