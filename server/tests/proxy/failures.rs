//! Upstreams that refuse, die, stall or lie.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use crate::got::{ask, try_get};
use crate::support::peer::{Ending, Peer};
use crate::support::server::on_both_engines;
use crate::upstream::{Upstream, Visit};
use crate::{gate, gate_with, ok, request};

const POST: &str = "POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn an_upstream_that_refuses_is_502_and_the_client_may_go_on() {
    on_both_engines(|engine| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let server = gate(engine, address);
        let mut peer = server.connect();
        for sent in [request("/").as_str(), POST] {
            let got = ask(&mut peer, sent);
            assert_eq!(got.status, 502);
            assert_eq!(got.field("Proxy-Status"), Some("tollgate; error=connection_refused"));
        }
        let upstream = Upstream::on(TcpListener::bind(address).expect("the port is still free"), |visit| {
            while visit.request().is_some() {
                visit.peer.send(ok("back"));
            }
        });
        assert_eq!(ask(&mut peer, &request("/")).text(), "back", "a lone server is not skipped for having refused");
        drop(upstream);
    });
}

#[test]
fn a_connection_lost_before_an_answer_is_tried_once_more_if_that_does_no_harm() {
    let ways: [fn(&mut Visit); 2] = [|_| {}, |visit| visit.peer.twin().reset()];
    for lose in ways {
        on_both_engines(|engine| {
            let upstream = Upstream::start(move |visit| {
                visit.request();
                lose(visit);
            });
            let server = gate(engine, upstream.address);
            let mut peer = server.connect();
            let got = ask(&mut peer, &request("/"));
            assert_eq!((got.status, upstream.visits()), (502, 2), "twice, and no more");
            assert_eq!(got.field("Proxy-Status"), Some("tollgate; error=connection_terminated"));
            assert_eq!(ask(&mut peer, POST).status, 502);
            assert_eq!(upstream.visits(), 3, "a POST may have been heard");
        });
    }
}

#[test]
fn a_kept_connection_that_closes_as_the_request_comes_is_replaced() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            let answers = if visit.number == 0 { 1 } else { 100 };
            for _ in 0..answers {
                if visit.request().is_none() {
                    return;
                }
                visit.peer.send(ok("fine"));
            }
            visit.head();
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        for _ in 0..3 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "fine");
        }
        assert_eq!(upstream.visits(), 2);
    });
}

#[test]
fn a_kept_connection_that_the_upstream_closes_is_closed_and_not_used_again() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.request();
            visit.peer.send(ok("once"));
            visit.peer.finish();
            assert_eq!(visit.ending(), Ending::Closed);
            visit.say("the gate closed too");
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        for _ in 0..3 {
            assert_eq!(ask(&mut peer, POST).text(), "once");
            assert!(upstream.seen().head.starts_with("POST"));
            assert_eq!(upstream.seen().head, "the gate closed too");
        }
    });
}

#[test]
fn a_head_that_does_not_come_is_504_however_slowly_it_does_not_come() {
    let ways: [fn(&mut Visit); 2] = [
        |_| {},
        |visit| {
            while visit.peer.try_send("H") {
                thread::park_timeout(Duration::from_millis(50));
            }
        },
    ];
    for stall in ways {
        on_both_engines(|engine| {
            let upstream = Upstream::start(move |visit| {
                visit.request();
                if visit.peer.try_send("HTTP/1.1 200 OK\r\nX: ") {
                    stall(visit);
                }
                visit.ending();
                visit.say("cancelled");
            });
            let server = gate_with(engine, upstream.address, "timeouts = { response-head = \"300ms\" }");
            let mut peer = server.connect();
            let got = ask(&mut peer, &request("/"));
            assert_eq!((got.status, upstream.visits()), (504, 1), "again would take as long again");
            upstream.seen();
            assert_eq!(upstream.seen().head, "cancelled");
            assert_eq!(ask(&mut peer, POST).status, 504, "the client's connection is none the worse");
        });
    }
}

