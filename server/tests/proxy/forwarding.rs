//! What the upstream sees, and what the client gets.

use crate::got::{ask, get, try_get};
use crate::support::server::{Engine, Launch, on_both_engines};
use crate::upstream::Upstream;
use crate::{gate, ok, request};

#[test]
fn an_allowed_request_is_answered_by_the_upstream_and_a_denied_one_never_reaches_it() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("from the shop"));
        let args = format!("--upstream {} --limit 2/1h,fixed-window", upstream.address);
        let server = Launch::new(engine).args(&args).start();
        let mut peer = server.connect();
        for remaining in ["1", "0"] {
            let got = ask(&mut peer, &request("/cart"));
            assert_eq!((got.status, got.text()), (200, "from the shop"));
            let limit = got.field("RateLimit").expect("what is left");
            assert!(limit.contains(&format!(";r={remaining};")), "{limit}");
            assert_eq!(got.field("Via"), Some("1.1 tollgate"));
            assert!(got.field("Date").is_some(), "an answer without a date gets one");
        }
        let denied = ask(&mut peer, &request("/cart"));
        assert_eq!(denied.status, 503);
        assert!(denied.field("Retry-After").is_some());
        assert_eq!(ask(&mut peer, "GET /cart HTTP/1.1\r\nHost: h\r\n\r\n").status, 400, "no client, no way through");
        assert_eq!(upstream.unseen().len(), 2);
        assert_eq!(upstream.visits(), 1, "one kept connection carries both");
    });
}

#[test]
fn who_is_banned_is_kept_from_the_upstream_and_others_are_not() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok(""));
        let config = format!(
            "limit = \"1/1s,fixed-window\"\n[bans]\nstrikes = 3\nwithin = \"1h\"\ndurations = [\"1h\"]\n[upstream.app]\nservers = [\"{}\"]\n",
            upstream.address
        );
        let server = Launch::new(engine).config(&config).start();
        let mut peer = server.connect();
        peer.send(request("/").repeat(6));
        let waits: Vec<Option<String>> =
            (0..6).map(|_| get(&mut peer)).map(|got| got.field("Retry-After").map(str::to_owned)).collect();
        let banned = waits.iter().flatten().filter(|wait| *wait == "3600").count();
        assert!(waits[0].is_none() && banned == 3, "two strikes, and then a ban: {waits:?}");
        assert_eq!(ask(&mut peer, &request("/").replace("clientId=7", "clientId=8")).status, 200);
        assert_eq!(upstream.unseen().len(), 2);
    });
}

#[test]
fn the_upstream_sees_the_request_without_what_was_for_the_gate_and_with_where_it_came_from() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok(""));
        let args = format!("--upstream {} --trusted-proxies 192.0.2.0/24", upstream.address);
        let server = Launch::new(engine).args(&args).start();
        let mut peer = server.connect();
        let sent = "DELETE /cart/7?clientId=7&x=%20 HTTP/1.1\r\nHost: shop.example:8080\r\nConnection: x-secret, Keep-Alive\r\n\
            X-Secret: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: X-T\r\nProxy-Connection: keep-alive\r\n\
            Proxy-Authorization: Basic eDp5\r\nCookie: a=b; c=d\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n\
            Forwarded: for=192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nVia: 1.1 edge\r\n\r\n";
        assert_eq!(ask(&mut peer, sent).status, 200);
        let seen = upstream.seen();
        let expected = "DELETE /cart/7?clientId=7&x=%20 HTTP/1.1\r\nHost: shop.example:8080\r\nCookie: a=b; c=d\r\nVia: 1.1 edge\r\n\
            X-Forwarded-For: 192.0.2.1, 192.0.2.2, 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: shop.example:8080\r\n\
            Forwarded: for=192.0.2.1, for=127.0.0.1;host=\"shop.example:8080\";proto=http\r\nVia: 1.1 tollgate\r\n\r\n";
        assert_eq!(seen.head, expected);
        // This test's address is trusted unless said otherwise.
        let trusting = gate(engine, upstream.address);
        ask(&mut trusting.connect(), sent);
        let expected = expected
            .replace("-Proto: http\r\nX-Forwarded-Host: shop.example:8080", "-Proto: https\r\nX-Forwarded-Host: evil");
        assert_eq!(upstream.seen().head, expected);
    });
}

#[test]
fn an_absolute_target_becomes_a_path_and_its_authority_the_host() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok(""));
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        ask(&mut peer, "GET http://shop.example/a?clientId=7 HTTP/1.1\r\nHost: other.example\r\n\r\n");
        let seen = upstream.seen();
        assert_eq!((seen.line(), seen.field("Host")), ("GET /a?clientId=7 HTTP/1.1", Some("shop.example")));
        ask(&mut peer, "GET http://shop.example?clientId=7 HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        assert_eq!(upstream.seen().line(), "GET /?clientId=7 HTTP/1.1");
    });
}

