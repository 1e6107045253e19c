//! How each kind of caller wants to be told.
//!
//! | path | for | pass | over quota | shed | no client id | the end client asked for |
//! |---|---|---|---|---|---|---|
//! | `/check/nginx` | `auth_request` of nginx, ingress-nginx, Angie | 200 | 403 | 403 | 403 | `X-Original-URI` |
//! | `/check/envoy` | `ext_authz` of Envoy, Istio, Contour | 200 | 429 | 429 | 400 | the rest of our path |
//! | `/check/forward` | Traefik's `forwardAuth`, Caddy's `forward_auth`, APISIX | 200 | `limited-status` | 503 | 400 | `X-Forwarded-Uri` |
//! | `/check/haproxy` | HAProxy with a few lines of Lua | 200 | 429 | 503 | 400 | `X-Original-URI` |
//! | `/check` | programs that speak for themselves | 200 | 429 | 503 | 400 | our own query |
//!
//! nginx knows 2xx, 401 and 403, and makes a 500 of everything else; 401 would ask for a password. Envoy takes 200 alone for a yes, and any 5xx for a
//! broken gate, which it may be told to ignore. Traefik and Caddy give the end client whatever they were given.
//! So whoever is *shed*, which everywhere else is a 503, is told by nginx and Envoy what a client over its quota is told: a gate that is overloaded must neither be
//! passed by nor look broken.

use tollgate_limiter::Decision;

use crate::{
    http::{Request, request::FieldValue},
    service::LimitedStatus,
};

/// A kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A program that asks for itself, and may name a cost or just peek.
    Native,
    /// `auth_request`.
    Nginx,
    /// `ext_authz` over HTTP.
    Envoy,
    /// Whoever copies our answer to the end client.
    Forward,
    /// A Lua action.
    Haproxy,
}

/// The proxy doesn't say, or says twice, which URI the end client asked for; the field that should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UriLost(pub &'static str);

impl Profile {
    /// Those with a path below `/check`.
    pub const PROXIES: [Profile; 4] = [Profile::Nginx, Profile::Envoy, Profile::Forward, Profile::Haproxy];

    /// Its name in the path; the native one has none.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Native => "",
            Profile::Nginx => "nginx",
            Profile::Envoy => "envoy",
            Profile::Forward => "forward",
            Profile::Haproxy => "haproxy",
        }
    }

    /// The status that says `decision` to this caller.
    pub fn status(self, decision: Decision, limited: LimitedStatus) -> &'static str {
        match self {
            _ if decision.is_allow() => "200 OK",
            Profile::Nginx => FORBIDDEN,
            Profile::Forward => limited.status(),
            Profile::Native | Profile::Envoy | Profile::Haproxy => LimitedStatus::TooManyRequests.status(),
        }
    }

    /// The status for a request that the gate itself has no room for.
    pub fn shed(self) -> &'static str {
        match self {
            Profile::Nginx => FORBIDDEN,
            Profile::Envoy => LimitedStatus::TooManyRequests.status(),
            Profile::Native | Profile::Forward | Profile::Haproxy => "503 Service Unavailable",
        }
    }

    /// The path that the end client asked for, if the proxy says; our own, where a program speaks for itself.
    pub fn path<'b>(self, request: &Request<'b>) -> &'b [u8] {
        match self.uri_field() {
            None if self == Profile::Envoy => request.target.path().strip_prefix(b"/check/envoy").unwrap_or_default(),
            None => request.target.path(),
            Some(field) => match request.field(field) {
                FieldValue::Value(uri) => uri.split(|&byte| byte == b'?').next().unwrap_or_default(),
                FieldValue::Missing | FieldValue::Repeated => b"",
            },
        }
    }

    /// The field in which a proxy says what the end client asked for.
    fn uri_field(self) -> Option<&'static str> {
        match self {
            Profile::Native | Profile::Envoy => None,
            Profile::Nginx | Profile::Haproxy => Some("X-Original-URI"),
            Profile::Forward => Some("X-Forwarded-Uri"),
        }
    }

    /// The status for a request that names no client.
    pub fn refused(self) -> &'static str {
        if self == Profile::Nginx { FORBIDDEN } else { "400 Bad Request" }
    }

    /// The query that the end client sent.
    ///
    /// # Errors
    ///
    /// When the proxy doesn't say.
    pub fn query<'b>(self, request: &Request<'b>) -> Result<Option<&'b [u8]>, UriLost> {
        let Some(field) = self.uri_field() else { return Ok(request.target.query()) };
        match request.field(field) {
            FieldValue::Value(uri) => Ok(memchr::memchr(b'?', uri).map(|at| &uri[at + 1..])),
            FieldValue::Missing | FieldValue::Repeated => Err(UriLost(field)),
        }
    }
}

const FORBIDDEN: &str = "403 Forbidden";
