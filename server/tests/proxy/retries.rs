//! What is asked for twice, and what the upstream's own words are.

use crate::got::ask;
use crate::pipelining::Latch;
use crate::support::clock::wait_until;
use crate::support::server::on_both_engines;
use crate::upstream::{Upstream, find};
use crate::{gate, gate_with, ok, request};

#[test]
fn an_upstream_that_asks_for_patience_is_passed_on_word_by_word_and_asked_once() {
    let busy = ["429 Too Many Requests", "503 Service Unavailable", "500 Oops"];
    on_both_engines(|engine| {
        let upstream = Upstream::start(move |visit| {
            while let Some(request) = visit.request() {
                let number = request.line().as_bytes()[5] - b'0';
                let status = busy[usize::from(number)];
                visit.peer.send(format!("HTTP/1.1 {status}\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nbusy"));
            }
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        for (number, status) in busy.iter().enumerate() {
            let got = ask(&mut peer, &request(&format!("/{number}")));
            assert!(got.head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{}", got.head);
            assert_eq!((got.field("Retry-After"), got.text()), (Some("17"), "busy"));
            assert_eq!(got.field("Proxy-Status"), None, "these are not the gate's words");
            assert_eq!(upstream.unseen().len(), 1);
        }
    });
}

#[test]
fn when_everything_fails_at_once_only_a_few_are_tried_again() {
    on_both_engines(|engine| {
        let (all_there, enough) = (Latch::default(), Latch::default());
        let (begin, end) = (all_there.clone(), enough.clone());
        let upstream = Upstream::start(move |visit| {
            visit.request();
            if visit.number < ALL {
                begin.wait();
            } else {
                end.wait();
                visit.peer.try_send(ok("at last"));
            }
        });
        let server = gate_with(engine, upstream.address, "breaker = { state = \"disabled\" }");
        let mut peers = server.connect_many(ALL);
        for peer in &mut peers {
            peer.send(request("/"));
            upstream.seen();
        }
        all_there.open();
        let failed = |text: &[u8]| text.starts_with(b"HTTP/1.1 502 ") && find(text, b"answered\n").is_some();
        wait_until("most of them fail", || {
            for peer in &mut peers {
                let _ = peer.poll();
            }
            peers.iter().filter(|peer| failed(peer.received())).count() >= ALL - A_FIFTH
        });
        enough.open();
        let mut answered = 0;
        for peer in peers.iter_mut().filter(|peer| !failed(peer.received())) {
            assert_eq!(crate::got::get(peer).text(), "at last");
            answered += 1;
        }
        assert!((3..=A_FIFTH).contains(&answered), "{answered} of {ALL} were tried again");
        assert_eq!(upstream.visits(), ALL + answered);
    });
}

const ALL: usize = 20;
const A_FIFTH: usize = ALL / 5;
