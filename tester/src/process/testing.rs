//! Servers to test with: Tollgate itself, and an impostor.
//!
//! The impostor is this test binary, started again to run one test that otherwise does nothing: a real process that listens, on any machine.

mod binary;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::{env, mem};

use tollgate_client::{Clock, Nanos};

use super::{Launch, Question, Server};
use binary::binary;

/// A Tollgate with these arguments on a free port.
pub(crate) fn tollgate(args: &str) -> Server {
    let line = format!("{} --listen 127.0.0.1:0 --max-clients 10k {args}", binary().display());
    let launch = Launch::parse(&line).expect("a command line");
    Server::start(&launch, &Question::default(), Clock::start()).unwrap_or_else(|error| panic!("{error}"))
}

/// The command line of an impostor that does this, listening on `address`.
pub(crate) fn impostor(deed: &str, address: &str) -> String {
    let exe = env::current_exe().expect("a test binary");
    format!(
        "env IMPOSTOR={deed} IMPOSTOR_LISTEN={address} '{}' --exact process::testing::is_the_impostor --nocapture",
        exe.display()
    )
}

#[test]
fn is_the_impostor() {
    let Ok(deed) = env::var("IMPOSTOR") else { return };
    let listener = TcpListener::bind(env::var("IMPOSTOR_LISTEN").expect("an address")).expect("a port");
    println!("\nlistening on http://{}", listener.local_addr().expect("bound"));
    let mut kept = Vec::new();
    let mut files = Vec::new();
    for stream in listener.incoming().map_while(Result::ok) {
        if deed == "mute" {
            mem::forget(stream);
            continue;
        }
        if deed == "leak" {
            kept.push(vec![1_u8; 1 << 20]);
            files.extend((0..5).map(|_| File::open("/dev/null").expect("a file")));
        }
        let mut lines = BufReader::new(&stream).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let _ =
            (&stream).write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

/// Waits until something is so; what is waited for tells nobody.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let clock = Clock::start();
    while !is_so() {
        assert!(clock.now() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Nanos::from_millis(5).into());
    }
}

/// Longer than anything takes on a busy machine.
const PATIENCE: Nanos = Nanos::from_secs(30);
