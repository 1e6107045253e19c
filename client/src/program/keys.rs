//! What stops a run: a key, SIGINT, SIGTERM, SIGHUP or SIGQUIT. The first drains, the second aborts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::{Handle, Signals};

use crate::engine::Control;
use crate::{Clock, Nanos};

/// Listens until it is dropped; after that a signal ends the program as usual.
#[derive(Debug)]
pub struct Listener {
    over: Arc<AtomicBool>,
    signals: Handle,
    threads: Vec<JoinHandle<()>>,
}

impl Listener {
    /// Listens to signals and, if `keys`, to the terminal, which must be in raw mode.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler or a thread.
    pub fn start(control: &Control, keys: bool) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        for signal in STOPPING {
            // The handlers of the crate stay installed when nobody listens any more, and would swallow a Ctrl-C meant for a stuck report.
            register_conditional_default(signal, Arc::clone(&over))?;
        }
        let mut signals = Signals::new(STOPPING)?;
        let mut listener = Self { over, signals: signals.handle(), threads: Vec::new() };
        let stopped = control.clone();
        listener.spawn("signals", move || signals.forever().for_each(|_| _ = stopped.stop()))?;
        if keys {
            let (control, over) = (control.clone(), Arc::clone(&listener.over));
            listener.spawn("keys", move || read_keys(&control, &over))?;
        }
        Ok(listener)
    }

    fn spawn(&mut self, name: &str, listen: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(listen)?);
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.signals.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // one that panicked has said so
        }
    }
}

/// A terminal that can't be read has no keys; signals still work.
fn read_keys(control: &Control, over: &AtomicBool) {
    let clock = Clock::start();
    let mut presses = Presses::default();
    while !over.load(Ordering::SeqCst) {
        match event::poll(LOOK_UP) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(_) => return,
        }
        match event::read() {
            Ok(Event::Key(key)) if presses.stops(key, clock.now()) => _ = control.stop(),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Tells presses from one another: a key that is held comes again and again, and the letters of a paste come at once.
#[derive(Debug, Default)]
struct Presses {
    last: Option<(KeyCode, Nanos)>,
}

impl Presses {
    /// Whether this key is one more wish to stop. Ctrl-C always is.
    fn stops(&mut self, key: KeyEvent, now: Nanos) -> bool {
        if key.kind != KeyEventKind::Press {
            return false;
        }
        let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        let last = self.last.replace((key.code, now));
        interrupt
            || last.is_none_or(|(code, at)| now.saturating_sub(at) >= if code == key.code { HELD } else { PASTED })
    }
}

const STOPPING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
/// How long the end of the run waits for the thread that reads keys, at most.
const LOOK_UP: Duration = Duration::from_millis(50);
/// The same key so long after it last came was let go of in between: keyboards begin to repeat after 660 ms at most, unless told otherwise.
const HELD: Nanos = Nanos::from_millis(700);
/// Nobody hits two keys one after the other as fast as a paste brings them.
const PASTED: Nanos = Nanos::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Stage;

    #[test]
    fn another_key_counts_and_so_does_the_same_one_unless_it_was_held() {
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let (q, up) = (key(KeyCode::Char('q')), key(KeyCode::Up));
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        let released = KeyEvent { kind: KeyEventKind::Release, ..q };
        type Events<'a> = &'a [(KeyEvent, u64, bool)];
        let cases: [(&str, Events<'_>); 5] = [
            (
                "held",
                &[(q, 0, true), (q, 660, false), (q, 690, false), (q, 720, false), (q, 1_419, false), (q, 2_119, true)],
            ),
            ("another", &[(q, 5_000, true), (up, 5_050, true)]),
            ("pasted", &[(q, 0, true), (up, 1, false), (q, 2, false), (up, 3, false)]),
            ("ctrl-c", &[(ctrl_c, 0, true), (ctrl_c, 10, true)]),
            ("released", &[(released, 0, false), (q, 10, true)]),
        ];
        for (name, events) in cases {
            let mut presses = Presses::default();
            for (key, millis, stops) in events {
                assert_eq!(presses.stops(*key, Nanos::from_millis(*millis)), *stops, "{name} at {millis} ms");
            }
        }
    }

    #[test]
    fn a_signal_drains_and_another_aborts() {
        let control = Control::default();
        let listener = Listener::start(&control, false).unwrap();
        for (signal, stage) in [(SIGTERM, Stage::Draining), (SIGINT, Stage::Aborted)] {
            signal_hook::low_level::raise(signal).unwrap();
            while control.stage() != stage {
                thread::yield_now();
            }
        }
        drop(listener);
    }
}
