//! Raw answers and where their bodies end.

use super::Malformed::{
    ChunkEnd, ChunkSize, ContentLength, Field, LengthConflict, Trailer, TransferEncoding, Truncated,
};
use super::table::Comes::{AtClose, Bad, Last, Whole};
use super::table::{check, check_to_head};

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn answers_with_a_length() {
    check(
        "",
        &[
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Whole(200, 0)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 ", Whole(200, 9)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Whole(200, 0)),
            ("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nno\n", Whole(429, 0)),
            ("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx", Whole(200, 0)),
            ("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", Whole(200, 0)),
            ("HTTP/1.1 299 \u{e4}\tb\r\ncontent-LENGTH:1\r\n\r\nx", Whole(299, 0)),
            ("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", Whole(999, 0)),
        ],
    );
    check(
        OK,
        &[
            ("Content-Length: 2\r\n\r\no", Bad(Truncated)),
            ("Content-Length: 2\r\n\r\n", Bad(Truncated)),
            ("Content-Length: \t 2 \t\r\n\r\nokX", Whole(200, 1)),
            ("Content-Length: 002\r\n\r\nokX", Whole(200, 1)),
            ("Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", Whole(200, 0)),
            ("Content-Length: 2, 2\r\n\r\nok", Whole(200, 0)),
            ("Content-Length: 2, 02\r\n\r\nok", Whole(200, 0)),
            ("Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", Bad(LengthConflict)),
            ("Content-Length: 2, 3\r\n\r\nok", Bad(LengthConflict)),
            ("Content-Length: 2,\r\n\r\nok", Bad(ContentLength)),
            ("Content-Length: -1\r\n\r\n", Bad(ContentLength)),
            ("Content-Length: +2\r\n\r\nok", Bad(ContentLength)),
            ("Content-Length: 1 2\r\n\r\nok", Bad(ContentLength)),
            ("Content-Length: 0x2\r\n\r\nok", Bad(ContentLength)),
            ("Content-Length: 2.0\r\n\r\nok", Bad(ContentLength)),
            ("Content-Length:\r\n\r\n", Bad(ContentLength)),
            ("Content-Length: 18446744073709551615\r\n\r\nok", Bad(Truncated)),
            ("Content-Length: 18446744073709551616\r\n\r\nok", Bad(ContentLength)),
            ("Content-Length: 99999999999999999999\r\n\r\nok", Bad(ContentLength)),
            ("Content-Length : 2\r\n\r\nok", Bad(Field)),
            (" Content-Length: 2\r\n\r\nok", Bad(Field)),
            ("X-Content-Length: 2\r\nContent-Length: 1\r\n\r\nok", Whole(200, 1)),
        ],
    );
}

