//! Raw answers whose heads are what matters: interim ones, last ones, those that are none, and what is said besides.

use super::Hints;
use super::Malformed::{
    BareLineFeed, Field, HeadTooLong, NotHttp, StatusLine, TooManyFields, TooManyInterim, Truncated, Upgrade,
};
use super::reading::{End, Reading, read};
use super::table::Comes::{AtClose, Bad, Last, Whole};
use super::table::{check, check_to_head};

const OK: &str = "HTTP/1.1 200 OK\r\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn interim_answers_are_skipped() {
    let continued = "HTTP/1.1 100 Continue\r\n\r\n";
    check(
        "",
        &[
            (&format!("{continued}{EMPTY}X"), Whole(200, 1)),
            (&format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 9\r\n\r\n{EMPTY}"), Whole(200, 0)),
            (&format!("{continued}HTTP/1.1 102 Processing\r\nConnection: close\r\n\r\n{EMPTY}X"), Whole(200, 1)),
            (&format!("{}{EMPTY}", continued.repeat(16)), Whole(200, 0)),
            (&format!("{}{EMPTY}", continued.repeat(17)), Bad(TooManyInterim)),
            (&continued.repeat(1000), Bad(TooManyInterim)),
            (continued, Bad(Truncated)),
            (&format!("{continued}HTTP/1.1 20"), Bad(Truncated)),
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", Bad(Upgrade)),
        ],
    );
    check_to_head(&[(&format!("{continued}{OK}Content-Length: 5\r\n\r\n"), Whole(200, 0))]);
}

#[test]
fn interim_answers_are_counted_from_the_last_final_one() {
    let many = format!("{}{EMPTY}", "HTTP/1.1 100 Continue\r\n\r\n".repeat(16)).repeat(3);
    let reading = read([many.as_bytes()].into_iter(), |_| false, &mut Hints::new());
    assert_eq!((reading.answers.len(), reading.end), (3, End::Clean));
}

#[test]
fn the_connection_ends_after_the_answers_that_say_so() {
    check(
        OK,
        &[
            ("Connection: close\r\nContent-Length: 1\r\n\r\nxX", Last(200, 1)),
            ("Connection: CLOSE\r\nContent-Length: 0\r\n\r\n", Last(200, 0)),
            ("Connection: foo , close\r\nContent-Length: 0\r\n\r\n", Last(200, 0)),
            ("Connection: foo\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", Last(200, 0)),
            ("Connection: close\r\nConnection: foo\r\nContent-Length: 0\r\n\r\n", Last(200, 0)),
            ("Connection: close, keep-alive\r\nContent-Length: 0\r\n\r\n", Last(200, 0)),
            ("Connection: closed\r\nContent-Length: 0\r\n\r\n", Whole(200, 0)),
            ("Connection: keep-alive\r\nKeep-Alive: timeout=0, max=0\r\nContent-Length: 0\r\n\r\n", Whole(200, 0)),
            ("Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX", Last(200, 1)),
            ("\r\nwhatever comes", AtClose(200)),
            ("\r\n", AtClose(200)),
            ("Connection: close\r\n\r\nwhatever comes", AtClose(200)),
            ("Connection: keep-alive\r\n\r\nwhatever comes", AtClose(200)),
        ],
    );
    check(
        "HTTP/1.0 200 OK\r\n",
        &[
            ("Content-Length: 1\r\n\r\nx", Last(200, 0)),
            ("Connection: keep-alive\r\nContent-Length: 1\r\n\r\nx", Whole(200, 0)),
            ("Connection: Keep-Alive, close\r\nContent-Length: 1\r\n\r\nx", Last(200, 0)),
            ("\r\nx", AtClose(200)),
            ("Connection: keep-alive\r\n\r\nx", AtClose(200)),
        ],
    );
}

