//! A reader of answers that takes nothing on trust: what RFC 9112 does not let a server send makes the test fail.

use super::peer::{Ending, Peer};

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub phrase: String,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The value of a field, which may be there once at most.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is repeated in {self:?}");
        value.map(String::as_str)
    }

    /// The names of all fields, in order.
    pub fn names(&self) -> Vec<&str> {
        self.fields.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Whether the server said that it is going to close.
    pub fn closes(&self) -> bool {
        self.field("Connection") == Some("close")
    }

    /// What `r` of the RateLimit field says.
    pub fn remaining(&self) -> Option<u32> {
        self.field("RateLimit")?.split(";r=").nth(1)?.split(';').next()?.parse().ok()
    }

    /// The seconds of Retry-After.
    pub fn retry_after(&self) -> u64 {
        let value = self.field("Retry-After").unwrap_or_else(|| panic!("no Retry-After in {self:?}"));
        value.parse().unwrap_or_else(|_| panic!("{value:?} is no number of seconds"))
    }

    /// Reads one answer from the front of what `peer` receives.
    pub fn read(peer: &mut Peer, body_follows: bool) -> Result<Answer, Ending> {
        let head = loop {
            if let Some(end) = find(peer.received(), b"\r\n\r\n") {
                break String::from_utf8(peer.take(end + 4)).expect("a head in ASCII");
            }
            peer.receive()?;
        };
        let mut lines = head.strip_suffix("\r\n\r\n").expect("the end was found").split("\r\n");
        let (status, phrase) = status_line(lines.next().unwrap_or_default());
        let fields = lines.map(field_line).collect();
        let mut answer = Answer { status, phrase, fields, body: String::new() };
        if status >= 200 {
            answer.check();
            let length = answer.field("Content-Length").expect("checked").parse().expect("checked");
            if body_follows {
                while peer.received().len() < length {
                    peer.receive()?;
                }
                answer.body = String::from_utf8(peer.take(length)).expect("a text");
            }
        }
        Ok(answer)
    }

    /// What every final answer must have.
    fn check(&self) {
        let length = self.field("Content-Length").unwrap_or_else(|| panic!("no Content-Length in {self:?}"));
        assert!(length.bytes().all(|byte| byte.is_ascii_digit()), "{length:?}");
        assert_eq!(self.field("Transfer-Encoding"), None);
        let date = self.field("Date").unwrap_or_else(|| panic!("no Date in {self:?}"));
        // Sun, 06 Nov 1994 08:49:37 GMT
        assert!(date.len() == 29 && date.ends_with(" GMT") && &date[3..5] == ", ", "{date:?}");
        assert!(!date.contains("1970"), "the date was never set");
        assert_eq!(self.status == 405, self.field("Allow").is_some(), "Allow belongs to 405: {self:?}");
        let denied = matches!(self.status, 429 | 503) || self.field("X-Tollgate-Reason") == Some("quota");
        // Who is denied for ever has nothing to wait for, and is told of none.
        let ends = self.field("RateLimit").is_some_and(|limit| limit.contains(";t="));
        let waits = self.field("Retry-After").is_some();
        assert!(if waits { denied } else { !(denied && ends) }, "Retry-After belongs to denials that end: {self:?}");
    }
}

fn status_line(line: &str) -> (u16, String) {
    let parts: Vec<&str> = line.splitn(3, ' ').collect();
    let [version, status, phrase] = parts[..] else { panic!("{line:?} is no status line") };
    assert_eq!(version, "HTTP/1.1", "{line:?}");
    assert!(status.len() == 3 && !phrase.is_empty(), "{line:?}");
    (status.parse().unwrap_or_else(|_| panic!("{line:?}")), phrase.to_owned())
}

fn field_line(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no field line"));
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{line:?}");
    assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && value.trim() == value, "{line:?}");
    (name.to_owned(), value.to_owned())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
