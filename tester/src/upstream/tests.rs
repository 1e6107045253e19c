//! The service over real connections, and what becomes of a request without them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tollgate_client::{Clock, Control, Nanos};

use super::request::{Content, Request};
use super::{Change, Kitchen, Mood, SLOW, Served, Upstream};

fn at(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

#[test]
fn what_becomes_of_a_request_follows_from_the_mood_and_the_path() {
    let slow = format!("{SLOW}?clientId=7");
    for (mood, path, served) in [
        (Mood::Well, "/?clientId=7", Served::Well(at(5))),
        (Mood::Well, slow.as_str(), Served::Well(at(3_005))),
        (Mood::Failing, "/", Served::Failed(at(5))),
        (Mood::HangingUp, "/", Served::HungUp),
    ] {
        assert_eq!(Kitchen::default().serve(path.as_bytes(), mood, at(5)), served, "{mood:?} {path}");
    }
}

#[test]
fn one_that_is_busy_answers_one_request_after_the_other() {
    let mut kitchen = Kitchen::default();
    let busy = Mood::Busy { per_second: 100 };
    let due = [at(0), at(0), at(3), at(500)].map(|now| kitchen.serve(b"/", busy, now));
    assert_eq!(due, [10, 20, 30, 510].map(|millis| Served::Well(at(millis))));
    assert_eq!(kitchen.serve(b"/", Mood::Well, at(501)), Served::Well(at(501)), "it has got over it");
}

#[test]
fn a_request_ends_where_its_content_does() {
    let request = |text: &'static str| Request::first(text.as_bytes());
    assert_eq!(request("GET / HTTP/1.1\r\nHost: h\r\n"), None);
    let get = request("GET /a?b HTTP/1.1\r\nHost: h\r\n\r\nGET").expect("whole");
    assert_eq!((get.path, get.head, get.content), (&b"/a?b"[..], 30, Content::Bytes(0)));
    let post = request("POST / HTTP/1.1\r\ncontent-length:  12 \r\n\r\n").expect("whole");
    assert_eq!(post.content, Content::Bytes(12));
    let chunks = request("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").expect("whole");
    assert_eq!(chunks.content, Content::Chunks);
}

/// What it answers to a request on a new connection; `None` if there is none to be had, nothing if it is closed.
fn ask(upstream: &Upstream, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(upstream.address()).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer).unwrap_or(0);
    Some(String::from_utf8_lossy(&answer[..read]).into_owned())
}

/// Asks until the answer begins like this.
fn until(upstream: &Upstream, expected: Option<&str>) {
    crate::process::testing::wait_until(&format!("{expected:?}"), || {
        match (ask(upstream, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), expected) {
            (None, None) => true,
            (Some(answer), Some("")) => answer.is_empty(),
            (Some(answer), Some(start)) => answer.starts_with(start),
            _ => false,
        }
    });
}

#[test]
fn it_goes_through_its_moods_on_one_port_and_is_well_in_the_end() {
    let clock = Clock::start();
    let upstream = Upstream::start(clock).expect("a service");
    for (mood, expected) in [
        (Mood::Well, Some("HTTP/1.1 200 ")),
        (Mood::Failing, Some("HTTP/1.1 500 ")),
        (Mood::HangingUp, Some("")),
        (Mood::Gone, None),
        (Mood::Busy { per_second: 1_000 }, Some("HTTP/1.1 200 ")),
    ] {
        upstream.turn(mood);
        until(&upstream, expected);
    }
    let changes = [Change { at: Nanos::ZERO, mood: Mood::Gone }, Change { at: at(10), mood: Mood::Failing }];
    upstream.follow(&changes, clock.now(), clock, &Control::default());
    until(&upstream, Some("HTTP/1.1 200 "));
}

#[test]
fn all_that_came_at_once_to_one_that_is_busy_is_answered() {
    let upstream = Upstream::start(Clock::start()).expect("a service");
    // Its answers show when a mood has come.
    upstream.turn(Mood::Failing);
    until(&upstream, Some("HTTP/1.1 500 "));
    upstream.turn(Mood::Busy { per_second: 100 });
    until(&upstream, Some("HTTP/1.1 200 "));
    assert_eq!(answers(&upstream, &"GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(3)), OK.repeat(3));
}

#[test]
fn content_is_passed_over_and_the_next_request_is_answered() {
    let upstream = Upstream::start(Clock::start()).expect("a service");
    let posts = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc".repeat(3);
    assert_eq!(answers(&upstream, &posts), OK.repeat(3));
}

/// What it answers to three requests on one connection.
fn answers(upstream: &Upstream, requests: &str) -> String {
    let mut stream = TcpStream::connect(upstream.address()).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    stream.write_all(requests.as_bytes()).expect("sent");
    let mut all = vec![0; 3 * OK.len()];
    stream.read_exact(&mut all).expect("three answers");
    String::from_utf8_lossy(&all).into_owned()
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK";
