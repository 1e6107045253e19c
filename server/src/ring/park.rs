//! Long sleep: hands the thread to glommio until the ring has something.
//!
//! While requests come, a core waits inside its own ring, which is one system call. That blocks glommio, so when nothing has come for
//! a while the core sleeps in glommio instead, on the ring's eventfd.
//!
//! The order below matters. With deferred task work the kernel signals the eventfd when its list of finished work goes from empty to
//! non-empty; work that was already on the list while signals were off would never be announced. So: signals on, *then* an enter that
//! empties the list, *then* a look at the completions, and only then sleep.
//!
//! A bell that rings is not left to the ring to announce: see [`Bell`].

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};

use super::uring::Uring;
use crate::drain::Bell;
use glommio::io::BufferedFile;

/// The eventfd of a ring, as glommio can wait for it.
pub(super) struct Pillow {
    file: BufferedFile,
}

impl Pillow {
    /// Registers the bell's eventfd with `uring`. To be called on a glommio executor.
    pub fn new(uring: &mut Uring, bell: &Bell) -> io::Result<Pillow> {
        uring.register_eventfd(bell.pillow())?;
        // SAFETY: the duplicate belongs to the file from here on, which closes it.
        let file = unsafe { BufferedFile::from_raw_fd(bell.pillow().try_clone()?.into_raw_fd()) };
        Ok(Pillow { file })
    }

    /// Sleeps until the eventfd has been signalled. Any end of this means "look at the ring", an error too.
    pub async fn sleep(&self) {
        let _ = self.file.read_at(0, size_of::<u64>()).await;
    }
}
