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
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use crate::Nanos;
use crate::engine::Stage;
use crate::report::number::{count, rate, time};
use crate::view::bar::{counts_line, stacked};
use crate::view::clock;
use crate::view::palette::Palette;
use crate::view::point::{Point, Spread};
use crate::view::state::State;

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
