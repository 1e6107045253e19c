//! A request, as far as a service has to understand it: where it ends, and what it asks for. A gate writes requests anew, so they are well formed.

/// The head of a request, and how much content follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'b> {
    pub path: &'b [u8],
    /// Bytes of the head.
    pub head: usize,
    pub content: Content,
}

/// What follows the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Bytes(u64),
    /// In chunks: nobody here counts them, so the connection ends with the answer.
    Chunks,
}

impl<'b> Request<'b> {
    /// The first request of these bytes, if its head is there.
    pub fn first(bytes: &'b [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let mut lines = bytes[..end].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let path = lines.next()?.split(|byte| *byte == b' ').nth(1)?;
        let mut content = Content::Bytes(0);
        for line in lines {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"transfer-encoding") {
                content = Content::Chunks;
            } else if name.eq_ignore_ascii_case(b"content-length") && content != Content::Chunks {
                content = Content::Bytes(std::str::from_utf8(value).ok()?.parse().ok()?);
            }
        }
        Some(Self { path, head: end + 4, content })
    }
}
