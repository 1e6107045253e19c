//! How a server is started: a line as one would type it into a shell.

use std::net::SocketAddr;

use tollgate_client::Nanos;

use super::StartError;
use super::announcement::reachable;

/// How a server is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Where it will listen, if that is known; otherwise its output has to say it.
    pub address: Option<SocketAddr>,
    /// It has to take connections within this time.
    pub ready_within: Nanos,
    /// How long it may take to end after SIGTERM, before it is killed.
    pub stop_within: Nanos,
    /// The program and its arguments; never empty.
    words: Vec<String>,
}

impl Launch {
    /// Takes a line apart as a shell does, with quotes and backslashes. No shell runs it: who wants variables and pipes writes `sh -c '…'`.
    ///
    /// # Errors
    ///
    /// [`StartError::Empty`] and [`StartError::Quotes`].
    pub fn parse(line: &str) -> Result<Self, StartError> {
        let words = shlex::split(line).ok_or_else(|| StartError::Quotes { line: line.to_owned() })?;
        if words.first().is_none_or(String::is_empty) {
            return Err(StartError::Empty);
        }
        Ok(Self { address: None, ready_within: READY_WITHIN, stop_within: STOP_WITHIN, words })
    }

    /// The same, with the address at which it will listen.
    #[must_use]
    pub fn at(self, address: SocketAddr) -> Self {
        Self { address: Some(reachable(address)), ..self }
    }

    /// The same, on this port where it would take any free one (a word that ends in `:0`): who was connected finds it again.
    #[must_use]
    pub(super) fn on_port_of(mut self, address: SocketAddr) -> Self {
        for word in &mut self.words {
            if let Some(host) = word.strip_suffix(":0") {
                *word = format!("{host}:{}", address.port());
                self.address = Some(address);
            }
        }
        self
    }

    pub(super) fn words(&self) -> &[String] {
        &self.words
    }
}

/// Servers that reserve memory for millions of clients take a second.
const READY_WITHIN: Nanos = Nanos::from_secs(15);
/// A little more than the ten seconds that many servers, Tollgate too, give to what is in flight.
const STOP_WITHIN: Nanos = Nanos::from_secs(12);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_does() {
        for (line, words) in [
            ("tollgate --listen 127.0.0.1:0", vec!["tollgate", "--listen", "127.0.0.1:0"]),
            (r#"sh -c 'exec  x "$1"' "a b" c\ d"#, vec!["sh", "-c", r#"exec  x "$1""#, "a b", "c d"]),
            (" x \n '' ", vec!["x", ""]),
        ] {
            assert_eq!(Launch::parse(line).expect("words").words, words, "{line}");
        }
    }

    #[test]
    fn a_free_port_is_kept_once_it_is_known() {
        let address = "127.0.0.1:4711".parse().expect("an address");
        for (line, words) in [
            ("x --listen 127.0.0.1:0 --admin=[::1]:9", vec!["x", "--listen", "127.0.0.1:4711", "--admin=[::1]:9"]),
            ("x --listen=0.0.0.0:0", vec!["x", "--listen=0.0.0.0:4711"]),
            ("x --port 80", vec!["x", "--port", "80"]),
        ] {
            assert_eq!(Launch::parse(line).expect("words").on_port_of(address).words, words, "{line}");
        }
    }

    #[test]
    fn a_line_without_sense_is_refused_with_advice() {
        for (line, advice) in [
            ("", "--server is empty"),
            ("  ", "--server is empty"),
            ("'' x", "--server is empty"),
            ("tollgate --limit '5/5s", "quotation mark"),
            ("tollgate \\", "backslash"),
        ] {
            let said = Launch::parse(line).expect_err("no command").to_string();
            assert!(said.contains(advice), "{line:?}: {said}");
        }
    }
}
