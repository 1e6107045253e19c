//! The gate from outside: the real binary, real sockets, both engines, every promise that a client can check.
//!
//! | file | about |
//! |---|---|
//! | `answers` | what is answered: statuses, fields, who counts as one client |
//! | `limits` | who is let through: stacked quotas, algorithms, lists, bans, full tables, several cores |
//! | `protocol`, `protocol_cases` | HTTP/1.x by tables of raw bytes |
//! | `pipelining` | many requests in flight, in all splits, and peers that half-close |
//! | `hostile` | peers that are slow, rude, many or gone |
//! | `overload` | more work than a core can do, and how it is shared |
//! | `exhaustion` | descriptors, memory, connections: what happens when they run out |
//! | `drain` | signals: nothing that was read goes unanswered |
//! | `start_up` | why it does not start, in one line |
//!
//! No test sleeps for a time that it hopes to be long enough: each waits for what must happen, with one deadline for all.

mod answers;
mod drain;
mod exhaustion;
mod hostile;
mod limits;
mod overload;
mod pipelining;
mod protocol;
mod protocol_cases;
mod start_up;
mod support;
