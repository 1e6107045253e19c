//! More work than a core can do: everybody gets a share of it, and nobody is blamed for what the core has not got round to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::support::clock::Stopwatch;
use super::support::peer::Peer;
use super::support::server::{Launch, on_both_engines};

/// One request whose content is a thousand chunks of one byte: the most work that so few bytes can make.
fn crumbs() -> String {
    let head = "GET /?clientId=c HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n";
    format!("{head}{}0\r\n\r\n", "1\r\nx\r\n".repeat(1000))
}

/// Requests of a kibibyte each: as many bytes as possible for what they cost the core, since bytes fill the buffers.
fn fat() -> String {
    format!("GET /?clientId=f HTTP/1.1\r\nHost: g\r\nX-Fat: {}\r\n\r\n", "x".repeat(1000))
}

/// Keeps `FLOODERS` connections full of `block` until `over`; says how many of them the server has closed.
fn flood(address: SocketAddr, block: &[u8], over: &AtomicBool) -> usize {
    let mut flooders: Vec<(Peer, usize)> = (0..FLOODERS).map(|_| (Peer::connect(address), 0)).collect();
    while !over.load(Ordering::Relaxed) {
        flooders.retain_mut(|(flooder, sent)| {
            *sent = (*sent + flooder.send_some(&block[*sent..])) % block.len();
            flooder.pass_over()
        });
    }
    FLOODERS - flooders.len()
}

/// The longest that one of a few well-behaved clients waits for an answer while hundreds of connections send `block` without a pause.
fn worst_wait_beside_a_flood(address: SocketAddr, block: &[u8]) -> (Duration, usize) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| flood(address, block, &over));
        let behave = || {
            let mut peer = Peer::connect(address);
            let (watch, mut worst) = (Stopwatch::start(), Duration::ZERO);
            while watch.elapsed() < SPAN {
                let asked = Stopwatch::start();
                assert_eq!(peer.get("polite").status, 200);
                worst = worst.max(asked.elapsed());
                thread::park_timeout(Duration::from_millis(5));
            }
            worst
        };
        let polite: Vec<_> = (0..4).map(|_| scope.spawn(behave)).collect();
        let waits: Vec<_> = polite.into_iter().map(thread::ScopedJoinHandle::join).collect();
        // Whatever became of them.
        over.store(true, Ordering::Relaxed);
        let worst = waits.into_iter().map(|wait| wait.expect("all are answered")).max().expect("some");
        (worst, flood.join().expect("a flood"))
    })
}

#[test]
fn a_flood_on_hundreds_of_connections_leaves_everybody_a_share() {
    on_both_engines(|engine| {
        for block in [fat().repeat(150), crumbs().repeat(20)] {
            // A share for each also means that none of the flooders, who send all they owe, misses a deadline of theirs.
            let config = "limit = \"1000k/1s,fixed-window\"\n[timeouts]\nhead = \"3s\"\nbody = \"3s\"\n";
            let server = Launch::new(engine).config(config).start();
            let (worst, closed) = worst_wait_beside_a_flood(server.address, block.as_bytes());
            println!("{engine:?}: {worst:?} at worst, {closed} of {FLOODERS} flooders closed");
            assert!(worst <= GENEROUS, "{engine:?}: an answer took {worst:?}");
            assert_eq!(closed, 0, "{engine:?}: closed although they sent everything");
        }
    });
}

const FLOODERS: usize = 400;
/// How long a flood lasts. Whoever starves, starves to the end of it.
const SPAN: Duration = Duration::from_secs(6);
/// Many times what a turn of everybody takes, on a machine that is busy with other tests as well.
const GENEROUS: Duration = Duration::from_secs(3);
