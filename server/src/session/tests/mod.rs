//! A session is tested as a peer sees it: bytes go in, answers come out and are read by a small reader of their own. One file per subject.

mod answers;
mod batch;
mod bodies;
mod check;
mod heads;
mod identity;
mod leaky;
mod persistence;
mod pipeline;
mod policies;
mod preamble;
mod shed;
mod splits;

use std::sync::Arc;

use tollgate_limiter::{Algorithm, Capacity, Limiter, Nanos, Quota, Settings};

use super::{Next, Session};
use crate::service::{Service, ServiceSettings};

/// What a peer gets for some bytes.
#[derive(Debug)]
pub(super) struct Got {
    pub answers: Vec<Answer>,
    pub next: Next,
    pub unconsumed: usize,
}

/// One answer, taken apart.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|field| field.0 == name).map(|field| &*field.1);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice in {self:?}");
        value
    }

    /// Whether the answer says that it is the last.
    pub fn closes(&self) -> bool {
        self.field("Connection") == Some("close")
    }
}

impl Got {
    pub fn statuses(&self) -> Vec<u16> {
        self.answers.iter().map(|answer| answer.status).collect()
    }

    pub fn only(&self) -> &Answer {
        assert_eq!(self.answers.len(), 1, "{self:?}");
        &self.answers[0]
    }

    pub fn closes(&self) -> bool {
        matches!(self.next, Next::Close(_) | Next::Linger(_))
    }
}

pub(super) fn service_with(quotas: &[Quota], settings: ServiceSettings) -> Service {
    let limiter = Limiter::new(&Settings {
        quotas: quotas.to_vec(),
        capacity: Capacity::clients(1000).expect("a capacity"),
        ..Settings::default()
    });
    let service = Service::new(Arc::new(limiter.expect("a limiter")), settings);
    service.set_unix_time(784_111_777);
    service
}

/// A fixed window, whose times are exact to the nanosecond.
pub(super) fn fixed(quota: &str) -> Quota {
    Quota::with_algorithm_of(quota, Algorithm::FixedWindow).expect("a quota")
}

pub(super) fn service(quota: &str) -> Service {
    service_with(&[fixed(quota)], ServiceSettings::default())
}

/// A service that denies nobody in these tests.
pub(super) fn open_service() -> Service {
    service("1000000/1s")
}

/// A peer that is trusted unless something else is said.
pub(super) const LOCALHOST: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A new session is given `input` at once.
pub(super) fn ask(service: &Service, input: impl AsRef<[u8]>) -> Got {
    give(&mut Session::new(Some(LOCALHOST)), service, input.as_ref(), Nanos::ZERO)
}

/// `session` is given `input` at once.
pub(super) fn give(session: &mut Session, service: &Service, input: &[u8], now: Nanos) -> Got {
    let mut out = Vec::new();
    let turn = session.on_bytes(input, now, service, &mut out);
    Got { answers: read_answers(&out, &heads_in(input)), next: turn.next, unconsumed: input.len() - turn.consumed }
}

/// Which answers have no content although they have a length: for each line that looks like a request line, whether its method is HEAD.
fn heads_in(input: &[u8]) -> Vec<bool> {
    String::from_utf8_lossy(input)
        .lines()
        .filter(|line| line.contains(" HTTP/"))
        .map(|line| line.starts_with("HEAD "))
        .collect()
}

/// Takes answers apart; `heads[n]` tells whether the n-th final one answers a HEAD.
pub(super) fn read_answers(out: &[u8], heads: &[bool]) -> Vec<Answer> {
    let mut rest = str::from_utf8(out).expect("answers are ASCII");
    let mut answers: Vec<Answer> = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_once("\r\n\r\n").expect("a complete head");
        let mut lines = head.split("\r\n");
        let status_line = lines.next().expect("a status line");
        let status = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(code, _)| code.parse().ok())
            .unwrap_or_else(|| panic!("status line {status_line:?}"));
        let fields: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").expect("a field"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, fields, body: String::new() };
        let finals = answers.iter().filter(|answer| answer.status >= 200).count();
        let length = match answer.field("Content-Length") {
            _ if heads.get(finals) == Some(&true) => 0,
            None => 0,
            Some(length) => length.parse().expect("a length"),
        };
        answer.body = after[..length].to_owned();
        rest = &after[length..];
        answers.push(answer);
    }
    answers
}

/// `GET /?clientId=a`, with further header lines, each with its CRLF.
pub(super) fn get(fields: &str) -> String {
    format!("GET /?clientId=a HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}
