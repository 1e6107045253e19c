//! What a server writes: read for as long as it writes, and its last lines kept.
//!
//! ```text
//! stdout ─┐
//!         ├─ one pipe ─► a thread that only reads ─► Tail: the last 100 lines, cut to 4 KiB each
//! stderr ─┘                                          ├ the address that was announced
//!                                                    └ the end: nobody can write any more
//! ```
//!
//! A server must never wait for its reader, so the thread does nothing else. The end of the pipe comes when the last process that
//! inherited it is gone, which is later than the end of the first when that one was a shell: exactly what a stop has to wait for.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tollgate_client::{Clock, Nanos};

use super::announcement;

/// The output of one server.
#[derive(Clone, Debug)]
pub(super) struct Log(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    tail: Mutex<Tail>,
    /// The address was announced, or the end came.
    news: Condvar,
}

impl Log {
    /// Reads `output` to its end, on a thread of its own.
    pub(super) fn read(mut output: impl Read + Send + 'static) -> io::Result<Self> {
        let log = Self(Arc::default());
        let Self(shared) = log.clone();
        let read_all = move || {
            let mut buffer = vec![0; READ];
            loop {
                let read = output.read(&mut buffer);
                let mut tail = shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
                let before = tail.address;
                match read {
                    Ok(0) => tail.end(),
                    Ok(len) => tail.take(&buffer[..len]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => tail.end(),
                }
                if tail.is_ended || tail.address != before {
                    shared.news.notify_all();
                }
                if tail.is_ended {
                    return;
                }
            }
        };
        thread::Builder::new().name("server-log".to_owned()).spawn(read_all)?;
        Ok(log)
    }

    /// The last lines, the oldest first.
    pub(super) fn last_lines(&self) -> Vec<String> {
        self.tail().last_lines()
    }

    /// Where the server said that it listens; waits until it does, until it can't any more, or until `deadline`.
    pub(super) fn wait_for_address(&self, clock: Clock, deadline: Nanos) -> Option<SocketAddr> {
        self.wait(clock, deadline, |tail| tail.address.is_some() || tail.is_ended).address
    }

    /// Waits until nobody can write any more, or until `deadline`. Whether that came to pass.
    pub(super) fn wait_for_end(&self, clock: Clock, deadline: Nanos) -> bool {
        self.wait(clock, deadline, |tail| tail.is_ended).is_ended
    }

    fn wait(&self, clock: Clock, deadline: Nanos, until: impl Fn(&Tail) -> bool) -> MutexGuard<'_, Tail> {
        let span = (deadline - clock.now()).into();
        let waited = self.0.news.wait_timeout_while(self.tail(), span, |tail| !until(tail));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.0.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last lines of a stream of bytes that may come in any pieces.
#[derive(Debug, Default)]
struct Tail {
    /// As [`Tail::line`]. They become text when somebody wants to see them: of a flood, hardly any are.
    lines: VecDeque<Vec<u8>>,
    /// The beginning of the line that has no end yet, at most [`LONGEST`] and one byte that says it is cut.
    line: Vec<u8>,
    /// Where the server first said that it listens.
    address: Option<SocketAddr>,
    is_ended: bool,
}

impl Tail {
    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, is_whole) = piece.strip_suffix(b"\n").map_or((piece, false), |piece| (piece, true));
            let room = (LONGEST + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if is_whole {
                self.end_line();
            }
        }
    }

    fn end(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.is_ended = true;
    }

    fn end_line(&mut self) {
        self.address = self.address.or_else(|| announcement::address(&text(&self.line)));
        let mut free = if self.lines.len() == MOST_LINES { self.lines.pop_front() } else { None }.unwrap_or_default();
        free.clear();
        self.lines.push_back(std::mem::replace(&mut self.line, free));
    }

    fn last_lines(&self) -> Vec<String> {
        let unfinished = (!self.line.is_empty()).then_some(&self.line);
        self.lines.iter().chain(unfinished).map(|line| text(line)).collect()
    }
}

/// A line as it can be shown: no bytes that aren't text, none that move a terminal's cursor, and cut if it is too long.
fn text(line: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&line[..line.len().min(LONGEST)]);
    let mut text: String = shown.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
    if line.len() > LONGEST {
        text.push('…');
    }
    text
}

/// Enough for a panic with its backtrace.
const MOST_LINES: usize = 100;
/// A line of a gigabyte must not take our memory; no line that a person wants to read is this long.
const LONGEST: usize = 4096;
/// A pipe holds this much: a server that floods its log costs us few calls.
const READ: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tail(pieces: &[&[u8]]) -> Tail {
        let mut tail = Tail::default();
        pieces.iter().for_each(|piece| tail.take(piece));
        tail
    }

    #[test]
    fn the_last_hundred_lines_are_kept_and_the_unfinished_one() {
        let all: Vec<String> = (0..250).map(|number| number.to_string()).collect();
        let mut tail = tail(&[(all.join("\n") + "\nand").as_bytes()]);
        assert_eq!(tail.last_lines()[..100], all[150..]);
        assert_eq!(tail.last_lines()[100], "and");
        tail.end();
        assert_eq!(tail.last_lines().len(), 100);
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut tail = Tail::default();
        (0..1000).for_each(|_| tail.take(&[b'x'; 4096]));
        assert!(tail.line.capacity() <= 4 * LONGEST, "{}", tail.line.capacity());
        tail.take(b"\nnext\n");
        assert_eq!(tail.last_lines(), ["x".repeat(LONGEST) + "…", "next".to_owned()]);
    }

    #[test]
    fn what_is_no_text_can_be_shown_all_the_same() {
        assert_eq!(tail(&[b"\x1b[31mred\x07\xff\ttab\r\n"]).last_lines(), ["[31mred\u{fffd}\ttab"]);
    }

    #[test]
    fn the_first_announcement_counts() {
        let tail = tail(&[b"listening on http://127.0.0.1:1\nlist", b"ening on http://127.0.0.1:2\n"]);
        assert_eq!(tail.address, Some("127.0.0.1:1".parse().expect("an address")));
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_bytes_came(bytes in "[a-c\n]{0,300}", cuts in prop::collection::vec(0usize..300, 0..8)) {
            let mut pieces = Tail::default();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            cuts.windows(2).for_each(|cut| pieces.take(&bytes.as_bytes()[cut[0]..cut[1]]));
            prop_assert_eq!(pieces.last_lines(), tail(&[bytes.as_bytes()]).last_lines());
        }
    }
}