#[test]
fn an_answer_that_stalls_or_drags_on_ends_in_the_middle() {
    let cases = [("idle", false), ("total", true)];
    for (timeout, drips) in cases {
        on_both_engines(|engine| {
            let upstream = Upstream::start(move |visit| {
                visit.request();
                visit.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
                while visit.peer.try_send("x") && drips {
                    thread::park_timeout(Duration::from_millis(50));
                }
                visit.ending();
                visit.say("cancelled");
            });
            let server = gate_with(engine, upstream.address, &format!("timeouts = {{ {timeout} = \"400ms\" }}"));
            let mut peer = server.connect();
            peer.send(request("/"));
            let ending = try_get(&mut peer, false).expect_err("it is not complete");
            assert!(matches!(ending, Ending::Truncated | Ending::Reset), "{timeout}: {ending:?}");
            upstream.seen();
            assert_eq!(upstream.seen().head, "cancelled");
        });
    }
}

/// Halves of answers.
const HALVES: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nno size\r\n",
];

#[test]
fn half_an_answer_is_never_passed_off_as_a_whole_one() {
    let ways: [fn(&mut Visit); 2] = [|_| {}, |visit| visit.peer.twin().reset()];
    for half in HALVES {
        for end in ways {
            on_both_engines(|engine| {
                let upstream = Upstream::start(move |visit| {
                    visit.request();
                    visit.peer.send(half);
                    // So that the half arrives before the end does.
                    thread::park_timeout(Duration::from_millis(20));
                    end(visit);
                });
                let server = gate(engine, upstream.address);
                for old in [false, true] {
                    let mut peer = server.connect();
                    peer.send(if old { "GET /?clientId=7 HTTP/1.0\r\n\r\n".to_owned() } else { request("/") });
                    let outcome = try_get(&mut peer, false);
                    assert!(outcome.is_err(), "{half:?} became {outcome:?}");
                }
            });
        }
    }
}

#[test]
fn an_answer_that_ends_with_a_reset_instead_of_a_close_is_not_whole() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            visit.request();
            visit.peer.send("HTTP/1.1 200 OK\r\n\r\nhalf");
            thread::park_timeout(Duration::from_millis(20));
            visit.peer.twin().reset();
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        peer.send(request("/"));
        assert!(try_get(&mut peer, false).is_err());
        let mut old = server.connect();
        old.send("GET /?clientId=7 HTTP/1.0\r\n\r\n");
        assert_eq!(try_get(&mut old, false), Err(Ending::Reset), "nothing else tells a client of HTTP/1.0");
    });
}

#[test]
fn bytes_after_an_answer_are_nobodys() {
    on_both_engines(|engine| {
        let upstream =
            Upstream::start(
                |visit| {
                    while visit.request().is_some() && visit.peer.try_send(ok("mine") + &ok("poison")) {}
                },
            );
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        for _ in 0..20 {
            assert_eq!(ask(&mut peer, &request("/")).text(), "mine");
        }
        assert_eq!(upstream.visits(), 20, "such a connection is not used again");
    });
}

/// A listener whose queue is full lets nobody in; good as long as what is given lives.
pub fn black_hole() -> (SocketAddr, (socket2::Socket, Peer)) {
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    full.listen(0).expect("a listener");
    let address = full.local_addr().expect("an address").as_socket().expect("IP");
    let filler = Peer::connect(address);
    (address, (full, filler))
}

#[test]
fn connecting_takes_no_longer_than_it_may() {
    let (address, _full) = black_hole();
    on_both_engines(|engine| {
        let server = gate_with(engine, address, "timeouts = { connect = \"200ms\" }");
        let mut peer = server.connect();
        let got = ask(&mut peer, &request("/"));
        assert_eq!(got.status, 504);
        assert_eq!(got.field("Proxy-Status"), Some("tollgate; error=connection_timeout"));
        drop(server);
    });
}
