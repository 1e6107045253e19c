//! The ends of connections that are not read, asked of the kernel.
//!
//! A stream tells of its end behind all that came before it, and glommio has no other question. So those that are held, and want to know, are in
//! an epoll instance, which the hub looks at when it ticks: that costs one call for all of them. Each tells once and is asked again by its next hold.

use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::socket::Event;

/// Streams that are asked for their ends. There is nothing to it until the first is.
#[derive(Default)]
pub(super) struct HangUps {
    epoll: Option<OwnedFd>,
    found: Vec<epoll::Event>,
}

/// Whether a stream is among them. It stays until it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asked {
    #[default]
    Never,
    /// It has not told yet.
    Still,
    /// It has told.
    Before,
}

impl HangUps {
    /// Asks a stream for its end, unless it is being asked. Without a descriptor to be had, the end is seen when the stream is read.
    pub fn ask(&mut self, stream: impl AsFd, id: u64, asked: &mut Asked) {
        if self.epoll.is_none() {
            self.epoll = epoll::create(CreateFlags::CLOEXEC).ok();
        }
        let Some(epoll) = &self.epoll else { return };
        let (data, flags) = (EventData::new_u64(id), EventFlags::RDHUP | EventFlags::ONESHOT);
        let outcome = match asked {
            Asked::Never => epoll::add(epoll, stream, data, flags),
            Asked::Before => epoll::modify(epoll, stream, data, flags),
            Asked::Still => return,
        };
        if outcome.is_ok() {
            *asked = Asked::Still;
        }
    }

    /// Hands those that have told to `tell`, with what they said.
    pub fn look(&mut self, mut tell: impl FnMut(u64, Event)) {
        let Some(epoll) = &self.epoll else { return };
        self.found.reserve(AT_ONCE);
        while epoll::wait(epoll, spare_capacity(&mut self.found), Some(&Timespec::default()))
            .is_ok_and(|found| found > 0)
        {
            for event in self.found.drain(..) {
                let (flags, id) = (event.flags, { event.data }.u64());
                let lost = flags.intersects(EventFlags::ERR | EventFlags::HUP);
                tell(id, if lost { Event::Failed } else { Event::HungUp });
            }
        }
    }
}

/// Fetched by one call.
const AT_ONCE: usize = 64;
