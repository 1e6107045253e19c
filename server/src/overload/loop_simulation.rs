//! A core that answers for itself, and clients that ask again as soon as they are answered: the gatekeeper at work, by simulated time.

use std::sync::Arc;

use tollgate_limiter::Nanos;

use super::OverloadSettings;
use super::class::Class;
use super::cursor::Priority;
use super::gatekeeper::{Gatekeeper, GatekeeperSettings};
use super::level::Level;
use super::pace::Patience;

/// What any answer costs the core, whatever it says.
const COST: Nanos = Nanos::from_micros(5);
/// From an answer to the next request.
const ROUND_TRIP: Nanos = Nanos::from_micros(200);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Of(Class),
    /// Its client is over its quota.
    Flood,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Its next request arrives then.
    Sends(Nanos),
    /// It is told no then.
    Paused(Nanos),
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    came: u64,
    served: u64,
    /// The sum of what the served waited, in microseconds.
    waited: u64,
}

struct World {
    now: Nanos,
    gatekeeper: Gatekeeper,
    connections: Vec<(Kind, State)>,
    counts: [Count; 4],
    denied: u64,
}

impl World {
    fn new() -> World {
        let settings =
            OverloadSettings { target_lag: Some(OverloadSettings::default().target_delay), ..Default::default() };
        let delays = settings.lags().expect("there is a target");
        World {
            now: Nanos::from_secs(1),
            gatekeeper: Gatekeeper::new(&GatekeeperSettings { delays, priorities: Arc::from([]) }, 0),
            connections: Vec::new(),
            counts: Default::default(),
            denied: 0,
        }
    }

    fn connect(&mut self, kind: Kind, count: usize) {
        self.connections.extend((0..count).map(|_| (kind, State::Sends(self.now))));
    }

    /// So many seconds of turns; gives what came of the requests meanwhile.
    fn run(&mut self, seconds: u64) -> [Count; 4] {
        (self.counts, self.denied) = Default::default();
        let end = self.now.saturating_add(Nanos::from_secs(seconds));
        while self.now < end {
            self.turn();
        }
        self.counts
    }

    /// All that has arrived, or is due, is worked on; what arrives meanwhile waits.
    fn turn(&mut self) {
        let before = self.now;
        let World { gatekeeper, connections, counts, denied, .. } = self;
        let (mut spent, mut next) = (Nanos::ZERO, Nanos::MAX);
        for (user, (kind, state)) in connections.iter_mut().enumerate() {
            match *state {
                State::Paused(until) if until <= before => {
                    spent = spent.saturating_add(COST);
                    *state = State::Sends(before.saturating_add(spent).saturating_add(ROUND_TRIP));
                }
                State::Sends(at) if at <= before => {
                    let no = match *kind {
                        Kind::Flood => true,
                        Kind::Of(class) => {
                            let admitted =
                                !gatekeeper.is_awake() || gatekeeper.admits(Priority::new(class, user, before), before);
                            let count = &mut counts[class.index()];
                            count.came += 1;
                            if admitted {
                                count.served += 1;
                                count.waited += before.saturating_sub(at).as_u64() / 1_000;
                            }
                            !admitted
                        }
                    };
                    *denied += u64::from(*kind == Kind::Flood);
                    spent = spent.saturating_add(COST);
                    let held = if no { gatekeeper.release(Patience::Client, before).map(State::Paused) } else { None };
                    *state = held.unwrap_or(State::Sends(before.saturating_add(spent).saturating_add(ROUND_TRIP)));
                }
                State::Sends(_) | State::Paused(_) => {}
            }
            let (State::Sends(at) | State::Paused(at)) = *state;
            next = next.min(at);
        }
        self.now = before.saturating_add(spent);
        if spent == Nanos::ZERO {
            // Nothing to do until then.
            self.now = next.min(before.saturating_add(Nanos::from_millis(20)));
            self.gatekeeper.note(Nanos::ZERO, self.now);
        } else if self.gatekeeper.is_due(self.now) {
            self.gatekeeper.note(spent, self.now);
        }
    }
}

fn share(count: Count) -> f64 {
    count.served as f64 / count.came as f64
}

fn mean_wait_ms(count: Count) -> f64 {
    count.waited as f64 / count.served as f64 / 1_000.0
}

#[test]
fn of_four_times_too_many_connections_the_important_are_answered_in_time() {
    let mut world = World::new();
    for class in Class::ALL {
        world.connect(Kind::Of(class), if class == Class::CriticalPlus { 200 } else { 1_300 });
    }
    world.run(3);
    let counts = world.run(5);
    assert!(share(counts[0]) > 0.98, "{counts:?}");
    assert!(
        mean_wait_ms(counts[0]) < 7.5,
        "as good as the target, after 20 ms: {} ms, {counts:?}",
        mean_wait_ms(counts[0])
    );
    assert!(share(counts[3]) < 0.1 && counts[3].served > 0, "{counts:?}");
    let served: u64 = counts.iter().map(|count| count.served).sum();
    assert!(served as f64 > 0.6 * 5.0 * 200_000.0, "most of the core goes into answers: {served}");
    assert!(world.gatekeeper.level() >= Level::Shedding);
}

#[test]
fn a_client_over_its_quota_is_slowed_down_and_moves_the_cursor_for_nobody() {
    let mut world = World::new();
    world.connect(Kind::Of(Class::Sheddable), 200);
    world.run(1);
    world.connect(Kind::Flood, 4_000);
    let counts = world.run(10);
    assert!(share(counts[3]) > 0.99, "{counts:?}");
    assert!(mean_wait_ms(counts[3]) < 5.0, "{} ms", mean_wait_ms(counts[3]));
    assert!(world.denied > 10 * 4_000, "it is told so all the time: {}", world.denied);
}

#[test]
fn a_core_that_is_only_busy_sheds_nobody() {
    let mut world = World::new();
    world.connect(Kind::Of(Class::Sheddable), 900);
    let counts = world.run(5);
    assert_eq!((counts[3].came, world.gatekeeper.level()), (counts[3].served, Level::Normal), "{counts:?}");
    assert!(counts[3].served as f64 > 0.99 * 5.0 * 200_000.0, "it is busy all the time: {counts:?}");
}

#[test]
fn two_seconds_after_the_flood_all_is_as_before() {
    let mut world = World::new();
    world.connect(Kind::Of(Class::Sheddable), 5_000);
    world.run(5);
    assert!(world.gatekeeper.level() >= Level::Shedding);
    world.connections.truncate(100);
    world.run(2);
    let counts = world.run(1);
    assert_eq!((counts[3].came, world.gatekeeper.level()), (counts[3].served, Level::Normal), "{counts:?}");
    assert!(!world.gatekeeper.is_awake());
}
