//! Colours, and doing without.

use ratatui::style::{Color, Modifier, Style};

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

    pub(super) fn paint(self, color: Color) -> Style {
        match self {
            Self::Colour => Style::new().fg(color),
            Self::Plain => Style::new(),
        }
    }

    /// Red, when something is worth a look; without colours, bold.
    pub(super) fn warn(self, worth_a_look: bool) -> Style {
        if worth_a_look { self.paint(Color::Red).add_modifier(Modifier::BOLD) } else { Style::new() }
    }
}
