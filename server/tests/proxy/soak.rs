//! Seventy-two thousand requests of every shape and size, pipelined without a pause: every byte of every answer is the one that was asked for.

use std::thread;

use crate::dice::{Dice, stream};
use crate::gate_with;
use crate::got::get;
use crate::support::peer::Peer;
use crate::support::server::on_both_engines;
use crate::upstream::Upstream;

/// One request and its answer. The stream of content begins at `at` for the one, and at `at + 1` for the other.
#[derive(Clone, Copy)]
struct Plan {
    at: u64,
    up: usize,
    down: usize,
    up_in_chunks: bool,
    down_in_chunks: bool,
}

impl Plan {
    fn throw(dice: &mut Dice) -> Plan {
        Plan {
            at: dice.below(1 << 40) as u64,
            up: if dice.one_in(4) { size(dice) } else { 0 },
            down: size(dice),
            up_in_chunks: dice.one_in(2),
            down_in_chunks: dice.one_in(2),
        }
    }

    fn write(&self, dice: &mut Dice, out: &mut Vec<u8>) {
        let Plan { at, up, down, .. } = *self;
        let method = if up > 0 { "POST" } else { "GET" };
        let form = if self.down_in_chunks { "chunks" } else { "length" };
        out.extend(format!("{method} /{at}/{up}/{down}/{form}?clientId=7 HTTP/1.1\r\nHost: h\r\n").as_bytes());
        match (up, self.up_in_chunks) {
            (0, _) => out.extend(b"\r\n"),
            (_, chunked) => content(out, dice, at, up, chunked),
        }
    }

    /// What a request line asks for.
    fn read(line: &str) -> Plan {
        let mut parts = line.split(['/', '?']).skip(1);
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok()).expect("a number");
        let (at, up, down) = (number(), number() as usize, number() as usize);
        Plan { at, up, down, up_in_chunks: false, down_in_chunks: parts.next() == Some("chunks") }
    }
}

/// Small ones more often than large ones: below 64 KiB.
fn size(dice: &mut Dice) -> usize {
    let bits = dice.below(17);
    dice.below(1 << bits)
}

/// Appends the last field lines of a head, and `length` bytes of content.
fn content(out: &mut Vec<u8>, dice: &mut Dice, at: u64, length: usize, chunked: bool) {
    let bytes = stream(at, length);
    if !chunked {
        out.extend(format!("Content-Length: {length}\r\n\r\n").as_bytes());
        return out.extend(bytes);
    }
    out.extend(b"Transfer-Encoding: chunked\r\n\r\n");
    let mut rest = bytes;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(1 + dice.below(20_000)));
        out.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend(chunk);
        out.extend(b"\r\n");
        rest = after;
    }
    out.extend(b"0\r\n\r\n");
}

#[test]
fn of_seventy_two_thousand_pipelined_requests_of_every_shape_each_gets_its_own_answer_whole() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            let mut dice = Dice::new(visit.number as u64);
            let mut out = Vec::new();
            while let Some(request) = visit.request() {
                let plan = Plan::read(request.line());
                assert!(request.body == stream(plan.at, plan.up), "content of {:?}", request.line());
                out.clear();
                out.extend(b"HTTP/1.1 200 OK\r\n");
                content(&mut out, &mut dice, plan.at + 1, plan.down, plan.down_in_chunks);
                visit.peer.send(&out);
            }
        });
        let server = gate_with(
            engine,
            upstream.address,
            "max-in-flight = 32\nqueue = { max = 1000, timeout = \"30s\" }\n[overload]\nenabled = false",
        );
        let address = server.address;
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                scope.spawn(move || converse(Peer::connect(address), 72_000 + connection));
            }
        });
        assert!(upstream.visits() <= 32, "{} connections carried all of it", upstream.visits());
    });
}

fn converse(mut peer: Peer, seed: u64) {
    let mut sender = peer.twin();
    let plans = (0..REQUESTS / CONNECTIONS).scan(Dice::new(seed), |dice, _| Some(Plan::throw(dice)));
    let again = plans.clone();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut dice = Dice::new(!seed);
            let mut out = Vec::new();
            for plan in plans {
                plan.write(&mut dice, &mut out);
                // A few at a time, or one, or half a dozen.
                if dice.one_in(6) || out.len() > 100_000 {
                    sender.send(&out);
                    out.clear();
                }
            }
            sender.send(&out);
        });
        for plan in again {
            let got = get(&mut peer);
            assert_eq!((got.status, got.body.len()), (200, plan.down), "{}", got.head);
            assert!(got.body == stream(plan.at + 1, plan.down), "the answer of somebody else, or not all of it");
        }
    });
    assert_eq!(peer.received(), b"");
}

/// On each engine, in the optimised build; on both together otherwise.
const REQUESTS: u64 = if cfg!(debug_assertions) { 36_000 } else { 72_000 };
const CONNECTIONS: u64 = 24;
