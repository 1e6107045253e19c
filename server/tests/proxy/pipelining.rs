//! Many requests of one connection at once: under way together, answered in order.

use std::sync::{Arc, Condvar, Mutex};

use crate::got::{get, try_get};
use crate::support::clock::PATIENCE;
use crate::support::peer::Ending;
use crate::support::server::{Launch, on_both_engines};
use crate::upstream::Upstream;
use crate::{gate, gate_with, ok, request};

/// Opens once.
#[derive(Clone, Default)]
pub struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub fn open(&self) {
        *self.0.0.lock().expect("no panic") = true;
        self.0.1.notify_all();
    }

    pub fn wait(&self) {
        let open = self.0.0.lock().expect("no panic");
        drop(self.0.1.wait_timeout_while(open, PATIENCE, |open| !*open));
    }
}

/// Answers with the path; `/slow` only when the latch is open.
fn patient(latch: &Latch) -> Upstream {
    let latch = latch.clone();
    Upstream::start(move |visit| {
        while let Some(request) = visit.request() {
            if request.line().contains("/slow") {
                latch.wait();
            }
            let path = request.line().split([' ', '?']).nth(1).unwrap_or_default().to_owned();
            visit.peer.try_send(ok(&path));
        }
    })
}

#[test]
fn pipelined_requests_are_upstream_together_and_answered_in_order() {
    on_both_engines(|engine| {
        let latch = Latch::default();
        let upstream = patient(&latch);
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        let paths: Vec<String> = (0..40).map(|number| format!("/{number}")).collect();
        let burst: String =
            std::iter::once("/slow".to_owned()).chain(paths.clone()).map(|path| request(&path)).collect();
        peer.send(burst);
        // The first is not answered, and fifteen more are there: as many as may be.
        let first: Vec<String> = (0..16).map(|_| upstream.seen().line().to_owned()).collect();
        assert!(first.iter().any(|line| line.contains("/slow")) && first.iter().any(|line| line.contains("/14?")));
        assert_eq!(upstream.unseen(), [], "and no more than that");
        latch.open();
        for path in std::iter::once("/slow").chain(paths.iter().map(String::as_str)) {
            assert_eq!(get(&mut peer).text(), path);
        }
    });
}

#[test]
fn more_answers_than_go_out_at_once_follow_without_anything_else_happening() {
    on_both_engines(|engine| {
        let latch = Latch::default();
        let upstream = Upstream::start({
            let latch = latch.clone();
            move |visit| {
                while let Some(request) = visit.request() {
                    if request.line().contains("/slow") {
                        latch.wait();
                    }
                    visit.peer.try_send(ok(&"x".repeat(LONG)));
                }
            }
        });
        let server = gate_with(engine, upstream.address, "max-in-flight = 16");
        let mut peer = server.connect();
        peer.send(request("/slow") + &request("/").repeat(15));
        // All of the others get a slot when all but the slow one are in the gate.
        let mut other = server.connect();
        other.send(request("/").repeat(15));
        for _ in 0..15 {
            assert_eq!(get(&mut other).text().len(), LONG);
        }
        latch.open();
        for _ in 0..16 {
            assert_eq!(get(&mut peer).text().len(), LONG);
        }
    });
}

/// Fifteen of these are more than one output, and each is less than the gate keeps of an answer that waits its turn.
const LONG: usize = 3900;

#[test]
fn answers_of_our_own_keep_their_place_among_those_of_the_upstream() {
    on_both_engines(|engine| {
        let latch = Latch::default();
        let upstream = patient(&latch);
        let args = format!("--upstream {} --limit 2/1h,fixed-window", upstream.address);
        let server = Launch::new(engine).args(&args).start();
        let mut peer = server.connect();
        let no_id = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
        peer.send(request("/slow") + no_id + &request("/two") + &request("/three") + no_id);
        upstream.seen();
        upstream.seen();
        latch.open();
        let got: Vec<(u16, String)> =
            (0..5).map(|_| get(&mut peer)).map(|got| (got.status, got.text().to_owned())).collect();
        let statuses: Vec<u16> = got.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [200, 400, 200, 503, 400]);
        assert_eq!((got[0].1.as_str(), got[2].1.as_str()), ("/slow", "/two"));
    });
}

#[test]
fn a_slow_answer_holds_up_nobody_but_those_behind_it_on_its_own_connection() {
    on_both_engines(|engine| {
        let latch = Latch::default();
        let upstream = patient(&latch);
        let server = gate(engine, upstream.address);
        let mut slow = server.connect();
        slow.send(request("/slow") + &request("/behind"));
        upstream.seen();
        let mut quick = server.connect();
        for _ in 0..50 {
            quick.send(request("/quick"));
            assert_eq!(get(&mut quick).text(), "/quick");
        }
        latch.open();
        assert_eq!((get(&mut slow).text(), get(&mut slow).text()), ("/slow", "/behind"));
    });
}

#[test]
fn after_an_answer_that_closes_nothing_more_is_answered() {
    on_both_engines(|engine| {
        let latch = Latch::default();
        let upstream = patient(&latch);
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        let last = "GET /last?clientId=7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        peer.send(request("/one") + last + &request("/never"));
        assert_eq!(get(&mut peer).text(), "/one");
        let got = get(&mut peer);
        assert_eq!((got.text(), got.closes()), ("/last", true));
        assert_eq!(try_get(&mut peer, false), Err(Ending::Closed));
        assert_eq!(upstream.unseen().len(), 2);
    });
}

#[test]
fn a_request_in_any_two_pieces_is_one_request() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("whole"));
        let server = gate(engine, upstream.address);
        let text = "POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        let mut peer = server.connect();
        for at in 1..text.len() {
            peer.send(&text[..at]);
            peer.send(&text[at..]);
            assert_eq!(get(&mut peer).text(), "whole", "cut at {at}");
            assert_eq!(upstream.seen().body, b"hello");
        }
    });
}
