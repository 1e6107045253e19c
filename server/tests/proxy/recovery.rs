//! Servers that are back: how that is found out, and how they get their load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::breaker::{POST, is_turned_away, obey, opens_after, patient, transitions};
use crate::failures::black_hole;
use crate::got::{ask, get, try_get};
use crate::nginx::Nginx;
use crate::support::clock::wait_until;
use crate::support::peer::Peer;
use crate::support::server::{Server, on_both_engines};
use crate::upstream::Upstream;
use crate::{gate_with, request};

/// Opens the breaker of a gate in front of [`patient`] that opens after one call.
fn open(server: &Server, upstream: &Upstream) {
    assert_eq!(ask(&mut server.connect(), &request("/status/500")).status, 500);
    upstream.seen();
}

/// Asks again and again until the server hears of it; gives the connection that it is on.
fn get_through(server: &Server, upstream: &Upstream, sent: &str) -> Peer {
    let mut through = None;
    wait_until("a probe gets through", || {
        let mut peer = server.connect();
        peer.send(sent);
        loop {
            let heard = peer.poll().is_ok();
            if !upstream.unseen().is_empty() {
                through = Some(peer);
                return true;
            }
            if heard {
                assert!(is_turned_away(&get(&mut peer)));
                return false;
            }
            thread::park_timeout(Duration::from_millis(1));
        }
    });
    through.expect("waited for")
}

/// A server that keeps `/wait` waiting until it is released, and otherwise does what the path says.
fn releasable() -> (Upstream, Arc<AtomicBool>) {
    let released = Arc::<AtomicBool>::default();
    let is_released = Arc::clone(&released);
    let upstream = Upstream::start(move |visit| {
        while let Some(request) = visit.request() {
            while request.line().contains("/wait") && !is_released.load(Ordering::SeqCst) {
                thread::park_timeout(Duration::from_millis(5));
            }
            if !obey(visit, request.line()) {
                break;
            }
        }
    });
    (upstream, released)
}

#[test]
fn half_open_lets_as_many_through_as_it_may_and_closes_when_they_did_well() {
    on_both_engines(|engine| {
        let (upstream, released) = releasable();
        let more = "permitted-number-of-calls-in-half-open-state = 3\nslow-start = 0";
        let server = gate_with(engine, upstream.address, &opens_after(3, "50ms", more));
        for _ in 0..3 {
            open(&server, &upstream);
        }
        let mut permitted = vec![get_through(&server, &upstream, &request("/wait"))];
        let mut turned_away = 0;
        for _ in 0..9 {
            let mut peer = server.connect();
            peer.send(request("/wait"));
            let mut decided = false;
            wait_until("it is turned away, or gets through", || {
                decided = peer.poll().is_ok();
                decided || !upstream.unseen().is_empty()
            });
            if decided {
                let got = get(&mut peer);
                assert!(is_turned_away(&got) && got.field("Retry-After") == Some("1"), "{got:?}");
                turned_away += 1;
            } else {
                permitted.push(peer);
            }
        }
        assert_eq!((permitted.len(), turned_away), (3, 7));
        released.store(true, Ordering::SeqCst);
        for mut peer in permitted {
            assert_eq!(get(&mut peer).text(), "well");
        }
        let mut peer = server.connect();
        for _ in 0..20 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "well");
        }
        let told = transitions(server);
        let ends = [
            "from=closed to=open cause=failure_rate",
            "from=open to=half_open cause=wait_over",
            "from=half_open to=closed cause=recovered",
        ];
        assert!(told.len() == 3 && told.iter().zip(ends).all(|(line, end)| line.ends_with(end)), "{told:#?}");
    });
}

