//! Made-up runs for the tests of this module.

use crate::summary::{Header, Health, Served, ThreadHealth};
use crate::{ConnectionLedger, Ledger, Nanos, Outcome, Record, Summary};

/// Ten seconds of an open loop at 1000/s in which nothing went wrong: 6000 allowed, 4000 denied.
pub(super) fn healthy() -> Summary {
    let mut total = Record::default();
    end(&mut total.ledger, &[(Outcome::Allowed, 6_000), (Outcome::Denied, 4_000)]);
    (total.ledger.planned, total.ledger.sent) = (10_000, 10_000);
    total.connections =
        ConnectionLedger { attempted: 64, established: 64, closed_by_us: 64, ..ConnectionLedger::default() };
    answers(&mut total, Outcome::Allowed, 200, 6_000, 400);
    answers(&mut total, Outcome::Denied, 429, 4_000, 100);
    total.in_flight_ns = [&total.allowed, &total.denied]
        .map(|times| (times.service.mean() * times.service.len() as f64) as u128)
        .iter()
        .sum();
    (total.bytes_out, total.bytes_in) = (820_000, 1_640_000);
    (total.busy, total.elapsed) = (Nanos::from_millis(3_000), Nanos::from_secs(20));
    let thread = |utilisation, switches| ThreadHealth {
        utilisation,
        cpu: Nanos::from_millis((utilisation * 10_000.0) as u64),
        involuntary_switches: switches,
        waited: Nanos::ZERO,
    };
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Summary {
        header: Header {
            url: "http://127.0.0.1:8080/".to_owned(),
            options: vec![
                option("--clients", "100"),
                option("--rate", "1k"),
                option("--duration", "10s"),
                option("--pick", "zipf:1.1"),
            ],
            command: "tollgate-client http://127.0.0.1:8080/ --clients 100 -R 1k -d 10s --pick zipf:1.1 --seed 42"
                .to_owned(),
            seed: 42,
            plan_hash: 0x0123_4567_89ab_cdef,
            pipeline: 1,
            connections: 64,
        },
        interrupted: false,
        duration: Nanos::from_secs(10),
        offered_rate: Some(1_000.0),
        total,
        clients: (0..100).map(|id| Served { allowed: 60, denied: if id < 50 { 20 } else { 60 } }).collect(),
        health: Health {
            threads: vec![thread(0.12, 3), thread(0.18, 0)],
            cpu: Nanos::from_millis(3_100),
            load_at_start: 0.04,
            longest_backlog: 0,
        },
    }
}

/// The same, at a server that had a bad day.
pub(super) fn eventful() -> Summary {
    let mut summary = healthy();
    let total = &mut summary.total;
    end(
        &mut total.ledger,
        &[(Outcome::Other, 40), (Outcome::TimedOut, 7), (Outcome::ResetWithin, 3), (Outcome::Shed, 50)],
    );
    (total.ledger.planned, total.ledger.sent) = (10_100, 10_050);
    summary.offered_rate = Some(1_010.0);
    answers(total, Outcome::Other, 500, 40, 2_000);
    total.connections.attempted += 12;
    total.connections.established += 10;
    total.connections.refused += 2;
    total.connections.reset += 3;
    total.connections.closed_by_us += 7;
    summary.health.threads[1].utilisation = 0.937;
    summary.health.longest_backlog = 12;
    summary.clients[7] = Served { allowed: 0, denied: 31 };
    summary.header.pipeline = 16;
    summary
}

/// Ended requests, without touching what was planned.
pub(super) fn end(ledger: &mut Ledger, outcomes: &[(Outcome, u64)]) {
    for (outcome, count) in outcomes {
        (0..*count).for_each(|_| ledger.end(*outcome));
    }
}

/// `count` answers whose service times rise from `micros` to twice that, sent 1 to 5 µs late.
pub(super) fn answers(total: &mut Record, outcome: Outcome, status: u16, count: u64, micros: u64) {
    for n in 0..count {
        let due = Nanos::from_millis(n);
        let sent = due + Nanos::from_micros(1 + n % 5);
        let done = sent + Nanos::new(micros * 1_000 + micros * 1_000 * n / count);
        total.times(outcome).unwrap().record(due, sent, done);
        total.statuses.count(status);
        total.lateness.saturating_record((sent - due).as_u64());
    }
}
