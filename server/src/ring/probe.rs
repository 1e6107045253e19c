//! Does this kernel do what the ring engine relies on? Asked by doing it, never by version number: distributions backport.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use io_uring::cqueue;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::buffers::{Buffers, SMALL, Shape};
use super::token::{Op, Token};
use super::uring::{TaskRun, Uring};

/// Why the ring engine can't be used here, in a few words.
pub(crate) type Reason = String;

/// Tries multishot receive out of shared buffers and silent sends on a socket pair.
pub(crate) fn probe() -> Result<TaskRun, Reason> {
    let mut uring = Uring::new(8, 32).map_err(|error| format!("io_uring cannot be set up as needed: {error}"))?;
    let buffers =
        Buffers::register(&mut uring, FEW, FEW).map_err(|error| format!("no shared receive buffers: {error}"))?;
    let pair = || socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let (ours, theirs) = pair().map_err(|error| format!("no socket pair: {error}"))?;
    let task_run = uring.task_run();
    let mut trial = Trial { uring, buffers, ended: true };
    let outcome = trial.receives(&ours, &theirs).and_then(|()| trial.sends(&ours, &theirs));
    // Only when the receive has ended may the buffers go.
    trial.uring.cancel(RECEIVE, Token::core(Op::Ignored));
    let ended = trial.receive_ended();
    if ended.is_err() {
        std::mem::forget(trial.buffers);
    }
    outcome.and(ended).map(|()| task_run)
}

struct Trial {
    uring: Uring,
    buffers: Buffers,
    /// No receive is with the kernel.
    ended: bool,
}

const FEW: Shape = Shape { count: 4, size: 64 };
const RECEIVE: Token = Token::core(Op::Receive);
const SEND: Token = Token::core(Op::Send);
const RESEND: Token = Token::core(Op::Resend);

impl Trial {
    /// The next completion.
    fn next(&mut self) -> Result<cqueue::Entry, Reason> {
        let mut entry = [const { MaybeUninit::uninit() }; 1];
        for _ in 0..2 {
            if let [completion] = self.uring.completions(&mut entry) {
                if completion.user_data() == RECEIVE.user_data() && !cqueue::more(completion.flags()) {
                    self.ended = true;
                }
                return Ok(completion.clone());
            }
            self.uring
                .enter(1, Duration::from_secs(1))
                .map_err(|error| format!("entering the ring failed: {error}"))?;
        }
        Err("a completion never came".to_owned())
    }

    /// Waits for the last completion of the receive; others may come before it.
    fn receive_ended(&mut self) -> Result<(), Reason> {
        while !self.ended {
            self.next()?;
        }
        Ok(())
    }

    /// Two messages arrive, each in a buffer of the group, by one submission.
    fn receives(&mut self, ours: &OwnedFd, theirs: &OwnedFd) -> Result<(), Reason> {
        self.ended = false;
        self.uring.receive(ours.as_raw_fd(), SMALL, RECEIVE);
        for message in [&b"first"[..], b"second"] {
            rustix::io::write(theirs, message).map_err(|error| format!("cannot write to a socket pair: {error}"))?;
            let completion = self.next()?;
            let Some(id) = cqueue::buffer_select(completion.flags()) else {
                return Err(format!("no multishot receive: {}", io::Error::from_raw_os_error(-completion.result())));
            };
            // SAFETY: this completion hands the buffer over, and it is looked at once.
            let filled = unsafe { self.buffers.received(id, completion.result().max(0) as u32) };
            // SAFETY: the buffers are ours.
            let same = unsafe { filled.bytes() } == message;
            self.buffers.give_back(filled);
            if !same || !cqueue::more(completion.flags()) {
                return Err("multishot receive does not work as documented".to_owned());
            }
        }
        Ok(())
    }

    /// A send that fits says nothing; one that does not fit says how far it came.
    fn sends(&mut self, ours: &OwnedFd, theirs: &OwnedFd) -> Result<(), Reason> {
        let small = *b"fits";
        // SAFETY: `small` lives beyond the enter that submits it.
        unsafe { self.uring.send_now(ours.as_raw_fd(), small.as_ptr(), small.len(), SEND) };
        self.uring.enter(0, Duration::ZERO).map_err(|error| error.to_string())?;
        let mut read = [0; 8];
        let length = rustix::io::read(theirs.as_fd(), &mut read).map_err(|error| error.to_string())?;
        if self.uring.has_completions() || read[..length] != small {
            return Err("a send is not silent when it should be".to_owned());
        }
        let large = vec![0; 8 << 20];
        // SAFETY: `large` lives until the completion has come, and for ever if it does not.
        unsafe { self.uring.send_now(ours.as_raw_fd(), large.as_ptr(), large.len(), RESEND) };
        let completion = match self.next() {
            Ok(completion) if completion.user_data() == RESEND.user_data() => completion,
            other => {
                std::mem::forget(large);
                return Err(other.err().unwrap_or_else(|| "a send that falls short does not say so".to_owned()));
            }
        };
        if !(1..large.len() as i32).contains(&completion.result()) {
            return Err("a send that falls short does not say how far it came".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_probe_agrees_with_the_machine_the_tests_run_on() {
        // Either answer is right somewhere; that it comes back, and comes back the same, is what start-up relies on.
        assert_eq!(super::probe().is_ok(), super::probe().is_ok());
    }
}
