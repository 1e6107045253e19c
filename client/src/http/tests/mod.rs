//! The answers that matter, one by one; and the two laws that hold for all: no split changes anything, and no hint does.

mod bodies;
mod heads;
mod hints;
mod laws;
mod reading;
mod table;

use super::{Answers, Hints, Malformed, Progress};