#[test]
fn chunked_answers() {
    check(
        CHUNKED,
        &[
            ("0\r\n\r\n", Whole(200, 0)),
            ("2\r\nok\r\n0\r\n\r\nHTTP/1.1", Whole(200, 8)),
            ("2\r\nok\r\n10\r\n0123456789abcdef\r\n000\r\n\r\n", Whole(200, 0)),
            ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", Whole(200, 0)),
            ("2;name=value;x=\"a;b\"\r\nok\r\n0;last\r\n\r\n", Whole(200, 0)),
            ("2 \t\r\nok\r\n0 ;x\r\n\r\n", Whole(200, 0)),
            ("2;a\tb\r\nok\r\n0\r\n\r\n", Whole(200, 0)),
            ("0\r\nDigest: abc\r\nX-Empty:\r\n\r\nX", Whole(200, 1)),
            ("2\r\nok\r\n0\r\n", Bad(Truncated)),
            ("2\r\nok\r\n", Bad(Truncated)),
            ("2\r\no", Bad(Truncated)),
            ("", Bad(Truncated)),
            ("2\r\nokay\r\n0\r\n\r\n", Bad(ChunkEnd)),
            ("2\r\nok\n0\r\n\r\n", Bad(ChunkEnd)),
            ("2\r\nok\r0\r\n\r\n", Bad(ChunkEnd)),
            ("2\r\nokX\n0\r\n\r\n", Bad(ChunkEnd)),
            ("2\nok\r\n0\r\n\r\n", Bad(ChunkSize)),
            ("2\rok", Bad(ChunkSize)),
            ("\r\n", Bad(ChunkSize)),
            (";x\r\n", Bad(ChunkSize)),
            ("-2\r\nok\r\n", Bad(ChunkSize)),
            ("+2\r\nok\r\n", Bad(ChunkSize)),
            (" 2\r\nok\r\n", Bad(ChunkSize)),
            ("0x2\r\nok\r\n", Bad(ChunkSize)),
            ("2 2\r\nok\r\n", Bad(ChunkSize)),
            ("2;a\x00\r\nok\r\n", Bad(ChunkSize)),
            ("2;a\nok\r\n", Bad(ChunkSize)),
            ("ffffffffffffffff\r\nok", Bad(Truncated)),
            ("0ffffffffffffffff\r\nok", Bad(Truncated)),
            ("10000000000000000\r\nok", Bad(ChunkSize)),
            ("0\r\nHTTP/1.1 200 OK\r\n\r\n", Bad(Trailer)),
            ("0\r\n: no name\r\n\r\n", Bad(Trailer)),
            ("0\r\nX: a\nY: b\r\n\r\n", Bad(Trailer)),
            ("0\r\nX: a\rY: b\r\n\r\n", Bad(Trailer)),
            ("0\r\nX: a\rYY: b\r\n\r\n", Bad(Trailer)),
            ("0\r\nbad name: x\r\n\r\n", Bad(Trailer)),
            ("0\r\n\rX", Bad(Trailer)),
        ],
    );
    check(
        OK,
        &[
            ("transfer-encoding: gzip, Chunked\r\n\r\n0\r\n\r\n", Whole(200, 0)),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Whole(200, 0)),
            ("Transfer-Encoding: , chunked ,\r\n\r\n0\r\n\r\n", Whole(200, 0)),
            ("Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", AtClose(200)),
            ("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", AtClose(200)),
            ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Bad(TransferEncoding)),
            ("Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", Bad(TransferEncoding)),
            ("Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", Bad(TransferEncoding)),
            ("Transfer-Encoding:\r\n\r\n", Bad(TransferEncoding)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", Bad(LengthConflict)),
            ("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", Bad(LengthConflict)),
        ],
    );
    check("HTTP/1.0 200 OK\r\n", &[("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Bad(TransferEncoding))]);
}

#[test]
fn lines_of_a_chunked_body_are_bounded() {
    check(
        CHUNKED,
        &[
            (&format!("0;{}\r\n\r\n", "x".repeat(4 * 1024 - 2)), Whole(200, 0)),
            (&format!("0;{}\r\n\r\n", "x".repeat(4 * 1024 - 1)), Bad(ChunkSize)),
            (&format!("{}\r\n\r\n", "0".repeat(4 * 1024 + 1)), Bad(ChunkSize)),
            (&"1\r\nx\r\n".repeat(4 * 1024), Bad(Truncated)),
            (&format!("0\r\n{}\r\n", "Name: value\r\n".repeat(1000)), Whole(200, 0)),
            (&format!("0\r\n{}\r\n", "Name: value\r\n".repeat(2000)), Bad(Trailer)),
            (&format!("0\r\nName: {}", "v".repeat(20_000)), Bad(Trailer)),
        ],
    );
}

#[test]
fn answers_without_a_body() {
    check(
        "",
        &[
            ("HTTP/1.1 204 No Content\r\n\r\nX", Whole(204, 1)),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Whole(204, 0)),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nX", Whole(304, 1)),
            ("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", Whole(304, 0)),
            ("HTTP/1.1 204 No Content\r\nContent-Length: five\r\n\r\n", Bad(ContentLength)),
        ],
    );
    check_to_head(&[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Whole(200, 0)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/", Whole(200, 5)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Whole(200, 0)),
        ("HTTP/1.1 200 OK\r\n\r\n", Whole(200, 0)),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nX", Last(200, 1)),
    ]);
}
