//! A connection's end of the driver: the handle its task holds.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::{Context, Poll};

use tollgate_limiter::Nanos;

use super::adopt::reset_when_closed;
use super::buffers::Filled;
use super::driver::Driver;
use super::slots::{News, Slot};
use crate::socket::{Dial, Event, Socket};

/// A socket on the ring.
pub(crate) struct RingSocket {
    driver: Rc<RefCell<Driver>>,
    index: u32,
    abort: bool,
}

impl RingSocket {
    pub(super) fn new(driver: Rc<RefCell<Driver>>, index: u32) -> RingSocket {
        RingSocket { driver, index, abort: false }
    }

    #[inline]
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let mut driver = self.driver.borrow_mut();
        let slot = &mut driver.slots[self.index];
        if !slot.inbox.is_empty() {
            return Poll::Ready(Event::Input);
        }
        if !slot.news.is_empty() {
            return Poll::Ready(next_news(slot));
        }
        if !slot.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            slot.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cold]
fn next_news(slot: &mut Slot) -> Event {
    let by_urgency = [
        // A failure stays: there is nothing else to say about the connection any more.
        (News::CONNECTED, Event::Connected),
        (News::SENT, Event::Sent),
        (News::BLOCKED, Event::Blocked),
        (News::WOKEN, Event::Woken),
        (News::DRAINING, Event::Draining),
        (News::END, Event::End),
        (News::HUNG_UP, Event::HungUp),
        (News::EXPIRED, Event::Expired),
    ];
    if slot.news.has(News::FAILED) {
        return Event::Failed;
    }
    let (news, event) = by_urgency.into_iter().find(|&(news, _)| slot.news.has(news)).expect("the caller saw news");
    slot.news.clear(news);
    event
}

impl Socket for RingSocket {
    type Dialer = RingDialer;

    #[inline]
    async fn event(&mut self) -> Event {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    #[inline]
    fn read<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let filled = self.driver.borrow_mut().pop_input(self.index)?;
        let loan = Loan { driver: &self.driver, filled: Some(filled) };
        // SAFETY: the driver, which `self` keeps alive, holds the buffers.
        loan.filled.as_ref().map(|filled| take(unsafe { filled.bytes() }))
    }

    #[inline]
    fn output(&mut self) -> Vec<u8> {
        self.driver.borrow_mut().output()
    }

    #[inline]
    fn send(&mut self, output: Vec<u8>) {
        self.driver.borrow_mut().send(self.index, output);
    }

    #[inline]
    fn sending(&mut self) -> bool {
        self.driver.borrow_mut().is_sending(self.index)
    }

    fn hold(&mut self, hold: bool) {
        self.driver.borrow_mut().hold(self.index, hold);
    }

    fn watch(&mut self) {
        self.driver.borrow_mut().watch(self.index);
    }

    fn content(&mut self, content: bool) {
        self.driver.borrow_mut().content(self.index, content);
    }

    #[inline]
    fn deadline(&mut self, at: Nanos) {
        self.driver.borrow_mut().set_deadline(self.index, at);
    }

    fn sleep_until(&mut self, at: Nanos) {
        self.driver.borrow_mut().sleep_until(self.index, at);
    }

    fn finish(&mut self) {
        let fd = self.driver.borrow().slots[self.index].fd;
        // SAFETY: the descriptor is open until this socket is dropped.
        let socket = unsafe { BorrowedFd::borrow_raw(fd) };
        // Fails only if the peer is gone, and then it needs no telling.
        let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Write);
    }

    fn abort(&mut self) {
        self.abort = true;
    }

    fn reset(&mut self) {
        let fd = self.driver.borrow().slots[self.index].fd;
        // SAFETY: the descriptor is open until this socket is dropped.
        reset_when_closed(unsafe { BorrowedFd::borrow_raw(fd) });
        self.abort = true;
    }

    #[inline]
    fn now(&self) -> Nanos {
        self.driver.borrow().now()
    }

    fn peer(&self) -> Option<IpAddr> {
        let fd = self.driver.borrow().slots[self.index].fd;
        // SAFETY: the descriptor is open until this socket is dropped.
        let socket = unsafe { BorrowedFd::borrow_raw(fd) };
        let address = SocketAddr::try_from(rustix::net::getpeername(socket).ok()??).ok()?;
        Some(address.ip().to_canonical())
    }

    fn dialer(&self) -> RingDialer {
        RingDialer(Rc::clone(&self.driver))
    }
}

/// The ring, for those who open connections.
#[derive(Clone)]
pub(crate) struct RingDialer(Rc<RefCell<Driver>>);

impl Dial for RingDialer {
    type Socket = RingSocket;

    fn dial(&self, to: SocketAddr) -> io::Result<RingSocket> {
        let index = self.0.borrow_mut().dial(to)?;
        Ok(RingSocket::new(Rc::clone(&self.0), index))
    }

    fn now(&self) -> Nanos {
        self.0.borrow().now()
    }
}

/// A buffer being read. It goes back even if the reader panics.
struct Loan<'a> {
    driver: &'a RefCell<Driver>,
    /// There until it is dropped.
    filled: Option<Filled>,
}

impl Drop for Loan<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(filled) = self.filled.take() {
            self.driver.borrow_mut().give_back(filled);
        }
    }
}

impl Drop for RingSocket {
    fn drop(&mut self) {
        self.driver.borrow_mut().close(self.index, self.abort);
    }
}
