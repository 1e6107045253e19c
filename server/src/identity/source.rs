//! Where client ids come from, as it is typed.

use std::{fmt, str::FromStr};

use crate::http::fields::is_token;

/// Where a request's client id comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIdSource {
    /// The query parameter of this name.
    Query(String),
    /// The header field of this name.
    Header(String),
    /// The cookie of this name.
    Cookie(String),
    /// The peer's address.
    PeerIp,
    /// The address that `X-Forwarded-For` gives, as far as it can be believed.
    ForwardedFor,
    /// The address that `Forwarded` gives, as far as it can be believed.
    Forwarded,
}

impl ClientIdSource {
    /// Whether clients are addresses.
    pub fn is_address(&self) -> bool {
        match self {
            ClientIdSource::Query(_) | ClientIdSource::Header(_) | ClientIdSource::Cookie(_) => false,
            ClientIdSource::PeerIp | ClientIdSource::ForwardedFor | ClientIdSource::Forwarded => true,
        }
    }
}

impl Default for ClientIdSource {
    fn default() -> ClientIdSource {
        ClientIdSource::Query("clientId".to_owned())
    }
}

/// A text that names no source of client ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIdSourceError {
    /// Not one of the kinds.
    Kind(String),
    /// `query:` without a name.
    NoParameter,
    /// `query:` with a name that nobody can type.
    ParameterName(String),
    /// `header:` with a name that no header field can have.
    FieldName(String),
    /// `cookie:` with a name that no cookie can have.
    CookieName(String),
}

impl fmt::Display for ClientIdSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientIdSourceError::Kind(text) => {
                write!(
                    f,
                    "client id source {text:?} is unknown: use query:NAME, header:NAME, cookie:NAME, peer-ip, x-forwarded-for or forwarded"
                )
            }
            ClientIdSourceError::NoParameter => {
                write!(f, "client id source query: lacks the name of the parameter: use e.g. query:clientId")
            }
            ClientIdSourceError::ParameterName(name) => {
                write!(f, "client id source query: has the name {name:?}: leave out the control characters")
            }
            ClientIdSourceError::FieldName(name) => {
                write!(f, "client id source header:{name} does not name a header field: use e.g. header:X-Api-Key")
            }
            ClientIdSourceError::CookieName(name) => {
                write!(f, "client id source cookie:{name} does not name a cookie: use e.g. cookie:session")
            }
        }
    }
}

impl std::error::Error for ClientIdSourceError {}

impl FromStr for ClientIdSource {
    type Err = ClientIdSourceError;

    fn from_str(text: &str) -> Result<ClientIdSource, ClientIdSourceError> {
        match text.split_once(':') {
            Some(("query", "")) => Err(ClientIdSourceError::NoParameter),
            Some(("query", name)) if name.contains(char::is_control) => {
                Err(ClientIdSourceError::ParameterName(name.to_owned()))
            }
            Some(("query", name)) => Ok(ClientIdSource::Query(name.to_owned())),
            Some(("header", name)) if is_token(name.as_bytes()) => Ok(ClientIdSource::Header(name.to_owned())),
            Some(("header", name)) => Err(ClientIdSourceError::FieldName(name.to_owned())),
            Some(("cookie", name)) if is_token(name.as_bytes()) => Ok(ClientIdSource::Cookie(name.to_owned())),
            Some(("cookie", name)) => Err(ClientIdSourceError::CookieName(name.to_owned())),
            None if text == "peer-ip" => Ok(ClientIdSource::PeerIp),
            None if text == "x-forwarded-for" => Ok(ClientIdSource::ForwardedFor),
            None if text == "forwarded" => Ok(ClientIdSource::Forwarded),
            _ => Err(ClientIdSourceError::Kind(text.to_owned())),
        }
    }
}

impl fmt::Display for ClientIdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientIdSource::Query(name) => write!(f, "query:{name}"),
            ClientIdSource::Header(name) => write!(f, "header:{name}"),
            ClientIdSource::Cookie(name) => write!(f, "cookie:{name}"),
            ClientIdSource::PeerIp => f.write_str("peer-ip"),
            ClientIdSource::ForwardedFor => f.write_str("x-forwarded-for"),
            ClientIdSource::Forwarded => f.write_str("forwarded"),
        }
    }
}
