//! Content in every framing, both ways, and answers without any.

use crate::got::{ask, get, try_get};
use crate::support::server::on_both_engines;
use crate::upstream::Upstream;
use crate::{gate, gate_with, ok};

/// What a byte at `at` must be, so that nothing can be lost, doubled or swapped unseen.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]).collect()
}

fn in_chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend(format!("{:X}\r\n", chunk.len()).bytes());
        out.extend(chunk);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\n\r\n");
    out
}

#[test]
fn content_arrives_as_it_was_sent_in_either_framing_and_either_direction() {
    let sizes = [1, 2047, 2048, 65_535, 300_000];
    on_both_engines(|engine| {
        // Echoes, in the other framing than asked.
        let upstream = Upstream::start(|visit| {
            while let Some(request) = visit.request() {
                let came_chunked = request.field("Transfer-Encoding").is_some();
                assert_ne!(came_chunked, request.field("Content-Length").is_some());
                let mut answer = if came_chunked {
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len()).into_bytes()
                } else {
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()
                };
                answer.extend(if came_chunked { request.body } else { in_chunks(&request.body, 1000) });
                visit.peer.send(answer);
            }
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        for size in sizes {
            let body = pattern(size);
            peer.send(format!("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n"));
            peer.send(&body);
            let got = get(&mut peer);
            assert!(got.body == body, "{size} with a length");
            assert_eq!(got.field("Transfer-Encoding"), Some("chunked"));
            peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
            peer.send(in_chunks(&body, 777));
            let got = get(&mut peer);
            assert!(got.body == body, "{size} in chunks");
            assert_eq!(got.field("Content-Length"), Some(size.to_string().as_str()));
        }
        assert_eq!(upstream.visits(), 1, "all of it on one kept connection");
    });
}

#[test]
fn an_answer_that_ends_with_its_connection_reaches_the_client_in_chunks() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            if visit.request().is_some() {
                visit.peer.send("HTTP/1.0 200 OK\r\n\r\n");
                visit.peer.send(pattern(100_000));
            }
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        for _ in 0..3 {
            let got = ask(&mut peer, &crate::request("/"));
            assert_eq!(got.field("Transfer-Encoding"), Some("chunked"));
            assert!(got.body == pattern(100_000));
        }
        let mut old = server.connect();
        let got = ask(&mut old, "GET /?clientId=7 HTTP/1.0\r\n\r\n");
        assert!(got.closes() && got.body == pattern(100_000));
    });
}

#[test]
fn answers_without_content_have_none_whatever_their_fields_say() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(request) = visit.request() {
                let answer = match request.line() {
                    line if line.starts_with("HEAD /length") => "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n",
                    line if line.starts_with("HEAD /chunked") => {
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    }
                    line if line.contains("/204") => "HTTP/1.1 204 No Content\r\n\r\n",
                    line if line.contains("/304") => {
                        "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 77\r\n\r\n"
                    }
                    _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                };
                visit.peer.send(answer);
            }
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        let mut head = |path: &str| {
            peer.send(format!("HEAD {path}?clientId=7 HTTP/1.1\r\nHost: h\r\n\r\n"));
            try_get(&mut peer, true).expect("a head")
        };
        assert_eq!(head("/length").field("Content-Length"), Some("5000000000"));
        assert_eq!(head("/chunked").status, 200);
        assert_eq!(head("/304").field("Content-Length"), Some("77"));
        let empty = ask(&mut peer, &crate::request("/204"));
        assert_eq!((empty.status, empty.field("Content-Length")), (204, None));
        assert_eq!(ask(&mut peer, &crate::request("/304")).field("ETag"), Some("\"x\""));
        assert_eq!(ask(&mut peer, &crate::request("/")).field("Content-Length"), Some("0"));
        assert_eq!(upstream.visits(), 1, "nothing is left on the connection after any of them");
    });
}

#[test]
fn trailers_pass_if_they_may_and_say_nothing_about_framing_or_identity() {
    let trailer = "X-Checksum: 99\r\nContent-Length: 3\r\nSet-Cookie: a=b\r\nConnection: close\r\n";
    on_both_engines(|engine| {
        let upstream = Upstream::start(move |visit| {
            while let Some(head) = visit.head() {
                assert!(head.starts_with("PUT"), "{head}");
                let (body, trailer_seen) = crate::upstream::chunks(&mut visit.peer).expect("chunks");
                assert_eq!((body.as_slice(), trailer_seen.as_str()), (&b"abc"[..], "X-Checksum: 99\n"));
                visit.peer.send(format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{trailer}\r\n"
                ));
            }
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        let sent = format!(
            "PUT /?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n{trailer}\r\n"
        );
        let got = ask(&mut peer, &sent);
        assert_eq!((got.text(), got.trailer.as_str()), ("ok", "X-Checksum: 99\n"));
    });
}

#[test]
fn a_post_without_content_says_so() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok(""));
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        ask(&mut peer, "POST /?clientId=7 HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(upstream.seen().field("Content-Length"), Some("0"));
        ask(&mut peer, &crate::request("/"));
        assert_eq!(upstream.seen().field("Content-Length"), None);
    });
}

#[test]
fn a_client_that_expects_100_gets_it_from_the_upstream_or_its_final_answer() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            while let Some(head) = visit.head() {
                assert!(head.contains("\r\nExpect: 100-continue\r\n"), "{head}");
                if head.contains("/no") {
                    visit.peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
                    return;
                }
                visit.peer.send("HTTP/1.1 100 Continue\r\n\r\n");
                assert_eq!(visit.bytes(5).expect("content"), b"hello");
                visit.peer.send(ok("thanks"));
            }
        });
        let server = gate(engine, upstream.address);
        let post = |path: &str| {
            format!("POST {path}?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        };
        let mut peer = server.connect();
        assert_eq!(ask(&mut peer, &post("/yes")).status, 100);
        assert_eq!(ask(&mut peer, "hello").text(), "thanks");
        let refused = ask(&mut peer, &post("/no"));
        assert_eq!((refused.status, refused.closes()), (413, true), "whether content follows nobody can know");
        peer.sees_close();
    });
}

#[test]
fn an_early_answer_reaches_the_client_and_the_rest_of_its_content_nobody() {
    on_both_engines(|engine| {
        let upstream = Upstream::start(|visit| {
            if visit.head().is_some() {
                visit.peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
                visit.ending();
            }
        });
        let server = gate_with(engine, upstream.address, "[http]\nbody-bytes = \"10MiB\"");
        let mut peer = server.connect();
        for _ in 0..3 {
            peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n");
            peer.send(pattern(1000));
            assert_eq!(get(&mut peer).text(), "no");
            peer.send(&pattern(2_000_000)[1000..]);
        }
    });
}

#[test]
fn content_beyond_the_bound_is_refused_before_or_while_it_comes() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok(""));
        let server = gate_with(engine, upstream.address, "[http]\nbody-bytes = \"10KiB\"");
        let mut peer = server.connect();
        let got = ask(&mut peer, "POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nContent-Length: 10241\r\n\r\n");
        assert_eq!((got.status, got.closes()), (413, true));
        let mut peer = server.connect();
        peer.send("POST /?clientId=7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.send(in_chunks(&pattern(20_000), 5000));
        let got = get(&mut peer);
        assert_eq!((got.status, got.closes()), (413, true));
        assert_eq!(upstream.unseen(), [], "no whole request came of either");
    });
}