#[test]
fn half_open_that_fails_opens_for_longer() {
    on_both_engines(|engine| {
        let upstream = patient();
        let more = "permitted-number-of-calls-in-half-open-state = 1\nwait-backoff-multiplier = 100\nwait-max = \"1h\"";
        let server = gate_with(engine, upstream.address, &opens_after(1, "1s", more));
        open(&server, &upstream);
        let mut peer = server.connect();
        let first = ask(&mut peer, &request("/"));
        assert!(is_turned_away(&first) && first.field("Retry-After") == Some("1"), "{first:?}");
        assert_eq!(get(&mut get_through(&server, &upstream, &request("/status/500"))).status, 500);
        let second = ask(&mut peer, &request("/"));
        assert!(is_turned_away(&second));
        let after: u64 = second.field("Retry-After").and_then(|text| text.parse().ok()).expect("seconds");
        assert!((50..=100).contains(&after), "{after}");
    });
}

#[test]
fn half_open_ends_also_when_nobody_answers_the_door() {
    let (address, _full) = black_hole();
    on_both_engines(|engine| {
        let settings = "timeouts = { connect = \"1300ms\" }\n".to_owned();
        let settings = settings + &opens_after(1, "1ms", "wait-backoff-multiplier = 100\nwait-max = \"1h\"");
        let server = gate_with(engine, address, &settings);
        let mut peer = server.connect();
        let mut in_vain = 0;
        while in_vain < 2 {
            let got = ask(&mut peer, &request("/"));
            assert!(got.status == 504 || is_turned_away(&got), "{got:?}");
            in_vain += usize::from(got.status == 504);
        }
        let told = transitions(server);
        let ends = ["from=closed to=open", "from=open to=half_open", "from=half_open to=open"];
        assert!(told.len() == 3 && told.iter().zip(ends).all(|(line, end)| line.contains(end)), "{told:#?}");
    });
}

#[test]
fn clients_that_leave_do_not_keep_a_breaker_half_open() {
    on_both_engines(|engine| {
        let upstream = patient();
        let more = "permitted-number-of-calls-in-half-open-state = 1\nslow-start = 0";
        let server = gate_with(engine, upstream.address, &opens_after(1, "10ms", more));
        open(&server, &upstream);
        let hold = request("/hold");
        for round in 0..1000 {
            let peer = get_through(&server, &upstream, &hold);
            if round % 2 == 0 {
                peer.reset();
            }
        }
        assert_eq!(get(&mut get_through(&server, &upstream, &request("/"))).text(), "well");
        assert_eq!(ask(&mut server.connect(), &request("/")).text(), "well");
    });
}

#[test]
fn a_client_that_does_not_send_does_not_keep_a_breaker_half_open() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(head) = visit.head() {
                visit.say(&head);
                if head.starts_with("POST") {
                    visit.ending();
                    break;
                }
                let answer =
                    if head.contains("/status/500") { "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n" } else { WELL };
                visit.peer.send(answer);
            }
        });
        let more = "permitted-number-of-calls-in-half-open-state = 1";
        let server = gate_with(engine, upstream.address, &opens_after(1, "10ms", more));
        open(&server, &upstream);
        let _dawdler = get_through(&server, &upstream, &POST[..POST.len() - 1]);
        assert_eq!(get(&mut get_through(&server, &upstream, &request("/"))).text(), "well");
    });
}

const WELL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell";

#[test]
fn a_long_answer_is_soon_a_good_one_and_if_it_is_cut_then_a_bad_one_after_all() {
    on_both_engines(|engine| {
        let cut = Arc::<AtomicBool>::default();
        let cuts = Arc::clone(&cut);
        let upstream = Upstream::start(move |visit| {
            while let Some(request) = visit.request() {
                if request.line().contains("/long") {
                    visit.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
                    wait_until("the rest is cut", || cuts.load(Ordering::SeqCst));
                    break;
                }
                if !obey(visit, request.line()) {
                    break;
                }
            }
        });
        let more = "permitted-number-of-calls-in-half-open-state = 1\nslow-start = 0\nfailure-rate-threshold = 1";
        let server = gate_with(engine, upstream.address, &opens_after(1, "10ms", more));
        open(&server, &upstream);
        let mut long = get_through(&server, &upstream, &request("/long"));
        // Others are served while it goes on.
        assert_eq!(get(&mut get_through(&server, &upstream, &request("/"))).text(), "well");
        cut.store(true, Ordering::SeqCst);
        assert!(try_get(&mut long, false).is_err());
        let told = transitions(server);
        let ends = [
            "to=open cause=failure_rate",
            "to=half_open cause=wait_over",
            "to=closed cause=recovered",
            "to=open cause=failure_rate",
        ];
        assert!(told.len() == 4 && told.iter().zip(ends).all(|(line, end)| line.ends_with(end)), "{told:#?}");
    });
}

