//! A second reader of HTTP/1.1 framing, to check the first against: written from the grammar of RFC 9112 and RFC 9110, over the whole input
//! at once, line by line, with strings and allocations where they make it plainer. It shares nothing with the server's parser, httparse included.

/// What stands in the input, in order. Only the last one may be other than a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A request and its content.
    Request {
        /// Bytes of the head.
        head: usize,
        /// Bytes of the content as sent.
        content: usize,
        /// Whether it is HTTP/1.0.
        http10: bool,
        /// Whether it asks for the connection to be closed.
        close: bool,
    },
    /// Something that is not a request.
    Rejected,
    /// The input ends within a request, or before one.
    Incomplete,
}

/// What a chunked body at the front of some bytes comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// It has so many bytes.
    Complete(usize),
    /// It isn't all there.
    Incomplete,
    /// It is none.
    Malformed,
}

/// Whether both saw the same. The server may reject while the oracle still waits for the end of a head or a line: it looks at bytes, not lines.
pub fn agree(ours: &[Frame], theirs: &[Frame]) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|pair| pair.0 == pair.1 || pair == (&Frame::Rejected, &Frame::Incomplete))
}

/// All frames of `input`, with content of up to 1 MiB.
pub fn frames(input: &[u8], head_bytes: usize, headers: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut rest = input;
    loop {
        let frame = frame(&mut rest, head_bytes, headers);
        let last = !matches!(frame, Frame::Request { .. });
        frames.push(frame);
        if last {
            return frames;
        }
    }
}

fn frame(rest: &mut &[u8], head_bytes: usize, headers: usize) -> Frame {
    // RFC 9112 section 2.2: empty lines before a request line; we skip two.
    for _ in 0..2 {
        *rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
    }
    if rest.starts_with(b"\r\n") {
        return Frame::Rejected;
    }
    let end = (0..rest.len()).find(|&at| rest[at..].starts_with(b"\r\n\r\n"));
    let Some(end) = end.filter(|end| end + 4 <= head_bytes) else {
        return if rest.len() >= head_bytes { Frame::Rejected } else { Frame::Incomplete };
    };
    let (head, after) = rest.split_at(end + 4);
    let Some(meaning) = Head::read(&head[..end], headers) else {
        return Frame::Rejected;
    };
    let content = match meaning.framing {
        Framing::Length(length) if length > 1 << 20 => return Frame::Rejected,
        Framing::Length(length) if length > after.len() as u128 => return Frame::Incomplete,
        Framing::Length(length) => length as usize,
        Framing::Chunked => match chunked(after, 1 << 20) {
            Content::Complete(length) => length,
            Content::Incomplete => return Frame::Incomplete,
            Content::Malformed => return Frame::Rejected,
        },
    };
    *rest = &after[content..];
    Frame::Request { head: head.len(), content, http10: meaning.http10, close: meaning.close }
}

enum Framing {
    Length(u128),
    Chunked,
}

struct Head {
    http10: bool,
    close: bool,
    framing: Framing,
}

impl Head {
    fn read(text: &[u8], headers: usize) -> Option<Head> {
        // Latin-1, so that every byte is one char.
        let text: String = text.iter().map(|&byte| char::from(byte)).collect();
        let mut lines = text.split("\r\n");
        let http10 = request_line(lines.next()?)?;
        let fields: Vec<(String, &str)> = lines.map(field).collect::<Option<_>>()?;
        if fields.len() > headers {
            return None;
        }
        let values =
            |name: &str| -> Vec<&str> { fields.iter().filter(|field| field.0 == name).map(|field| field.1).collect() };
        match values("host")[..] {
            [] if http10 => {}
            [host] if is_host(host) => {}
            _ => return None,
        }
        let close = members(&values("connection")).any(|option| option == "close");
        let lengths = values("content-length");
        let codings = values("transfer-encoding");
        let framing = match (&lengths[..], &codings[..]) {
            ([], []) => Framing::Length(0),
            ([length], []) => Framing::Length(decimal(length)?),
            ([], codings) if !http10 => {
                let codings: Vec<String> = members(codings).collect();
                if codings != ["chunked"] {
                    return None;
                }
                Framing::Chunked
            }
            _ => return None,
        };
        Some(Head { http10, close, framing })
    }
}

/// Whether it is HTTP/1.0.
fn request_line(line: &str) -> Option<bool> {
    let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let minor = version.strip_prefix("HTTP/1.")?;
    if !is_token(method) || minor.len() != 1 || !minor.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let printable = !target.is_empty() && target.chars().all(|c| c.is_ascii_graphic() && c != '#');
    let origin = target.starts_with('/') && method != "CONNECT";
    let asterisk = target == "*" && method == "OPTIONS";
    (printable && (origin || asterisk || absolute(method, target) || authority(method, target))).then_some(minor == "0")
}

fn absolute(method: &str, target: &str) -> bool {
    let lower = target.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://").or(lower.strip_prefix("https://")) else {
        return false;
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    method != "CONNECT" && is_host(host) && !host.is_empty() && !host.starts_with(':')
}

fn authority(method: &str, target: &str) -> bool {
    let Some((host, port)) = target.rsplit_once(':') else {
        return false;
    };
    let port = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    method == "CONNECT" && !host.is_empty() && port && is_host(target)
}

