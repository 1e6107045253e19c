//! HTTP/1.x on the wire: what goes in, the statuses that come out, and whether the connection lives on. By section of RFC 9112 (9110 where
//! it says so). All requests are for one client that has quota enough.

use super::protocol::After::{self, Closed, Open};

/// Bytes, the statuses of all answers (100 included), and what is left of the connection.
pub type Case = (&'static str, &'static [u16], After);

pub const LINES_AND_REQUEST_LINES: &[Case] = &[
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[200], Open),
    // 2.2: at least one empty line before the request line is skipped; not without end.
    ("\r\nGET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[200], Open),
    ("\r\n\r\nGET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[200], Open),
    ("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    // 2.2: bare LF and bare CR.
    ("GET /?clientId=a HTTP/1.1\nHost: h\n\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\n\n", &[400], Closed),
    ("\nGET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("\rGET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA: b\rC: d\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA: b\r\r\n\r\n", &[400], Closed),
    // 2.2: whitespace between the request line and the first field.
    ("GET /?clientId=a HTTP/1.1\r\n Host: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\n\tX: y\r\nHost: h\r\n\r\n", &[400], Closed),
    // 3: exactly one space on either side of the target.
    ("GET  /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a  HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1 \r\nHost: h\r\n\r\n", &[400], Closed),
    (" GET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET\t/?clientId=a\tHTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a b HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a\r\n\r\n", &[400], Closed),
    ("GET\r\n\r\n", &[400], Closed),
    ("GET HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("G@T /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    // 2.3, and 9110 2.5: versions.
    ("GET /?clientId=a HTTP/1.2\r\nHost: h\r\n\r\n", &[200], Open),
    ("GET /?clientId=a HTTP/2.0\r\nHost: h\r\n\r\n", &[505], Closed),
    ("GET /?clientId=a HTTP/0.9\r\nHost: h\r\n\r\n", &[505], Closed),
    ("GET /?clientId=a HTTP/9.9\r\nHost: h\r\n\r\n", &[505], Closed),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[505], Closed),
    ("GET /?clientId=a http/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.10\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/11\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTPS/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    // 3.2: forms of the target.
    ("GET http://h/?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[200], Open),
    ("GET http://h?clientId=a HTTP/1.1\r\nHost: other\r\n\r\n", &[200], Open),
    ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", &[405], Open),
    ("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", &[501], Open),
    ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET ?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET http:///?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a#b HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=\0 HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=\u{7f} HTTP/1.1\r\nHost: h\r\n\r\n", &[400], Closed),
    // 9110 9.1: methods are case-sensitive, and what is not known is not implemented.
    ("get /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n", &[501], Open),
    ("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", &[501], Open),
    // Other protocols on our port.
    ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}", &[400], Closed),
    ("SSH-2.0-OpenSSH_9.2\r\n\r\n", &[400], Closed),
];

pub const HOST_AND_FIELDS: &[Case] = &[
    // 3.2: Host.
    ("GET /?clientId=a HTTP/1.1\r\n\r\n", &[400], Closed),
    ("GET http://h/?clientId=a HTTP/1.1\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nX: y\r\nhost: i\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: a b\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: u@h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h/path\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h:x\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: [::1\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost:\r\n\r\n", &[200], Open),
    ("GET /?clientId=a HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", &[200], Open),
    ("GET /?clientId=a HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", &[400], Closed),
    // 5.1: no whitespace before the colon, optional whitespace after it.
    ("GET /?clientId=a HTTP/1.1\r\nHost : h\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost:\t h \t\r\n\r\n", &[200], Open),
    // 5.2: obs-fold.
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\tchunked\r\n\r\n", &[400], Closed),
    // 5, and 9110 5.1, 5.5: names are tokens, values have no control characters.
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\n: v\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA(: v\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA\u{e9}: v\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA: \u{7f}\r\n\r\n", &[400], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nA: \u{e9}\t\"~!\r\nB:\r\n\r\n", &[200], Open),
];

pub const FRAMING: &[Case] = &[
    // 6.2: Content-Length. What follows the content is the next request.
    (
        "GET /?clientId=a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /GET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[200, 200],
        Open,
    ),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", &[405], Open),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0003\r\n\r\nabc", &[405], Open),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5 5\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", &[413], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551617\r\n\r\n", &[413], Closed),
    // 6.1: Transfer-Encoding.
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ChUnKeD\r\n\r\n0\r\n\r\n", &[200], Open),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", &[501], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n", &[400], Closed),
    // 6.1, 6.3: both, or chunked in 1.0, is how requests are smuggled.
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        &[400],
        Closed,
    ),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", &[400], Closed),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[400], Closed),
    (
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
        &[400],
        Closed,
    ),
];

/// Content of a chunked GET; allowed requests are answered when their content is complete.
pub const CHUNKS: &[(&str, &[u16], After)] = &[
    ("0\r\n\r\n", &[200], Open),
    ("5\r\nhello\r\n0\r\n\r\n", &[200], Open),
    ("5\r\nhello\r\nA\r\n0123456789\r\n00\r\n\r\n", &[200], Open),
    ("5;a\r\nhello\r\n0;b=c;d=\"e\\\"f\"\r\n\r\n", &[200], Open),
    ("5 ; a = b\r\nhello\r\n0\r\n\r\n", &[200], Open),
    ("0\r\nTrailer: one\r\nAnother: two\r\n\r\n", &[200], Open),
    ("0000000000000005\r\nhello\r\n0\r\n\r\n", &[200], Open),
    // 7.1: a size is there, in hex, and fits.
    ("\r\n\r\n", &[400], Closed),
    (";a\r\n\r\n", &[400], Closed),
    ("x\r\n", &[400], Closed),
    ("-5\r\nhello\r\n", &[400], Closed),
    ("+5\r\nhello\r\n", &[400], Closed),
    ("0x5\r\nhello\r\n", &[400], Closed),
    (" 5\r\nhello\r\n", &[400], Closed),
    ("5\nhello\r\n", &[400], Closed),
    ("00000000000000005\r\nhello\r\n", &[400], Closed),
    ("100001\r\n", &[413], Closed),
    ("ffffffffffffffff\r\n", &[413], Closed),
    // The data is as long as the size says.
    ("5\r\nhello!\r\n0\r\n\r\n", &[400], Closed),
    ("5\r\nhell\r\n0\r\n\r\n", &[400], Closed),
    ("5\r\nhello\n0\r\n\r\n", &[400], Closed),
    ("5\r\nhelloX0\r\n\r\n", &[400], Closed),
    // 7.1.1: extensions have a grammar, and no line ends of their own.
    ("5;\0\r\nhello\r\n", &[400], Closed),
    ("5;a\nb\r\nhello\r\n", &[400], Closed),
    ("5;a\rb\r\nhello\r\n", &[400], Closed),
    ("5;a=\"b\r\nhello\r\n", &[400], Closed),
    ("5 a\r\nhello\r\n", &[400], Closed),
    // 7.1.2: trailers are fields.
    ("0\r\nA b: c\r\n\r\n", &[400], Closed),
    ("0\r\nA: b\n\r\n", &[400], Closed),
    ("0\r\n folded\r\n\r\n", &[400], Closed),
];

pub const PERSISTENCE_AND_EXPECTATIONS: &[Case] = &[
    // 9.3: who closes.
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", &[200], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nConnection: x, ClosE\r\n\r\n", &[200], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n", &[200], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nConnection: close, keep-alive\r\n\r\n", &[200], Closed),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", &[200], Open),
    (
        "GET /?clientId=a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /?clientId=a HTTP/1.1\r\nHost: h\r\n\r\n",
        &[200],
        Closed,
    ),
    ("GET /?clientId=a HTTP/1.0\r\n\r\n", &[200], Closed),
    ("GET /?clientId=a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &[200], Open),
    ("GET /?clientId=a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", &[200], Closed),
    ("POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", &[405], Open),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", &[200], Open),
    // 9110 10.1.1: Expect.
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", &[200], Open),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", &[200], Open),
    ("GET /?clientId=a HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n", &[417], Open),
    (
        "GET /?clientId=a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
        &[200],
        Open,
    ),
    ("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", &[405], Closed),
];
