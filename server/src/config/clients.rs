//! The client lists taken together: each client stands in one of them, once, under an id that can arrive.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use super::problem::{Place, Problem, quoted};
use crate::identity::{ClientIdSource, with_peer_id};

/// Why an id in a list is a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
enum IdProblem {
    Empty,
    TooLong(usize),
    NotAnAddress,
    NotAsCounted(String),
    Twice(Rc<str>, Place),
}

/// The ids seen so far and where they stand.
#[derive(Debug)]
pub(super) struct Roll<'t> {
    source: &'t ClientIdSource,
    id_bytes: usize,
    seen: HashMap<&'t str, (Rc<str>, Place)>,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Roll<'t> {
    pub(super) fn new(source: &'t ClientIdSource, id_bytes: usize) -> Roll<'t> {
        Roll { source, id_bytes, seen: HashMap::new(), problems: Vec::new() }
    }

    /// Enters every id of the list called `list`.
    pub(super) fn enter(&mut self, list: impl Into<Rc<str>>, ids: &'t [(Place, String)]) {
        let list = list.into();
        for (place, id) in ids {
            if let Err(problem) = self.enter_one(&list, place, id) {
                self.problems.push(Problem::new(place.clone(), format!("{list}: client {}", quoted(id)), problem));
            }
        }
    }

    fn enter_one(&mut self, list: &Rc<str>, place: &Place, id: &'t str) -> Result<(), IdProblem> {
        if id.is_empty() {
            return Err(IdProblem::Empty);
        }
        if self.source.is_address() {
            check_address(id)?;
        } else if id.len() > self.id_bytes {
            return Err(IdProblem::TooLong(self.id_bytes));
        }
        if let Some((other, place)) = self.seen.insert(id, (Rc::clone(list), place.clone())) {
            return Err(IdProblem::Twice(other, place));
        }
        Ok(())
    }
}

/// Peers are known by the text that [`with_peer_id`] makes of their address; any other spelling would never match.
fn check_address(id: &str) -> Result<(), IdProblem> {
    let address: IpAddr = id.strip_suffix("/64").unwrap_or(id).parse().map_err(|_| IdProblem::NotAnAddress)?;
    let counted = with_peer_id(address, |counted| String::from_utf8_lossy(counted).into_owned());
    if counted == id { Ok(()) } else { Err(IdProblem::NotAsCounted(counted)) }
}

impl fmt::Display for IdProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdProblem::Empty => f.write_str("an empty id is answered with 400 and never looked up: remove it"),
            IdProblem::TooLong(most) => {
                write!(f, "longer than http.id-bytes = {most}, so it is answered with 400: raise that or remove it")
            }
            IdProblem::NotAnAddress => {
                f.write_str("not an address: with this client-id clients are addresses, like 192.0.2.7")
            }
            IdProblem::NotAsCounted(counted) => write!(f, "peers are counted as {counted}: write that"),
            IdProblem::Twice(list, Place::Line(line)) => {
                write!(f, "already in {list} (line {line}): name each client once")
            }
            IdProblem::Twice(list, Place::Flags) => write!(f, "already in {list}: name each client once"),
        }
    }
}
