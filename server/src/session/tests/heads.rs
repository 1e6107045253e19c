//! Heads: what is accepted, and which status each kind of nonsense gets. A reject always closes.

use super::*;
use crate::http::{CloseReason, Limits, Reject};

/// The request lines, and the Host lines, that are answered as if nothing were wrong with them.
#[test]
fn well_formed_heads_are_answered() {
    let service = open_service();
    for (head, status) in [
        ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("HEAD /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("GET /?clientId=a HTTP/1.1\r\nhOST:h\r\n\r\n", 200),
        ("GET /?clientId=a HTTP/1.1\r\nHost:\t h \t\r\n\r\n", 200),
        // RFC 9112 section 2.2: an empty line before the request line is passed over.
        ("\r\nGET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("\r\n\r\nGET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        // RFC 9112 section 3.2.2: the absolute form must be accepted.
        ("GET http://h/?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("GET HTTP://h:80/?clientId=a HTTP/1.1\r\nHost: other\r\n\r\n", 200),
        ("GET http://h?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("GET https://[::1]:8/?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 200),
        ("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        // RFC 9110 section 2.5: a higher minor version is read as the highest we know.
        ("GET /?clientId=a HTTP/1.2\r\nHost: h\r\n\r\n", 200),
        ("GET /?clientId=a HTTP/1.9\r\nHost: h\r\n\r\n", 200),
        // RFC 9110 section 7.2: what a Host may look like.
        ("GET /?clientId=a HTTP/1.1\r\nHost:\r\n\r\n", 200),
        ("GET /?clientId=a HTTP/1.1\r\nHost: h:\r\n\r\n", 200),
        ("GET /?clientId=a HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", 200),
        ("GET /?clientId=a HTTP/1.1\r\nHost: [v7.a:b]\r\n\r\n", 200),
        ("GET /?clientId=a HTTP/1.1\r\nHost: a,b\r\n\r\n", 200),
        ("GET /?clientId=a HTTP/1.1\r\nHost: %41-_.~!$&'()*+;=\r\n\r\n", 200),
        // RFC 9110 section 5.5: obs-text, empty values, every visible character.
        (
            "GET /?clientId=a HTTP/1.1\r\nHost: h\r\nX: \u{e9}\r\nY:\r\nZ!#$%&'*+-.^_`|~9: \"(),/:;<=>?@[\\]{}\r\n\r\n",
            200,
        ),
        // Methods: RFC 9110 sections 9.1 and 15.5.6.
        ("POST /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("PUT / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("PATCH / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        ("get /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        ("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        ("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        // Paths.
        ("GET /other HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("POST /other HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET //?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /%2F?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    ] {
        let got = ask(&service, head);
        assert_eq!((got.statuses(), got.next), (vec![status], Next::Read), "{head:?}");
        assert_eq!(got.unconsumed, 0, "{head:?}");
    }
}

#[test]
fn malformed_heads_are_rejected_with_their_status_and_the_connection_closes() {
    let service = open_service();
    let many_fields = get(&"A: b\r\n".repeat(64));
    let long_target = format!("GET /?clientId={} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(8192));
    let long_field = get(&format!("A: {}\r\n", "b".repeat(8192)));
    let long_name = get(&format!("{}: b\r\n", "A".repeat(8192)));
    let endless = "A".repeat(8192);
    let table: &[(&str, Reject)] = &[
        // RFC 9112 section 2.2: line ends.
        ("GET /?clientId=a HTTP/1.1\nHost: h\n\n", Reject::BareLf),
        ("GET /?clientId=a HTTP/1.1\r\nHost: h\n\r\n", Reject::BareLf),
        ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA: b\n c\r\n\r\n", Reject::BareLf),
        ("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::BareLf),
        ("\r\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::BareLf),
        ("\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::BareCr),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\rC: d\r\n\r\n", Reject::BareCr),
        ("GET / HTTP/1.1\r\nHost: h\r\nA\r: b\r\n\r\n", Reject::BareCr),
        ("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", Reject::BareCr),
        ("GET /\r HTTP/1.1\r\nHost: h\r\n\r\n", Reject::BareCr),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::EmptyLines),
        // RFC 9112 section 3: the request line.
        ("GET /\r\n\r\n", Reject::RequestLine),
        ("GET\r\n\r\n", Reject::RequestLine),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("GET /  HTTP/1.1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("GET / a HTTP/1.1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("GET / http/1.1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("GET / HTTP/1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("GET / HTTP/1.10\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("GET / HTTP/1.x\r\nHost: h\r\n\r\n", Reject::RequestLine),
        ("\u{80}GET / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::RequestLine),
        // RFC 9112 section 3.2: the target.
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET ?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET http:/// HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET http://:80/ HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET http://user@h/ HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET /?clientId=a#b HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET /?clientId=\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET /\u{7f} HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("CONNECT h: HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        ("CONNECT http://h:80/ HTTP/1.1\r\nHost: h\r\n\r\n", Reject::Target),
        // RFC 9110 section 15.6.6.
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", Reject::Version),
        ("GET / HTTP/0.9\r\nHost: h\r\n\r\n", Reject::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reject::Version),
        // RFC 9112 section 5: field lines.
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", Reject::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nHost: h\r\nA\t: b\r\n\r\n", Reject::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", Reject::ObsFold),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n", Reject::ObsFold),
        ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", Reject::ObsFold),
        ("GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", Reject::Field),
        ("GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n", Reject::Field),
        ("GET / HTTP/1.1\r\nHost: h\r\nA B: c\r\n\r\n", Reject::Field),
        ("GET / HTTP/1.1\r\nHost: h\r\nA(: c\r\n\r\n", Reject::Field),
        ("GET / HTTP/1.1\r\nHost: h\r\nA\u{e9}: c\r\n\r\n", Reject::Field),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", Reject::Field),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\u{1}c\r\n\r\n", Reject::Field),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\u{7f}c\r\n\r\n", Reject::Field),
        ("GET / HTTP/1.2\r\nHost: h\r\nA B: c\r\n\r\n", Reject::Field),
        // RFC 9112 section 3.2: Host.
        ("GET / HTTP/1.1\r\n\r\n", Reject::HostMissing),
        ("GET http://h/ HTTP/1.1\r\n\r\n", Reject::HostMissing),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", Reject::HostRepeated),
        ("GET / HTTP/1.0\r\nHost: h\r\nhost: i\r\n\r\n", Reject::HostRepeated),
        ("GET http://h/ HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", Reject::HostRepeated),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: h/\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: h:1:2\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: %4\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: [:::1]\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: [v.a]\r\n\r\n", Reject::HostInvalid),
        ("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", Reject::HostInvalid),
        // Sizes.
        (&many_fields, Reject::TooManyFields),
        (&long_target, Reject::RequestLineTooLong),
        (&endless, Reject::RequestLineTooLong),
        (&long_field, Reject::HeadTooLong),
        (&long_name, Reject::HeadTooLong),
        // Not HTTP at all.
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}", Reject::TlsOnPlainPort),
    ];
    for &(head, reject) in table {
        // Written with chars for bytes: what is above 0x7f stands for that one byte.
        let bytes: Vec<u8> = head.chars().map(|c| c as u8).collect();
        let got = ask(&service, &bytes);
        let expected: u16 = reject.status()[..3].parse().expect("a status");
        assert_eq!(got.next, Next::Linger(CloseReason::Rejected(reject)), "{head:?}");
        assert_eq!(got.statuses(), [expected], "{head:?}");
        assert!(got.only().closes(), "{head:?}");
        assert_eq!(got.only().body, reject.explain(), "{head:?}");
    }
}

#[test]
fn rejects_have_the_statuses_of_the_rfc() {
    let statuses: Vec<&str> = [
        Reject::BareLf,
        Reject::HostMissing,
        Reject::RequestLineTooLong,
        Reject::HeadTooLong,
        Reject::TooManyFields,
        Reject::Version,
        Reject::TransferCoding,
        Reject::BodyTooLarge,
        Reject::Timeout,
    ]
    .map(|reject| &reject.status()[..3])
    .into();
    assert_eq!(statuses, ["400", "400", "414", "431", "431", "505", "501", "413", "408"]);
}

#[test]
fn every_reject_says_in_one_line_what_is_wrong() {
    for reject in Reject::ALL {
        let text = reject.explain();
        assert!(text.ends_with('\n') && text.trim().len() > 10 && text.lines().count() == 1, "{text:?}");
        assert_eq!(Reject::ALL.iter().filter(|other| other.explain() == text).count(), 1, "{text:?} twice");
    }
}

/// httparse works on 16 or 32 bytes at a time; a byte must be judged alike wherever it stands.
#[test]
fn a_forbidden_byte_is_found_at_every_offset() {
    let service = open_service();
    for at in 0..80 {
        for byte in (0..=0x1f).chain([0x7f]) {
            let filler = |byte: u8| -> Vec<u8> {
                let mut text = vec![b'x'; 80];
                text[at] = byte;
                text
            };
            let target = [b"GET /?clientId=a&", &filler(byte)[..], b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
            let value = [b"GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA: ", &filler(byte)[..], b"\r\n\r\n"].concat();
            let name = [b"GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA", &filler(byte)[..], b": b\r\n\r\n"].concat();
            assert_eq!(ask(&service, &target).statuses(), [400], "{byte:#x} at {at} of a target");
            assert_eq!(ask(&service, &name).statuses(), [400], "{byte:#x} at {at} of a name");
            let tab = if byte == b'\t' { 200 } else { 400 };
            assert_eq!(ask(&service, &value).statuses(), [tab], "{byte:#x} at {at} of a value");
        }
    }
}

#[test]
fn a_head_may_be_as_long_as_the_limit_and_no_longer() {
    let service = open_service();
    let limit = Limits::default().head_bytes;
    let head_of = |length: usize| {
        let filler = length - get("A: \r\n").len();
        get(&format!("A: {}\r\n", "b".repeat(filler)))
    };
    assert_eq!(head_of(limit).len(), limit);
    assert_eq!(ask(&service, head_of(limit)).statuses(), [200]);
    assert_eq!(ask(&service, head_of(limit + 1)).statuses(), [431]);
    assert_eq!(ask(&service, get(&"A: b\r\n".repeat(63))).statuses(), [200]);
    assert_eq!(ask(&service, get(&"A: b\r\n".repeat(64))).statuses(), [431]);
}

#[test]
fn an_unfinished_head_waits_until_it_times_out_with_408() {
    let service = open_service();
    let mut session = Session::new(None);
    let got = give(&mut session, &service, b"GET / HTTP/1.1\r\nHo", Nanos::ZERO);
    assert_eq!((got.answers.len(), got.next, got.unconsumed), (0, Next::Read, 18));
    assert_eq!(session.waiting(), crate::session::Waiting::Head);
    let mut out = Vec::new();
    assert_eq!(session.on_head_timeout(&service, &mut out), Next::Close(CloseReason::Rejected(Reject::Timeout)));
    let answers = read_answers(&out, &[]);
    assert_eq!(answers[0].status, 408);
    assert!(answers[0].closes());
}
