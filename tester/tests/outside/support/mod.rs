//! Servers as processes, on free ports and gone with their guards: ours, nginx, HAProxy.

#[path = "../../../src/process/testing/binary.rs"]
mod binary;
mod peer;
mod tollgate;

pub use binary::binary;
pub use peer::{haproxy, nginx};
pub use tollgate::tollgate;
