//! What a request is worth when not all can be served: four classes, and the rules that put a request into one.
//!
//! The names are Google's (*Site Reliability Engineering*, chapter 21). A rule looks at the request alone, so whoever may choose what it
//! looks at chooses the class: a field that clients can send is a wish, unless a proxy in front sets or removes it.

use std::fmt;
use std::str::FromStr;

use crate::http::Request;

/// How much a request matters, the most important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What the service is there for.
    CriticalPlus,
    /// What users wait for; every request that no rule names.
    #[default]
    Critical,
    /// What may be missing for minutes.
    SheddablePlus,
    /// What may be missing for hours.
    Sheddable,
}

/// A text that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassError;

/// Puts the requests that are like this into a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The class.
    pub class: Class,
    /// What they are like.
    pub matching: Match,
}

/// What a request is like; whatever is named must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Its path begins like this, percent-decoded.
    pub path_prefix: Option<String>,
    /// Its method.
    pub method: Option<String>,
    /// A field that it has.
    pub header: Option<HeaderMatch>,
}

/// A field that is there, with any value or with this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    /// In any case.
    pub name: String,
    /// The whole value of one of its lines.
    pub value: Option<String>,
}

/// The class of a request: that of the first rule that matches.
pub(crate) fn class_of(rules: &[Rule], request: &Request<'_>) -> Class {
    class_of_path(rules, request, request.target.path())
}

/// The same for a request that is about one for this `path`.
pub(crate) fn class_of_path(rules: &[Rule], request: &Request<'_>, path: &[u8]) -> Class {
    rules.iter().find(|rule| rule.matching.holds(request, path)).map_or_else(Class::default, |rule| rule.class)
}

impl Match {
    fn holds(&self, request: &Request<'_>, path: &[u8]) -> bool {
        let path = |prefix: &String| is_below(path, prefix.as_bytes());
        let method = |method: &String| {
            let rest = request.head.strip_prefix(method.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b" "))
        };
        self.path_prefix.as_ref().is_none_or(path)
            && self.method.as_ref().is_none_or(method)
            && self.header.as_ref().is_none_or(|header| header.holds(request))
    }
}

impl HeaderMatch {
    fn holds(&self, request: &Request<'_>) -> bool {
        let mut lines = request.field_lines(&self.name);
        match &self.value {
            None => lines.next().is_some(),
            Some(value) => lines.any(|line| line == value.as_bytes()),
        }
    }
}

/// Whether `path` begins with `prefix` as the service reads it: `/%73earch`, `//search` and `/checkout/../search` are what `/search` is, and must
/// not be worth more.
fn is_below(path: &[u8], prefix: &[u8]) -> bool {
    if is_roundabout(path) {
        straightened(path).starts_with(prefix)
    } else {
        decoded(path).take(prefix.len()).eq(prefix.iter().copied())
    }
}

/// Whether `path` has empty segments, or such as begin with a dot. Few have, and only these need memory.
fn is_roundabout(path: &[u8]) -> bool {
    let mut last = 0;
    decoded(path).any(|byte| std::mem::replace(&mut last, byte) == b'/' && matches!(byte, b'/' | b'.'))
}

/// `path`, decoded, without empty segments and without dot segments (RFC 3986 section 5.2.4).
fn straightened(path: &[u8]) -> Vec<u8> {
    let decoded: Vec<u8> = decoded(path).collect();
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|&byte| byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let is_folder = [&b"/"[..], b"/.", b"/.."].iter().any(|end| decoded.ends_with(end));
    let mut straight = Vec::with_capacity(decoded.len() + 1);
    for segment in &segments {
        straight.push(b'/');
        straight.extend_from_slice(segment);
    }
    if is_folder || segments.is_empty() {
        straight.push(b'/');
    }
    straight
}

/// `path`, percent-decoded; what is no escape stands for itself.
fn decoded(mut path: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (byte, rest) = match path {
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), rest)
            }
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        path = rest;
        Some(byte)
    })
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// As it is typed: `NAME` or `NAME=VALUE`.
impl fmt::Display for HeaderMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, "={value}"))
    }
}

impl Class {
    /// All of them, the most important first.
    pub const ALL: [Class; 4] = [Class::CriticalPlus, Class::Critical, Class::SheddablePlus, Class::Sheddable];

