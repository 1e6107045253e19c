//! Content: framed by RFC 9112 section 6, read past without losing the next request, or refused.

use super::*;
use crate::{
    http::{CloseReason, Limits, Reject},
    session::Waiting,
};

const NEXT: &str = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

fn with_body(fields: &str, body: &str) -> String {
    get(fields) + body
}

#[test]
fn content_is_passed_over_and_the_next_request_is_found() {
    let service = open_service();
    for (fields, body) in [
        ("Content-Length: 0\r\n", ""),
        ("Content-Length: 5\r\n", "hello"),
        ("content-LENGTH: 005\r\n", "hello"),
        ("Content-Length: 34\r\n", "GET /inner HTTP/1.1\r\nHost: h\r\n\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding:CHUNKED\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: , chunked ,\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "000a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "5;a\r\nhello\r\n0;b=c ; d = \"e\\\"f\" ;g\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "5 ; a=b\r\nhello\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "22\r\nGET /inner HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r\n0\r\n\r\n"),
    ] {
        let got = ask(&service, with_body(fields, body) + NEXT);
        assert_eq!(got.statuses(), [200, 404], "{fields:?} {body:?}");
        assert_eq!((got.next, got.unconsumed), (Next::Read, 0), "{fields:?} {body:?}");
    }
}

#[test]
fn framing_that_two_readers_might_read_differently_is_rejected() {
    let service = open_service();
    for (fields, reject) in [
        // RFC 9110 section 8.6, RFC 9112 section 6.3 item 5.
        ("Content-Length:\r\n", Reject::ContentLength),
        ("Content-Length: +5\r\n", Reject::ContentLength),
        ("Content-Length: -5\r\n", Reject::ContentLength),
        ("Content-Length: 0x5\r\n", Reject::ContentLength),
        ("Content-Length: 5 5\r\n", Reject::ContentLength),
        ("Content-Length: 5.0\r\n", Reject::ContentLength),
        ("Content-Length: five\r\n", Reject::ContentLength),
        ("Content-Length: 5,\r\n", Reject::ContentLength),
        ("Content-Length: 5, 5\r\n", Reject::ContentLengthRepeated),
        ("Content-Length: 5, 6\r\n", Reject::ContentLengthRepeated),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Reject::ContentLengthRepeated),
        ("Content-Length: 0\r\ncontent-length: 5\r\n", Reject::ContentLengthRepeated),
        // RFC 9112 section 6.1: both.
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Reject::TwoFramings),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Reject::TwoFramings),
        ("Transfer-Encoding: x\r\nContent-Length: 0\r\n", Reject::TwoFramings),
        // RFC 9112 section 6.3 item 4: chunked must be final, and once (section 7).
        ("Transfer-Encoding:\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: identity\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: gzip\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: chunked, gzip\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: chunked, chunked\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: chunked;q=1\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: \"chunked\"\r\n", Reject::ChunkedNotFinal),
        ("Transfer-Encoding: xchunked\r\n", Reject::ChunkedNotFinal),
        // RFC 9112 section 6.1: a coding we don't know.
        ("Transfer-Encoding: gzip, chunked\r\n", Reject::TransferCoding),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", Reject::TransferCoding),
        // RFC 9110 section 15.5.14; a length that overflows is large, not small.
        ("Content-Length: 1048577\r\n", Reject::BodyTooLarge),
        ("Content-Length: 18446744073709551616\r\n", Reject::BodyTooLarge),
        ("Content-Length: 99999999999999999999999999999999999999999999\r\n", Reject::BodyTooLarge),
    ] {
        let got = ask(&service, with_body(fields, "hello") + NEXT);
        assert_eq!(got.next, Next::Linger(CloseReason::Rejected(reject)), "{fields:?}");
        assert_eq!(got.statuses(), [reject.status()[..3].parse::<u16>().expect("a status")], "{fields:?}");
        assert!(got.only().closes(), "{fields:?}");
    }
}

#[test]
fn http_1_0_has_no_transfer_codings() {
    let service = open_service();
    for fields in ["", "Content-Length: 5\r\n"] {
        let request = format!("GET /?clientId=a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n{fields}\r\n0\r\n\r\n");
        let got = ask(&service, request);
        assert_eq!(got.next, Next::Linger(CloseReason::Rejected(Reject::TransferEncodingIn10)), "{fields:?}");
        assert_eq!(got.statuses(), [400]);
    }
}

