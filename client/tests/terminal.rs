//! The program on a real pseudo-terminal: what it asks, what stops it, and that the terminal is afterwards as it was before.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

mod common;

/// The program, and the other side of its terminal.
struct Session {
    child: Child,
    keyboard: File,
    /// Kept open, so that the terminal lives on and can be looked at.
    terminal: File,
    before: Termios,
    shown: Receiver<Vec<u8>>,
    screen: Vec<u8>,
}

impl Session {
    fn start(options: &str) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let path = OsStr::from_bytes(name.as_bytes());
        // `setsid --ctty` makes it the terminal of the program alone, without a line of unsafe code here.
        let terminal = OpenOptions::new().read(true).write(true).open(path).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let before = tcgetattr(&terminal).unwrap();
        let end = || terminal.try_clone().unwrap();
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_tollgate-client"), &format!("http://{}/", common::server())]);
        command.args(options.split_whitespace()).env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        let keyboard = File::from(keyboard);
        let (sender, shown) = channel();
        let mut reader = keyboard.try_clone().unwrap();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut chunk) {
                let _ = sender.send(chunk[..read].to_vec());
            }
        });
        Self { child, keyboard, terminal, before, shown, screen: Vec::new() }
    }

    /// Waits until `text` is shown, after what was waited for before.
    fn until(&mut self, text: &str) {
        let place = |screen: &[u8]| screen.windows(text.len()).position(|window| window == text.as_bytes());
        let end = loop {
            match place(&self.screen) {
                Some(start) => break start + text.len(),
                None => self.screen.extend(self.shown.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                    panic!("no {text:?} in {:?}", String::from_utf8_lossy(&self.screen));
                })),
            }
        };
        self.screen.drain(..end);
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit code, when the report has come and the terminal is as before.
    fn ends(mut self) -> Option<i32> {
        let status = self.child.wait().unwrap();
        let after = tcgetattr(&self.terminal).unwrap();
        assert_eq!(format!("{after:?}"), format!("{:?}", self.before), "{:?}", status.signal());
        status.code()
    }
}

#[test]
fn it_asks_then_draws_then_a_key_ends_it_with_a_report() {
    let mut session = Session::start("--interval 100ms");
    session.until("How many clients? [1000] ");
    session.press(b"many\n");
    session.until("\"many\": not a number");
    session.until("How many clients? [1000] ");
    session.press(b"7\n");
    session.until(SECOND_SCREEN);
    session.until("7 clients");
    session.press(b"q");
    session.until(FIRST_SCREEN);
    session.until("--clients 7");
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn enter_takes_the_default() {
    let mut session = Session::start("--interval 100ms");
    session.until("How many clients? [1000] ");
    session.press(b"\n");
    session.until("1,000 clients");
    session.press(b"q");
    session.until("--clients 1k");
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn ctrl_c_twice_and_signals_still_bring_the_report() {
    let stops: [fn(&mut Session); 3] = [
        |session| session.press(b"\x03\x03"),
        |session| session.signal(Signal::TERM),
        |session| session.signal(Signal::INT),
    ];
    for stop in stops {
        let mut session = Session::start("--clients 7 --interval 100ms");
        session.until("7 clients");
        stop(&mut session);
        session.until(FIRST_SCREEN);
        session.until("--clients 7");
        assert_eq!(session.ends(), Some(0));
    }
}

#[test]
fn plain_is_lines_on_the_first_screen_and_keys_work_all_the_same() {
    let mut session = Session::start("--clients 7 --interval 100ms --plain");
    session.until("any key stops\r\n");
    session.until("offered/s");
    session.press(b"q");
    session.until("--clients 7");
    assert_eq!(session.ends(), Some(0));
}

#[test]
fn what_cannot_run_leaves_the_terminal_alone() {
    let mut session = Session::start("--clients 7 --sources 192.0.2.1");
    session.until("tollgate-client: --sources 192.0.2.1: ");
    assert_eq!(session.ends(), Some(1));
}

const SECOND_SCREEN: &str = "\x1b[?1049h";
const FIRST_SCREEN: &str = "\x1b[?1049l";
const PATIENCE: Duration = Duration::from_secs(20);
