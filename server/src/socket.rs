//! What a connection needs of an engine: the only words spoken between HTTP and I/O.
//!
//! Both engines, our ring and plain glommio streams, speak them, so the same [`crate::connection`] runs on either (static dispatch).
//! The vocabulary is completion-shaped: an engine says what *happened*, and bytes are read where they lie.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::Nanos;

use crate::clock::Clock;
use crate::drain::Control;
use crate::overload::gatekeeper::Gatekeeper;

/// What a core's engine needs to start, whichever it is.
pub(crate) struct EngineSettings {
    /// One for each of the process' listeners, in their order.
    pub listeners: Vec<OwnedFd>,
    pub control: Arc<Control>,
    /// The core's index among the process' cores.
    pub core: usize,
    pub clock: Clock,
    pub write_timeout: Duration,
    /// Who is to know how far the core is behind, if anybody.
    pub gatekeeper: Option<Rc<Gatekeeper>>,
}

/// When a core's tick, which does what is due by the clock, is to come again. The sooner is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Again {
    /// A few times a second, unless the core sleeps.
    #[default]
    InTime,
    /// In some milliseconds, and it must not sleep: somebody waits for what the clock brings.
    Soon,
}

/// A connection that was accepted and has no task yet.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub socket: OwnedFd,
    /// Which of the process' listeners it came to.
    pub listener: usize,
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection that was dialled stands. Said once, before anything else of it.
    Connected,
    /// Bytes arrived; [`Socket::read`] has them, all of which are to be taken before the next wait.
    Input,
    /// The peer will send no more. Said once.
    End,
    /// The output is gone. Said only after [`Socket::sending`] answered true.
    Sent,
    /// The peer isn't taking the output; it is being sent as it makes room.
    Blocked,
    /// The deadline passed. Said once per deadline.
    Expired,
    /// The timer of [`Socket::sleep_until`] went off.
    Woken,
    /// The server is going down. Said once.
    Draining,
    /// The connection is lost: reset, timed out.
    Failed,
    /// The peer has closed its sending side, behind input that is left with the kernel. Said only after [`Socket::watch`].
    HungUp,
}

/// One connection's socket. Dropping it sends what is left, then closes.
pub trait Socket: Sized {
    /// What opens further connections on the same engine.
    type Dialer: Dial<Socket = Self>;
    /// Waits for the next thing to happen. The only wait there is.
    fn event(&mut self) -> impl Future<Output = Event>;
    /// Shows the oldest unread input to `take` and lets go of it. `None`: there is none.
    fn read<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R>;
    /// An empty buffer to write answers to, used again and again.
    fn output(&mut self) -> Vec<u8>;
    /// Sends `output`, or just takes it back if it is empty. Not while [`Socket::sending`].
    fn send(&mut self, output: Vec<u8>);
    /// Whether output is still on its way; if so, [`Event::Sent`] will come.
    fn sending(&mut self) -> bool;
    /// `true`: leave further input with the kernel, so that the peer has to wait. `false`: receive again.
    fn hold(&mut self, hold: bool);
    /// While input is left with the kernel: asks for [`Event::HungUp`] or [`Event::Failed`] as soon as one has happened, which would otherwise
    /// be seen when the input has been read. Ends with the hold.
    fn watch(&mut self);
    /// Whether what comes from now on is content, which is only passed on: an engine may bring more of that at once.
    fn content(&mut self, content: bool);
    /// Asks for [`Event::Expired`] at `at`, give or take a tenth of a second; replaces the last one.
    fn deadline(&mut self, at: Nanos);
    /// Asks for [`Event::Woken`] at `at`, as precisely as the kernel's timers are.
    fn sleep_until(&mut self, at: Nanos);
    /// Tells the peer that no more output follows. Not while [`Socket::sending`].
    fn finish(&mut self);
    /// Closes at once when dropped, whatever is unsent.
    fn abort(&mut self);
    /// The same with RST, so that the peer cannot take what it has received for the whole.
    fn reset(&mut self);
    /// The time of the batch being worked on.
    fn now(&self) -> Nanos;
    /// The peer's address (an IPv4 peer of an IPv6 listener as IPv4).
    fn peer(&self) -> Option<IpAddr>;
    /// A handle on the engine.
    fn dialer(&self) -> Self::Dialer;
}

/// Opens connections on an engine, and knows its time.
pub trait Dial: Clone {
    /// What it opens.
    type Socket: Socket;
    /// A connection on its way to `to`: it says [`Event::Connected`] or [`Event::Failed`]. Nothing may be sent before.
    fn dial(&self, to: SocketAddr) -> io::Result<Self::Socket>;
    /// The time of the batch being worked on.
    fn now(&self) -> Nanos;
}