/// Name in lower case and value without surrounding whitespace.
fn field(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(':')?;
    let valid = is_token(name) && value.chars().all(is_field_char);
    valid.then(|| (name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_tchar)
}

fn is_tchar(c: char) -> bool {
    // RFC 9110 section 5.6.2: any VCHAR, except delimiters.
    c.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(c)
}

fn is_field_char(c: char) -> bool {
    c == '\t' || (c >= ' ' && c != '\u{7f}')
}

fn members<'a>(values: &'a [&'a str]) -> impl Iterator<Item = String> {
    values
        .iter()
        .flat_map(|value| value.split(','))
        .map(|member| member.trim_matches([' ', '\t']).to_ascii_lowercase())
        .filter(|member| !member.is_empty())
}

/// Saturating; far beyond any limit it no longer matters.
fn decimal(text: &str) -> Option<u128> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u128::MAX))
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.rfind(':') {
        // The last colon of an address in brackets is within them.
        Some(colon) if !text[colon..].contains(']') => (&text[..colon], &text[colon + 1..]),
        _ => (text, ""),
    };
    port.chars().all(|c| c.is_ascii_digit())
        && match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').is_some_and(is_ip_literal),
            None => is_registered_name(host),
        }
}

fn is_ip_literal(text: &str) -> bool {
    let future = text.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.'));
    match future {
        Some((version, address)) => {
            !version.is_empty()
                && version.chars().all(|c| c.is_ascii_hexdigit())
                && !address.is_empty()
                && address.chars().all(|c| c == ':' || is_name_char(c))
        }
        None => text.parse::<std::net::Ipv6Addr>().is_ok(),
    }
}

fn is_registered_name(text: &str) -> bool {
    let mut parts = text.split('%');
    parts.next().is_some_and(|plain| plain.chars().all(is_name_char))
        && parts.all(|part| {
            part.len() >= 2
                && part.chars().take(2).all(|c| c.is_ascii_hexdigit())
                && part.chars().skip(2).all(is_name_char)
        })
}

/// `unreserved / sub-delims` of RFC 3986.
fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~".contains(c) || "!$&'()*+,;=".contains(c)
}

/// A chunked body (RFC 9112 section 7.1) with at most `content_bytes` of content.
pub fn chunked(input: &[u8], content_bytes: u64) -> Content {
    let mut rest = input;
    let mut left = u128::from(content_bytes);
    let mut extension_left = 1024_usize;
    loop {
        let Some(line) = take_line(&mut rest) else {
            return Content::Incomplete;
        };
        let digits = line.chars().take_while(char::is_ascii_hexdigit).count();
        let (size, extensions) = line.split_at(digits);
        if !(1..=16).contains(&digits) || !are_extensions(extensions) || extensions.len() > extension_left {
            return Content::Malformed;
        }
        extension_left -= extensions.len();
        let size = u128::from_str_radix(size, 16).unwrap_or(u128::MAX);
        if size == 0 {
            break;
        }
        if size > left {
            return Content::Malformed;
        }
        left -= size;
        let size = size as usize;
        match rest.get(size..(size + 2).min(rest.len())) {
            None | Some([] | [b'\r']) => return Content::Incomplete,
            Some(b"\r\n") => rest = &rest[size + 2..],
            Some(_) => return Content::Malformed,
        }
    }
    let mut trailer_left = 4096_usize;
    loop {
        let Some(line) = take_line(&mut rest) else {
            return Content::Incomplete;
        };
        if line.is_empty() {
            return Content::Complete(input.len() - rest.len());
        }
        // Its CRLF counts, the one of the last, empty line does not.
        if field(&line).is_none() || line.len() + 2 > trailer_left {
            return Content::Malformed;
        }
        trailer_left -= line.len() + 2;
    }
}

/// A line without its CRLF, as Latin-1.
fn take_line(rest: &mut &[u8]) -> Option<String> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = rest[..end].iter().map(|&byte| char::from(byte)).collect();
    *rest = &rest[end + 2..];
    Some(line)
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
fn are_extensions(text: &str) -> bool {
    let bws = |text: &str| text.trim_start_matches([' ', '\t']).to_owned();
    let token = |text: &str| {
        let end = text.find(|c| !is_tchar(c)).unwrap_or(text.len());
        (end > 0).then(|| text[end..].to_owned())
    };
    let mut rest = text.to_owned();
    while !rest.is_empty() {
        let Some(after) = bws(&rest).strip_prefix(';').map(bws).and_then(|name| token(&name)) else {
            return false;
        };
        rest = after;
        if let Some(value) = bws(&rest).strip_prefix('=').map(bws) {
            let after = match value.strip_prefix('"') {
                Some(quoted) => after_quoted(quoted),
                None => token(&value),
            };
            let Some(after) = after else {
                return false;
            };
            rest = after;
        }
    }
    true
}

/// What follows the closing quote.
fn after_quoted(text: &str) -> Option<String> {
    let mut chars = text.chars();
    loop {
        let c = match chars.next()? {
            '"' => return Some(chars.as_str().to_owned()),
            '\\' => chars.next()?,
            c => c,
        };
        if !is_field_char(c) {
            return None;
        }
    }
}
