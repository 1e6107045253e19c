//! Many requests in flight on one connection, in all splits, and peers that say that they are done.

use super::support::peer::{Ending, Peer, get};
use super::support::server::{Engine, Launch, Server, on_both_engines};

/// Requests number `0..count` of every shape, and the status that each must get. Those with status 200 are all of client `id`.
fn requests_of_all_shapes(id: &str, count: usize) -> (Vec<u8>, Vec<u16>) {
    let mut bytes = Vec::new();
    let mut statuses = Vec::new();
    for number in 0..count {
        let target = format!("/?clientId={id}");
        let content = "x".repeat(number % 97);
        let length = content.len();
        let (text, status) = match number % 7 {
            0 => (get(id), 200),
            1 => (format!("GET {target} HTTP/1.1\r\nHost: g\r\nContent-Length: {length}\r\n\r\n{content}"), 200),
            2 => (chunked("GET", &target, &content), 200),
            3 => (format!("POST {target} HTTP/1.1\r\nHost: g\r\nContent-Length: {length}\r\n\r\n{content}"), 405),
            4 => (chunked("PUT", &target, &content), 405),
            5 => ("\r\nGET /other HTTP/1.1\r\nHost: g\r\n\r\n".to_owned(), 404),
            _ => (format!("GET /?nobody HTTP/1.1\r\nHost: g\r\nContent-Length: {length}\r\n\r\n{content}"), 400),
        };
        bytes.extend_from_slice(text.as_bytes());
        statuses.push(status);
    }
    (bytes, statuses)
}

fn chunked(method: &str, target: &str, content: &str) -> String {
    let (first, second) = content.split_at(content.len() / 2);
    let chunk = |part: &str| {
        if part.is_empty() { String::new() } else { format!("{:x};a=\"\\\"\";b\r\n{part}\r\n", part.len()) }
    };
    let chunks = chunk(first) + &chunk(second);
    format!("{method} {target} HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\nA: b\r\n\r\n")
}

/// Reads the answers and sees by the quota that goes down with each 200 that none was lost, doubled or exchanged.
fn sees_in_order(peer: &mut Peer, statuses: &[u16], mut left: u32) {
    for (number, status) in statuses.iter().enumerate() {
        let answer = peer.answer();
        assert_eq!(answer.status, *status, "answer {number}: {answer:?}");
        if *status == 200 {
            left -= 1;
            assert_eq!(answer.remaining(), Some(left), "answer {number}");
        }
    }
}

const PLENTY: u32 = 100_000;

fn server(engine: Engine) -> Server {
    Server::start(engine, &format!("--limit {PLENTY}/1h,fixed-window"))
}

#[test]
fn a_thousand_pipelined_requests_with_bodies_are_answered_in_order() {
    on_both_engines(|engine| {
        let server = server(engine);
        let (bytes, statuses) = requests_of_all_shapes("7", 1000);
        let mut peer = server.connect();
        peer.send(&bytes);
        sees_in_order(&mut peer, &statuses, PLENTY);
        // And the connection goes on.
        assert_eq!(peer.get("8").status, 200);
    });
}

#[test]
fn all_splits_of_the_bytes_get_the_same_answers() {
    on_both_engines(|engine| {
        let server = server(engine);
        for (size, count) in [(1, 14), (2, 50), (3, 50), (7, 50), (64, 200), (500, 200)] {
            let mut peer = server.connect();
            let (bytes, statuses) = requests_of_all_shapes(&format!("in-{size}s"), count);
            for piece in bytes.chunks(size) {
                peer.send(piece);
            }
            sees_in_order(&mut peer, &statuses, PLENTY);
        }
    });
}

#[test]
fn requests_that_arrive_while_an_answer_is_held_back_are_answered_after_it() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 20/1s,leaky-bucket,max-delay=1h");
        let mut peer = server.connect();
        peer.send(get("7").repeat(2));
        peer.send("GET /other HTTP/1.1\r\nHost: g\r\n\r\n");
        assert_eq!([peer.answer().status, peer.answer().status, peer.answer().status], [200, 200, 404]);
        // One that has half-closed gets what is held back as well.
        peer.send(get("7").repeat(3));
        peer.finish();
        assert_eq!([(); 3].map(|()| peer.answer().status), [200; 3]);
        peer.sees_close();
    });
}

#[test]
fn half_closed_clients_are_still_answered() {
    on_both_engines(|engine| {
        let server = server(engine);
        let (bytes, statuses) = requests_of_all_shapes("7", 500);
        let mut peer = server.connect();
        peer.send(&bytes);
        peer.finish();
        sees_in_order(&mut peer, &statuses, PLENTY);
        peer.sees_close();
    });
}

/// What was begun when the client half-closed, and the answer to it.
const CUT_SHORT: &[(&str, &[u16])] = &[
    ("", &[]),
    ("\r\n", &[]),
    ("GET /?clientId=a HTT", &[400]),
    ("GET /?clientId=a HTTP/1.1\r\nHost: g\r\n", &[400]),
    ("GET /?clientId=a HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nabc", &[400]),
    ("GET /?clientId=a HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", &[400]),
    ("GET /?clientId=a HTTP/1.1\r\nHost: g\r\n\r\nGET", &[200, 400]),
    // Answered before its content was complete: there is nothing more to say.
    ("POST /?clientId=a HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nabc", &[405]),
];

#[test]
fn requests_cut_short_by_a_half_close_get_400_and_the_end() {
    on_both_engines(|engine| {
        let server = server(engine);
        for (bytes, statuses) in CUT_SHORT {
            let mut peer = server.connect();
            peer.send(bytes);
            peer.finish();
            for status in *statuses {
                assert_eq!(peer.answer().status, *status, "{bytes:?}");
            }
            assert_eq!(peer.try_answer(), Err(Ending::Closed), "{bytes:?}");
        }
    });
}

#[test]
fn a_denied_request_with_a_body_neither_loses_its_answer_nor_the_next_request() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).args("--limit 1/1h,fixed-window").start();
        for length in [1, 1000, 100_000, 1 << 20] {
            let mut peer = server.connect();
            let id = format!("c{length}");
            assert_eq!(peer.get(&id).status, 200);
            peer.send(format!("GET /?clientId={id} HTTP/1.1\r\nHost: g\r\nContent-Length: {length}\r\n\r\n"));
            // An early answer: the content is not there yet.
            let denied = peer.answer();
            assert_eq!((denied.status, denied.closes()), (503, false), "{length}");
            peer.send("x".repeat(length));
            assert_eq!(peer.get(&format!("other{length}")).status, 200, "{length}");
        }
    });
}
