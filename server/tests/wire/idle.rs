//! Cores that had nothing to do and went to sleep.

use std::time::Duration;

use super::support::server::{Launch, on_both_engines};

/// A sleeping core has to wake for whatever another core hands over. Of four connections one core is dealt all in one round of eight, and keeps two.
#[test]
fn a_core_that_sleeps_wakes_for_the_connections_that_another_hands_over() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args("--limit 1M/1s,fixed-window").start();
        let mut witness = server.connect();
        for _ in 0..ROUNDS {
            for peer in &mut server.connect_many(4) {
                assert_eq!(peer.get("a").status, 200);
            }
            // They have left. The next ones come when both cores have gone to sleep.
            witness.sees_nothing_for(IDLE);
        }
    });
}

/// One core is dealt all four in one round of eight; without the second eventfd of a bell, some rounds of such a kind stalled.
const ROUNDS: usize = 60;
/// Longer than a core waits for nothing before it sleeps.
const IDLE: Duration = Duration::from_millis(200);
