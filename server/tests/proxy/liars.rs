//! An upstream that misbehaves in every way in turn: in thousands of exchanges nobody gets what belongs to somebody else, or half of what is
//! theirs for the whole.

use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use socket2::SockRef;

use crate::dice::Dice;
use crate::got::{Got, ask, try_get};
use crate::support::peer::Peer;
use crate::support::server::on_both_engines;
use crate::upstream::Upstream;
use crate::{gate, gate_with, ok, request};

/// One way to answer, with `MARK` for what the request is known by.
struct Way {
    answer: &'static str,
    then: Then,
    comes_to: Expected,
}

/// What the upstream does when it has answered.
#[derive(Clone, Copy)]
enum Then {
    Keep,
    Close,
    Reset,
}

/// What the client may get.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// All of it.
    Whole,
    /// A head with this status, and nothing after it.
    Bare(u16),
    /// 502, because it is no answer.
    BadGateway,
    /// An answer that visibly breaks off.
    Cut,
    /// Either: a reset may overtake the bytes before it.
    CutOrBadGateway,
}

use Expected::{BadGateway, Bare, Cut, CutOrBadGateway, Whole};
use Then::{Close, Keep, Reset};

const fn way(answer: &'static str, then: Then, comes_to: Expected) -> Way {
    Way { answer, then, comes_to }
}

const WAYS: &[Way] = &[
    way("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nMARK", Keep, Whole),
    way("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nMARK\r\n0\r\n\r\n", Keep, Whole),
    way("HTTP/1.0 200 OK\r\n\r\nMARK", Close, Whole),
    // Half of an answer.
    way("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nMARK", Close, Cut),
    way("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nMARK", Reset, CutOrBadGateway),
    way("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nMARK\r\n", Close, Cut),
    way("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nMARK\r\n0\r\n", Close, Cut),
    way("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nMARK", Reset, CutOrBadGateway),
    way("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nMARK\r\nz\r\nPOISON!\r\n0\r\n\r\n", Keep, Cut),
    way("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nMARK\r\n0\r\n\r\n", Keep, Cut),
    way("HTTP/1.1 200 OK\r\n\r\nMARK", Reset, CutOrBadGateway),
    // Half of a head, or nothing.
    way("", Close, BadGateway),
    way("", Reset, BadGateway),
    way("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n", Close, BadGateway),
    way("HTTP/1.1 200 OK\r\nContent-Le", Reset, BadGateway),
    // More than an answer.
    way("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nMARKPOISON!", Keep, Whole),
    way(
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nMARKHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPOISON!",
        Keep,
        Whole,
    ),
    way(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nMARK\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPOISON!",
        Keep,
        Whole,
    ),
    way("HTTP/1.1 204 No Content\r\n\r\nPOISON!", Keep, Bare(204)),
    way("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\nPOISON!", Keep, Bare(304)),
    // Answers before the answer.
    way("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nMARK", Keep, Whole),
    way("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nMARKPOISON!", Keep, Whole),
    way("HTTP/1.1 100 Continue\r\n\r\n", Close, BadGateway),
    way("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nPOISON!", Keep, BadGateway),
    // An end that is a matter of opinion.
    way(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n7\r\nMARK\r\n0\r\n\r\n",
        Keep,
        BadGateway,
    ),
    way("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\nMARK", Keep, BadGateway),
    way("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 14\r\n\r\nMARKPOISON!", Keep, BadGateway),
    way("POISON!\r\n\r\n", Keep, BadGateway),
];

