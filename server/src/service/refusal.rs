//! What is said to a request that is well-formed and not for the limiter. The connection goes on.

use super::Service;
use crate::{
    decide::{Profile, TermsError, UriLost},
    http::{
        Limits,
        response::{Persistence, Plain},
    },
    identity::{ClientIdSource, IdError},
};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Method,
    Expectation,
    Path,
    MethodHere,
    NotPost,
    NotJson,
    BatchTooLarge,
    Stranger,
    Id(NoId),
    Check(Profile, Unclear),
}

/// The policy with this number, 0 for the first, has no id to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoId {
    pub policy: usize,
    pub error: IdError,
}

impl NoId {
    pub fn first(error: IdError) -> NoId {
        NoId { policy: 0, error }
    }
}

/// What a decision cannot be made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unclear {
    Id(NoId),
    Uri(UriLost),
    Terms(TermsError),
}

impl Service {
    /// Appends the answer to a refused request.
    pub(crate) fn render_refused(
        &self,
        out: &mut Vec<u8>,
        refusal: Refusal,
        persistence: Persistence,
        head_only: bool,
    ) {
        let (status, fields, body) = match refusal {
            Refusal::Method => ("501 Not Implemented", "", "this method is not implemented: use GET or HEAD\n"),
            Refusal::Expectation => (
                "417 Expectation Failed",
                "",
                "this expectation cannot be met: leave out Expect, or expect 100-continue\n",
            ),
            Refusal::Path if self.decides => ("404 Not Found", "", ROUTES),
            Refusal::Path => ("404 Not Found", "", "nothing is here: ask for /\n"),
            Refusal::MethodHere => {
                ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "this method is not allowed here: use GET or HEAD\n")
            }
            Refusal::NotPost => {
                ("405 Method Not Allowed", "Allow: POST\r\n", "this method is not allowed here: use POST\n")
            }
            Refusal::NotJson => {
                ("415 Unsupported Media Type", "", "the content is not JSON: send Content-Type: application/json\n")
            }
            Refusal::BatchTooLarge => {
                ("413 Content Too Large", "", "the content is too large: send at most 65536 bytes, and 256 requests\n")
            }
            Refusal::Stranger => {
                ("403 Forbidden", "", "this address may not ask for decisions: name it in trusted-proxies\n")
            }
            Refusal::Id(no_id) => ("400 Bad Request", "", self.explain(no_id)),
            Refusal::Check(profile, unclear) => {
                let (fields, body) = match unclear {
                    Unclear::Id(no_id) => (NO_CLIENT, self.explain(no_id)),
                    Unclear::Uri(UriLost(field)) => (NO_CLIENT, uri_lost(field)),
                    Unclear::Terms(error) => (NO_REQUEST, error.explain()),
                };
                (profile.refused(), fields, body)
            }
        };
        let answer = Plain { status, kind: "text/plain", fields, body };
        self.answers.plain(out, answer, persistence, head_only);
    }

    fn explain(&self, NoId { policy, error }: NoId) -> &str {
        self.id_errors[policy].text(error)
    }
}

const ROUTES: &str =
    "nothing is here: ask for /, /check, /check/nginx, /check/envoy, /check/forward, /check/haproxy or /v1/decide\n";

/// As in an answer that says why a client is denied.
const NO_CLIENT: &str = "Cache-Control: no-store\r\nX-Tollgate-Decision: deny\r\nX-Tollgate-Reason: client-id\r\nX-Tollgate-Policy: none\r\n";
const NO_REQUEST: &str =
    "Cache-Control: no-store\r\nX-Tollgate-Decision: deny\r\nX-Tollgate-Reason: request\r\nX-Tollgate-Policy: none\r\n";

fn uri_lost(field: &str) -> &'static str {
    match field {
        "X-Forwarded-Uri" => {
            "X-Forwarded-Uri is missing or repeated: let the proxy set it to the URI that was asked for\n"
        }
        _ => "X-Original-URI is missing or repeated: let the proxy set it to the URI that was asked for\n",
    }
}

/// What to tell a client without an acceptable id; composed once, because it names the parameter or the field.
#[derive(Debug)]
pub(super) struct IdErrorTexts {
    missing: String,
    empty: String,
    too_long: String,
    bad_escape: String,
    repeated: String,
}

impl IdErrorTexts {
    pub(super) fn new(source: &ClientIdSource, id_bytes: usize) -> IdErrorTexts {
        let id_bytes = id_bytes.min(Limits::MAX_ID_BYTES);
        let (what, cure) = match source {
            ClientIdSource::Query(name) => (format!("query parameter {name}"), format!("send /?{name}=ID")),
            ClientIdSource::Header(name) => (format!("header field {name}"), format!("send `{name}: ID`")),
            ClientIdSource::Cookie(name) => (format!("cookie {name}"), format!("send `Cookie: {name}=ID`")),
            ClientIdSource::PeerIp | ClientIdSource::ForwardedFor | ClientIdSource::Forwarded => {
                ("address of the peer".to_owned(), "connect over TCP".to_owned())
            }
        };
        IdErrorTexts {
            missing: format!("the {what} is missing: {cure}\n"),
            empty: format!("the {what} is empty: {cure}\n"),
            too_long: format!("the {what} is too long: send at most {id_bytes} bytes\n"),
            bad_escape: format!("the {what} has a % without two hex digits: send %25 for a percent sign\n"),
            repeated: format!("the {what} is repeated: send it once\n"),
        }
    }

    fn text(&self, error: IdError) -> &str {
        match error {
            IdError::Missing => &self.missing,
            IdError::Empty => &self.empty,
            IdError::TooLong => &self.too_long,
            IdError::BadEscape => &self.bad_escape,
            IdError::Repeated => &self.repeated,
        }
    }
}
