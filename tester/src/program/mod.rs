//! The program: from the command line to the exit code.
//!
//! Options are as typed (`cli`), then as meant (`meant`), then taken apart: into a space to draw from, a server, and files.

mod entry;
mod exit;
mod failure;
mod looping;
mod meant;
mod run;
mod single;
mod tell;
mod verify;

pub use run::run;
