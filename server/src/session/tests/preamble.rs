//! What a proxy says before the first request.

use super::*;
use crate::{http::CloseReason, identity::ClientIdSource, proxy_protocol::Malformed, session::Waiting};

const HEADER: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 51234 80\r\n";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

fn by_address() -> Service {
    let settings = ServiceSettings { client_id: ClientIdSource::PeerIp, ..ServiceSettings::default() };
    service_with(&[fixed("1/5s")], settings)
}

#[test]
fn the_peer_is_who_connected_to_the_proxy() {
    let service = by_address();
    let ask =
        |input: &str| give(&mut Session::proxied(Some(LOCALHOST)), &service, input.as_bytes(), Nanos::ZERO).statuses();
    let from = |address: &str| ask(&format!("{}{REQUEST}", HEADER.replace("192.0.2.7", address)));
    assert_eq!([from("192.0.2.7"), from("192.0.2.7"), from("192.0.2.8")], [[200], [503], [200]]);
    // A proxy that speaks for itself is its own client.
    let unknown = format!("PROXY UNKNOWN\r\n{REQUEST}");
    assert_eq!([ask(&unknown), ask(&unknown)], [[200], [503]]);
    let local = format!("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0{REQUEST}");
    assert_eq!(ask(&local), [503]);
}

#[test]
fn a_header_arrives_in_any_pieces_and_requests_follow_in_the_same_ones() {
    let input = format!("{HEADER}{REQUEST}{REQUEST}");
    for cut in 0..input.len() {
        let (service, mut session, mut out) = (by_address(), Session::proxied(Some(LOCALHOST)), Vec::new());
        let first = session.on_bytes(&input.as_bytes()[..cut], Nanos::ZERO, &service, &mut out);
        assert_eq!(first.next, Next::Read, "{cut}");
        let waits = if cut == 0 { Waiting::NextRequest } else { Waiting::Head };
        assert!(cut >= HEADER.len() || (session.waiting(), out.len()) == (waits, 0), "{cut}");
        let last = session.on_bytes(&input.as_bytes()[first.consumed..], Nanos::ZERO, &service, &mut out);
        assert_eq!((last.next, first.consumed + last.consumed), (Next::Read, input.len()), "{cut}");
        let statuses: Vec<u16> = read_answers(&out, &[]).iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200, 503], "{cut}");
    }
}

#[test]
fn what_is_no_header_is_closed_without_a_word() {
    let service = by_address();
    for (input, why) in [
        (REQUEST, Malformed::Absent),
        ("PROXY TCP4 me you 1 2\r\n", Malformed::Line),
        ("\r\n\r\n\0\r\nQUIT\n\x31", Malformed::Command),
        ("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x01", Malformed::Length),
    ] {
        let got = give(&mut Session::proxied(Some(LOCALHOST)), &service, input.as_bytes(), Nanos::ZERO);
        assert_eq!((got.statuses(), got.next), (vec![], Next::Close(CloseReason::NotProxied(why))), "{input:?}");
    }
    assert_eq!(service.tally().requests(), 0);
}

#[test]
fn a_proxy_that_says_half_a_header_or_nothing_is_told_nothing() {
    let service = by_address();
    for said in ["", "P", HEADER.trim_end()] {
        let (mut session, mut out) = (Session::proxied(Some(LOCALHOST)), Vec::new());
        let _ = session.on_bytes(said.as_bytes(), Nanos::ZERO, &service, &mut out);
        assert_eq!(session.on_eof(Nanos::ZERO, &service, &mut out), Next::Close(CloseReason::PeerDone));
        let mut session = Session::proxied(Some(LOCALHOST));
        let _ = session.on_bytes(said.as_bytes(), Nanos::ZERO, &service, &mut out);
        assert_eq!(session.on_head_timeout(&service, &mut out), Next::Close(CloseReason::Idle));
        assert_eq!(out, b"", "{said:?}");
    }
}

#[test]
fn a_header_says_nothing_where_none_is_expected() {
    let input = format!("{HEADER}{REQUEST}");
    let got = give(&mut Session::new(Some(LOCALHOST)), &by_address(), input.as_bytes(), Nanos::ZERO);
    assert_eq!((got.statuses(), got.closes()), (vec![400], true));
}
