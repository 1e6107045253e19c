//! The program around the engine: from the command line to the exit code.
//!
//! Options are as typed (`cli`), then as meant (`meant`), then taken apart: into a plan, settings of the engine, and outputs.

pub use crate::cli::Answer;
pub use keys::Listener;
pub use run::{random_seed, run};
pub use target::{Unreachable, find};
pub use terminal::{Guard, Seats};

pub(crate) mod conflict;
mod exit;
mod failure;
mod keys;
mod meant;
mod output;
mod prompt;
mod run;
mod target;
mod terminal;
