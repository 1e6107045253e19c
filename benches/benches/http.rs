//! The work between receive and send, without a socket: read a head, render an answer, and a whole session with the limiter on.
//!
//! Requests are those that wrk sends in `compare`, and one as a browser sends it. Sessions ask for 4096 clients in turn, with
//! the time going on (*allow*) or standing still after their quota is used up (*deny*); the status of every answer is counted.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Bencher, Criterion, Throughput};

use tollgate::http::response::{Answers, LimitedStatus, Persistence};
use tollgate::http::{Limits, Progress, Request, scan::HeadScan};
use tollgate::service::{Service, ServiceSettings};
use tollgate::session::{Next, Session};
use tollgate_benches::clock::CpuStopwatch;
use tollgate_benches::ids::client_ids;
use tollgate_limiter::{Limiter, Nanos, Settings};

const WRK: &[u8] = b"GET /?clientId=3f9a0c12 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const BROWSER: &[u8] = b"GET /?clientId=3f9a0c12 HTTP/1.1\r\n\
    Host: gate.example:8080\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Connection: keep-alive\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Priority: u=0, i\r\n\r\n";
const CLIENTS: usize = 4096;
/// Between two requests of all clients together; each client comes round every 1.25 s and stays within 5 per 5 s.
const STEP: u64 = 1_250_000_000 / CLIENTS as u64;
const START: u64 = 1_000_000_000_000;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args();
    parse(&mut criterion);
    render(&mut criterion);
    session(&mut criterion);
    criterion.final_summary();
}

fn parse(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("parse");
    for (name, bytes) in [("wrk's request", WRK), ("a browser's request", BROWSER)] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            repeat(bencher, || {
                let mut scan = HeadScan::default();
                let progress = Request::receive(&mut scan, black_box(bytes), &limits, None);
                assert!(matches!(progress, Progress::Request { consumed, .. } if consumed == bytes.len()));
            });
        });
    }
}

fn render(criterion: &mut Criterion) {
    let limiter = limiter();
    let key = limiter.key(b"3f9a0c12");
    let now = Nanos::new(START);
    let decisions: Vec<_> = (0..6).map(|_| limiter.decide(key, now)).collect();
    assert!(decisions[0].is_allow() && !decisions[5].is_allow());

    let answers = Answers::new(LimitedStatus::default(), true);
    answers.set_unix_time(1_750_000_000);
    let mut out = Vec::with_capacity(1024);
    let mut group = criterion.benchmark_group("render");
    for (name, decision, status) in [("allow", decisions[0], b"200"), ("deny", decisions[5], b"503")] {
        group.bench_function(name, |bencher| {
            repeat(bencher, || {
                out.clear();
                answers.decided(&mut out, black_box(decision), limiter.quotas(key), Persistence::Keep, false);
                assert_eq!(&out[STATUS], status);
            });
        });
    }
}

fn session(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session, bytes to answer");
    for depth in [1, 16] {
        group.throughput(Throughput::Elements(depth));
        for (name, step, status) in [("allow", STEP, b"200"), ("deny", 0, b"503")] {
            let mut conversation = Conversation::new(depth as usize, step);
            group.bench_function(format!("{name}, pipelined by {depth}"), |bencher| {
                repeat(bencher, || {
                    let first_status = conversation.turn();
                    assert_eq!(first_status, status);
                });
            });
            conversation.check_every_answer(status);
        }
    }
}

/// CPU time, so that other processes don't count.
fn repeat(bencher: &mut Bencher<'_>, mut work: impl FnMut()) {
    bencher.iter_custom(|times| {
        let watch = CpuStopwatch::start();
        for _ in 0..times {
            work();
        }
        watch.elapsed()
    });
}

const STATUS: std::ops::Range<usize> = 9..12;

/// One connection with `depth` requests in each read.
struct Conversation {
    service: Service,
    session: Session,
    reads: Vec<Vec<u8>>,
    next: usize,
    now: u64,
    /// Between reads.
    step: u64,
    out: Vec<u8>,
}

impl Conversation {
    /// With `step` 0 the clients have used up their quota.
    fn new(depth: usize, step: u64) -> Conversation {
        let service = Service::new(Arc::new(limiter()), ServiceSettings::default());
        service.set_unix_time(1_750_000_000);
        let requests: Vec<_> = client_ids(CLIENTS)
            .iter()
            .map(|id| format!("GET /?clientId={id} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n").into_bytes())
            .collect();
        let mut conversation = Conversation {
            service,
            session: Session::new(None),
            reads: requests.chunks(depth).map(<[_]>::concat).collect(),
            next: 0,
            now: START,
            step: step * depth as u64,
            out: Vec::with_capacity(16 * 1024),
        };
        let rounds = if step == 0 { 5 } else { 1 };
        for _ in 0..rounds * conversation.reads.len() {
            assert_eq!(conversation.turn(), b"200");
        }
        conversation
    }

    /// Gives the session one read; the status of its first answer.
    fn turn(&mut self) -> &[u8] {
        self.out.clear();
        let read = &self.reads[self.next];
        let turn = self.session.on_bytes(read, Nanos::new(self.now), &self.service, &mut self.out);
        assert!(turn.consumed == read.len() && turn.next == Next::Read);
        self.next = (self.next + 1) % self.reads.len();
        self.now += self.step;
        &self.out[STATUS]
    }

    /// All requests of a round are answered with `status`, also those behind the first of a read.
    fn check_every_answer(&mut self, status: &[u8]) {
        let expected = [b"HTTP/1.1 ", status].concat();
        let answers = (0..self.reads.len()).map(|_| {
            self.turn();
            memchr::memmem::find_iter(&self.out, &expected).count()
        });
        assert_eq!(answers.sum::<usize>(), CLIENTS, "answers of {}", String::from_utf8_lossy(status));
    }
}

fn limiter() -> Limiter {
    Limiter::new(&Settings { seed: 1, ..Settings::default() }).expect("possible settings")
}
