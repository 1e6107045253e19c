//! Field syntax shared by the parts: tokens, and lists of tokens (RFC 9110 sections 5.6.1 and 5.6.2).

use httparse::{EMPTY_HEADER, Error, Header, Status};

use super::Limits;

/// Hands the fields that `bytes` consist of, the empty line behind them included, to `then`; at most `limit` of them.
#[inline]
pub fn read_fields<'b, T>(bytes: &'b [u8], limit: usize, then: impl FnOnce(&[Header<'b>]) -> T) -> Result<T, Error> {
    let (mut few, mut many) = ([EMPTY_HEADER; FEW], None);
    let mut read = httparse::parse_headers(bytes, &mut few[..limit.min(FEW)]);
    if limit > FEW && read == Err(Error::TooManyHeaders) {
        let many = many.insert([EMPTY_HEADER; Limits::MAX_HEADERS]);
        read = httparse::parse_headers(bytes, &mut many[..limit.min(Limits::MAX_HEADERS)]);
    }
    match read? {
        Status::Complete((_, fields)) => Ok(then(fields)),
        Status::Partial => Err(Error::NewLine),
    }
}

/// RFC 9110 section 5.6.2.
#[inline]
pub fn is_tchar(byte: u8) -> bool {
    TCHAR[byte as usize]
}

/// Whether `text` is a token: what a field name, a method or a connection option must be.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_tchar(byte))
}

/// What a field value may contain: visible characters, obs-text, SP and HTAB (RFC 9110 section 5.5).
#[inline]
pub fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// The members of a comma-separated list, without surrounding whitespace; empty members are passed over, as RFC 9110 section 5.6.1.2 demands.
/// For lists of tokens: a comma within a quoted string splits too.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Most requests have fewer fields, and clearing places for as many as there may be costs more than reading these.
const FEW: usize = 16;
const TCHAR: [bool; 256] = byte_table(b"!#$%&'*+-.^_`|~");

/// A table of letters, digits and `others`.
pub(super) const fn byte_table(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut i = 0;
    while i < others.len() {
        table[others[i] as usize] = true;
        i += 1;
    }
    table
}
