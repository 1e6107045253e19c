//! Load tests with random parameters for ever, and an oracle that checks a rate limit from outside.

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
