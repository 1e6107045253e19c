//! What the circuit breaker promises, against a naive model that shares no code with it. One file, one story.

mod calls;
mod configs;
mod half_open;
mod model;
mod operators;
mod recovery;
mod same_answers;
mod steps;
mod threads;
mod windows;
