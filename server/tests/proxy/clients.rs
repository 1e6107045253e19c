//! Clients that leave, and clients that stop.

use std::time::Duration;

use crate::got::get;
use crate::support::peer::Peer;
use crate::support::server::{Server, on_both_engines};
use crate::upstream::Upstream;
use crate::{gate_with, request};

fn leaves_with(server: &Server, upstream: &Upstream, sent: &str) {
    let mut peer = server.connect();
    peer.send(sent);
    assert!(upstream.seen().head.contains("HTTP/1.1"));
    drop(peer);
    assert_eq!(upstream.seen().head, "cancelled");
}

#[test]
fn a_client_that_leaves_takes_its_requests_along() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            if let Some(head) = visit.head() {
                visit.say(&head);
                if head.contains("/begun") {
                    visit.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
                }
                visit.ending();
                visit.say("cancelled");
            }
        });
        let server = gate_with(engine, upstream.address, "max-in-flight = 1\nqueue = { max = 10, timeout = \"20s\" }");
        leaves_with(&server, &upstream, &request("/silent"));
        leaves_with(&server, &upstream, &request("/begun"));
        leaves_with(&server, &upstream, "POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
        // One that waits gives its place back as well.
        let mut first = server.connect();
        first.send(request("/first"));
        upstream.seen();
        let mut waiting = server.connect();
        waiting.send(request("/waiting"));
        waiting.sees_nothing_for(Duration::from_millis(50));
        drop(waiting);
        let mut last = server.connect();
        last.send(request("/last"));
        drop(first);
        // Two threads tell of these, in either order.
        let mut seen = [upstream.seen().head, upstream.seen().head];
        seen.sort();
        assert!(seen[0].starts_with("GET /last") && seen[1] == "cancelled", "whoever left is passed over: {seen:?}");
    });
}

#[test]
fn a_client_that_stops_in_the_middle_of_its_content_gets_408_and_the_upstream_its_peace() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.head();
            visit.say("begun");
            visit.ending();
            visit.say("cancelled");
        });
        let server = gate_with(engine, upstream.address, "[timeouts]\nbody = \"300ms\"\nlinger = \"100ms\"");
        let mut peer = server.connect();
        peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
        let got = get(&mut peer);
        assert_eq!((got.status, got.closes()), (408, true));
        assert_eq!((upstream.seen().head.as_str(), upstream.seen().head.as_str()), ("begun", "cancelled"));
        let mut peer: Peer = server.connect();
        peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
        assert_eq!(upstream.seen().head, "begun");
        peer.send("xyz\r\n");
        assert_eq!(get(&mut peer).status, 400, "content that turns out to be none");
        assert_eq!(upstream.seen().head, "cancelled");
    });
}
