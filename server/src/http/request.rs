//! A complete head, read into a [`Request`] or a [`Reject`].
//!
//! httparse splits the fields and checks names and values; what it tolerates and RFC 9112 does not has been refused by the scan before, and what
//! the fields *mean* is settled here. Only the fields that this server acts on are kept, so a request is a handful of slices.

use httparse::Header;

use super::{
    Limits, Reject,
    fields::{list, read_fields},
    framing::{Framing, FramingFields},
    host,
    request_line::{self, Method, RequestLine, Target},
    scan::{HeadScan, Scanned},
};

/// What the bytes given so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'b> {
    /// The head is not complete.
    NeedMore,
    /// An empty line before the request line: pass over so many bytes and ask again.
    Skip {
        /// How many bytes it has.
        consumed: usize,
    },
    /// A request, whose content (if any) begins after `consumed` bytes.
    Request {
        /// The request.
        request: Request<'b>,
        /// Bytes of the head.
        consumed: usize,
    },
    /// No request can begin with these bytes.
    Reject(Reject),
}

/// A request without its content. Borrows from the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'b> {
    /// What is to be done.
    pub method: Method,
    /// With what.
    pub target: Target<'b>,
    /// HTTP/1.0: no Host needed, no connection kept unless asked for, no 100 Continue.
    pub http10: bool,
    /// Where the content ends.
    pub framing: Framing,
    /// What the Connection field asks for.
    pub connection: ConnectionOptions,
    /// What the Expect field asks for.
    pub expect: Expect,
    /// The field that names the client, when there is such a field.
    pub client_field: FieldValue<'b>,
    /// All of it, for fields that few requests are asked for: see [`Request::field`].
    pub head: &'b [u8],
}

/// The connection options we know (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// `close` is among them.
    pub close: bool,
    /// `keep-alive` is among them; means something in HTTP/1.0 only.
    pub keep_alive: bool,
}

/// The expectation of RFC 9110 section 10.1.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// None.
    #[default]
    Nothing,
    /// `100-continue`.
    Continue,
    /// Something we can't meet: 417.
    Other,
}

/// The value of a field that may be there once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValue<'b> {
    /// The field is not there.
    #[default]
    Missing,
    /// Its value.
    Value(&'b [u8]),
    /// It is there more than once.
    Repeated,
}

impl<'b> Request<'b> {
    /// Reads the head at the front of `input`; `scan` remembers what has been looked at. `client_field` is the name of the field to keep
    /// besides those that HTTP itself needs.
    #[inline]
    pub fn receive(scan: &mut HeadScan, input: &'b [u8], limits: &Limits, client_field: Option<&str>) -> Progress<'b> {
        match scan.advance(input, limits) {
            Scanned::NeedMore => Progress::NeedMore,
            Scanned::Skip(consumed) => Progress::Skip { consumed },
            Scanned::Reject(reject) => Progress::Reject(reject),
            Scanned::Head(consumed) => match Request::parse(&input[..consumed], limits, client_field) {
                Ok(request) => Progress::Request { request, consumed },
                Err(reject) => Progress::Reject(reject),
            },
        }
    }

    /// Reads one complete head: first byte of the request line to the CRLF of the empty line.
    #[inline]
    pub fn parse(head: &'b [u8], limits: &Limits, client_field: Option<&str>) -> Result<Request<'b>, Reject> {
        let (line, rest) = request_line::split(head)?;
        read_fields(rest, limits.headers, |fields| Request::from_parts(head, line, fields, limits, client_field))
            .unwrap_or_else(|error| match error {
                httparse::Error::TooManyHeaders => Err(Reject::TooManyFields),
                _ => Err(diagnose(rest)),
            })
    }

    #[inline]
    fn from_parts(
        head: &'b [u8],
        line: RequestLine<'b>,
        fields: &[Header<'b>],
        limits: &Limits,
        client_field: Option<&str>,
    ) -> Result<Request<'b>, Reject> {
        let RequestLine { method, target, http10 } = line;
        let mut meaning = Meaning::default();
        for field in fields {
            meaning.take(field, client_field)?;
        }
        if !meaning.host && !http10 {
            return Err(Reject::HostMissing);
        }
        Ok(Request {
            method,
            target,
            http10,
            framing: meaning.framing.settle(http10, limits.body_bytes)?,
            connection: meaning.connection,
            expect: meaning.expect,
            client_field: meaning.client_field,
            head,
        })
    }

    /// The values of all lines of the field called `name`, in order. (Each line but the first is `name ":" value`; a folded one was refused.)
    pub fn field_lines(&self, name: &str) -> impl DoubleEndedIterator<Item = &'b [u8]> {
        self.head.split(|&byte| byte == b'\n').filter_map(move |line| {
            let colon = memchr::memchr(b':', line)?;
            line[..colon].eq_ignore_ascii_case(name.as_bytes()).then(|| line[colon + 1..].trim_ascii())
        })
    }

    /// The value of the field called `name`. Looks through the whole head.
    pub fn field(&self, name: &str) -> FieldValue<'b> {
        let mut lines = self.field_lines(name);
        match (lines.next(), lines.next()) {
            (None, _) => FieldValue::Missing,
            (Some(value), None) => FieldValue::Value(value),
            (Some(_), Some(_)) => FieldValue::Repeated,
        }
    }
}