#[test]
fn malformed_chunks_are_rejected_in_place_of_the_answer() {
    let service = open_service();
    let long_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(2000));
    let long_trailer = format!("0\r\nA: {}\r\n\r\n", "b".repeat(5000));
    let many_extensions = "1;a=b\r\nx\r\n".repeat(300);
    for (body, reject) in [
        ("\r\n\r\n", Reject::ChunkSize),
        (";a\r\n\r\n", Reject::ChunkSize),
        (" 5\r\nhello\r\n", Reject::ChunkSize),
        ("+5\r\nhello\r\n", Reject::ChunkSize),
        ("0x5\r\nhello\r\n", Reject::ChunkSize),
        ("5,\r\nhello\r\n", Reject::ChunkSize),
        ("5 \r\nhello\r\n", Reject::ChunkSize),
        ("00000000000000005\r\nhello\r\n", Reject::ChunkSize),
        ("10000000000000000\r\nhello\r\n", Reject::ChunkSize),
        ("5\nhello\r\n0\r\n\r\n", Reject::ChunkSize),
        ("5\rhello\r\n0\r\n\r\n", Reject::ChunkEnd),
        ("5\r\nhello0\r\n\r\n", Reject::ChunkEnd),
        ("5\r\nhello\n0\r\n\r\n", Reject::ChunkEnd),
        ("5\r\nhello\r0\r\n\r\n", Reject::ChunkEnd),
        ("4\r\nhello\r\n0\r\n\r\n", Reject::ChunkEnd),
        ("FFFFFFFFFFFFFFFF\r\nhello\r\n", Reject::BodyTooLarge),
        ("100000\r\n", Reject::Incomplete), // 1 MiB to the byte: allowed, and waited for
        ("100001\r\n", Reject::BodyTooLarge),
        ("5;\r\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        ("5;a=\r\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        ("5;a =\r\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        ("5;a \r\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        ("5;a=b c\r\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        ("5;a=\"b\r\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        ("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        ("5;a\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        ("5;a\0\r\nhello\r\n0\r\n\r\n", Reject::ChunkExtension),
        (&long_extension, Reject::ChunkExtension),
        (&many_extensions, Reject::ChunkExtension),
        ("0\r\n\n", Reject::Trailer),
        ("0\r\n\rX", Reject::Trailer),
        ("0\r\nA\r\n\r\n", Reject::Trailer),
        ("0\r\n: a\r\n\r\n", Reject::Trailer),
        ("0\r\nA : b\r\n\r\n", Reject::Trailer),
        ("0\r\nA: b\r\n c\r\n\r\n", Reject::Trailer),
        ("0\r\nA: b\0\r\n\r\n", Reject::Trailer),
        ("0\r\nA: b\nC: d\r\n\r\n", Reject::Trailer),
        (&long_trailer, Reject::Trailer),
    ] {
        let mut session = Session::new(None);
        let mut got =
            give(&mut session, &service, with_body("Transfer-Encoding: chunked\r\n", body).as_bytes(), Nanos::ZERO);
        if reject == Reject::Incomplete {
            let mut out = Vec::new();
            got.next = session.on_eof(Nanos::ZERO, &service, &mut out);
            got.answers = read_answers(&out, &[]);
            assert_eq!(got.next, Next::Close(CloseReason::Rejected(reject)), "{body:?}");
        } else {
            assert_eq!(got.next, Next::Linger(CloseReason::Rejected(reject)), "{body:?}");
        }
        assert_eq!(got.statuses(), [reject.status()[..3].parse::<u16>().expect("a status")], "{body:?}");
    }
}

#[test]
fn a_chunked_body_may_be_as_long_as_the_limit_and_no_longer() {
    let service = open_service();
    let limit = Limits::default().body_bytes as usize;
    let chunks = |total: usize| {
        let half = total / 2;
        let chunk = |size: usize| format!("{size:x}\r\n{}\r\n", "b".repeat(size));
        chunk(half) + &chunk(total - half) + "0\r\n\r\n"
    };
    let fields = "Transfer-Encoding: chunked\r\n";
    assert_eq!(ask(&service, with_body(fields, &chunks(limit)) + NEXT).statuses(), [200, 404]);
    assert_eq!(ask(&service, with_body(fields, &chunks(limit + 1)) + NEXT).statuses(), [413]);
    let fields = format!("Content-Length: {limit}\r\n");
    assert_eq!(ask(&service, with_body(&fields, &"b".repeat(limit)) + NEXT).statuses(), [200, 404]);
}

#[test]
fn an_allowed_request_is_answered_when_its_content_is_complete() {
    let service = open_service();
    let mut session = Session::new(None);
    let got = give(&mut session, &service, with_body("Content-Length: 5\r\n", "hel").as_bytes(), Nanos::ZERO);
    assert_eq!((got.answers.len(), got.next, got.unconsumed), (0, Next::Read, 0));
    assert_eq!(session.waiting(), Waiting::Body);
    let got = give(&mut session, &service, format!("lo{NEXT}").as_bytes(), Nanos::ZERO);
    assert_eq!(got.statuses(), [200, 404]);
    assert_eq!(session.waiting(), Waiting::NextRequest);
}

#[test]
fn a_denial_is_answered_at_once_and_its_content_is_passed_over_afterwards() {
    let service = service("1/5s");
    assert_eq!(ask(&service, get("")).statuses(), [200]);
    let mut session = Session::new(None);
    let got = give(&mut session, &service, with_body("Content-Length: 5\r\n", "").as_bytes(), Nanos::ZERO);
    assert_eq!((got.statuses(), got.next), (vec![503], Next::Read));
    assert!(!got.only().closes());
    assert_eq!(session.waiting(), Waiting::Body);
    let got = give(&mut session, &service, format!("hello{NEXT}").as_bytes(), Nanos::ZERO);
    assert_eq!(got.statuses(), [404]);
}

#[test]
fn what_is_wrong_with_content_after_an_early_answer_closes_without_a_second_answer() {
    let service = open_service();
    let request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nX\r\n";
    let got = ask(&service, request.to_owned() + NEXT);
    assert_eq!(got.statuses(), [405]);
    assert_eq!(got.next, Next::Linger(CloseReason::Rejected(Reject::ChunkSize)));
}

#[test]
fn content_that_was_to_come_with_a_closing_request_is_not_waited_for() {
    let service = service("1/5s");
    assert_eq!(ask(&service, get("")).statuses(), [200]);
    let got = ask(&service, with_body("Content-Length: 5\r\nConnection: close\r\n", "he"));
    assert_eq!((got.statuses(), got.next), (vec![503], Next::Linger(CloseReason::PeerAsked)));
}

#[test]
fn one_hundred_continue_is_sent_when_content_is_wanted_and_not_yet_there() {
    let service = open_service();
    for expectation in ["Expect: 100-continue\r\n", "expect: 100-CONTINUE\r\n", "Expect: , 100-continue\r\n"] {
        let mut session = Session::new(None);
        let head = get(&format!("Content-Length: 5\r\n{expectation}"));
        let got = give(&mut session, &service, head.as_bytes(), Nanos::ZERO);
        assert_eq!((got.statuses(), got.next), (vec![100], Next::Read), "{expectation:?}");
        let got = give(&mut session, &service, b"hel", Nanos::ZERO);
        assert!(got.statuses().is_empty(), "only once");
        let got = give(&mut session, &service, format!("lo{NEXT}").as_bytes(), Nanos::ZERO);
        assert_eq!(got.statuses(), [200, 404]);
    }
}

#[test]
fn one_hundred_continue_is_not_sent_to_those_who_don_t_wait_for_it() {
    let service = open_service();
    for (request, statuses) in [
        (get("Content-Length: 5\r\nExpect: 100-continue\r\n") + "hello", &[200][..]),
        (get("Content-Length: 0\r\nExpect: 100-continue\r\n"), &[200]),
        (get("Expect: 100-continue\r\n"), &[200]),
        // RFC 9110 section 10.1.1: ignored in HTTP/1.0.
        ("GET /?clientId=a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n".to_owned(), &[]),
    ] {
        assert_eq!(ask(&service, &request).statuses(), statuses, "{request:?}");
    }
}

#[test]
fn a_final_answer_in_place_of_one_hundred_continue_closes_for_the_content_may_or_may_not_follow() {
    let service = service("1/5s");
    assert_eq!(ask(&service, get("")).statuses(), [200]);
    for (request, status) in [
        (get("Content-Length: 5\r\nExpect: 100-continue\r\n"), 503),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".to_owned(), 405),
        ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n".to_owned(), 400),
    ] {
        let got = ask(&service, &request);
        assert_eq!(
            (got.statuses(), got.next),
            (vec![status], Next::Linger(CloseReason::ContentUnwanted)),
            "{request:?}"
        );
        assert!(got.only().closes());
    }
    let got = ask(&service, get("Content-Length: 2000000\r\nExpect: 100-continue\r\n"));
    assert_eq!((got.statuses(), got.next), (vec![413], Next::Linger(CloseReason::Rejected(Reject::BodyTooLarge))));
}

#[test]
fn other_expectations_fail_with_417_and_the_next_request_is_found() {
    let service = open_service();
    for fields in ["Expect: tea\r\n", "Expect: 100-continue, tea\r\n", "Expect: 100-continue\r\nExpect: tea\r\n"] {
        let got = ask(&service, get(fields) + NEXT);
        assert_eq!(got.statuses(), [417, 404], "{fields:?}");
    }
}

#[test]
fn a_failed_expectation_with_content_closes_too() {
    let got = ask(&open_service(), get("Content-Length: 5\r\nExpect: 100-continue, tea\r\n"));
    assert_eq!((got.statuses(), got.next), (vec![417], Next::Linger(CloseReason::ContentUnwanted)));
}
