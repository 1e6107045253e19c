//! A server that somebody else started: watched, never touched.

use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tollgate_client::{Clock, Nanos};

use super::child::wait_for_end;
use super::{Condition, StartError};

/// Its process, held by a descriptor: when it ends, another one that gets its number isn't mistaken for it.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) pid: Pid,
    pidfd: OwnedFd,
}

impl Stranger {
    pub(super) fn of(pid: u32) -> Result<Self, StartError> {
        let absent = |source| StartError::NoProcess { pid, source };
        let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| absent(rustix::io::Errno::SRCH.into()))?;
        let pidfd = pidfd_open(id, PidfdFlags::empty()).map_err(|errno| absent(errno.into()))?;
        Ok(Self { pid: id, pidfd })
    }

    pub(super) fn condition(&self, clock: Clock) -> Condition {
        if wait_for_end(&self.pidfd, clock, Nanos::ZERO) { Condition::Gone } else { Condition::Alive }
    }
}
