//! Four plain threads share one limiter, and a client that asks all of them gets its quota once.
//!
//! ```text
//! cargo run -p tollgate-limiter --example threads
//! ```

mod clock;

use std::thread;

use clock::Clock;
use tollgate_limiter::{Decision, Limiter, Nanos, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings { quotas: vec!["5/5s".parse()?], shards: 4, ..Settings::default() };
    let limiter = Limiter::new(&settings)?;
    let clock = Clock::start();

    thread::scope(|scope| {
        for name in ["red", "green", "blue", "gold"] {
            // No lock, no channel: a shared reference is all that a thread needs.
            let limiter = &limiter;
            scope.spawn(move || {
                for client in ["alice", "bob", "alice", "bob", "alice", "bob"] {
                    ask(name, client, limiter, clock.now());
                }
            });
        }
    });
    println!("{} KiB are reserved for {} clients", limiter.memory_bytes() / 1024, settings.capacity.count());
    Ok(())
}

fn ask(name: &str, client: &str, limiter: &Limiter, now: Nanos) {
    match limiter.decide(limiter.key(client.as_bytes()), now) {
        Decision::Allow { remaining, .. } => println!("{name}: {client} passes, {remaining} left"),
        Decision::Deny { retry_after, .. } => {
            println!("{name}: {client} is denied for {} s", retry_after.as_secs_ceil());
        }
    }
}
