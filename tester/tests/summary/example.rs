//! Trials as they could have been, always the same ones.

use tollgate_client::report::{Quantiles, Validity};
use tollgate_client::{Ledger, Nanos, Outcome};
use tollgate_tester::summary::{
    Admitted, Again, Course, Entry, Failure, Fate, Header, Kind, Point, Promise, Server, Usage, Verdict,
};

pub fn header() -> Header {
    Header {
        version: "0.1.0".to_owned(),
        seed: 42,
        command: "tollgate-tester --seed 42 --limit 5/5s --server 'tollgate --listen 127.0.0.1:0'".to_owned(),
        machine: "bench-1, 8 × Ryzen 7 7700, Linux 6.12".to_owned(),
        started: Nanos::from_secs(1_767_225_600),
        promise: Some(Promise { text: "5/5s sliding-window".to_owned(), bound: 1.0 }),
    }
}

/// Trial `n`, counted from 1. About one in nine fails, in one way after the other.
pub fn entry(n: u64) -> Entry {
    let mut dice = Dice(n);
    let scenario = SCENARIOS[(n % SCENARIOS.len() as u64) as usize];
    let (rate, seconds) = (200.0 * 400_f64.powf(dice.roll()), 5 + n * 7 % 26);
    let course = course(&mut dice, rate, seconds);
    let sum = |pick: fn(&Point) -> u64| course.iter().map(pick).sum::<u64>();
    let p50 = 80.0 + rate / 400.0 + 40.0 * dice.roll();
    let mut entry = Entry {
        trial: n,
        seed: dice.next(),
        plan_hash: dice.next(),
        scenario: scenario.to_owned(),
        parameters: parameters(&mut dice, rate, seconds),
        started: header().started + Nanos::from_secs(2 + (n - 1) * 33),
        length: Nanos::from_secs(seconds),
        ledger: ledger(&[
            (Outcome::Allowed, sum(|point| point.allowed)),
            (Outcome::Denied, sum(|point| point.denied)),
            (Outcome::Other, sum(|point| point.other)),
            (Outcome::TimedOut, sum(|point| point.errors)),
        ]),
        statuses: [
            (200, sum(|point| point.allowed)),
            (503, sum(|point| point.denied)),
            (400, sum(|point| point.other)),
        ]
        .into_iter()
        .filter(|(_, answers)| *answers > 0)
        .collect(),
        offered_per_s: (!n.is_multiple_of(6)).then_some(rate),
        sent_per_s: rate * 0.998,
        allowed: quantiles(p50, 3.0 + rate / 9_000.0),
        denied: quantiles(p50 * 0.8, 2.5 + rate / 9_000.0),
        oracle: Some(Verdict::Conforms),
        validity: Validity::Valid,
        reasons: Vec::new(),
        server: server(&mut dice, n),
        failures: Vec::new(),
        command: format!("tollgate-tester repro {n} --seed 42 --limit 5/5s --server 'tollgate --listen 127.0.0.1:0'"),
        admitted: admitted(&mut dice),
        course,
    };
    mishap(&mut entry);
    entry
}

/// What goes wrong with some of them.
fn mishap(entry: &mut Entry) {
    let dead = Server { fate: Fate::Killed { signal: 11 }, usage: None, restarted: false };
    match entry.trial % 63 {
        9 => {
            let witness = "id 117, quota 5/5s: 6 admitted within 4.998 s, slack 2.1 ms\n  \
                 #40112 connection 3 sent 12.000114 done 12.000398\n  #40155 connection 7 sent 12.211020 done 12.211301";
            entry.oracle = Some(Verdict::Violation { count: 3, witness: witness.to_owned() });
            entry.admitted.client(6, 5);
        }
        18 => {
            let lines = ["thread 'core-1' panicked at server/src/wheel.rs:88:9:", "slot 4097 out of range"];
            entry.server = dead;
            entry.failures = vec![Failure {
                lines: lines.map(str::to_owned).into(),
                again: Again::Repeats,
                ..Failure::new(Kind::Crash, dead.fate.to_string())
            }];
        }
        27 => entry
            .failures
            .push(Failure::new(Kind::Growth, "memory grew by 34 % between like trials (12.1 MB to 16.2 MB)")),
        36 => entry.failures.push(Failure::new(Kind::Rule, "p99 31 ms, the rule is at most 20 ms")),
        45 => {
            entry.server = Server { fate: Fate::Hung, usage: None, restarted: false };
            let hang = Failure::new(Kind::Hang, "no answer to a probe for 5 s");
            entry.failures.push(Failure { again: Again::Flaky, ..hang });
        }
        54 => entry.ledger.planned += 1,
        n if n % 7 == 3 => {
            entry.validity = Validity::Suspect;
            entry.reasons.push("thread 0 was at work 96.1% of the time: its limit may be what was measured".to_owned());
            entry.oracle = Some(Verdict::Inconclusive("31 requests timed out".to_owned()));
        }
        _ => {}
    }
}

