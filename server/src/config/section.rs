//! One table of the configuration file, taken key by key: what cannot be read becomes a [`Problem`] with its line, and so does every
//! key that nobody took.
//!
//! Rejected alternative: `#[derive(Deserialize)]` on a struct. serde stops at the first mistake, and whoever edits a file wants all of
//! them at once.

use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem, quoted};
use super::typed::At;

/// What was found wrong with the file so far, and the way from a byte of it to its line.
#[derive(Debug)]
pub(super) struct Review {
    /// Where each line after the first starts: a list of a million clients asks for a million places.
    line_starts: Vec<usize>,
    pub(super) problems: Vec<Problem>,
}

/// A table in the course of being read.
#[derive(Debug)]
pub(super) struct Section<'t, 'i> {
    /// What stands before a key in messages: empty, `timeouts.`, `limit[2].`.
    prefix: String,
    table: &'t DeTable<'i>,
    taken: Vec<&'static str>,
}

impl Review {
    pub(super) fn new(text: &str) -> Review {
        let line_starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1).collect();
        Review { line_starts, problems: Vec::new() }
    }

    /// The line that a byte of the file is on.
    pub(super) fn place(&self, offset: usize) -> Place {
        Place::Line(1 + self.line_starts.partition_point(|start| *start <= offset))
    }

    pub(super) fn reject(&mut self, offset: usize, subject: impl Into<String>, what: impl Display) {
        let place = self.place(offset);
        self.problems.push(Problem::new(place, subject, what));
    }
}

impl<'t, 'i> Section<'t, 'i> {
    pub(super) fn new(prefix: impl Into<String>, table: &'t DeTable<'i>) -> Section<'t, 'i> {
        Section { prefix: prefix.into(), table, taken: Vec::new() }
    }

    /// The key as messages name it.
    pub(super) fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Whether `key` is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of `key` as it stands in the file.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        if !self.taken.contains(&key) {
            self.taken.push(key);
        }
        self.table.get(key)
    }

    /// The value of `key`, read by `read` from its text. Numbers and booleans are read from their text too, so that `5` and `"5s"` or
    /// `true` and `"on"` need no case of their own.
    pub(super) fn read<T, E: Display>(
        &mut self,
        review: &mut Review,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let name = self.name(key);
        let Some(text) = scalar(value.get_ref()) else {
            let found = value.get_ref().type_str();
            review.reject(value.span().start, name, format_args!("expected a single value, found {found}"));
            return None;
        };
        read(&text)
            .map_err(|error| review.reject(value.span().start, format!("{name} = {}", quoted(&text)), error))
            .ok()
    }

    /// The list of strings under `key`, each with the place where it stands. A string alone counts as a list of one.
    pub(super) fn strings(&mut self, review: &mut Review, key: &'static str) -> Vec<(Place, String)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items = match value.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => vec![value],
        };
        let mut strings = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => strings.push((review.place(item.span().start), text.to_string())),
                other => {
                    let found = other.type_str();
                    review.reject(
                        item.span().start,
                        self.name(key),
                        format_args!("expected strings in quotes, found {found}"),
                    );
                }
            }
        }
        strings
    }

    /// The sub-table under `key`.
    pub(super) fn section(&mut self, review: &mut Review, key: &'static str) -> Option<Section<'t, 'i>> {
        let value = self.value(key)?;
        let name = self.name(key);
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::new(format!("{name}."), table)),
            other => {
                let found = other.type_str();
                review.reject(value.span().start, &name, format_args!("expected a table, [{name}], found {found}"));
                None
            }
        }
    }

    /// The tables of the list under `key`, each with where it stands. `cure` says how to write one.
    pub(super) fn array(&mut self, review: &mut Review, key: &'static str, cure: &str) -> Vec<(At, Section<'t, 'i>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let name = self.name(key);
        let Some(array) = value.get_ref().as_array() else {
            review.reject(value.span().start, name, format_args!("expected tables: {cure}"));
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(array.len());
        for (index, item) in array.iter().enumerate() {
            let start = item.span().start;
            let subject = format!("{name}[{}]", index + 1);
            match item.get_ref().as_table() {
                Some(table) => {
                    let section = Section::new(format!("{subject}."), table);
                    tables.push((At { place: review.place(start), subject }, section));
                }
                None => review.reject(start, subject, format_args!("expected a table: {cure}")),
            }
        }
        tables
    }

    /// The tables in the table under `key`, whatever their names, and where each begins.
    pub(super) fn tables(
        &mut self,
        review: &mut Review,
        key: &'static str,
    ) -> Option<Vec<(String, usize, Section<'t, 'i>)>> {
        let section = self.section(review, key)?;
        let mut tables = Vec::new();
        for (name, value) in section.table {
            let name = name.get_ref().to_string();
            let path = section.name(&quoted_key(&name));
            match value.get_ref() {
                DeValue::Table(table) => {
                    tables.push((name, value.span().start, Section::new(format!("{path}."), table)));
                }
                other => {
                    let found = other.type_str();
                    review.reject(value.span().start, &path, format_args!("expected a table, [{path}], found {found}"));
                }
            }
        }
        Some(tables)
    }

    /// Reports every key that was not taken, with the nearest one that exists.
    pub(super) fn finish(self, review: &mut Review) {
        for key in self.table.keys() {
            if self.taken.iter().any(|taken| taken == key.get_ref()) {
                continue;
            }
            let near = || nearest(key.get_ref(), &self.taken).map(|known| self.name(known));
            let cure = match elsewhere(key.get_ref()).map(str::to_owned).or_else(near) {
                Some(known) => format!("no such key, did you mean {known}?"),
                None => format!("no such key here, only {}", self.taken.join(", ")),
            };
            review.reject(key.span().start, self.name(&quoted_key(key.get_ref())), cure);
        }
    }
}

