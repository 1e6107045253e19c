//! What requests came to, as a line of numbers and as a bar.

use ratatui::style::Color;
use ratatui::text::{Line, Span};

use super::palette::Palette;
use super::point::Counts;
use crate::report::number::{count, share};

/// How many of each, in words.
pub(super) fn counts_line(counts: &Counts, palette: Palette) -> Line<'static> {
    let span = |(n, part): (usize, &Part)| {
        let gap = if n == 0 { "" } else { "   " };
        let n = part.count(counts);
        let text = format!("{} {} {} {}", part.glyph, part.name, count(n), share(n, counts.sum()));
        [Span::raw(gap), Span::styled(text, palette.paint(part.color))]
    };
    (0..).zip(&PARTS).flat_map(span).collect()
}

/// A bar of the whole width. Whatever happened at all takes at least one cell: one error in a million is the one to see.
pub(super) fn stacked(counts: &Counts, width: u16, palette: Palette) -> Line<'static> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
