//! The one question the program asks: how many clients?

use std::io::{self, BufRead, Write};

use crate::cli::value;

/// Asks until there is an answer; Enter alone takes `default`. None when there won't be one, because the input is at its end.
///
/// # Errors
///
/// When the terminal can't be read or written.
pub fn clients(input: &mut impl BufRead, output: &mut impl Write, default: u32) -> io::Result<Option<u32>> {
    loop {
        write!(output, "How many clients? [{default}] ")?;
        output.flush()?;
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line)? == 0 {
            writeln!(output)?;
            return Ok(None);
        }
        let answer = String::from_utf8_lossy(&line);
        match answer.trim() {
            "" => return Ok(Some(default)),
            answer => match value::clients(answer) {
                Ok(clients) => return Ok(Some(clients)),
                Err(error) => writeln!(output, "\"{}\": {}", answer.escape_debug(), error.problem)?,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::clients;

    fn asked(typed: &[u8]) -> (Option<u32>, String) {
        let mut shown = Vec::new();
        let answer = clients(&mut &*typed, &mut shown, 1_000).unwrap();
        (answer, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn enter_takes_the_default_and_a_number_itself() {
        let question = "How many clients? [1000] ";
        let cases: [(&[u8], u32); 4] = [(b"\n", 1_000), (b"  \r\n", 1_000), (b"50k\n", 50_000), (b" 7 ", 7)];
        for (typed, meant) in cases {
            assert_eq!(asked(typed), (Some(meant), question.to_owned()), "{typed:?}");
        }
    }

    #[test]
    fn a_bad_answer_is_told_why_and_asked_again() {
        let (answer, shown) = asked(b"many\n0\n\xff\n5\n");
        assert_eq!(answer, Some(5));
        let lines: Vec<&str> = shown.split("How many clients? [1000] ").collect();
        assert_eq!(lines.len(), 5, "{shown}");
        assert!(lines[1].starts_with("\"many\": not a number: write a whole number"), "{shown}");
        assert!(lines[2].starts_with("\"0\": must be between 1 and 100M"), "{shown}");
    }

    #[test]
    fn the_end_of_the_input_is_no_answer() {
        assert_eq!(asked(b"").0, None);
        assert_eq!(asked(b"x\n").0, None);
    }
}