/// A request with this mark, to be answered in this way: with content in either framing, or without.
fn asking(way: usize, mark: &str, form: usize) -> String {
    let line = format!("/{way}/{mark}?clientId=7 HTTP/1.1\r\nHost: h\r\n");
    match form {
        0 => format!("GET {line}\r\n"),
        1 => format!("POST {line}Content-Length: 5\r\n\r\nhello"),
        _ => format!("POST {line}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    }
}

/// An upstream that answers as it is asked to.
fn liar() -> Upstream {
    Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            let mut parts = request.line().split(['/', '?']).skip(1);
            let way: usize = parts.next().and_then(|way| way.parse().ok()).expect("a way");
            let way = &WAYS[way];
            if !visit.peer.try_send(way.answer.replace("MARK", parts.next().expect("a mark"))) {
                return;
            }
            match way.then {
                Keep => {}
                Close => return,
                Reset => return visit.peer.twin().reset(),
            }
        }
    })
}

/// The final answer, if there is a whole one.
fn final_answer(peer: &mut Peer) -> Option<Got> {
    loop {
        let got = try_get(peer, false).ok()?;
        if got.status >= 200 {
            return Some(got);
        }
    }
}

#[test]
fn of_ten_thousand_answers_in_every_wrong_way_none_is_taken_for_another_and_none_for_more_than_it_is() {
    on_both_engines(|engine| {
        let upstream = liar();
        let server = gate_with(engine, upstream.address, "breaker = { state = \"disabled\" }");
        let mut dice = Dice::new(17);
        let mut peer = server.connect();
        let (mut asked, mut whole) = (0, 0);
        while asked < EXCHANGES {
            let burst: Vec<(usize, String)> =
                (0..=dice.below(3)).map(|place| (dice.below(WAYS.len()), format!("m{:06}", asked + place))).collect();
            asked += burst.len();
            let text: String = burst.iter().map(|(way, mark)| asking(*way, mark, dice.below(3))).collect();
            peer.send(text);
            for (way, mark) in burst {
                let expected = WAYS[way].comes_to;
                let got = final_answer(&mut peer);
                let status = got.as_ref().map(|got| got.status);
                let text = got.as_ref().map(|got| String::from_utf8_lossy(&got.body).into_owned());
                let fits = match expected {
                    Whole => status == Some(200) && text.as_ref() == Some(&mark),
                    Bare(bare) => status == Some(bare) && text.as_deref() == Some(""),
                    BadGateway => status == Some(502),
                    Cut => got.is_none(),
                    CutOrBadGateway => status.is_none_or(|status| status == 502),
                };
                assert!(fits, "{mark} was answered with {:?} and became {got:?}, not {expected:?}", WAYS[way].answer);
                whole += usize::from(status == Some(200));
                if got.is_none() {
                    // Whatever came behind it on this connection is gone, and nothing else comes of it.
                    peer = server.connect();
                    break;
                }
            }
        }
        assert!(whole > EXCHANGES / 10, "{whole} of {asked}");
    });
}

/// On each engine.
const EXCHANGES: usize = 5000;

#[test]
fn bytes_that_come_after_an_answer_when_the_connection_is_at_rest_are_nobodys_either() {
    on_both_engines(|engine| {
        let (poison, poisoned) = channel::<()>();
        let poisoned = Mutex::new(poisoned);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        // Its connections have room for so little that is not acknowledged that with the last byte of 32 KiB sent the first has arrived.
        SockRef::from(&listener).set_send_buffer_size(4096).expect("a small buffer");
        let upstream = Upstream::on(listener, move |visit| {
            while let Some(request) = visit.request() {
                let path = request.line().split([' ', '?']).nth(1).unwrap_or_default().to_owned();
                visit.peer.send(ok(&path));
                if poisoned.lock().expect("no panic").recv().is_err() {
                    return;
                }
                visit.peer.try_send(ok(&"POISON!".repeat(5000)));
                visit.say("poisoned");
            }
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        for number in 0..ROUNDS {
            let path = format!("/{number}");
            assert_eq!(ask(&mut peer, &request(&path)).text(), path);
            assert!(upstream.seen().line().contains(&path));
            poison.send(()).expect("the upstream waits");
            assert_eq!(upstream.seen().head, "poisoned");
        }
        assert_eq!(upstream.visits(), ROUNDS, "none of those connections is used again");
        drop(poison);
    });
}

const ROUNDS: usize = 1000;
