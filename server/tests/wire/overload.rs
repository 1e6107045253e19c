//! More work than a core can do: everybody gets a share of it, and nobody is blamed for what the core has not got round to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::support::clock::{Stopwatch, wait_until};
use super::support::peer::Peer;
use super::support::process::cpu_time;
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

/// Keeps so many connections full of `block` until `over`; says how many of them the server has closed.
fn flood(address: SocketAddr, flooders: usize, block: &[u8], over: &AtomicBool) -> usize {
    let count = flooders;
    let mut flooders: Vec<(Peer, usize)> = (0..count).map(|_| (Peer::connect(address), 0)).collect();
    while !over.load(Ordering::Relaxed) {
        flooders.retain_mut(|(flooder, sent)| {
            *sent = (*sent + flooder.send_some(&block[*sent..])) % block.len();
            flooder.pass_over()
        });
    }
    count - flooders.len()
}

/// The most that the server works while one of a few well-behaved clients waits for an answer, and hundreds of connections send `block` without
/// a pause. Its own time: what others take from it says nothing about whom it serves.
fn worst_wait_beside_a_flood(address: SocketAddr, pid: u32, block: &[u8]) -> (Duration, usize) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| flood(address, FLOODERS, block, &over));
        let behave = || {
            let mut peer = Peer::connect(address);
            let (watch, mut worst) = (Stopwatch::start(), Duration::ZERO);
            while watch.elapsed() < SPAN {
                let asked = cpu_time(pid);
                assert_eq!(peer.get("polite").status, 200);
                worst = worst.max(cpu_time(pid).saturating_sub(asked));
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
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    on_both_engines(|engine| {
        for block in [fat().repeat(150), crumbs().repeat(20)] {
            // A share for each also means that none of the flooders, who send all they owe, misses a deadline of theirs.
            let config = "limit = \"1000k/1s,fixed-window\"\n[timeouts]\nhead = \"15s\"\nbody = \"15s\"\n";
            let server = Launch::new(engine).config(config).start();
            let (worst, closed) = worst_wait_beside_a_flood(server.address, server.pid(), block.as_bytes());
            println!("{engine:?}: {worst:?} of work at worst, {closed} of {FLOODERS} flooders closed");
            assert!(worst <= GENEROUS, "{engine:?}: an answer took {worst:?} of work");
            assert_eq!(closed, 0, "{engine:?}: closed although they sent everything");
        }
    });
}

#[test]
fn a_core_that_cannot_keep_up_sheds_the_less_important_and_recovers() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    on_both_engines(|engine| {
        let config = "limit = \"1000k/1s,fixed-window\"\n[overload]\ntarget-lag = \"1ms\"\ninterval = \"20ms\"\ntarget-delay = \"1ms\"
            [[priority]]\nclass = \"critical_plus\"\nmatch = { header = \"X-Class=vip\" }
            [[priority]]\nclass = \"sheddable\"\nmatch = { header = \"X-Class=bulk\" }\n";
        let server = Launch::new(engine).config(config).start();
        let of = |class: &str| format!("GET /?clientId={class} HTTP/1.1\r\nHost: g\r\nX-Class: {class}\r\n\r\n");
        let ask = |peer: &mut Peer, class: &str| {
            peer.send(of(class));
            peer.answer()
        };
        let over = AtomicBool::new(false);
        let (mut vip, mut bulk) = (server.connect(), server.connect());
        let block = of("bulk").repeat(1000);
        thread::scope(|scope| {
            let _over = Over(&over);
            scope.spawn(|| flood(server.address, FEWER, block.as_bytes(), &over));
            let mut shed = None;
            wait_until("one of the least important is shed", || {
                let answer = ask(&mut bulk, "bulk");
                shed = (answer.status == 503).then_some(answer);
                shed.is_some()
            });
            let shed = shed.expect("waited for");
            assert!(shed.body.starts_with("more comes than this gate can answer"), "{engine:?}: {shed:?}");
            assert!(shed.field("Retry-After").is_some(), "{engine:?}: {shed:?}");
            wait_until("the important are answered", || ask(&mut vip, "vip").status == 200);
        });
        wait_until("all is as before", || (0..20).all(|_| ask(&mut bulk, "bulk").status == 200));
        let logged = server.logged();
        assert!(logged.iter().any(|line| line.contains("more comes than this core can answer")), "{logged:#?}");
    });
}

#[test]
fn a_core_that_was_behind_knows_that_it_has_caught_up_although_nobody_comes() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    on_both_engines(|engine| {
        // No deadline wakes a core that sleeps.
        let config = "limit = \"1000k/1s,fixed-window\"\n[overload]\ntarget-lag = \"1ms\"
            [timeouts]\nhead = \"10m\"\nidle = \"10m\"\nbody = \"10m\"\nwrite = \"10m\"\n";
        let server = Launch::new(engine).config(config).start();
        let over = AtomicBool::new(false);
        let (mut client, mut witness) = (server.connect(), server.connect());
        let block = "GET /?clientId=f HTTP/1.1\r\nHost: g\r\n\r\n".repeat(1000);
        thread::scope(|scope| {
            let _over = Over(&over);
            scope.spawn(|| flood(server.address, FEWER, block.as_bytes(), &over));
            wait_until("somebody is shed", || client.get("f").status == 503);
        });
        drop(client);
        witness.sees_nothing_for(SETTLED);
        let logged = server.logged();
        assert!(logged.iter().any(|line| line.contains("the core catches up level=0")), "{engine:?}: {logged:#?}");
    });
}

/// Ends the flood even if the test panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A flood takes all of a core, and says nothing about one that shares it with another flood.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const FLOODERS: usize = 400;
/// Enough for turns of several milliseconds, also with optimisation.
const FEWER: usize = 150;
/// How long a flood lasts. Whoever starves, starves to the end of it.
const SPAN: Duration = Duration::from_secs(6);
/// What arrived before the end of a flood is answered, and a second after that the level is as it was.
const SETTLED: Duration = Duration::from_secs(5);
/// Twice what a turn of everybody takes without optimisation, and half of what it takes where some get more than a share.
const GENEROUS: Duration = Duration::from_secs(3);
