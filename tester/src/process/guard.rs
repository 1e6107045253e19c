//! Ends a server whose tester was killed.
//!
//! Whoever is killed by signal 9 ends nobody, and the server under test would hold its port for ever. So a second process waits for the
//! end of a pipe whose other end we hold: it comes when we are gone, however that happened. Rejected: `PR_SET_PDEATHSIG`, which has to be
//! set in the child between fork and exec (not possible in safe code), is lost when a thread ends, and doesn't reach a shell's children.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A process that outlives us by a moment. Dropped, it leaves the server alone.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// Ends the process group of this child, its leader, when we are gone. It takes the child and no number: as numbers of groups, 0 is
    /// our own and 1 is everybody.
    pub(super) fn over(leader: &Child) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SCRIPT).arg("guard").arg(leader.id().to_string());
        // A group of its own: what the terminal sends to ours must not end it before us.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Self)
    }

    /// As if we had been killed.
    #[cfg(test)]
    pub(super) fn let_go(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // In this order: while it runs, the pipe is open.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `read` ends when there is nobody left who could write.
const SCRIPT: &str = r#"read -r _; kill -s KILL -- "-$1""#;
