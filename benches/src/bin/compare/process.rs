//! A child process that does not outlive us: stopped by its pid when dropped, its children with it.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use tollgate_benches::affinity;
use tollgate_benches::clock::Stopwatch;

use crate::cpu;

/// How long a process may take to obey SIGTERM before it gets SIGKILL.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// How often we look whether something has happened.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Whether somebody asked us to stop; every wait looks at it.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub fn new(flag: Arc<AtomicBool>) -> Interrupt {
        Interrupt(flag)
    }

    /// Calls `look` until it finds something, at most for `limit`.
    pub fn wait_for<T>(&self, what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let watch = Stopwatch::start();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if self.0.load(Ordering::Relaxed) {
                bail!("interrupted while waiting for {what}");
            }
            if watch.elapsed() > limit {
                bail!("waited {limit:?} for {what}");
            }
            sleep(LOOK_EVERY);
        }
    }
}

/// A running child, pinned from its start.
#[derive(Debug)]
pub struct Process {
    pub child: Child,
}

impl Process {
    pub fn start(command: &mut Command, cpus: &[usize]) -> Result<Process> {
        let child = affinity::on_cpus(cpus, || command.spawn())
            .with_context(|| format!("cannot start {}; is it installed?", command.get_program().display()))?;
        Ok(Process { child })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// SIGTERM first, because nginx's master has to stop its worker itself; SIGKILL for whoever is left.
    fn stop(&mut self) -> io::Result<()> {
        if self.exited()?.is_some() {
            return Ok(());
        }
        let tree = cpu::tree(self.pid());
        signal(self.pid(), Signal::TERM);
        let watch = Stopwatch::start();
        while watch.elapsed() < STOP_WITHIN {
            if self.exited()?.is_some() {
                return Ok(());
            }
            sleep(LOOK_EVERY);
        }
        for pid in tree {
            signal(pid, Signal::KILL);
        }
        self.child.wait().map(|_| ())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("cannot stop process {}: {error}", self.pid());
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        // A process that is already gone is what we want.
        let _ = kill_process(pid, signal);
    }
}
