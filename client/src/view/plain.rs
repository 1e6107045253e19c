//! One line a second, for pipes, logs and whoever asks for `--plain`.
//!
//! ```text
//! http://127.0.0.1:8080/ · open loop, 10k/s · 1,000 clients · seed 7
//!     time  offered/s     sent/s   allowed    denied   other  errors   conns   p50 ok   p99 ok   p50 no   p99 no   late99
//!     0:01     10,037     10,037     1,990     8,000       5       5      62   1.09ms   2.07ms   4.10ms   8.02ms   12.0us
//! ```

use std::io::{self, Write};

use crate::Nanos;
use crate::engine::{Interval, Stage};
use crate::report::number::{count, time};
use crate::view::clock;
use crate::view::point::{Point, Spread};
use crate::view::state::{State, Title};

/// Writes the lines.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    state: State,
    titled: bool,
    /// Lines since the header.
    since_header: usize,
    /// What ends a line: a terminal in raw mode doesn't return the carriage by itself.
    line_end: &'static str,
}

impl<W: Write> Plain<W> {
    /// Lines to `out`. `raw`: it is a terminal that takes every byte as it is.
    pub fn new(out: W, state: State, raw: bool) -> Self {
        Self { out, state, titled: false, since_header: HEADER_EVERY, line_end: if raw { RAW } else { "\n" } }
    }

    /// A line for this interval.
    ///
    /// # Errors
    ///
    /// When nothing can be written any more.
    pub fn show(&mut self, interval: &Interval) -> io::Result<()> {
        self.miss(interval);
        let mut text = String::new();
        if !self.titled {
            self.titled = true;
            text += &(title(self.state.title(), self.line_end == RAW) + self.line_end);
        }
        if self.since_header == HEADER_EVERY {
            self.since_header = 0;
            text += &(header() + self.line_end);
        }
        self.since_header += 1;
        text += &(line(self.state.last()) + self.line_end);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// This interval isn't shown.
    pub fn miss(&mut self, interval: &Interval) {
        self.state.take(interval);
    }
}

fn title(title: &Title, keys: bool) -> String {
    let Title { url, mode, clients, seed, .. } = title;
    let keys = if keys { " · any key stops" } else { "" };
    format!("{url} · {mode} · {} clients · seed {seed}{keys}", count((*clients).into()))
}

fn header() -> String {
    COLUMNS.iter().fold(String::new(), |line, (name, width)| line + &format!("{name:>width$}"))
}

fn line(point: &Point) -> String {
    let counts = [point.counts.allowed, point.counts.denied, point.counts.other, point.counts.errors];
    let mut cells = vec![clock(point.at), count(point.offered.round() as u64), count(point.sent.round() as u64)];
    cells.extend(counts.map(count));
    cells.push(count(point.open));
    for Spread { p50, p99, .. } in [point.allowed, point.denied] {
        cells.extend([p50, p99].map(measured));
    }
    cells.push(point.lateness_p99.map_or_else(|| NOTHING.to_owned(), measured));
    let line =
        cells.iter().zip(COLUMNS).fold(String::new(), |line, (cell, (_, width))| line + &format!("{cell:>width$}"));
    match point.stage {
        Some(Stage::Draining) => format!("{line}  draining, {} in flight", count(point.in_flight)),
        Some(Stage::Aborted) => line + "  given up",
        Some(Stage::Running) | None => line,
    }
}

fn measured(span: Nanos) -> String {
    if span == Nanos::ZERO { NOTHING.to_owned() } else { time(span) }
}

/// What ends a line on a terminal in raw mode.
const RAW: &str = "\r\n";
/// Names and widths. `ok` is the latency of allowed requests, `no` of denied ones; rates are per second, counts of the interval.
const COLUMNS: [(&str, usize); 13] = [
    ("time", 8),
    ("offered/s", 11),
    ("sent/s", 11),
    ("allowed", 10),
    ("denied", 10),
    ("other", 8),
    ("errors", 8),
    ("conns", 8),
    ("p50 ok", 9),
    ("p99 ok", 9),
    ("p50 no", 9),
    ("p99 no", 9),
    ("late99", 9),
];
/// In place of a time that nobody measured.
const NOTHING: &str = "-";
/// Lines from one header to the next: about a screen.
const HEADER_EVERY: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;
    use crate::view::state::tests::{interval, title};

    fn shown(intervals: impl IntoIterator<Item = Interval>, raw: bool) -> String {
        let mut plain = Plain::new(Vec::new(), State::new(title()), raw);
        intervals.into_iter().for_each(|interval| plain.show(&interval).unwrap());
        String::from_utf8(plain.out).unwrap()
    }

    #[test]
    fn each_interval_is_a_line_under_its_header() {
        let draining = Interval { stage: Stage::Draining, ..interval(2) };
        let nothing = Interval { record: Record::default(), stage: Stage::Aborted, ..interval(3) };
        let meant = "http://127.0.0.1:8080/ · open loop, 10k/s · 1,000 clients · seed 7
    time  offered/s     sent/s   allowed    denied   other  errors   conns   p50 ok   p99 ok   p50 no   p99 no   late99
    0:01     10,037     10,037     1,990     8,000       5       5      62   1.09ms   2.07ms   4.10ms   8.02ms   12.0us
    0:02     10,037     10,037     1,990     8,000       5       5      62   1.09ms   2.07ms   4.10ms   8.02ms   12.0us  draining, 37 in flight
    0:03          0          0         0         0       0       0      62        -        -        -        -        -  given up
";
        assert_eq!(shown([interval(1), draining, nothing], false), meant);
    }

    #[test]
    fn the_header_comes_again_after_a_screen() {
        let text = shown(
            (1..=HEADER_EVERY as u64 + 1).map(|second| Interval { at: Nanos::from_secs(second), ..interval(1) }),
            false,
        );
        let headers: Vec<usize> =
            (0..).zip(text.lines()).filter(|(_, line)| line.contains("offered")).map(|(n, _)| n).collect();
        assert_eq!(headers, [1, HEADER_EVERY + 2]);
    }

    #[test]
    fn a_raw_terminal_gets_its_carriage_returned() {
        let text = shown([interval(1)], true);
        assert_eq!((text.matches("\r\n").count(), text.matches('\n').count()), (3, 3));
        assert!(text.contains("any key stops\r\n"), "{text}");
    }
}
