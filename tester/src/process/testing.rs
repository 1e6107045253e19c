//! Servers to test with: Tollgate itself, and an impostor.
//!
//! The impostor is this test binary, started again to run one test that otherwise does nothing: a real process that listens, on any machine.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::{env, mem};

use tollgate_client::{Clock, Nanos};

use super::{Launch, Question, Server};

/// A Tollgate with these arguments on a free port.
pub(crate) fn tollgate(args: &str) -> Server {
    let line = format!("{} --listen 127.0.0.1:0 --max-clients 10k {args}", binary().display());
    let launch = Launch::parse(&line).expect("a command line");
    Server::start(&launch, &Question::default(), Clock::start()).unwrap_or_else(|error| panic!("{error}"))
}

/// Where Tollgate's binary is; built first, into the folder that this test was built into.
fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--package", "tollgate", "--bin", "tollgate", "--message-format=json"]);
        let cargo = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::null()).output().expect("cargo");
        let said = String::from_utf8_lossy(&cargo.stdout);
        let messages = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let built = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
        built.unwrap_or_else(|| panic!("cargo built no tollgate: {said}"))
    };
    BINARY.get_or_init(build).clone()
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
