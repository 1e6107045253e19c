//! Everybody gets a share of a core: whoever is slow, and whoever asks without a pause, costs nobody else an answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::dice::stream;
use crate::got::{ask, get};
use crate::pipelining::Latch;
use crate::support::peer::Peer;
use crate::support::server::on_both_engines;
use crate::upstream::Upstream;
use crate::{gate_with, ok, request};

/// How a client is slow.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// Its head comes byte by byte.
    Head,
    /// Its content does.
    Content,
    /// It takes its answer bit by bit.
    Reader,
    /// What it asks for takes the upstream long.
    Asker,
}

const KINDS: [Slow; 4] = [Slow::Head, Slow::Content, Slow::Reader, Slow::Asker];
const OF_EACH_KIND: usize = 15;
/// More than the sockets between upstream and client hold.
const LARGE: usize = 1_000_000;

impl Slow {
    /// What it sends at once, and what byte by byte.
    fn sends(self) -> (String, &'static str) {
        match self {
            Slow::Head => (String::new(), "GET /head?clientId=7 HTTP/1.1\r\nHost: shop.example\r\nX: y\r\n\r\n"),
            Slow::Content => {
                let head = "POST /content?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
                (head.to_owned(), "5\r\nhello\r\n1e\r\nand so on, until all is there.\r\n0\r\n\r\n")
            }
            Slow::Reader => (request("/large"), ""),
            Slow::Asker => (request("/wait"), ""),
        }
    }
}

#[test]
fn slow_clients_of_every_kind_are_served_in_the_end_and_hold_up_nobody_until_then() {
    on_both_engines(|engine| {
        let latch = Latch::default();
        let waits = latch.clone();
        let upstream = Upstream::start(move |visit| {
            while let Some(request) = visit.request() {
                match request.line().split([' ', '?']).nth(1) {
                    Some("/large") => {
                        visit.peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
                        visit.peer.send(stream(7, LARGE));
                        continue;
                    }
                    Some("/wait") => waits.wait(),
                    _ => {}
                }
                visit.peer.send(ok(&format!("{} after {}", request.line(), request.body.len())));
            }
        });
        // However long it takes on a busy machine, nobody is late.
        let settings =
            "timeouts = { response-head = \"60s\" }\n[timeouts]\nhead = \"60s\"\nbody = \"60s\"\nwrite = \"60s\"";
        let server = gate_with(engine, upstream.address, settings);
        let mut slow: Vec<(Slow, Peer, &str)> = Vec::new();
        for kind in KINDS.repeat(OF_EACH_KIND) {
            let mut peer = Peer::connect_with_small_buffers(server.address);
            let (at_once, bit_by_bit) = kind.sends();
            peer.send(at_once);
            slow.push((kind, peer, bit_by_bit));
        }
        let mut quick = server.connect();
        for number in 0..40 {
            for (kind, peer, rest) in &mut slow {
                if let Some((byte, after)) = rest.split_at_checked(1) {
                    peer.send(byte);
                    *rest = after;
                }
                if matches!(kind, Slow::Reader) {
                    let _ = peer.poll();
                }
            }
            for place in 0..5 {
                let got = ask(&mut quick, &request(&format!("/quick/{number}/{place}")));
                assert!(got.text().contains(&format!("/quick/{number}/{place}?")), "{}", got.text());
            }
        }
        latch.open();
        for (kind, mut peer, rest) in slow {
            peer.send(rest);
            let got = get(&mut peer);
            let whole = match kind {
                Slow::Head => got.text().starts_with("GET /head?"),
                Slow::Content => got.text().ends_with(" after 35"),
                Slow::Reader => got.body == stream(7, LARGE),
                Slow::Asker => got.text().starts_with("GET /wait?"),
            };
            assert!(whole, "{kind:?}: {}", got.head);
        }
    });
}

#[test]
fn a_client_that_pipelines_without_a_pause_leaves_the_core_to_others_as_well() {
    // What goes upstream, what the gate answers itself, and content that nobody wants.
    let floods = [
        request("/flood").repeat(200),
        "GET /?nobody HTTP/1.1\r\nHost: h\r\n\r\n".repeat(500),
        format!(
            "POST /?nobody HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
            "1\r\nx\r\n".repeat(1000)
        ),
    ];
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("served"));
        let server = gate_with(engine, upstream.address, "");
        for flood in &floods {
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                for _ in 0..2 {
                    let (over, mut peer) = (&over, server.connect());
                    scope.spawn(move || {
                        let mut sent = 0;
                        while !over.load(Ordering::Relaxed) {
                            sent = (sent + peer.send_some(&flood.as_bytes()[sent..])) % flood.len();
                            assert!(peer.pass_over(), "whoever takes their answers is not closed");
                            thread::yield_now();
                        }
                    });
                }
                let mut polite = server.connect();
                let answers = (0..60).map(|_| ask(&mut polite, &request("/polite")));
                let served = answers.filter(|got| got.text() == "served").count();
                over.store(true, Ordering::Relaxed);
                assert_eq!(served, 60);
            });
        }
    });
}