#[test]
fn what_is_not_an_answer() {
    check(
        "",
        &[
            ("\x16\x03\x03\x00\x7a\x02", Bad(NotHttp)),
            ("\x00\x00\x12\x04\x00\x00\x00\x00\x00", Bad(NotHttp)),
            ("HTTP/2 200\r\n\r\n", Bad(NotHttp)),
            ("<html>Hello</html>\n", Bad(NotHttp)),
            ("http/1.1 200 OK\r\n\r\n", Bad(NotHttp)),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", Bad(NotHttp)),
            ("SSH-2.0-OpenSSH_9.6\r\n", Bad(NotHttp)),
            ("GET / HTTP/1.1\r\n\r\n", Bad(NotHttp)),
            ("H", Bad(Truncated)),
            ("HTTP/1.1 200 OK\r\nContent-Le", Bad(Truncated)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r", Bad(Truncated)),
            ("HTTP/1.2 200 OK\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.10 200 OK\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.1  200 OK\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.1 20 OK\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.1 2000 OK\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.1 099 Low\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.1 -20 OK\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.1 200 O\x00K\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.1\r\n\r\n", Bad(StatusLine)),
            ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", Bad(BareLineFeed)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n", Bad(BareLineFeed)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", Bad(BareLineFeed)),
        ],
    );
    check(
        OK,
        &[
            ("no colon\r\n\r\n", Bad(Field)),
            (": no name\r\n\r\n", Bad(Field)),
            ("bad name: x\r\n\r\n", Bad(Field)),
            ("X: a\r\n folded\r\nContent-Length: 0\r\n\r\n", Bad(Field)),
            ("X: a\rb\r\nContent-Length: 0\r\n\r\n", Bad(Field)),
            ("X: a\x00b\r\nContent-Length: 0\r\n\r\n", Bad(Field)),
            ("X: a\x7f\r\nContent-Length: 0\r\n\r\n", Bad(Field)),
            ("X: a\tb\u{e4}\r\nX:\r\nContent-Length: 0\r\n\r\n", Whole(200, 0)),
        ],
    );
}

#[test]
fn heads_are_bounded() {
    let head = |value: usize| format!("{OK}Content-Length: 1\r\nX:{}\r\n\r\nx", "v".repeat(value));
    let around = head(0).len() - 1;
    check(
        "",
        &[
            (&head(16 * 1024 - around), Whole(200, 0)),
            (&head(16 * 1024 - around + 1), Bad(HeadTooLong)),
            (&format!("{OK}X: {}", "v".repeat(16 * 1024)), Bad(HeadTooLong)),
            (&format!("{OK}X: {}\n", "v".repeat(16 * 1024)), Bad(HeadTooLong)),
            (&format!("{OK}{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(99)), Whole(200, 0)),
            (&format!("{OK}{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(100)), Bad(TooManyFields)),
        ],
    );
}

#[test]
fn a_retry_after_in_seconds_is_reported() {
    let cases = [
        ("Retry-After: 7", Some(7)),
        ("retry-after:0", Some(0)),
        ("Retry-After: 4294967295", Some(u32::MAX)),
        ("Retry-After: 4294967296", None),
        ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("Retry-After: 1.5", None),
        ("Retry-After: -1", None),
        ("Retry-After: 1\r\nRetry-After: 1", None),
        ("Retry-Later: 1", None),
    ];
    let mut hints = Hints::new();
    for (field, meant) in cases {
        let raw = format!("HTTP/1.1 429 Too Many Requests\r\n{field}\r\nContent-Length: 0\r\n\r\n");
        for time in ["first", "second"] {
            let reading = read([raw.as_bytes()].into_iter(), |_| false, &mut hints);
            assert_eq!(reading.answers[0].retry_after, meant, "{field}, read a {time} time");
        }
    }
}

#[test]
fn an_idle_connection_that_closes_is_no_error() {
    assert_eq!(read([].into_iter(), |_| false, &mut Hints::new()), Reading { answers: Vec::new(), end: End::Clean });
}
