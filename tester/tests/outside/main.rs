//! The tester from outside: the program, its oracle and its probe, against real limiters that are right and such that aren't.
//!
//! | file | about |
//! |---|---|
//! | `faulty/`, `faulty_limiter` | a limiter over HTTP that is right, unless told to be wrong in one particular way |
//! | `conformance` | the oracle finds each of those faults, and none in limiters that keep their promise: ours, nginx, HAProxy |
//! | `probe` | which limiter is that? |
//! | `program`, `again` | the loop, its results and its exit codes; trials that are run again |
//! | `service` | a gate in front of a service that is sick, gone, slow or has too much to do |
//! | `support/` | servers as processes |

mod again;
mod conformance;
mod faulty;
mod faulty_limiter;
mod probe;
mod program;
mod service;
mod support;
