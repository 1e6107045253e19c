//! The parameters of a query (RFC 3986, not a form: `+` stands for itself).

use super::IdError;

/// The value of the first parameter called `name`, still encoded.
// Always: looked for in every request, and a second caller is enough for a compiler to make it a call.
#[inline(always)]
pub(crate) fn parameter<'a>(query: &'a [u8], name: &[u8]) -> Result<&'a [u8], IdError> {
    let mut rest = Some(query);
    while let Some(query) = rest {
        let parameter;
        (parameter, rest) = cut(query, b'&');
        let (its_name, value) = cut(parameter, b'=');
        let value = value.unwrap_or_default();
        if its_name == name || (its_name.contains(&b'%') && decodes_to(its_name, name)) {
            return Ok(value);
        }
    }
    Err(IdError::Missing)
}

/// What stands before the first `separator`, and after it.
#[inline]
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(separator, text) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

pub(super) fn decode<'a>(text: &[u8], buffer: &'a mut [u8]) -> Result<&'a [u8], IdError> {
    let mut length = 0;
    for byte in decoded(text) {
        let byte = byte.ok_or(IdError::BadEscape)?;
        *buffer.get_mut(length).ok_or(IdError::TooLong)? = byte;
        length += 1;
    }
    Ok(&buffer[..length])
}

fn decodes_to(text: &[u8], name: &[u8]) -> bool {
    decoded(text).eq(name.iter().map(|&byte| Some(byte)))
}

/// The bytes that `text` stands for, `None` for a `%` without two hex digits (RFC 3986 section 2.1).
fn decoded(text: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let mut rest = text.iter();
    std::iter::from_fn(move || match rest.next()? {
        b'%' => {
            let high = rest.next().and_then(|&digit| hex(digit));
            let low = rest.next().and_then(|&digit| hex(digit));
            Some(high.zip(low).map(|(high, low)| high << 4 | low))
        }
        &byte => Some(Some(byte)),
    })
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|digit| digit as u8)
}