    /// Its place among them.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Class::CriticalPlus => "critical_plus",
            Class::Critical => "critical",
            Class::SheddablePlus => "sheddable_plus",
            Class::Sheddable => "sheddable",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Class, ClassError> {
        Class::ALL.into_iter().find(|class| class.name() == text).ok_or(ClassError)
    }
}

impl fmt::Display for ClassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such class: use critical_plus, critical, sheddable_plus or sheddable")
    }
}

impl std::error::Error for ClassError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;

    fn class(rules: &[Rule], head: &str) -> Class {
        let head = head.replace('\n', "\r\n") + "\r\n\r\n";
        let request = Request::parse(head.as_bytes(), &Limits::default(), None).expect("a request");
        class_of(rules, &request)
    }

    fn rule(
        class: Class,
        path_prefix: Option<&str>,
        method: Option<&str>,
        header: Option<(&str, Option<&str>)>,
    ) -> Rule {
        let header = header.map(|(name, value)| HeaderMatch { name: name.to_owned(), value: value.map(str::to_owned) });
        let matching = Match { path_prefix: path_prefix.map(str::to_owned), method: method.map(str::to_owned), header };
        Rule { class, matching }
    }

    #[test]
    fn the_first_rule_that_matches_gives_the_class_and_no_rule_is_critical() {
        let rules = [
            rule(Class::CriticalPlus, Some("/checkout"), None, None),
            rule(Class::Sheddable, Some("/"), None, Some(("x-priority", Some("low")))),
            rule(Class::SheddablePlus, None, Some("POST"), Some(("X-Batch", None))),
        ];
        let cases = [
            ("GET /checkout/7?x=1 HTTP/1.1\nHost: h", Class::CriticalPlus),
            ("GET /checkout HTTP/1.1\nHost: h\nX-Priority: low", Class::CriticalPlus),
            ("GET /checkou HTTP/1.1\nHost: h", Class::Critical),
            ("GET /?p=/checkout HTTP/1.1\nHost: h", Class::Critical),
            ("GET /a HTTP/1.1\nHost: h\nX-PRIORITY:  low ", Class::Sheddable),
            ("GET /a HTTP/1.1\nHost: h\nX-Priority: lower", Class::Critical),
            ("GET /a HTTP/1.1\nHost: h\nX-Priority: high\nX-Priority: low", Class::Sheddable),
            ("POST /a HTTP/1.1\nHost: h\nX-Batch: ", Class::SheddablePlus),
            ("POSTER /a HTTP/1.1\nHost: h\nX-Batch: 1", Class::Critical),
            ("GET /a HTTP/1.1\nHost: h\nX-Batch: 1", Class::Critical),
            ("OPTIONS * HTTP/1.1\nHost: h", Class::Critical),
        ];
        for (head, expected) in cases {
            assert_eq!(class(&rules, head), expected, "{head}");
        }
        assert_eq!(class(&[], "GET /checkout HTTP/1.1\nHost: h"), Class::Critical);
    }

    #[test]
    fn a_path_is_compared_as_the_service_reads_it() {
        let rules = [rule(Class::Sheddable, Some("/search"), None, None)];
        let roundabout =
            ["//search", "/./search", "/checkout/../search", "/a/%2e%2E/%2fsearch/", "/../search/.", "/.//search"];
        for path in ["/search", "/%73earch", "/sear%63%68/x"].into_iter().chain(roundabout) {
            assert_eq!(class(&rules, &format!("GET {path} HTTP/1.1\nHost: h")), Class::Sheddable, "{path}");
        }
        for path in ["/%53earch", "/.search", "/search/..", "/search/../x", "/a//search", "/", "//", "/.."] {
            assert_eq!(class(&rules, &format!("GET {path} HTTP/1.1\nHost: h")), Class::Critical, "{path}");
        }
        assert!(!is_below(b"/sear%6", b"/search"));
        assert!(is_below(b"/100%", b"/100%"), "what is no escape stands for itself");
        assert!(is_below(b"/shop/./", b"/shop/") && is_below(b"//", b"/") && is_below(b"/a/..", b"/"));
    }

    #[test]
    fn classes_are_typed_as_they_are_shown() {
        for class in Class::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
            assert_eq!(Class::ALL[class.index()], class);
        }
        assert_eq!("Critical".parse::<Class>(), Err(ClassError));
    }
}
