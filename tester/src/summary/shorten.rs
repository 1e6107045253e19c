//! Text from outside (log lines, witnesses, names), made fit to be kept and shown: of bounded length, and with nothing in it that moves
//! a cursor, ends a line or turns the text around.

use super::{Admitted, Course, Entry, Failure, Header, Promise, Verdict};

impl Entry {
    /// What is kept of a trial: of bounded size, whatever it was.
    pub(super) fn shortened(&self) -> Self {
        let oracle = self.oracle.as_ref().map(|verdict| match verdict {
            Verdict::Conforms => Verdict::Conforms,
            Verdict::Inconclusive(why) => Verdict::Inconclusive(printable(why, SENTENCE)),
            Verdict::Violation { count, witness } => {
                let witness = lines(witness.lines()).join("\n");
                Verdict::Violation { count: *count, witness }
            }
        });
        let parameter = |(name, value): &(String, String)| (printable(name, NAME), printable(value, NAME));
        Self {
            scenario: printable(&self.scenario, NAME),
            parameters: self.parameters.iter().take(PARAMETERS).map(parameter).collect(),
            statuses: self.statuses.iter().take(STATUSES).map(|(status, n)| (*status, *n)).collect(),
            oracle,
            reasons: self.reasons.iter().take(REASONS).map(|reason| printable(reason, SENTENCE)).collect(),
            failures: self.failures.iter().take(FAILURES).map(Failure::shortened).collect(),
            command: printable(&self.command, COMMAND),
            course: Course::default(),
            admitted: Admitted::default(),
            ..*self
        }
    }
}

impl Header {
    /// As an entry.
    pub(super) fn shortened(self) -> Self {
        Self {
            version: printable(&self.version, NAME),
            command: printable(&self.command, COMMAND),
            machine: printable(&self.machine, SENTENCE),
            promise: self.promise.map(|promise| Promise { text: printable(&promise.text, NAME), ..promise }),
            ..self
        }
    }
}

impl Failure {
    fn shortened(&self) -> Self {
        let lines = lines(self.lines.iter().flat_map(|line| line.lines()));
        Self { text: printable(&self.text, SENTENCE), lines, ..*self }
    }
}

/// The first and the last of them: a witness begins with what it proves, and a log ends with why.
fn lines<'l>(all: impl Iterator<Item = &'l str>) -> Vec<String> {
    let all: Vec<_> = all.collect();
    let shown = |part: &[&str]| part.iter().map(|line| printable(line, LINE)).collect::<Vec<_>>();
    if all.len() <= LINES {
        return shown(&all);
    }
    let (head, tail) = (&all[..LINES / 2], &all[all.len() - LINES / 2..]);
    let between = format!("... {} lines left out ...", all.len() - LINES / 2 * 2);
    [shown(head), vec![between], shown(tail)].concat()
}

/// At most `most` characters of it, with escapes for those that aren't to be printed.
pub(super) fn printable(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    for (place, char) in text.chars().enumerate() {
        if place == most {
            shown.push('…');
            break;
        }
        match char {
            '\t' => shown.push(' '),
            char if char.is_control() || TURNS_TEXT.contains(&char) => shown.extend(char.escape_unicode()),
            char => shown.push(char),
        }
    }
    shown
}

/// Line and paragraph separators, and marks that change the direction of what follows.
const TURNS_TEXT: [char; 13] = [
    '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];
/// Names and values stand in columns.
const NAME: usize = 40;
/// What is said about something.
const SENTENCE: usize = 300;
/// A line of a log or a witness.
const LINE: usize = 200;
/// Lines of a log or a witness.
const LINES: usize = 24;
/// A command that repeats a trial has to be whole: this is more than any has.
const COMMAND: usize = 4_000;
/// More parameters than a trial has.
const PARAMETERS: usize = 24;
/// More statuses than a server gives.
const STATUSES: usize = 32;
/// The worst come first.
const REASONS: usize = 9;
/// More than one of each kind.
const FAILURES: usize = 8;

#[cfg(test)]
mod tests {
    use super::{LINES, lines, printable};

    #[test]
    fn nothing_in_a_text_ends_a_line_or_moves_a_cursor() {
        let cases = [
            ("grün 100 %", "grün 100 %"),
            ("a\tb", "a b"),
            ("\x1b[2Jgone\r\n", "\\u{1b}[2Jgone\\u{d}\\u{a}"),
            ("\u{202e}desrever\u{2028}", "\\u{202e}desrever\\u{2028}"),
            ("12345678901234567890", "12345678901234567890"),
            ("123456789012345678901", "12345678901234567890…"),
        ];
        for (text, shown) in cases {
            assert_eq!(printable(text, 20), shown);
        }
    }

    #[test]
    fn the_first_and_the_last_lines_are_kept() {
        let all: Vec<String> = (1..=LINES + 3).map(|n| n.to_string()).collect();
        let kept = lines(all.iter().map(String::as_str));
        assert_eq!((kept.len(), &kept[0][..], &kept[LINES][..]), (LINES + 1, "1", "27"));
        assert_eq!(kept[LINES / 2], "... 3 lines left out ...");
    }
}
