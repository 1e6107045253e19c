//! Connections over real sockets, each case on both engines: what is said on them (`exchange`), and what the cores do with them (`cores`).

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tollgate_limiter::{Limiter, Settings};

use crate::boot::{BootSettings, Drained, IoMode, ListenerSettings, Running, Timeouts, start};
use crate::preflight::allowed_cpus;
use crate::service::{Service, ServiceSettings};

/// Makes each case a test per engine.
macro_rules! on_both_engines {
    ($($case:ident)*) => {
        mod on_the_ring {
            $(#[test] fn $case() { super::$case(super::IoMode::Ring); })*
        }
        mod on_streams {
            $(#[test] fn $case() { super::$case(super::IoMode::Glommio); })*
        }
    };
}

mod cores;
mod exchange;

/// A server on one core, with settings a case may change first.
struct Gate {
    running: Running,
}

impl Gate {
    fn open(io: IoMode) -> Gate {
        Gate::with(io, |_| {})
    }

    fn with(io: IoMode, change: impl FnOnce(&mut BootSettings)) -> Gate {
        let cpu = allowed_cpus().expect("affinity")[0];
        let mut settings = BootSettings {
            listeners: vec![FREE_PORT],
            cores: vec![cpu],
            io,
            backlog: 128,
            max_connections: 1000,
            timeouts: Timeouts::default(),
            upstreams: Arc::default(),
            gatekeeper: None,
        };
        change(&mut settings);
        let limiter = Arc::new(Limiter::new(&Settings { seed: 1, ..Settings::default() }).expect("defaults are valid"));
        let running = start(&settings, move |_, _| Service::new(Arc::clone(&limiter), ServiceSettings::default()));
        Gate { running: running.expect("starts") }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.running.ready().addresses[0]).expect("connect");
        // So that a case that fails says so instead of hanging.
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("timeout");
        stream
    }

    fn drain(self) -> Drained {
        self.running.stopper().stop();
        self.running.wait().expect("no core died")
    }
}

const FREE_PORT: ListenerSettings =
    ListenerSettings { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), upstream: None };

const PATIENCE: Duration = Duration::from_secs(20);

fn request(id: &str) -> String {
    format!("GET /?clientId={id} HTTP/1.1\r\nHost: gate\r\n\r\n")
}

/// Reads one answer and returns its head.
fn answer(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("ASCII");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .expect("a length")
        .parse()
        .expect("a number");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the content");
    head
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {head:?}"))
}

/// Everything until the end of the stream.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an orderly end");
    rest
}

/// Whether nothing comes for a while.
fn is_silent(stream: &TcpStream) -> bool {
    let mut fds = [PollFd::new(stream, PollFlags::IN)];
    let span = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };
    loop {
        match poll(&mut fds, Some(&span)) {
            Ok(ready) => return ready == 0,
            Err(error) => assert_eq!(error, Errno::INTR),
        }
    }
}
