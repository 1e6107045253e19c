//! What says that a server is sick, and what doesn't.

use std::thread;
use std::time::Duration;

use crate::breaker::{POST, is_turned_away, opens_after, patient, transitions};
use crate::got::{ask, get, try_get};
use crate::support::clock::wait_until;
use crate::support::process::open_files;
use crate::support::server::{Engine, Launch, on_both_engines};
use crate::upstream::{Upstream, Visit};
use crate::{gate_with, ok, request};

#[test]
fn answers_that_say_no_are_no_failures() {
    on_both_engines(|engine| {
        let upstream = patient();
        let server = gate_with(engine, upstream.address, &opens_after(1, "20s", "failure-rate-threshold = 1"));
        let mut peer = server.connect();
        for status in [200, 301, 400, 404, 429, 429, 429, 501, 505] {
            assert_eq!(ask(&mut peer, &request(&format!("/status/{status}"))).status, status);
        }
        assert!(transitions(server).is_empty());
    });
}

#[test]
fn a_kept_connection_that_closes_as_the_request_comes_is_no_failure() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.request();
            visit.peer.send(ok("once"));
            visit.request();
        });
        let server = gate_with(engine, upstream.address, &opens_after(1, "20s", "failure-rate-threshold = 1"));
        let mut peer = server.connect();
        for _ in 0..20 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "once");
        }
        assert!(upstream.unseen().len() > 20, "some were sent again");
        assert!(transitions(server).is_empty());
    });
}

#[test]
fn a_client_that_leaves_says_nothing_about_the_server() {
    on_both_engines(|engine| {
        let upstream = patient();
        let server = gate_with(engine, upstream.address, &opens_after(1, "20s", "failure-rate-threshold = 1"));
        for _ in 0..10 {
            let mut peer = server.connect();
            peer.send(request("/hold"));
            upstream.seen();
        }
        assert_eq!(ask(&mut server.connect(), &request("/")).text(), "well");
        assert!(transitions(server).is_empty());
    });
}

#[test]
fn a_stream_that_the_gate_ends_is_not_held_against_the_server() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.request();
            visit.peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
            visit.ending();
        });
        let settings = "timeouts = { idle = \"2s\" }\n".to_owned();
        let settings = settings + &opens_after(1, "20s", "failure-rate-threshold = 1");
        let server = gate_with(engine, upstream.address, &settings);
        let mut peer = server.connect();
        peer.send(request("/events"));
        assert!(try_get(&mut peer, false).is_err(), "no event for too long");
        assert!(transitions(server).is_empty());
    });
}

#[test]
fn a_gate_without_descriptors_does_not_take_the_server_for_sick() {
    let upstream = patient();
    let config = format!("limit = \"1M/1s,fixed-window\"\n[upstream.app]\nservers = [\"{}\"]\n", upstream.address);
    // Streams can't tell.
    let server = Launch::new(Engine::Ring).limits("ulimit -n 60").config(&config).start();
    let mut peer = server.connect();
    let crowd = server.connect_many(80);
    wait_until("all descriptors are in use", || open_files(server.pid()) >= 60);
    for _ in 0..10 {
        let got = ask(&mut peer, &request("/"));
        assert_eq!((got.status, got.field("Proxy-Status")), (502, Some("tollgate; error=proxy_internal_error")));
    }
    drop(crowd);
    wait_until("descriptors are back", || open_files(server.pid()) < 50);
    assert_eq!(ask(&mut peer, &request("/")).text(), "well");
    assert!(transitions(server).is_empty());
}

/// What a server does with a request that says that it is sick.
const WAYS: &[fn(&mut Visit)] = &[
    |visit| visit.peer.send("HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n"),
    |visit| visit.peer.send("HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
    |visit| visit.peer.send("HTTP/1.1 504 X\r\nContent-Length: 0\r\n\r\n"),
    |visit| visit.peer.send("nonsense\r\n\r\n"),
    |visit| visit.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
    |visit| visit.peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n"),
    |visit| visit.peer.twin().reset(),
    |_| {},
    // Silence.
    |visit| {
        visit.ending();
    },
];

#[test]
fn no_answer_half_an_answer_and_one_that_says_so_are_failures() {
    for way in WAYS {
        on_both_engines(|engine| {
            let upstream = Upstream::start(move |visit| {
                visit.request();
                way(visit);
            });
            let settings = "timeouts = { response-head = \"200ms\" }\n".to_owned() + &opens_after(2, "20s", "");
            let server = gate_with(engine, upstream.address, &settings);
            for _ in 0..2 {
                let mut peer = server.connect();
                peer.send(POST);
                let _ = try_get(&mut peer, false);
            }
            assert!(is_turned_away(&ask(&mut server.connect(), POST)));
            // A connection may be kept for the second one.
            assert!(upstream.visits() <= 2);
            let told = transitions(server);
            assert!(told.len() == 1 && told[0].ends_with("to=open cause=failure_rate"), "{told:?}");
        });
    }
}

#[test]
fn a_client_that_is_slow_does_not_make_the_server_slow() {
    const SLOWLY: Duration = Duration::from_millis(700);
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(request) = visit.request() {
                visit.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nO");
                if request.line().starts_with("GET") {
                    thread::park_timeout(SLOWLY);
                }
                visit.peer.send("K");
            }
        });
        let settings = opens_after(4, "20s", "slow-call-duration-threshold = \"500ms\"");
        let server = gate_with(engine, upstream.address, &settings);
        let (head, content) = POST.split_at(POST.len() - 2);
        let mut uploads = server.connect_many(4);
        let mut downloads = server.connect_many(4);
        uploads.iter_mut().for_each(|peer| peer.send(head));
        downloads.iter_mut().for_each(|peer| peer.send(request("/")));
        thread::park_timeout(SLOWLY);
        uploads.iter_mut().for_each(|peer| peer.send(content));
        for peer in uploads.iter_mut().chain(&mut downloads) {
            assert_eq!(get(peer).text(), "OK");
        }
        assert!(transitions(server).is_empty());
    });
}
