//! The run as a picture, redrawn after each interval.
//!
//! ```text
//!  http://127.0.0.1:8080/ · open loop, 10k/s · 1,000 clients · seed 7           0:12 / 0:30
//!
//!  offered 40,148/s · sent 40,148/s · answered 39,980/s                       peak 39,980/s
//!          ▂▄▆█
//!      ▁▄▆▇████
//!  ▂▃▆█████████
//!
//!  █ allowed 23,880 19.90%   ▓ denied 96,000 80.00%   ▒ other 60 0.05%   ░ errors 60 0.05%
//!  █████████████████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒░░
//!
//!  latency         p50      p90      p99      max
//!  allowed      1.09ms   1.89ms   2.07ms   2.09ms
//!  denied       4.10ms   7.30ms   8.02ms   8.10ms
//!
//!  connections 62 open, 256/s new · 72 failed, 0 reset · 24 closed
//!  hottest     id 7 60.0% · id 42 30.0%
//!  generator   63% busy · lateness p99 12.0us · backlog 4
//!
//!  37 in flight · any key stops and drains, another key gives up
//! ```
//!
//! One function draws one block from the [`State`]; none of them knows a terminal, so a test can look at the picture.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use crate::Nanos;
use crate::engine::Stage;
use crate::report::number::{count, rate, share, time};
use crate::view::clock;
use crate::view::state::{Counts, Point, Spread, State};

/// Whether meaning is also told by colour. It is never told by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// Allowed green, denied yellow, other blue, errors and warnings red.
    Colour,
    /// As `NO_COLOR` asks.
    Plain,
}

impl Palette {
    /// See <https://no-color.org>: the variable set, and not empty, means no.
    pub fn from_env() -> Self {
        if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) { Self::Plain } else { Self::Colour }
    }

    fn paint(self, color: Color) -> Style {
        match self {
            Self::Colour => Style::new().fg(color),
            Self::Plain => Style::new(),
        }
    }

    /// Red, when something is worth a look; without colours, bold.
    fn warn(self, worth_a_look: bool) -> Style {
        if worth_a_look { self.paint(Color::Red).add_modifier(Modifier::BOLD) } else { Style::new() }
    }
}

/// Draws the whole picture.
pub fn draw(frame: &mut Frame<'_>, state: &State, palette: Palette) {
    let [area] = Layout::horizontal([Constraint::Fill(1)]).horizontal_margin(1).areas(frame.area());
    let blocks = Layout::vertical([2, 1, 4, 1, 2, 4, 1, 1, 2, 1].map(Constraint::Length)).areas(area);
    let [title, rates, line, counts, bar, latency, connections, clients, health, footer] = blocks;
    draw_title(frame, title, state);
    draw_rates(frame, rates, state, palette);
    draw_sparkline(frame, line, state, palette);
    frame.render_widget(counts_line(&state.counts(), palette), counts);
    frame.render_widget(stacked(&state.counts(), bar.width, palette), bar);
    draw_latency(frame, latency, state.last(), palette);
    frame.render_widget(connections_line(state, palette), connections);
    frame.render_widget(clients_line(state), clients);
    frame.render_widget(health_line(state.last(), palette), health);
    frame.render_widget(footer_line(state.last(), palette), footer);
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let title = state.title();
    let clock = match title.end {
        Some(end) => format!("{} / {}", clock(state.last().at), clock(end)),
        None => clock(state.last().at),
    };
    let clients = count(title.clients.into());
    let what = format!("{} · {} · {clients} clients · seed {}", title.url, title.mode, title.seed);
    both_ends(frame, area, Line::from(what).style(Modifier::BOLD), &clock);
}

fn draw_rates(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let Point { offered, sent, answered, backlog, .. } = *state.last();
    let peak = state.history().map(|point| point.answered).fold(0.0, f64::max);
    let behind = palette.warn(backlog > 0 && sent < offered * KEEPS_UP);
    let line = Line::from(vec![
        Span::raw(format!("offered {} · ", rate(offered))),
        Span::styled(format!("sent {}", rate(sent)), behind),
        Span::raw(format!(" · answered {}", rate(answered))),
    ]);
    both_ends(frame, area, line, &format!("peak {}", rate(peak)));
}

/// Answers per second; when they don't fit any more, the latest.
fn draw_sparkline(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let [bars, _] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    let skipped = state.history().len().saturating_sub(bars.width.into());
    let rates = state.history().skip(skipped).map(|point| point.answered.round() as u64);
    frame.render_widget(Sparkline::default().data(rates).style(palette.paint(Color::Cyan)), bars);
}

