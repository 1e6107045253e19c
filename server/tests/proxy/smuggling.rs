//! Requests and answers whose end is a matter of opinion: they are nobody's.

use crate::got::{ask, get, try_get};
use crate::support::server::on_both_engines;
use crate::upstream::Upstream;
use crate::{gate, gate_with, ok, request};

/// Heads (and what follows) that two readers could take differently, after `POST /?clientId=7 HTTP/1.1` and Host.
pub const AMBIGUOUS: &[&str] = &[
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil?clientId=7 HTTP/1.1\r\nHost: h\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "Content-Length: 5, 5\r\n\r\nhello",
    "Content-Length: +5\r\n\r\nhello",
    "Content-Length: 0x5\r\n\r\nhello",
    "Content-Length : 5\r\n\r\nhello",
    "Transfer-Encoding: chunked\r\n , identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n",
    "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Host: other\r\n\r\n",
];

#[test]
fn a_request_whose_end_is_ambiguous_is_rejected_before_the_upstream_hears_of_it() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok(""));
        let server = gate(engine, upstream.address);
        for rest in AMBIGUOUS {
            let mut peer = server.connect();
            peer.send(format!("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\n{rest}"));
            let got = get(&mut peer);
            assert!(matches!(got.status, 400 | 501) && got.closes(), "{rest:?}: {got:?}");
            assert!(try_get(&mut peer, false).is_err(), "{rest:?}: nothing after it is a request");
        }
        assert_eq!((upstream.unseen(), upstream.visits()), (vec![], 0));
    });
}

/// Content that is malformed after a flawless head. The upstream may have seen its beginning, and must never see its end.
pub const SPOILT: &[&str] = &[
    "5\r\nhello\r\n\r\n0\r\n\r\n",
    "5\r\nhelloX0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "5\nhello\n0\n\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "00000000000000005\r\nhello\r\n0\r\n\r\n",
    "5;a=\"\r\nhello\r\n0\r\n\r\n",
    "0\r\nBad Trailer: 1\r\n\r\n",
    "0\r\nX: 1\r\n folded\r\n\r\n",
];

#[test]
fn content_that_is_malformed_never_becomes_a_whole_request() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok(""));
        let server = gate(engine, upstream.address);
        for rest in SPOILT {
            let mut peer = server.connect();
            peer.send(format!("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{rest}"));
            let got = get(&mut peer);
            assert_eq!((got.status, got.closes()), (400, true), "{rest:?}");
        }
        assert_eq!(upstream.unseen(), []);
    });
}

#[test]
fn a_request_hidden_in_content_stays_content() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok(""));
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        let hidden = "GET /evil?clientId=7 HTTP/1.1\r\nHost: h\r\n\r\n";
        let length = hidden.len();
        ask(
            &mut peer,
            &format!(
                "GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nConnection: Content-Length\r\nContent-Length: {length}\r\n\r\n{hidden}"
            ),
        );
        ask(
            &mut peer,
            &format!(
                "GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nConnection: Transfer-Encoding, Host\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n"
            ),
        );
        for _ in 0..2 {
            let seen = upstream.seen();
            assert_eq!((seen.body.as_slice(), seen.field("Host")), (hidden.as_bytes(), Some("h")));
        }
        assert_eq!(upstream.unseen(), []);
    });
}

/// What is no answer.
const NO_ANSWERS: &[&str] = &[
    "nonsense\r\n\r\n",
    "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 2OO OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\n\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "\u{16}\u{3}\u{1}",
];

#[test]
fn what_is_no_answer_is_502() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(200));
    let endless = "HTTP/1.1 102 Processing\r\n\r\n".repeat(50);
    let own = [long, many, endless];
    let all: Vec<String> = NO_ANSWERS.iter().map(|&answer| answer.to_owned()).chain(own).collect();
    on_both_engines(|engine| {
        let answers = all.clone();
        let upstream = Upstream::start(move |visit| {
            while let Some(request) = visit.request() {
                let number = request.line().split(['/', '?']).nth(1).and_then(|number| number.parse::<usize>().ok());
                visit.peer.try_send(&answers[number.expect("a number")]);
            }
        });
        let server = gate_with(engine, upstream.address, "breaker = { state = \"disabled\" }");
        let mut peer = server.connect();
        for (number, answer) in all.iter().enumerate() {
            let mut got = ask(&mut peer, &request(&format!("/{number}")));
            while got.status == 102 {
                got = get(&mut peer);
            }
            assert_eq!(got.status, 502, "{:?}", &answer[..answer.len().min(80)]);
            assert_eq!(got.field("Proxy-Status"), Some("tollgate; error=http_protocol_error"));
        }
    });
}
