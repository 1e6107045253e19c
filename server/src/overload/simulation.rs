//! All of it at work: arrivals and service by simulated time, in steps of 100 µs, from a fixed seed.

use tollgate_limiter::Nanos;

use super::class::Class;
use super::cursor::Priority;
use super::level::Level;
use super::queue::{Leave, Queues, Ticket};
use super::{Admission, OverloadSettings};

/// A service that takes so long for a request, for so many at a time: a thousand a second.
const SERVICE: Nanos = Nanos::from_millis(10);
const SLOTS: usize = 10;
const CAPACITY: f64 = 1000.0;
const STEP: Nanos = Nanos::from_micros(100);
const STEPS_A_SECOND: u64 = 10_000;

/// Requests that came, by class.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    came: u64,
    served: u64,
    /// The sum of what they waited, in steps.
    waited: u64,
    longest: u64,
}

struct World {
    now: Nanos,
    random: u64,
    queues: Queues<usize>,
    admission: Admission,
    /// When and what each request was.
    requests: Vec<(Class, Nanos)>,
    waiting: Vec<(Ticket, Nanos)>,
    /// When each busy slot is free.
    busy: Vec<Nanos>,
    counts: [Count; 4],
    /// Of each class, what fraction comes in a step.
    pending: [f64; 4],
}

impl World {
    fn new() -> World {
        let settings = OverloadSettings::default();
        World {
            now: Nanos::from_secs(1),
            random: 7,
            queues: Queues::new(512, Nanos::from_millis(100), settings.delays()),
            admission: Admission::new(settings.interval.into()),
            requests: Vec::new(),
            waiting: Vec::new(),
            busy: Vec::new(),
            counts: Default::default(),
            pending: [0.0; 4],
        }
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    /// So many seconds under so many requests of each class a second; gives what came of those that came meanwhile.
    fn run(&mut self, seconds: f64, rates: [f64; 4]) -> [Count; 4] {
        self.counts = Default::default();
        for _ in 0..(seconds * STEPS_A_SECOND as f64) as u64 {
            self.now = self.now.saturating_add(STEP);
            self.finish();
            self.expire();
            for (class, rate) in Class::ALL.into_iter().zip(rates) {
                // Twice as many or none, by chance.
                let luck = (self.random() % 3) as f64;
                self.pending[class.index()] += luck * rate / STEPS_A_SECOND as f64;
                while self.pending[class.index()] >= 1.0 {
                    self.pending[class.index()] -= 1.0;
                    self.arrive(class);
                }
            }
        }
        self.counts
    }

    fn arrive(&mut self, class: Class) {
        let now = self.now;
        self.counts[class.index()].came += 1;
        let user = self.random() % 1000;
        let Self { queues, admission, .. } = self;
        admission.turn(now, || queues.are_overloaded(now));
        if !admission.admit(Priority::new(class, user, now)) {
            return;
        }
        self.requests.push((class, now));
        let request = self.requests.len() - 1;
        if self.busy.len() < SLOTS {
            self.queues.pass(now);
            self.serve(request);
        } else if let Ok(joined) = self.queues.join(class, request, now) {
            self.waiting.push((joined.ticket, joined.until));
        }
    }

    fn serve(&mut self, request: usize) {
        let (class, since) = self.requests[request];
        let waited = self.now.saturating_sub(since).as_u64() / STEP.as_u64();
        let count = &mut self.counts[class.index()];
        count.served += 1;
        count.waited += waited;
        count.longest = count.longest.max(waited);
        self.busy.push(self.now.saturating_add(SERVICE));
    }

    fn finish(&mut self) {
        let now = self.now;
        self.busy.retain(|&free| free > now);
        while self.busy.len() < SLOTS
            && let Some(request) = self.queues.next(now, |_| ())
        {
            self.serve(request);
        }
    }

    fn expire(&mut self) {
        let (now, queues) = (self.now, &mut self.queues);
        self.waiting.retain(|&(ticket, until)| {
            if now >= until {
                queues.leave(ticket, Leave::TooLate, now);
            }
            now < until
        });
    }

    /// What the core's clock does once a second.
    fn tick(&mut self) {
        let Self { queues, admission, now, .. } = self;
        admission.turn(*now, || queues.are_overloaded(*now));
    }
}

fn served(counts: &[Count; 4]) -> f64 {
    counts.iter().map(|count| count.served as f64).sum()
}

fn share(count: Count) -> f64 {
    count.served as f64 / count.came as f64
}

#[test]
fn ten_times_too_much_is_served_as_well_as_just_enough_and_the_important_as_if_there_were_no_more() {
    let mut world = World::new();
    world.run(1.0, [500.0, 0.0, 0.0, 0.0]);
    let flood = [500.0, 1_500.0, 2_000.0, 6_000.0];
    let first = world.run(1.0, flood);
    assert!(served(&first) >= 0.9 * CAPACITY, "{first:?}");
    let counts = world.run(5.0, flood);
    assert!(served(&counts) >= 0.9 * 5.0 * CAPACITY, "{counts:?}");
    assert!(share(counts[0]) > 0.98, "{counts:?}");
    let mean_ms = counts[0].waited as f64 / counts[0].served as f64 / 10.0;
    assert!(mean_ms < 5.0 && counts[0].longest <= 20 * 10, "waited {mean_ms} ms: {counts:?}");
    assert!(share(counts[1]) > 0.2 && share(counts[3]) < 0.05, "{counts:?}");
    assert!(counts.iter().all(|count| count.served > 0), "no class starves: {counts:?}");
    assert_eq!(world.admission.level(), Level::Protecting);
}

#[test]
fn two_seconds_after_the_end_of_the_load_all_is_as_before() {
    for rest in [0.0, 30.0, 500.0] {
        let mut world = World::new();
        world.run(3.0, [0.0, 3_000.0, 0.0, 7_000.0]);
        assert!(world.admission.level() >= Level::Shedding);
        for _ in 0..2 {
            world.run(1.0, [0.0, 0.0, 0.0, rest]);
            world.tick();
        }
        assert_eq!(world.admission.level(), Level::Normal, "at {rest} a second");
        let counts = world.run(1.0, [0.0, 0.0, 0.0, 500.0]);
        assert_eq!(counts[3].came, counts[3].served, "at {rest} a second");
    }
}

#[test]
fn just_enough_is_all_served() {
    let mut world = World::new();
    let counts = world.run(10.0, [200.0, 300.0, 200.0, 200.0]);
    for count in counts {
        assert!(share(count) > 0.999, "{counts:?}");
    }
    assert!(world.admission.level() <= Level::Busy);
}

#[test]
fn a_little_too_much_costs_only_the_least_important() {
    let mut world = World::new();
    world.run(2.0, [100.0, 300.0, 300.0, 500.0]);
    let counts = world.run(5.0, [100.0, 300.0, 300.0, 500.0]);
    assert!(served(&counts) >= 0.9 * 5.0 * CAPACITY, "{counts:?}");
    for important in &counts[..2] {
        assert!(share(*important) > 0.99, "{counts:?}");
    }
    assert!(share(counts[2]) > 0.9 && share(counts[3]) < 0.9, "{counts:?}");
}
