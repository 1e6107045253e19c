//! The races of the limiter and of the circuit breaker, model-checked by [loom](https://docs.rs/loom): `cargo loom`.
//!
//! Without `--cfg loom` this crate is empty: `cargo test` shows "running 0 tests" for each model, and that is the truth. `cargo loom` builds
//! everything a second time, with loom's atomics, in `target/loom`. RUSTFLAGS in the environment would take `--cfg loom` away; the one test
//! that is always there, `under_loom`, then fails.
//!
//! # Models
//!
//! Each is a file in `tests/`, named after the race, a few requests long, and asserts conservation: a client never gets more than its
//! quota, and no less where nobody displaced it. (Two slots would be two quotas, so a count that is exact says that there was one slot.)
//! The limiter is the real one, through its public interface, with one slot to a line: every client has the same three candidates.
//! Threads differ in their clocks where the race is about time. Models of the breaker (`breaker_*`) assert that no more permits are out than
//! were permitted, that each outcome counts once or not at all, and that one thread is told of a transition.
//!
//! All are explored with at most 3 preemptions (`LOOM_MAX_PREEMPTIONS` may raise it), and each prints how many interleavings it saw.
//!
//! # What loom sees
//!
//! - Loom 0.7 misses orders: it keeps the last access of each atomic only, so a thread that loads and then writes hides the earlier loads of
//!   others. `load` against `load; store` is a single interleaving to it, and a model of a displaced client that comes back had one. So
//!   the loads of slots are announced (see the limiter's `sync.rs`), and the models see all orders. Only `explore_three`, for three
//!   threads that all claim, goes without: its models would take hours.
//! - Loads of the horizon and of the debts aren't announced. Loom lets them return any value that the memory model allows, old ones included.
//! - A fence is no place to switch threads: it happens together with the access before it.
//! - Words are interned to 64 bits, see `sync.rs`. That the machine's 128-bit instructions are atomic is `portable-atomic`'s word.
//! - Four slots to a line, several lines and several shards are left to the limiter's property tests and to its stress test with real threads.
//!
//! # Mutations
//!
//! A model that can't fail proves nothing. Each patch in `mutations/` takes one protection away; `loom-tests/mutate.sh` applies each to a copy
//! and shows that the model named here fails, with an assertion of its own.
//!
//! | mutation | what is taken away | model that fails |
//! |---|---|---|
//! | `hit-stores` | a hit compares before it writes | `hit_hit`, `expiry_hit` |
//! | `refund-stores` | a refund compares before it writes | `refund_hit` |
//! | `no-help` | a pending word is helped, not waited for | `claim_claim_empty` |
//! | `no-fence` | the fence between a pending word and the scan for rivals | `claim_claim_expiring` |
//! | `no-scan-for-rivals` | a claim scans for rivals at all | `claim_claim_expiring` |
//! | `no-kill` | a rival at a higher index is killed | `claim_claim_expiring` |
//! | `kill-unchecked` | a kill that came too late starts the claim again | `claim_claim_expiring` |
//! | `no-retract` | a claim yields to a rival that is further | `claim_claim_expiring` |
//! | `help-without-scan` | a helper, too, scans for rivals | `claim_claim_three` |
//! | `nonce-fixed` | no two pending words are the same | `pending_returns` |
//! | `confirm-stores` | a confirmation compares before it writes | `pending_abandoned`, `expiry_hit` |
//! | `pend-stores` | a pending word is written only over what was scanned | `last_slot`, `expiry_hit` |
//! | `horizon-not-raised` | the expiry of a reclaimed slot is remembered | `expiry_clock` |
//! | `horizon-raised-late` | … before the slot is swapped | `expiry_clock` |
//! | `horizon-not-read` | … and a new client's time starts there | `expiry_clock` |
//! | `debt-not-recorded` | a displaced client's debt is remembered | `displace_return` |
//! | `debt-recorded-late` | … before its slot is swapped | `displace_return` |
//! | `debt-not-read-again` | … and read after the scan for rivals | `displace_claim` |
//! | `debt-read-early` | … not before it | `displace_claim` |
//! | `settle-scan-relaxed` | the scan for rivals acquires what it reads | `displace_claim` |
//! | `swap-publishes-nothing` | a swap releases what was written before it | `displace_claim` |
//! | `second-look-trusted` | charging under several quotas asks each again | `stacked_quotas` |
//! | `rule-loaded-twice` | a decision loads its rule once | `quota_swap` |
//! | `pending-hides` | a pending word hides no confirmed slot behind it | `pending_ban` |
//! | `strike-computed-aside` | a strike is one step on the client's place on the ladder | `ban_strikes` |
//! | `breaker-status-stores` | a breaker's step compares before it writes | `breaker_ask_ask`, `breaker_half_open`, `breaker_drop_last`, `breaker_taken_back`, `breaker_last_outcomes` |
//! | `breaker-step-not-repeated` | … and starts again when that fails | `breaker_ask_ask` |
//! | `breaker-any-generation` | an outcome counts in the generation of its permit | `breaker_late_outcome`, `breaker_late_in_window` |
//! | `breaker-taken-back-valid` | a permit that is taken back is void | `breaker_taken_back` |
//! | `breaker-cell-stores` | an outcome compares before it writes into the window | `breaker_last_outcomes` |
//! | `breaker-older-label-wins` | what comes late leaves a newer cell alone | `breaker_late_in_window` |
//! | `breaker-sum-before-adding` | an outcome is in the window before it is summed up | `breaker_last_outcomes` |

#[cfg(loom)]
pub mod breaker;
#[cfg(loom)]
mod explore;
#[cfg(loom)]
pub use explore::{at, build, explore, explore_three, join, limiter, passes, settings, spawn_request, would_pass};