#[test]
fn the_client_gets_the_answer_without_what_was_for_the_gate() {
    let answer = "HTTP/1.1 207 Odd but fine\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n\
        Upgrade: h2c\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nProxy-Status: origin; received-status=207\r\nContent-Length: 2\r\n\
        Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nhi";
    on_both_engines(|engine| {
        let upstream = Upstream::answering(answer);
        let server =
            Launch::new(engine).args(&format!("--upstream {} --ratelimit-headers off", upstream.address)).start();
        let mut peer = server.connect();
        let got = ask(&mut peer, &request("/"));
        let expected = "HTTP/1.1 207 Odd but fine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nProxy-Status: origin; received-status=207\r\n\
            Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\nVia: 1.1 tollgate\r\n\r\n";
        assert_eq!((got.head.as_str(), got.text()), (expected, "hi"));
        // That the upstream closes is no reason for the client to.
        assert_eq!(ask(&mut peer, &request("/")).status, 207);
        assert_eq!(upstream.visits(), 2, "what said close is not used again");
    });
}

#[test]
fn upgrades_are_refused_in_words_and_those_that_can_be_passed_over_are() {
    on_both_engines(|engine| {
        let upstream = Upstream::answering(ok("plain"));
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        let upgrade = |to: &str| {
            format!(
                "GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {to}\r\nHTTP2-Settings: AA\r\n\r\n"
            )
        };
        let refused = ask(&mut peer, &upgrade("websocket"));
        assert_eq!((refused.status, refused.text().contains("WebSocket")), (501, true));
        assert_eq!(upstream.unseen(), []);
        assert_eq!(ask(&mut peer, &upgrade("h2c")).text(), "plain");
        let seen = upstream.seen();
        assert_eq!((seen.field("Upgrade"), seen.field("HTTP2-Settings")), (None, None));
        assert_eq!(ask(&mut peer, "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n").status, 501);
    });
}

#[test]
fn a_client_of_http_1_0_is_served_in_its_own_words() {
    on_both_engines(|engine| {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let upstream = Upstream::start(move |visit| {
            while let Some(request) = visit.request() {
                visit.peer.send(if request.line().contains("/chunked") { chunked.to_owned() } else { ok("abc") });
            }
        });
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        let got = ask(&mut peer, "GET /chunked?clientId=7 HTTP/1.0\r\n\r\n");
        assert_eq!((got.field("Transfer-Encoding"), got.closes(), got.text()), (None, true, "abc"));
        let seen = upstream.seen();
        assert_eq!(seen.field("Host"), Some(upstream.address.to_string().as_str()));
        assert_eq!(seen.field("Via"), Some("1.0 tollgate"));
        let mut peer = server.connect();
        let got = ask(&mut peer, "GET /?clientId=7 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!((got.field("Connection"), got.text()), (Some("keep-alive"), "abc"));
        let got = ask(&mut peer, "GET /?clientId=7 HTTP/1.0\r\n\r\n");
        assert_eq!((got.closes(), got.text()), (true, "abc"));
        peer.sees_close();
    });
}

#[test]
fn interim_answers_reach_those_who_know_what_they_are() {
    on_both_engines(|engine| {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\nX: 1\r\n\r\n";
        let upstream = Upstream::answering(format!("HTTP/1.1 100 Continue\r\n\r\n{hints}{}", ok("done")));
        let server = gate(engine, upstream.address);
        let mut peer = server.connect();
        peer.send(request("/"));
        let early = try_get(&mut peer, false).expect("hints");
        assert_eq!(
            early.head, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
            "a 100 that nobody waits for is dropped"
        );
        assert_eq!(get(&mut peer).text(), "done");
        let mut old = server.connect();
        assert_eq!(ask(&mut old, "GET /?clientId=7 HTTP/1.0\r\n\r\n").text(), "done");
    });
}

#[test]
fn ids_from_header_fields_and_addresses_work_as_without_an_upstream() {
    let upstream = Upstream::answering(ok(""));
    for source in ["header:X-Key", "peer-ip"] {
        let args = format!("--upstream {} --limit 1/1h,fixed-window --client-id {source}", upstream.address);
        let server = Launch::new(Engine::Ring).args(&args).start();
        let mut peer = server.connect();
        let sent = "PROPFIND /x HTTP/1.1\r\nHost: h\r\nX-Key: 1\r\n\r\n";
        assert_eq!((ask(&mut peer, sent).status, ask(&mut peer, sent).status), (200, 503), "{source}");
    }
}
