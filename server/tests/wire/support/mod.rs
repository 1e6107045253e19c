//! What these tests share: a server to start, peers to talk to it, a strict reader of answers, and what the kernel knows.

pub mod answer;
pub mod application;
pub mod clock;
pub mod peer;
pub mod process;
pub mod server;
