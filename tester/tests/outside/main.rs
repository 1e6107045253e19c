//! The tester from outside: the program, its oracle and its probe, against real limiters that are right and such that aren't.
//!
//! | file | about |
//! |---|---|
//! | `faulty/`, `faulty_limiter` | a limiter over HTTP that is right, unless told to be wrong in one particular way |
//! | `conformance` | the oracle finds each of those faults, and none in limiters that keep their promise: ours, nginx, HAProxy |
//! | `probe` | which limiter is that? |
//! | `program` | the loop, its results and its exit codes |
//! | `support/` | servers as processes |

mod conformance;
mod faulty;
mod faulty_limiter;
mod probe;
mod program;
mod support;
