//! Servers that are sick: they are called no more, and nobody waits for them.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use rustix::thread::sched_getaffinity;

use crate::got::{Got, ask, get};
use crate::support::clock::{Stopwatch, wait_until};
use crate::support::server::{Engine, Launch, Server, on_both_engines};
use crate::upstream::{Upstream, Visit};
use crate::{gate_with, ok, request};

pub const POST: &str = "POST /post?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";

/// Lines for a gate whose breaker opens after `calls` calls, and waits for so long then; and whatever else it has.
pub fn opens_after(calls: u32, wait: &str, more: &str) -> String {
    format!(
        "[upstream.app.breaker]\nminimum-number-of-calls = {calls}\nwait-duration-in-open-state = \"{wait}\"\nwait-jitter = 0\n{more}"
    )
}

/// A server that does what the path says.
pub fn patient() -> Upstream {
    Upstream::start(|visit| while visit.request().is_some_and(|request| obey(visit, request.line())) {})
}

/// Says whether the connection goes on.
pub fn obey(visit: &mut Visit, line: &str) -> bool {
    let path = line.split(['?', ' ']).nth(1).expect("a path");
    match path.strip_prefix("/status/") {
        Some(status) => visit.peer.try_send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")),
        None if path == "/hold" => {
            visit.ending();
            false
        }
        None => visit.peer.try_send(ok("well")),
    }
}

pub fn is_turned_away(got: &Got) -> bool {
    let status = got.field("Proxy-Status");
    let turned_away = status == Some("tollgate; error=destination_unavailable; details=\"breaker-open\"");
    assert!(!turned_away || got.status == 503, "{got:?}");
    turned_away
}

/// Ends it, and gives what it said about its breakers.
pub fn transitions(server: Server) -> Vec<String> {
    let told = |line: String| line.split_once("circuit breaker ").map(|(_, told)| told.to_owned());
    // At once, but not without its last lines.
    server.signal(Signal::TERM);
    server.signal(Signal::INT);
    server.wait().1.into_iter().filter_map(told).collect()
}

#[test]
fn a_server_that_fails_is_called_no_more_and_who_asks_hears_when_to_come_back() {
    on_both_engines(|engine| {
        let upstream = patient();
        let server = gate_with(engine, upstream.address, &opens_after(4, "20s", ""));
        let mut peer = server.connect();
        for _ in 0..4 {
            assert_eq!(ask(&mut peer, &request("/status/500")).status, 500);
        }
        for path in ["/", "/status/500"] {
            let got = ask(&mut peer, &request(path));
            assert!(is_turned_away(&got), "{got:?}");
            let after: u64 = got.field("Retry-After").and_then(|text| text.parse().ok()).expect("seconds");
            assert!((1..=20).contains(&after), "{after}");
        }
        assert_eq!(upstream.unseen().len(), 4, "the service hears of no more");
        drop(peer);
        server.signal(Signal::TERM);
        let (_, logged) = server.wait();
        let opened = format!("server={} from=closed to=open cause=failure_rate", upstream.address);
        assert!(logged.iter().any(|line| line.contains(&opened)), "{logged:#?}");
        let counted = "6 requests: 4 allowed, 0 denied, 0 rejected, 2 unavailable";
        assert!(logged.iter().any(|line| line.contains(counted)), "{logged:#?}");
    });
}

#[test]
fn a_server_that_nobody_can_reach_is_given_up_after_five_calls_in_a_row() {
    on_both_engines(|engine| {
        let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let server = gate_with(engine, closed, &opens_after(1000, "20s", ""));
        let mut peer = server.connect();
        // Each is two calls, but for the last: when the breaker has opened, nothing is tried again.
        for _ in 0..3 {
            assert_eq!(ask(&mut peer, &request("/")).status, 502);
        }
        assert!(is_turned_away(&ask(&mut peer, &request("/"))));
        let told = transitions(server);
        assert!(told.len() == 1 && told[0].ends_with("to=open cause=consecutive_failures"), "{told:?}");
    });
}

#[test]
fn a_request_is_not_sent_again_to_a_server_that_was_just_given_up() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.request();
            visit.peer.twin().reset();
        });
        let server = gate_with(engine, upstream.address, &opens_after(1, "20s", ""));
        let mut peer = server.connect();
        let got = ask(&mut peer, &request("/"));
        assert_eq!((got.status, got.field("Proxy-Status")), (502, Some("tollgate; error=connection_terminated")));
        assert!(is_turned_away(&ask(&mut peer, &request("/"))));
        assert_eq!(upstream.visits(), 1);
    });
}

#[test]
fn a_sick_server_is_passed_over_and_the_other_serves_everything() {
    on_both_engines(|engine| {
        let (sick, well) = (Upstream::answering("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"), patient());
        let servers = format!("servers = [\"{}\", \"{}\"]\n", sick.address, well.address);
        let config = format!("limit = \"1M/1s,fixed-window\"\n[upstream.app]\n{servers}{}", opens_after(4, "20s", ""));
        let server = Launch::new(engine).config(&config).start();
        let mut peer = server.connect();
        let mut failed = 0;
        while failed < 4 {
            failed += usize::from(ask(&mut peer, &request("/")).status == 500);
        }
        for _ in 0..40 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "well");
        }
        assert_eq!(sick.unseen().len(), 4);
    });
}