fn counts_line(counts: &Counts, palette: Palette) -> Line<'static> {
    let span = |(n, part): (usize, &Part)| {
        let gap = if n == 0 { "" } else { "   " };
        let n = part.count(counts);
        let text = format!("{} {} {} {}", part.glyph, part.name, count(n), share(n, counts.sum()));
        [Span::raw(gap), Span::styled(text, palette.paint(part.color))]
    };
    (0..).zip(&PARTS).flat_map(span).collect()
}

/// A bar of the whole width. Whatever happened at all takes at least one cell: one error in a million is the one to see.
fn stacked(counts: &Counts, width: u16, palette: Palette) -> Line<'static> {
    let present = PARTS.iter().filter(|part| part.count(counts) > 0);
    let free = u64::from(width).saturating_sub(present.clone().count() as u64);
    let (mut before, mut cells_before) = (0, 0);
    let cells = present.map(|part| {
        before += part.count(counts);
        let cells_by_now = (u128::from(before) * u128::from(free) / u128::from(counts.sum())) as u64;
        let cells = 1 + cells_by_now - cells_before;
        cells_before = cells_by_now;
        Span::styled(part.glyph.to_string().repeat(cells as usize), palette.paint(part.color))
    });
    cells.collect()
}

fn draw_latency(frame: &mut Frame<'_>, area: Rect, last: &Point, palette: Palette) {
    let header = format!("{:<10}{:>9}{:>9}{:>9}{:>9}", "latency", "p50", "p90", "p99", "max");
    let row = |name: &str, spread: Spread, color| {
        let Spread { p50, p90, p99, max } = spread;
        let cells = [p50, p90, p99, max].map(|span| if max == Nanos::ZERO { "-".to_owned() } else { time(span) });
        let text = cells.iter().fold(format!("{name:<10}"), |row, cell| row + &format!("{cell:>9}"));
        Line::styled(text, palette.paint(color))
    };
    let rows = vec![
        Line::styled(header, Modifier::DIM),
        row("allowed", last.allowed, Color::Green),
        row("denied", last.denied, Color::Yellow),
    ];
    frame.render_widget(Paragraph::new(rows), area);
}

fn connections_line(state: &State, palette: Palette) -> Line<'static> {
    let (last, ledger) = (state.last(), state.connections());
    let failed = ledger.refused + ledger.timed_out + ledger.no_port + ledger.no_descriptor + ledger.failed;
    let open = format!("connections {} open, {} new · ", count(last.open), rate(last.connected));
    let failures = format!("{} failed, {} reset", count(failed), count(ledger.reset));
    let closed = count(ledger.closed_by_peer + ledger.closed_by_us);
    Line::from(vec![
        Span::raw(open),
        Span::styled(failures, palette.warn(failed + ledger.reset > 0)),
        Span::raw(format!(" · {closed} closed")),
    ])
}

fn clients_line(state: &State) -> Line<'static> {
    let hottest = state.hottest();
    if hottest.is_empty() {
        return Line::from("hottest     -");
    }
    let shown: Vec<String> = hottest.iter().map(|hot| format!("id {} {:.1}%", hot.id, 100.0 * hot.share)).collect();
    Line::from(format!("hottest     {}", shown.join(" · ")))
}

fn health_line(last: &Point, palette: Palette) -> Line<'static> {
    let lateness = last.lateness_p99.map_or_else(String::new, |late| format!(" · lateness p99 {}", time(late)));
    Line::from(vec![
        Span::raw("generator   "),
        Span::styled(format!("{:.0}% busy", 100.0 * last.busy), palette.warn(last.busy > SATURATED)),
        Span::raw(lateness),
        Span::styled(format!(" · backlog {}", count(last.backlog)), palette.warn(last.backlog > 0)),
    ])
}

fn footer_line(last: &Point, palette: Palette) -> Line<'static> {
    let in_flight = count(last.in_flight);
    match last.stage {
        Some(Stage::Draining) => {
            Line::styled(format!("draining {in_flight} in flight… · another key gives them up"), palette.warn(true))
        }
        Some(Stage::Aborted) => Line::styled("giving up what is in flight…", palette.warn(true)),
        Some(Stage::Running) | None => Line::styled(
            format!("{in_flight} in flight · any key stops and drains, another key gives up"),
            Modifier::DIM,
        ),
    }
}

/// `left` and `right` at the ends of one line; the right end is the one that stays whole.
fn both_ends(frame: &mut Frame<'_>, area: Rect, left: Line<'_>, right: &str) {
    let width = u16::try_from(right.chars().count()).unwrap_or(u16::MAX);
    let [start, _, end] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(1), Constraint::Length(width)]).areas(area);
    frame.render_widget(left, start);
    frame.render_widget(Line::from(right).alignment(Alignment::Right), end);
}

/// One part of the stacked bar.
struct Part {
    name: &'static str,
    glyph: char,
    color: Color,
    of: fn(&Counts) -> u64,
}

impl Part {
    fn count(&self, counts: &Counts) -> u64 {
        (self.of)(counts)
    }
}