fn course(dice: &mut Dice, rate: f64, seconds: u64) -> Course {
    let (mut course, limit) = (Course::default(), rate * (0.2 + 0.6 * dice.roll()));
    for second in 0..seconds {
        let asked = rate * (0.95 + 0.1 * dice.roll());
        let allowed = asked.min(limit * (0.9 + 0.2 * dice.roll()));
        let (other, errors) = (u64::from(dice.roll() < 0.03) * 20, u64::from(dice.roll() < 0.02) * 35);
        let p50 = 80.0 + rate / 400.0 + 30.0 * dice.roll();
        course.push(Point {
            from: Nanos::from_secs(second),
            until: Nanos::from_secs(second + 1),
            measured: Nanos::from_secs(1),
            offered: asked as u64 + other + errors,
            allowed: allowed as u64,
            denied: asked as u64 - allowed as u64,
            other,
            errors,
            p50_us: Some(p50),
            p99_us: Some(p50 * (3.0 + 4.0 * dice.roll().powi(4))),
        });
    }
    course
}

fn parameters(dice: &mut Dice, rate: f64, seconds: u64) -> Vec<(String, String)> {
    let clients = (10_f64.powf(1.0 + 4.0 * dice.roll())) as u64;
    let all = [
        ("clients", clients.to_string()),
        ("connections", (1 + dice.next() % 2_000).to_string()),
        ("rate", format!("{rate:.0}")),
        ("duration", format!("{seconds}s")),
        ("arrival", ["poisson", "constant"][(dice.next() % 2) as usize].to_owned()),
        ("pick", ["uniform", "zipf:1.1", "hot:0.2:0.8", "tail:0.1"][(dice.next() % 4) as usize].to_owned()),
        ("pipeline", (1_u64 << (dice.next() % 6)).to_string()),
        ("churn", ["-", "100", "1"][(dice.next() % 3) as usize].to_owned()),
        ("affinity", ["spray", "sticky"][(dice.next() % 2) as usize].to_owned()),
    ];
    all.map(|(name, value)| (name.to_owned(), value)).into()
}

fn server(dice: &mut Dice, n: u64) -> Server {
    let rss = (9e6 + 5e6 * (1.0 - (-(n as f64) / 60.0).exp()) + 4e5 * dice.roll()) as u64;
    let usage = Usage {
        rss,
        descriptors: 24 + dice.next() % 5,
        threads: 4,
        cpu_per_request: Some(Nanos::new(2_100 + dice.next() % 900)),
    };
    Server { fate: Fate::Alive, usage: Some(usage), restarted: n % 63 == 19 || n % 63 == 46 }
}

fn admitted(dice: &mut Dice) -> Admitted {
    let mut admitted = Admitted::default();
    for _ in 0..200 {
        admitted.client((dice.roll().powf(0.4) * 6.0).min(5.0) as u64, 5);
    }
    admitted
}

fn quantiles(p50: f64, tail: f64) -> Quantiles {
    let at = |times: f64| Some((p50 * times * 1e3).round() / 1e3);
    Quantiles {
        count: 1_000,
        mean: at(1.1),
        p50: at(1.0),
        p90: at(1.6),
        p99: at(tail),
        p999: at(2.0 * tail),
        max: at(3.0 * tail),
    }
}

/// With so many of each. A ledger counts one by one; it can be added to itself.
pub fn ledger(ended: &[(Outcome, u64)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (outcome, n) in ended {
        let mut power = Ledger::default();
        (power.planned, power.sent) = (1, 1);
        power.end(*outcome);
        for bit in 0..u64::BITS - n.leading_zeros() {
            if n >> bit & 1 == 1 {
                ledger += &power;
            }
            let same = power;
            power += &same;
        }
    }
    ledger
}

struct Dice(u64);

impl Dice {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// 0 to 1.
    fn roll(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const SCENARIOS: [&str; 8] =
    ["smoke", "steady", "ramp", "spike", "window-edge", "hot-id", "id-churn", "connection-churn"];