#[test]
fn what_a_server_lost_is_sent_again_to_another_one() {
    on_both_engines(|engine| {
        let lossy = Upstream::start(|visit| {
            visit.request();
            visit.peer.twin().reset();
        });
        let well = patient();
        let servers = format!("servers = [\"{}\", \"{}\"]\n", lossy.address, well.address);
        let config = format!("limit = \"1M/1s,fixed-window\"\n[upstream.app]\n{servers}{}", opens_after(4, "20s", ""));
        let server = Launch::new(engine).config(&config).start();
        // One is busy there, so the other one is asked first.
        let mut busy = server.connect();
        busy.send(request("/hold"));
        well.seen();
        let mut peer = server.connect();
        for _ in 0..40 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "well");
        }
        assert_eq!(lossy.visits(), 4, "never twice with the same one");
    });
}

#[test]
fn a_server_that_is_too_slow_is_called_no_more() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while visit.request().is_some() {
                thread::park_timeout(Duration::from_millis(60));
                if !visit.peer.try_send(ok("late")) {
                    break;
                }
            }
        });
        let settings = opens_after(3, "20s", "slow-call-duration-threshold = \"20ms\"");
        let server = gate_with(engine, upstream.address, &settings);
        let mut peer = server.connect();
        for _ in 0..3 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "late");
        }
        assert!(is_turned_away(&ask(&mut peer, &request("/"))));
        let told = transitions(server);
        assert!(told.len() == 1 && told[0].ends_with("to=open cause=slow_call_rate"), "{told:?}");
    });
}

/// A request upstream on each core, the others in line, and then a failure: nobody waits for the end of his patience.
fn flushes(engine: Engine, cores: &str, count: usize, clients: usize) {
    let fail = Arc::<AtomicBool>::default();
    let fails = Arc::clone(&fail);
    let upstream = Upstream::start(move |visit| {
        while visit.request().is_some() {
            if visit.number == 0 {
                wait_until("it is to fail", || fails.load(Ordering::SeqCst));
                visit.peer.send("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n");
            } else {
                visit.ending();
            }
        }
    });
    let room = "max-in-flight = 1\nqueue = { max = 100, timeout = \"60s\" }";
    let config = format!(
        "limit = \"1M/1s,fixed-window\"\n[upstream.app]\nservers = [\"{}\"]\n{room}\n{}",
        upstream.address,
        opens_after(1, "60s", "")
    );
    let server = Launch::new(engine).cores(cores).config(&config).start();
    let mut peers = server.connect_many(clients);
    peers.iter_mut().for_each(|peer| peer.send(request("/")));
    for _ in 0..count {
        upstream.seen();
    }
    // The others get in line, and the cores go to sleep.
    thread::park_timeout(Duration::from_millis(300));
    let watch = Stopwatch::start();
    fail.store(true, Ordering::SeqCst);
    let mut statuses = Vec::new();
    wait_until("everybody but those upstream is answered", || {
        peers.retain_mut(|peer| {
            let is_answered = peer.poll().is_ok();
            if is_answered {
                let got = get(peer);
                statuses.push(if is_turned_away(&got) { 0 } else { got.status });
            }
            !is_answered
        });
        statuses.len() == clients - count + 1
    });
    assert!(watch.elapsed() < Duration::from_secs(20), "{:?}", watch.elapsed());
    assert_eq!(statuses.iter().filter(|status| **status == 500).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 0).count(), clients - count, "{statuses:?}");
    assert_eq!(upstream.visits(), count);
}

#[test]
fn nobody_waits_in_line_for_a_server_that_was_given_up() {
    on_both_engines(|engine| {
        let cpu = cpus()[0];
        flushes(engine, &format!("{cpu}-{cpu}"), 1, 8);
    });
}

/// A core that hears no bell looks by itself, sooner or later: this shows what comes of it, and `proxy::breaker::tests` that the bell rings.
#[test]
fn nobody_waits_out_his_time_on_another_core_either() {
    if cpus().len() > 1 {
        on_both_engines(|engine| flushes(engine, "2", 2, 32));
    }
}

fn cpus() -> Vec<usize> {
    let allowed = sched_getaffinity(None).expect("an affinity mask");
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect()
}

#[test]
fn a_breaker_that_is_forced_open_lets_nobody_through() {
    on_both_engines(|engine| {
        let upstream = patient();
        let server = gate_with(engine, upstream.address, "breaker = { state = \"forced-open\" }");
        assert!(server.screen().iter().any(|line| line.ends_with("; breaker forced-open")), "{:?}", server.screen());
        let got = ask(&mut server.connect(), &request("/"));
        assert!(is_turned_away(&got));
        assert_eq!(got.field("Retry-After"), None, "nobody knows");
        assert_eq!(upstream.visits(), 0);
    });
}

#[test]
fn a_breaker_that_is_disabled_stops_nothing_and_one_for_metrics_only_reports_once() {
    on_both_engines(|engine| {
        for (state, told) in [("disabled", 0), ("metrics-only", 1)] {
            let upstream = patient();
            let settings = opens_after(2, "20s", &format!("state = \"{state}\""));
            let server = gate_with(engine, upstream.address, &settings);
            let mut peer = server.connect();
            for _ in 0..10 {
                assert_eq!(ask(&mut peer, &request("/status/500")).status, 500);
            }
            let reports = transitions(server);
            assert_eq!(reports.len(), told, "{reports:?}");
            let report = "from=metrics_only to=metrics_only cause=failure_rate";
            assert!(reports.iter().all(|line| line.ends_with(report)), "{reports:?}");
        }
    });
}
