//! A process that we started, with all it starts itself: one group, which ends as a whole.
//!
//! The first process is looked at without being collected (`WNOWAIT`) for as long as we have it. So its number, which is also the
//! group's, stays taken, and no signal of ours can meet a stranger that got the same one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid};
use tollgate_client::{Clock, Nanos};

use super::guard::Guard;
use super::log::Log;
use super::{Condition, StartError};

/// Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Child {
    // Dropped in this order: the guard may only kill a group that is still ours.
    guard: Option<Guard>,
    group: Group,
    pidfd: OwnedFd,
    log: Log,
    /// How it ended, once it is collected.
    end: Option<Condition>,
}

impl Child {
    pub(super) fn spawn(words: &[String]) -> Result<Self, StartError> {
        let [program, args @ ..] = words else { return Err(StartError::Empty) };
        let (output, input) = io::pipe()?;
        let log = Log::read(output)?;
        let mut command = Command::new(program);
        command.args(args).process_group(0).stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
        let failed = |source| StartError::Program { program: program.clone(), source };
        let group = Group { first: command.spawn().map_err(failed)?, is_collected: false };
        let pidfd = pidfd_open(group.id(), PidfdFlags::empty()).map_err(io::Error::from)?;
        let guard = Guard::over(&group.first)?;
        Ok(Self { guard: Some(guard), group, pidfd, log, end: None })
    }

    pub(super) fn pid(&self) -> Pid {
        self.group.id()
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    pub(super) fn condition(&self) -> Condition {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.end.unwrap_or_else(|| match waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
            Ok(Some(status)) => Condition::from_status(&status),
            Ok(None) => Condition::Alive,
            Err(_) => Condition::Gone,
        })
    }

    /// Waits until its first process has ended, at most until `deadline`. Whether it has.
    pub(super) fn wait_for_end(&self, clock: Clock, deadline: Nanos) -> bool {
        self.end.is_some() || wait_for_end(&self.pidfd, clock, deadline)
    }

    /// As if we had been killed: what the guard does then.
    #[cfg(test)]
    pub(super) fn vanish(&mut self) {
        self.guard.as_mut().expect("it runs").let_go();
    }

    /// Asks it to end, waits until all of it has, at most until `deadline`, and kills what is left.
    pub(super) fn end(&mut self, clock: Clock, deadline: Nanos) -> Condition {
        if self.end.is_none() {
            self.group.signal(Signal::TERM);
            // A process that was stopped takes no other signal.
            self.group.signal(Signal::CONT);
            self.wait_for_end(clock, deadline);
            // The first may have been a shell, and the server its child.
            self.log.wait_for_end(clock, deadline);
        }
        self.kill(clock)
    }

    /// Ends all of it at once.
    pub(super) fn kill(&mut self, clock: Clock) -> Condition {
        if let Some(end) = self.end {
            return end;
        }
        self.group.signal(Signal::KILL);
        wait_for_end(&self.pidfd, clock, Nanos::MAX);
        let end = self.condition();
        self.guard = None;
        self.group.collect();
        // What it said last is still in the pipe; who left the group may hold it open.
        self.log.wait_for_end(clock, clock.now() + LAST_WORDS);
        *self.end.insert(end)
    }
}

/// Waits until a process has ended, at most until `deadline`. Whether it has.
pub(super) fn wait_for_end(pidfd: &OwnedFd, clock: Clock, deadline: Nanos) -> bool {
    loop {
        let left = deadline.saturating_sub(clock.now()).as_u64();
        let left = Timespec { tv_sec: (left / 1_000_000_000) as i64, tv_nsec: (left % 1_000_000_000) as i64 };
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&left)) {
            Err(Errno::INTR) => {}
            ended => return ended.is_ok_and(|count| count > 0),
        }
    }
}

/// The process that we started, and those that it did. Dropped, they are killed.
#[derive(Debug)]
struct Group {
    first: std::process::Child,
    /// From then on its number may be anybody's.
    is_collected: bool,
}

impl Group {
    fn id(&self) -> Pid {
        Pid::from_child(&self.first)
    }

    fn signal(&self, signal: Signal) {
        if !self.is_collected {
            // They may all have ended already.
            let _ = kill_process_group(self.id(), signal);
        }
    }

    fn collect(&mut self) {
        let _ = self.first.wait();
        self.is_collected = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_collected {
            self.signal(Signal::KILL);
            self.collect();
        }
    }
}

/// To read a pipe to its end takes less, if it has one.
const LAST_WORDS: Nanos = Nanos::from_secs(1);
