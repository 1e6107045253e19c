//! The terminal: whether there is one, and how it is left as it was found.
//!
//! What is changed (raw mode, the second screen) is noted in one place for the whole process, because a panic has to undo it before its message is
//! printed: on the second screen nobody would read it.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

/// Which ends of the program a human sits at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seats {
    /// Questions can be asked and keys read.
    pub hands: bool,
    /// Pictures can be shown (on stderr: stdout is for the report).
    pub eyes: bool,
}

impl Seats {
    /// As this process was started. In the background there is a terminal, and it is somebody else's.
    pub fn look() -> Self {
        let draws = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        Self { hands: is_ours(io::stdin()), eyes: draws && is_ours(io::stderr()) }
    }
}

/// Whether it is a terminal, and this process in its foreground.
fn is_ours(end: impl AsFd) -> bool {
    tcgetpgrp(end).is_ok_and(|group| group == getpgrp())
}

/// Restores the terminal when it is dropped.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// `raw`: takes keys one by one, without showing them. `second_screen`: shows that one, on stderr.
    ///
    /// # Errors
    ///
    /// When the terminal refuses.
    pub fn enter(raw: bool, second_screen: bool) -> io::Result<Self> {
        restore_on_panic();
        let guard = Self(());
        if raw {
            enable_raw_mode()?;
            RAW.store(true, Ordering::SeqCst);
        }
        if second_screen {
            SECOND.store(true, Ordering::SeqCst);
            execute!(io::stderr(), EnterAlternateScreen, Hide)?;
        }
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Undoes what was done. Whatever fails here has no one left to tell.
fn restore() {
    if SECOND.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
    }
    if RAW.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
    }
    let _ = io::stderr().flush();
}

fn restore_on_panic() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}

static RAW: AtomicBool = AtomicBool::new(false);
static SECOND: AtomicBool = AtomicBool::new(false);
