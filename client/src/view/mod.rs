//! What is seen while a run is under way: a picture on a terminal, otherwise a line per interval.
//!
//! Views are fed on the thread that collects, and must never hold it up: a terminal that was stopped with Ctrl-S, or a pipe whose reader
//! sleeps, takes no bytes. So each asks first whether its output takes any and leaves the interval out of sight if not; it is in the totals all the same.

pub use palette::Palette;
pub use state::{State, Title};

use std::io::{self, BufWriter, Stderr};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::Nanos;
use crate::engine::Interval;
use plain::Plain;

mod bar;
mod live;
mod palette;
mod plain;
mod point;
mod state;

/// A view on stderr: stdout is for the report.
#[derive(Debug)]
pub enum View {
    /// See [`live`].
    Live(Live),
    /// See [`plain`].
    Lines(Plain<Stderr>),
    /// Nobody can be shown anything any more.
    Gone,
}

/// A picture, and when it was drawn.
#[derive(Debug)]
pub struct Live {
    terminal: Terminal<CrosstermBackend<BufWriter<Stderr>>>,
    state: State,
    palette: Palette,
    drawn: Option<Nanos>,
}

impl View {
    /// A picture on a terminal, which must show its second screen.
    ///
    /// # Errors
    ///
    /// When the size of the terminal can't be found out.
    pub fn live(title: Title, palette: Palette) -> io::Result<Self> {
        let out = BufWriter::with_capacity(FRAME_BYTES, io::stderr());
        let terminal = Terminal::new(CrosstermBackend::new(out))?;
        Ok(Self::Live(Live { terminal, state: State::new(title), palette, drawn: None }))
    }

    /// A line per interval. `raw`: the terminal takes every byte as it is.
    pub fn lines(title: Title, raw: bool) -> Self {
        Self::Lines(Plain::new(io::stderr(), State::new(title), raw))
    }

    /// Shows one more interval, if there is somebody to look.
    pub fn show(&mut self, interval: &Interval) {
        let shown = match self {
            Self::Live(live) => live.show(interval),
            Self::Lines(lines) if takes_bytes() => lines.show(interval),
            Self::Lines(lines) => {
                lines.miss(interval);
                Ok(())
            }
            Self::Gone => Ok(()),
        };
        if shown.is_err() {
            // A closed terminal is no reason to lose the run.
            *self = Self::Gone;
        }
    }
}

impl Live {
    fn show(&mut self, interval: &Interval) -> io::Result<()> {
        self.state.take(interval);
        let fresh = self.drawn.is_some_and(|drawn| interval.at.saturating_sub(drawn) < FRAME);
        if !fresh && takes_bytes() {
            self.drawn = Some(interval.at);
            self.terminal.draw(|frame| live::draw(frame, &self.state, self.palette))?;
        }
        Ok(())
    }
}

/// Whether stderr takes bytes now.
fn takes_bytes() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    // A regular file always does; what can't be asked is found out by writing.
    poll(&mut fds, Some(&Timespec::default())).map_or(true, |ready| ready > 0)
}

/// A time on the clock of the run: `0:07`, `12:34`, `1:02:03`.
fn clock(at: Nanos) -> String {
    let seconds = at.as_u64() / 1_000_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Twelve pictures a second are more than anybody sees.
const FRAME: Nanos = Nanos::from_millis(84);
/// A picture's bytes, so that each is one write.
const FRAME_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::{Nanos, clock};

    #[test]
    fn the_clock_shows_hours_when_there_are_some() {
        for (seconds, shown) in [(7, "0:07"), (754, "12:34"), (3723, "1:02:03")] {
            assert_eq!(clock(Nanos::from_secs(seconds)), shown);
        }
    }
}
