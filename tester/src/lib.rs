//! Load tests with random parameters for ever, and an oracle that checks a rate limit from outside.

#![warn(missing_docs)]

pub mod clock;
pub mod hostile;
pub mod oracle;
pub mod probe;
pub mod process;
pub mod summary;