/// A string, number or boolean as text; whole numbers in decimal, whatever their notation in the file.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(n) => n.to_string(),
            Err(_) => number.to_string(),
        }),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Where a key of this name stands, if it stands in another table: `drain-timeout` is the flag's name for `timeouts.drain`.
fn elsewhere(typed: &str) -> Option<&'static str> {
    let typed = typed.replace('_', "-").to_lowercase();
    let name = typed.strip_suffix("-timeout").unwrap_or(&typed);
    IN_TABLES.iter().find(|path| path.split_once('.').is_some_and(|(_, key)| key == name)).copied()
}

/// The known key that a mistyped one is closest to, if any is close.
fn nearest(typed: &str, known: &[&'static str]) -> Option<&'static str> {
    let typed = typed.replace('_', "-").to_lowercase();
    known
        .iter()
        .map(|key| (strsim::jaro_winkler(&typed, key), *key))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, key)| key)
}

/// A key as shown: bare where TOML would take it bare.
fn quoted_key(key: &str) -> String {
    let bare = key.len() <= 40 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare && !key.is_empty() { key.to_owned() } else { quoted(key) }
}

/// The keys of all tables that the file has once.
const IN_TABLES: &[&str] = &[
    "timeouts.head",
    "timeouts.body",
    "timeouts.idle",
    "timeouts.write",
    "timeouts.linger",
    "timeouts.drain",
    "http.head-bytes",
    "http.headers",
    "http.body-bytes",
    "http.id-bytes",
    "bans.strikes",
    "bans.within",
    "bans.durations",
    "overload.enabled",
    "overload.target-delay",
    "overload.interval",
];

/// Below this likeness a suggestion misleads more than it helps (`jaro_winkler("port", "io")` is 0.5).
const ALIKE: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str, take: impl Fn(&mut Section<'_, '_>, &mut Review)) -> Vec<Problem> {
        let table = DeTable::parse(text).unwrap();
        let mut review = Review::new(text);
        let mut section = Section::new("", table.get_ref());
        take(&mut section, &mut review);
        section.finish(&mut review);
        review.problems
    }

    #[test]
    fn a_key_that_nobody_takes_is_reported_with_the_nearest_one() {
        let found = problems("a = 1\nmax_client = 5\nwhy = 2\n", |section, review| {
            for key in ["a", "max-clients", "listen", "a"] {
                section.read(review, key, str::parse::<String>);
            }
        });
        assert_eq!(found[0], Problem::new(Place::Line(2), "max_client", "no such key, did you mean max-clients?"));
        assert_eq!(found[1], Problem::new(Place::Line(3), "why", "no such key here, only a, max-clients, listen"));
    }

    #[test]
    fn a_key_of_another_table_is_reported_with_its_table() {
        let found = problems("drain-timeout = 3\nhead = 5\nid_bytes = 9\n", |section, review| {
            section.read(review, "listen", str::parse::<String>);
        });
        let meant: Vec<_> = found.iter().map(|problem| problem.what.as_str()).collect();
        let asked = |path| format!("no such key, did you mean {path}?");
        assert_eq!(meant, [asked("timeouts.drain"), asked("timeouts.head"), asked("http.id-bytes")]);
        for path in IN_TABLES {
            let (table, key) = path.split_once('.').unwrap();
            let read = crate::config::file::parse(&format!("[{table}]\n{key} = []\n")).err().unwrap_or_default();
            assert!(read.iter().all(|problem| !problem.what.contains("no such key")), "{path}: {read:?}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_reported_where_it_stands() {
        let found = problems("\nx = [1]\ny = {}\nz = [\n  \"a\",\n  7,\n]\n", |section, review| {
            section.read(review, "x", str::parse::<String>);
            section.section(review, "y");
            section.strings(review, "z");
        });
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Problem::new(Place::Line(2), "x", "expected a single value, found array"));
        assert_eq!(found[1], Problem::new(Place::Line(6), "z", "expected strings in quotes, found integer"));
    }

    #[test]
    fn numbers_are_read_in_any_notation() {
        let table = DeTable::parse("x = 0x1_F\ny = -3\nz = 1_000\n").unwrap();
        let mut review = Review::new("");
        let mut section = Section::new("", table.get_ref());
        let mut number = |key| section.read(&mut review, key, str::parse::<i64>);
        assert_eq!((number("x"), number("y"), number("z")), (Some(31), Some(-3), Some(1000)));
    }
}