const PARTS: [Part; 4] = [
    Part { name: "allowed", glyph: '█', color: Color::Green, of: |counts| counts.allowed },
    Part { name: "denied", glyph: '▓', color: Color::Yellow, of: |counts| counts.denied },
    Part { name: "other", glyph: '▒', color: Color::Blue, of: |counts| counts.other },
    Part { name: "errors", glyph: '░', color: Color::Red, of: |counts| counts.errors },
];
/// Sent less than this part of what was offered is behind.
const KEEPS_UP: f64 = 0.99;
/// Busier than this, and the numbers are about the client.
const SATURATED: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Interval;
    use crate::view::state::tests::{interval, title};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Cell;

    fn picture(state: &State, palette: Palette, width: u16, height: u16) -> TestBackend {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, state, palette)).unwrap();
        terminal.backend().clone()
    }

    fn after(intervals: impl IntoIterator<Item = Interval>) -> State {
        let mut state = State::new(title());
        intervals.into_iter().for_each(|interval| state.take(&interval));
        state
    }

    fn growing(second: u64) -> Interval {
        Interval { length: Nanos::from_millis(3_000 / second), at: Nanos::from_secs(second), ..interval(1) }
    }

    #[test]
    fn the_picture_of_a_run() {
        let backend = picture(&after((1..=12).map(growing)), Palette::Plain, 90, 20);
        let rows = backend.buffer().content().chunks(90).map(|row| row.iter().map(Cell::symbol).collect::<String>());
        let shown: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        assert_eq!(shown.join("\n").trim_end(), GOLDEN);
    }

    #[test]
    fn before_the_first_interval_there_is_nothing_and_no_number_made_up() {
        let text = picture(&after([]), Palette::Plain, 90, 20).to_string();
        for part in ["0:00 / 0:30", "answered 0.00/s", "allowed 0 -", "hottest     -", "0% busy", "0 in flight"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn draining_says_how_many_are_awaited() {
        let text = |stage| picture(&after([Interval { stage, ..interval(1) }]), Palette::Plain, 90, 20).to_string();
        assert!(text(Stage::Draining).contains("draining 37 in flight…"));
        assert!(text(Stage::Aborted).contains("giving up"));
    }

    #[test]
    fn any_size_of_terminal_is_drawn_on() {
        let state = after((1..=125).map(interval));
        for (width, height) in [(1, 1), (3, 50), (40, 5), (80, 24), (300, 100)] {
            picture(&state, Palette::Colour, width, height);
        }
    }

    #[test]
    fn without_colours_there_are_none() {
        let state = after([interval(1)]);
        let coloured = |palette| {
            let backend = picture(&state, palette, 90, 20);
            backend.buffer().content().iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
        };
        assert_eq!(coloured(Palette::Plain), 0);
        assert!(coloured(Palette::Colour) > 90);
    }

    #[test]
    fn the_bar_is_as_wide_as_its_area_and_shows_the_rarest_error() {
        let cells = |counts: Counts, width| {
            let line = stacked(&counts, width, Palette::Plain);
            line.spans.iter().map(|span| span.content.chars().count()).collect::<Vec<_>>()
        };
        let counts = |allowed, denied, other, errors| Counts { allowed, denied, other, errors };
        let cases = [
            (counts(0, 0, 0, 0), vec![]),
            (counts(5, 0, 0, 0), vec![10]),
            (counts(1, 1, 0, 0), vec![5, 5]),
            (counts(1_000_000, 0, 0, 1), vec![8, 2]),
            (counts(u64::MAX / 4, u64::MAX / 4, u64::MAX / 4, u64::MAX / 4), vec![2, 3, 2, 3]),
        ];
        for (counts, meant) in cases {
            assert_eq!(cells(counts, 10), meant, "{counts:?}");
        }
    }

    const GOLDEN: &str = "\
\x20http://127.0.0.1:8080/ · open loop, 10k/s · 1,000 clients · seed 7           0:12 / 0:30

 offered 40,148/s · sent 40,148/s · answered 39,980/s                       peak 39,980/s
         ▂▄▆█
     ▁▄▆▇████
 ▂▃▆█████████

 █ allowed 23,880 19.90%   ▓ denied 96,000 80.00%   ▒ other 60 0.05%   ░ errors 60 0.05%
 █████████████████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒░░

 latency         p50      p90      p99      max
 allowed      1.09ms   1.89ms   2.07ms   2.09ms
 denied       4.10ms   7.30ms   8.02ms   8.10ms

 connections 62 open, 256/s new · 72 failed, 0 reset · 24 closed
 hottest     id 7 60.0% · id 42 30.0%
 generator   63% busy · lateness p99 12.0us · backlog 4

 37 in flight · any key stops and drains, another key gives up";
}
