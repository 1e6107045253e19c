//! Log lines on stderr: plain text, one line per event, and never at the price of a request.
//!
//! Whoever reads our stderr may stop reading. A core that writes to a full pipe would then stand still with all its connections, so
//! lines go through a bounded queue to a thread of their own; when the queue is full, lines are dropped and the next one that gets
//! through is preceded by how many.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogLevel;

/// Writes what was logged when dropped.
#[derive(Debug)]
#[must_use = "log lines are lost once this is gone"]
pub struct Flush {
    queue: Option<SyncSender<Message>>,
    writer: Option<JoinHandle<()>>,
}

/// Sends log lines from `level` on to stderr from now on.
///
/// # Errors
///
/// When the thread that writes them cannot be started.
pub fn to_stderr(level: LogLevel) -> io::Result<Flush> {
    let (lines, flush) = start(io::stderr())?;
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_target(false).with_max_level(level.filter());
    // A second call, as from a test that runs twice in one process, keeps the first destination.
    let _ = tracing::subscriber::set_global_default(subscriber.with_writer(lines).finish());
    Ok(flush)
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Stop,
}

/// Hands each line to the queue; the writer that tracing asks for is one line.
#[derive(Clone, Debug)]
struct Lines {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Line<'q> {
    lines: &'q Lines,
    text: Vec<u8>,
}

fn start(to: impl Write + Send + 'static) -> io::Result<(Lines, Flush)> {
    let (queue, received) = sync_channel(MOST_WAITING);
    let dropped = Arc::new(AtomicU64::new(0));
    let lines = Lines { queue: queue.clone(), dropped: Arc::clone(&dropped) };
    let writer = thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&received, &dropped, to))?;
    Ok((lines, Flush { queue: Some(queue), writer: Some(writer) }))
}

fn write_all(queue: &Receiver<Message>, dropped: &AtomicU64, mut to: impl Write) {
    while let Ok(Message::Line(line)) = queue.recv() {
        let missed = dropped.swap(0, Ordering::Relaxed);
        // Nowhere is left to report that stderr is gone.
        if missed > 0 {
            let _ = writeln!(to, "({missed} log lines dropped: nobody read fast enough)");
        }
        let _ = to.write_all(&line);
    }
}

impl<'q> MakeWriter<'q> for Lines {
    type Writer = Line<'q>;

    fn make_writer(&'q self) -> Line<'q> {
        Line { lines: self, text: Vec::new() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let room = LONGEST_LINE.saturating_sub(self.text.len());
        self.text.extend_from_slice(&text[..text.len().min(room)]);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.text.len() == LONGEST_LINE {
            self.text[LONGEST_LINE - 1] = b'\n';
        }
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() && self.lines.queue.try_send(Message::Line(text)).is_err() {
            self.lines.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        // Without room in the queue nobody is reading, and waiting for them would hang the exit.
        let told = self.queue.take().is_some_and(|queue| queue.try_send(Message::Stop).is_ok());
        if let (true, Some(writer)) = (told, self.writer.take()) {
            let _ = writer.join();
        }
    }
}

/// Lines that may wait: some seconds of the worst chatter.
const MOST_WAITING: usize = 1024;

/// Together with [`MOST_WAITING`] this bounds the queue to 4 MiB.
const LONGEST_LINE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A destination whose first write waits until it may go on.
    struct Gate {
        open: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _ = self.open.recv();
            self.written.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_not_time() {
        let (open, opened) = sync_channel(0);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (lines, flush) = start(Gate { open: opened, written: Arc::clone(&written) }).unwrap();
        let more = 500;
        for n in 0..MOST_WAITING + more {
            writeln!(lines.make_writer(), "line {n}").unwrap();
        }
        drop(open); // from now on every write passes
        while lines.dropped.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
        drop((lines, flush));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.contains("line 0\n"), "{text}");
        assert!(text.contains("log lines dropped"), "{text}");
        assert!((MOST_WAITING..=MOST_WAITING + 2).contains(&text.lines().count()), "{}", text.lines().count());
    }

    #[test]
    fn one_line_is_bounded_and_stays_one_line() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let (_, opened) = sync_channel(0);
        let (lines, flush) = start(Gate { open: opened, written: Arc::clone(&written) }).unwrap();
        writeln!(lines.make_writer(), "{}", "x".repeat(1 << 20)).unwrap();
        drop((lines, flush));
        let written = written.lock().unwrap();
        assert_eq!((written.len(), written.last()), (LONGEST_LINE, Some(&b'\n')));
    }
}