#[test]
fn a_server_that_is_back_gets_a_part_of_its_load_and_the_rest_waits() {
    on_both_engines(|engine| {
        let upstream = patient();
        let more = "permitted-number-of-calls-in-half-open-state = 1\nslow-start = \"1h\"";
        let settings = "max-in-flight = 20\nqueue = { max = 1, timeout = \"200ms\" }\n".to_owned();
        let server = gate_with(engine, upstream.address, &(settings + &opens_after(1, "10ms", more)));
        open(&server, &upstream);
        assert_eq!(get(&mut get_through(&server, &upstream, &request("/"))).text(), "well");
        // A tenth of twenty, and a little more as time goes by.
        let mut holders = Vec::new();
        let shed = loop {
            let mut peer = server.connect();
            peer.send(request("/hold"));
            let mut answered = false;
            wait_until("it is shed, or gets through", || {
                answered = peer.poll().is_ok();
                answered || !upstream.unseen().is_empty()
            });
            if answered {
                break get(&mut peer);
            }
            holders.push(peer);
        };
        assert_eq!(shed.field("Proxy-Status"), Some("tollgate; error=connection_limit_reached"));
        assert!((2..=3).contains(&holders.len()), "{} at a time", holders.len());
    });
}

#[test]
fn a_server_that_is_back_has_all_of_its_load_after_a_while() {
    on_both_engines(|engine| {
        let upstream = patient();
        // No deadline wakes a core that sleeps.
        let calm = "[timeouts]\nhead = \"10m\"\nidle = \"10m\"\n[overload]\nenabled = false";
        let more = format!("permitted-number-of-calls-in-half-open-state = 1\nslow-start = \"1s\"\n{calm}");
        let settings = "max-in-flight = 10\nqueue = { max = 10, timeout = \"10m\" }\n".to_owned();
        let settings = settings + "timeouts = { connect = \"10m\", response-head = \"10m\", idle = \"10m\" }\n";
        let server = gate_with(engine, upstream.address, &(settings + &opens_after(1, "10ms", &more)));
        open(&server, &upstream);
        assert_eq!(get(&mut get_through(&server, &upstream, &request("/"))).text(), "well");
        let mut holders = server.connect_many(10);
        holders.iter_mut().for_each(|peer| peer.send(request("/hold")));
        // Though nobody makes room.
        for _ in &holders {
            upstream.seen();
        }
    });
}

#[test]
fn nginx_killed_and_started_again_under_load_is_served_again() {
    on_both_engines(|engine| {
        let mut nginx = Nginx::start(&format!("breaker-{engine:?}"));
        let more = "permitted-number-of-calls-in-half-open-state = 3\nslow-start = \"200ms\"";
        let server = gate_with(engine, nginx.address, &opens_after(20, "50ms", more));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let _done = Done(&done);
            for mut peer in server.connect_many(4) {
                let done = &done;
                scope.spawn(move || {
                    while !done.load(Ordering::SeqCst) {
                        let got = ask(&mut peer, &request("/page"));
                        assert!(matches!(got.status, 200 | 502 | 503), "{got:?}");
                    }
                });
            }
            let mut peer = server.connect();
            for _ in 0..3 {
                nginx.kill();
                wait_until("the breaker opens", || is_turned_away(&ask(&mut peer, &request("/page"))));
                nginx.start_again();
                let mut in_a_row = 0;
                wait_until("everything is served", || {
                    for _ in 0..10 {
                        let served = ask(&mut peer, &request("/page")).status == 200;
                        in_a_row = if served { in_a_row + 1 } else { 0 };
                    }
                    in_a_row >= 50
                });
            }
        });
    });
}

/// Ends the load even if the test fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
