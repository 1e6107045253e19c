//! Texts from files: the ids of `--pick file:PATH` and the columns of `{csv:FILE:COLUMN}`.
//!
//! A text is a line, or a column of it: `a,"b, c",d` is split at commas outside of quotes and `""` in quotes is one quote. Empty lines are passed over;
//! line ends may be LF or CR LF; a text doesn't span lines. All texts lie in one allocation, 4 bytes each beyond their own, so that millions are cheap.

use super::error::Problem;
use super::hash::PlanHash;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// A list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// The ids of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdFile {
    /// Each id once, in the order of first appearance: an id's number is its place here.
    pub(super) ids: Texts,
    /// For each line the number of its id; an id of many lines is picked often.
    pub(super) lines: Vec<u32>,
}

impl Texts {
    /// How many there are. Never 0 in what [`Texts::column`] reads.
    pub(super) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// The text at `place`.
    pub(super) fn text(&self, place: u32) -> &[u8] {
        let place = place as usize;
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.bytes[start as usize..self.ends[place] as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|place| self.text(place))
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Each text with everything but unreserved characters (RFC 3986 section 2.3) as `%XX`.
    pub(super) fn percent_encoded(&self) -> Texts {
        let mut encoded = Texts::default();
        for text in self.iter() {
            text.iter().for_each(|&byte| percent_encode(byte, &mut encoded.bytes));
            encoded.ends.push(encoded.bytes.len() as u32);
        }
        encoded
    }

    /// Adds all texts to a plan's hash.
    pub(super) fn hash(&self, name: &str, hash: &mut PlanHash) {
        hash.number(name, self.len().into());
        self.iter().for_each(|text| hash.field("text", text));
    }

    /// Reads one column of a file: a number from 1, or a name that stands in the first line, which then isn't a text itself.
    pub(super) fn column(file: &Path, column: &str) -> Result<Texts, Problem> {
        let content = read(file)?;
        let mut rows = rows(&content);
        let place = match column.parse::<usize>() {
            Ok(number) => number.checked_sub(1),
            Err(_) => rows.next().and_then(|(_, names)| fields(names).position(|name| *name == *column.as_bytes())),
        };
        let place = place.ok_or_else(|| Problem::NoColumn { file: file.to_owned(), line: 1 })?;
        let mut texts = Texts::default();
        for (line, row) in rows {
            let no_column = || Problem::NoColumn { file: file.to_owned(), line };
            texts.push(&fields(row).nth(place).ok_or_else(no_column)?);
        }
        if texts.ends.is_empty() { Err(Problem::NoTexts(file.to_owned())) } else { Ok(texts) }
    }
}

impl IdFile {
    /// Reads a file of ids: one per line, or the first column.
    pub(super) fn read(file: &Path) -> Result<IdFile, Problem> {
        let all = Texts::column(file, "1")?;
        let mut ids = Texts::default();
        let mut numbers = HashMap::new();
        let lines = all.iter().map(|text| {
            *numbers.entry(text).or_insert_with(|| {
                ids.push(text);
                ids.len() - 1
            })
        });
        let lines = lines.collect();
        Ok(IdFile { ids, lines })
    }
}

/// Appends a byte as it is if unreserved, as `%XX` otherwise.
pub(super) fn percent_encode(byte: u8, out: &mut Vec<u8>) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Problem> {
    let content = std::fs::read(file).map_err(|error| Problem::Unreadable(file.to_owned(), error.kind()))?;
    // Percent-encoding triples a text, and ends are 32 bits.
    if content.len() > u32::MAX as usize / 3 { Err(Problem::FileTooLarge(file.to_owned())) } else { Ok(content) }
}

/// The lines that aren't empty, with their numbers from 1.
fn rows(content: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let lines = content.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines).filter(|(_, line)| !line.is_empty())
}

/// The fields of a row.
fn fields(row: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut rest = Some(row);
    std::iter::from_fn(move || {
        let row = rest?;
        let (field, after) = if row.first() == Some(&b'"') { quoted(row) } else { plain(row) };
        rest = after;
        Some(field)
    })
}

type FieldAndRest<'a> = (Cow<'a, [u8]>, Option<&'a [u8]>);

fn plain(row: &[u8]) -> FieldAndRest<'_> {
    match row.iter().position(|&byte| byte == b',') {
        Some(comma) => (Cow::Borrowed(&row[..comma]), Some(&row[comma + 1..])),
        None => (Cow::Borrowed(row), None),
    }
}

fn quoted(row: &[u8]) -> FieldAndRest<'_> {
    let mut field = Vec::new();
    let mut at = 1;
    while at < row.len() && !(row[at] == b'"' && row.get(at + 1) != Some(&b'"')) {
        field.push(row[at]);
        at += if row[at] == b'"' { 2 } else { 1 };
    }
    // What stands between the closing quote and the comma belongs to nobody.
    (Cow::Owned(field), plain(row.get(at + 1..).unwrap_or(&[])).1)
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";
/// Some spreadsheets begin their CSV with it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::TempFile;

    fn column(content: &str, column: &str) -> Result<Vec<String>, Problem> {
        let file = TempFile::new(content);
        let texts = Texts::column(file.path(), column)?;
        Ok(texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
    }

    #[test]
    fn lines_and_columns_are_read_with_quotes_and_either_line_end() {
        let cases = [
            ("a\nb\n", "1", vec!["a", "b"]),
            ("a\r\n\r\nb", "1", vec!["a", "b"]),
            ("\u{feff}a,1\nb,2\n", "2", vec!["1", "2"]),
            ("id,name\n1,\"x, y\"\n2,\"say \"\"hi\"\"\"\n", "name", vec!["x, y", "say \"hi\""]),
            ("a,,c\n", "2", vec![""]),
            ("\"unclosed\n", "1", vec!["unclosed"]),
        ];
        for (content, name, texts) in cases {
            assert_eq!(column(content, name).unwrap(), texts, "{content:?}");
        }
    }

    #[test]
    fn a_missing_column_names_the_line() {
        let line = |result| match result {
            Err(Problem::NoColumn { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line(column("a,b\n\nc\n", "2")), 3);
        assert_eq!(line(column("id,name\n1,2\n", "age")), 1);
        assert_eq!(line(column("a\n", "0")), 1);
        assert!(matches!(column("\n\n", "1"), Err(Problem::NoTexts(_))));
        assert!(matches!(column("id\n", "id"), Err(Problem::NoTexts(_))));
        assert!(matches!(Texts::column(Path::new("/nonexistent"), "1"), Err(Problem::Unreadable(..))));
    }

    #[test]
    fn an_id_of_many_lines_is_one_id() {
        let file = TempFile::new("milk,1\nbread,2\nmilk,3\n");
        let read = IdFile::read(file.path()).unwrap();
        assert!(read.ids.iter().eq([b"milk".as_slice(), b"bread"]));
        assert_eq!(read.lines, [0, 1, 0]);
    }

    #[test]
    fn hostile_texts_are_percent_encoded() {
        let file = TempFile::new("a b&c=d/../\u{e9}%\tHTTP\n");
        let encoded = Texts::column(file.path(), "1").unwrap().percent_encoded();
        assert_eq!(encoded.text(0), b"a%20b%26c%3Dd%2F..%2F%C3%A9%25%09HTTP");
    }
}