/// What the fields seen so far mean.
#[derive(Default)]
struct Meaning<'b> {
    host: bool,
    framing: FramingFields,
    connection: ConnectionOptions,
    expect: Expect,
    client_field: FieldValue<'b>,
}

impl<'b> Meaning<'b> {
    #[inline]
    fn take(&mut self, field: &Header<'b>, client_field: Option<&str>) -> Result<(), Reject> {
        let value = field.value;
        // By length first: most fields of most requests end here after one comparison.
        match field.name.len() {
            4 if field.name.eq_ignore_ascii_case("host") => self.host(value)?,
            6 if field.name.eq_ignore_ascii_case("expect") => self.expect(value),
            10 if field.name.eq_ignore_ascii_case("connection") => self.connection(value),
            14 if field.name.eq_ignore_ascii_case("content-length") => self.framing.content_length(value)?,
            17 if field.name.eq_ignore_ascii_case("transfer-encoding") => self.framing.transfer_encoding(value),
            _ => {}
        }
        if client_field.is_some_and(|wanted| field.name.eq_ignore_ascii_case(wanted)) {
            self.client_field = match self.client_field {
                FieldValue::Missing => FieldValue::Value(value),
                FieldValue::Value(_) | FieldValue::Repeated => FieldValue::Repeated,
            };
        }
        Ok(())
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Reject> {
        if self.host {
            return Err(Reject::HostRepeated);
        }
        self.host = true;
        if host::is_valid(value) { Ok(()) } else { Err(Reject::HostInvalid) }
    }

    fn expect(&mut self, value: &[u8]) {
        for member in list(value) {
            if !member.eq_ignore_ascii_case(b"100-continue") {
                self.expect = Expect::Other;
            } else if self.expect == Expect::Nothing {
                self.expect = Expect::Continue;
            }
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for option in list(value) {
            self.connection.close |= option.eq_ignore_ascii_case(b"close");
            self.connection.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

/// Says what is wrong with fields that httparse refused: the first line in which something is.
#[cold]
fn diagnose(mut fields: &[u8]) -> Reject {
    while let Some(end) = memchr::memmem::find(fields, b"\r\n") {
        let line = &fields[..end];
        if line.contains(&b'\r') {
            return Reject::BareCr;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Reject::ObsFold;
        }
        if let Some(colon) = memchr::memchr(b':', line)
            && line[..colon].last().is_some_and(u8::is_ascii_whitespace)
        {
            return Reject::SpaceBeforeColon;
        }
        fields = &fields[end + 2..];
    }
    Reject::Field
}
