//! What to send, as typed, and how a template is made of it.

use super::compile::{Compiler, Piece, Place};
use super::url::Url;
use super::{Template, Value};
use crate::plan::error::{PlanError, Problem};
use crate::plan::picker::Picker;
use crate::plan::stop::Stop;
use crate::plan::texts::percent_encode;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// A request as typed. URL, headers and body may hold `{id}`, `{seq}`, `{rand:A:B}`, `{zipf:S:A:B}` and `{csv:FILE:COLUMN}`; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSettings {
    /// Such as `GET`.
    pub method: String,
    /// `http://HOST[:PORT][/PATH][?QUERY]`; placeholders in path and query.
    pub url: String,
    /// `Name: value` each; placeholders in values. Host, User-Agent and Accept replace the client's own.
    pub headers: Vec<String>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// Where the id goes if `{id}` stands nowhere.
    pub id: IdPlace,
}

/// Where the id goes if no template says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdPlace {
    /// A parameter at the end of the query.
    Query(String),
    /// A header.
    Header(String),
    /// A segment at the end of the path.
    Path,
}

/// Reads `-b`: the text itself, or a file's contents after `@`.
pub fn body(text: &str) -> Result<Vec<u8>, PlanError> {
    let Some(file) = text.strip_prefix('@') else {
        return Ok(text.as_bytes().to_vec());
    };
    let unreadable = |error: std::io::Error| Problem::Unreadable(Path::new(file).to_owned(), error.kind());
    std::fs::read(file).map_err(|error| PlanError::new(BODY, text, unreadable(error)))
}

/// Makes a template: request line, headers, Content-Length if there is a body or the method expects one, body.
pub(super) fn assemble(
    settings: &RequestSettings,
    seed: u64,
    stop: Stop,
    picker: &Picker,
) -> Result<Template, PlanError> {
    let method = settings.method.as_str();
    if !is_token(method) {
        return Err(PlanError::new("-m", method, Problem::NotAToken));
    }
    let url = Url::parse(&settings.url).map_err(|problem| PlanError::new(URL, &settings.url, Problem::Url(problem)))?;
    let mut compiler = Compiler::new(seed, stop, picker);
    let path = with_path(url.target);
    let mut target = compiler.compile(URL, Place::Target, path.as_bytes())?;
    let mut headers =
        settings.headers.iter().map(|text| Header::compile(text, &mut compiler)).collect::<Result<Vec<_>, _>>()?;
    let body = compiler.compile(BODY, Place::Body, &settings.body)?;

    let named = target.names_id() || body.names_id() || headers.iter().any(|header| header.value.names_id());
    match &settings.id {
        _ if named => {}
        IdPlace::Header(name) => headers.push(Header::of_id(name, &mut compiler)?),
        in_url => target = compiler.compile(URL, Place::Target, with_id(&path, in_url).as_bytes())?,
    }

    let mut request = Piece::default();
    request.literal(format!("{method} "));
    request.append(target);
    request.literal(" HTTP/1.1\r\n");
    for (name, value) in [("Host", url.authority.as_str()), ("User-Agent", "tollgate-client"), ("Accept", "*/*")] {
        if !headers.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
            request.literal(format!("{name}: {value}\r\n"));
        }
    }
    for header in headers {
        request.literal(format!("{}: ", header.name));
        request.append(header.value);
        request.literal("\r\n");
    }
    if !body.bytes.is_empty() || !body.slots.is_empty() || ["POST", "PUT", "PATCH"].contains(&method) {
        content_length(&body, &mut request);
    }
    request.literal("\r\n");
    request.append(body);
    Ok(Template {
        fixed: request.is_fixed(),
        bytes: request.bytes,
        slots: request.slots,
        head_only: method == "HEAD",
        host: url.host.to_owned(),
        port: url.port,
    })
}

/// A header on its way into the template.
struct Header<'a> {
    name: &'a str,
    value: Piece,
}

impl<'a> Header<'a> {
    fn compile(text: &'a str, compiler: &mut Compiler<'_>) -> Result<Header<'a>, PlanError> {
        let refused = |problem| PlanError::new(HEADER, text, problem);
        let (name, value) = text.split_once(':').ok_or_else(|| refused(Problem::NotAHeader))?;
        check_name(name).map_err(refused)?;
        let value = compiler.compile(HEADER, Place::Header, value.trim_matches([' ', '\t']).as_bytes())?;
        Ok(Header { name, value })
    }

    fn of_id(name: &'a str, compiler: &mut Compiler<'_>) -> Result<Header<'a>, PlanError> {
        check_name(name).map_err(|problem| PlanError::new(ID, format!("header:{name}"), problem))?;
        Ok(Header { name, value: compiler.compile(ID, Place::Header, b"{id}")? })
    }
}

/// The length of a body: a constant, unless texts of files stand in it.
fn content_length(body: &Piece, request: &mut Piece) {
    if body.is_fixed() {
        return request.literal(format!("Content-Length: {}\r\n", body.bytes.len()));
    }
    request.literal("Content-Length: ");
    request.slot(0, Value::Length(body.bytes.len(), request.slots.len() + 1));
    request.literal("\r\n");
}

/// An empty path is `/`.
fn with_path(target: &str) -> String {
    if target.starts_with('/') { target.to_owned() } else { format!("/{target}") }
}

/// The target with `{id}` in it.
fn with_id(target: &str, place: &IdPlace) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    match place {
        IdPlace::Path => format!("{path}{}{{id}}{query}", if path.ends_with('/') { "" } else { "/" }),
        IdPlace::Query(name) => {
            let separator = match query {
                "" => "?",
                _ if query.ends_with(['?', '&']) => "",
                _ => "&",
            };
            let mut encoded = Vec::new();
            name.bytes().for_each(|byte| percent_encode(byte, &mut encoded));
            format!("{path}{query}{separator}{}={{id}}", String::from_utf8_lossy(&encoded))
        }
        IdPlace::Header(_) => target.to_owned(),
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    if !is_token(name) {
        return Err(Problem::NotAToken);
    }
    let own = ["Content-Length", "Transfer-Encoding"].iter().any(|own| own.eq_ignore_ascii_case(name));
    if own { Err(Problem::OwnHeader) } else { Ok(()) }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

impl Default for RequestSettings {
    /// `GET http://127.0.0.1:8080/?clientId=ID`.
    fn default() -> RequestSettings {
        RequestSettings {
            method: "GET".to_owned(),
            url: "http://127.0.0.1:8080/".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            id: IdPlace::Query("clientId".to_owned()),
        }
    }
}

impl FromStr for IdPlace {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<IdPlace, PlanError> {
        let refused = |problem| PlanError::new(ID, text, problem);
        match text.split_once(':') {
            Some(("query", name)) if !name.is_empty() => Ok(IdPlace::Query(name.to_owned())),
            Some(("header", name)) if !name.is_empty() => {
                check_name(name).map_err(refused)?;
                Ok(IdPlace::Header(name.to_owned()))
            }
            None if text == "path" => Ok(IdPlace::Path),
            _ => Err(refused(Problem::NotOneOf("query:NAME, header:NAME or path"))),
        }
    }
}

impl fmt::Display for IdPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdPlace::Query(name) => write!(f, "query:{name}"),
            IdPlace::Header(name) => write!(f, "header:{name}"),
            IdPlace::Path => f.write_str("path"),
        }
    }
}

const URL: &str = "URL";
const HEADER: &str = "-H";
const BODY: &str = "-b";
const ID: &str = "--id";
