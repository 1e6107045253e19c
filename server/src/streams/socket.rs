//! A glommio stream that speaks the words of [`Socket`].

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_lite::{AsyncRead, AsyncWrite, future};
use glommio::GlommioError;
use glommio::net::TcpStream;
use tollgate_limiter::Nanos;

use super::hub::{Hub, Seat};
use crate::listener;
use crate::ring;
use crate::socket::{Dial, Event, Socket};

type Dialling = Pin<Box<dyn Future<Output = Result<TcpStream, GlommioError<()>>>>>;

/// A socket on glommio's reactor.
pub(crate) struct StreamSocket {
    hub: Rc<RefCell<Hub>>,
    /// Where every connection of the core reads to: whoever reads takes it all before anybody else runs.
    scratch: Rc<RefCell<Box<[u8]>>>,
    seat: Seat,
    /// `None` until it is connected, and once it has been handed on by `drop`.
    stream: Option<TcpStream>,
    /// The connection on its way.
    dialling: Option<Dialling>,
    output: Vec<u8>,
    sent: usize,
    /// Bytes in `scratch` that nobody has taken.
    filled: usize,
    /// Inputs since it last had to wait for one.
    in_a_row: u8,
    held: bool,
    watching: bool,
    ended: bool,
    failed: bool,
    /// The peer has been reported as blocked since the last output.
    blocked: bool,
    wants_sent: bool,
    aborted: bool,
}

impl StreamSocket {
    pub(super) fn new(hub: Rc<RefCell<Hub>>, scratch: Rc<RefCell<Box<[u8]>>>, stream: TcpStream) -> StreamSocket {
        let seat = hub.borrow_mut().join();
        let mut socket = StreamSocket::on(hub, scratch, seat);
        socket.stream = Some(stream);
        socket
    }

    fn on(hub: Rc<RefCell<Hub>>, scratch: Rc<RefCell<Box<[u8]>>>, seat: Seat) -> StreamSocket {
        StreamSocket {
            hub,
            scratch,
            seat,
            stream: None,
            dialling: None,
            output: Vec::new(),
            sent: 0,
            filled: 0,
            in_a_row: 0,
            held: false,
            watching: false,
            ended: false,
            failed: false,
            blocked: false,
            wants_sent: false,
            aborted: false,
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.failed {
            return Poll::Ready(Event::Failed);
        }
        if let Some(dialling) = &mut self.dialling {
            match dialling.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => {
                    self.dialling = None;
                    // Fails only if the peer is gone again.
                    let _ = stream.set_nodelay(true);
                    self.stream = Some(stream);
                    return Poll::Ready(Event::Connected);
                }
                Poll::Ready(Err(_)) => return self.fail(),
                Poll::Pending => {}
            }
        }
        let had_output = !self.output.is_empty();
        match self.poll_flush(cx) {
            Poll::Ready(Ok(())) if had_output && std::mem::take(&mut self.wants_sent) => {
                return Poll::Ready(Event::Sent);
            }
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return self.fail(),
            Poll::Pending if !self.blocked => {
                self.set_blocked(true);
                return Poll::Ready(Event::Blocked);
            }
            Poll::Pending => {}
        }
        if self.in_a_row == MOST_IN_A_ROW {
            self.in_a_row = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let (Some(stream), false, false) = (&mut self.stream, self.held, self.ended) {
            let read = Pin::new(stream).poll_read(cx, &mut self.scratch.borrow_mut());
            match read {
                Poll::Ready(Ok(0)) => {
                    self.ended = true;
                    return Poll::Ready(Event::End);
                }
                Poll::Ready(Ok(filled)) => {
                    self.filled = filled;
                    self.in_a_row += 1;
                    let mut hub = self.hub.borrow_mut();
                    hub.now = hub.clock.now();
                    return Poll::Ready(Event::Input);
                }
                Poll::Ready(Err(_)) => return self.fail(),
                Poll::Pending => self.in_a_row = 0,
            }
        }
        let news = self.hub.borrow_mut().news(self.seat, cx.waker());
        match news {
            Some(Event::Failed) => self.fail(),
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
        ready!(poll_write_all(stream, cx, &self.output, &mut self.sent))?;
        if self.blocked {
            self.set_blocked(false);
        }
        self.sent = 0;
        let output = std::mem::take(&mut self.output);
        self.hub.borrow_mut().rest(output);
        Poll::Ready(Ok(()))
    }

    #[cold]
    fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
        if let Some(stream) = &self.stream
            && !self.hub.borrow().is_outbound(self.seat)
        {
            listener::set_room(ring::descriptor(stream), blocked);
        }
    }

    fn fail(&mut self) -> Poll<Event> {
        self.failed = true;
        Poll::Ready(Event::Failed)
    }
}

fn poll_write_all(
    stream: &mut TcpStream,
    cx: &mut Context<'_>,
    output: &[u8],
    sent: &mut usize,
) -> Poll<io::Result<()>> {
    while *sent < output.len() {
        match ready!(Pin::new(&mut *stream).poll_write(cx, &output[*sent..]))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => *sent += written,
        }
    }
    Poll::Ready(Ok(()))
}

impl Socket for StreamSocket {
    type Dialer = StreamDialer;

    async fn event(&mut self) -> Event {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn read<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let filled = std::mem::take(&mut self.filled);
        (filled > 0).then(|| take(&self.scratch.borrow()[..filled]))
    }

    fn output(&mut self) -> Vec<u8> {
        self.hub.borrow_mut().output()
    }

    fn send(&mut self, output: Vec<u8>) {
        debug_assert!(self.output.is_empty(), "one output at a time");
        if output.is_empty() {
            self.hub.borrow_mut().rest(output);
        } else {
            self.output = output;
        }
    }

    fn sending(&mut self) -> bool {
        self.wants_sent = !self.output.is_empty();
        self.wants_sent
    }

    fn hold(&mut self, hold: bool) {
        self.held = hold;
        if !hold && std::mem::take(&mut self.watching) {
            self.hub.borrow_mut().unwatch(self.seat);
        }
    }

    fn watch(&mut self) {
        if let (Some(stream), false) = (&self.stream, self.ended) {
            self.watching = true;
            self.hub.borrow_mut().watch(self.seat, stream);
        }
    }

    // Whatever it is, it is read in pieces of the same size.
    fn content(&mut self, _content: bool) {}

    fn deadline(&mut self, at: Nanos) {
        self.hub.borrow_mut().set_deadline(self.seat, at);
    }

    fn sleep_until(&mut self, at: Nanos) {
        let (hub, seat) = (Rc::clone(&self.hub), self.seat);
        let span = Duration::from(at.saturating_sub(hub.borrow().clock.now()));
        glommio::spawn_local(async move {
            glommio::timer::sleep(span).await;
            let mut hub = hub.borrow_mut();
            hub.now = hub.clock.now();
            hub.wake(seat);
        })
        .detach();
    }

    fn finish(&mut self) {
        if let Some(stream) = &mut self.stream {
            // Shuts down the sending side, at once; fails only if the peer is gone.
            let _ = Pin::new(stream).poll_close(&mut Context::from_waker(Waker::noop()));
        }
    }

    fn abort(&mut self) {
        self.aborted = true;
    }

    fn reset(&mut self) {
        if let Some(stream) = &self.stream {
            ring::reset_stream_when_closed(stream);
        }
        self.aborted = true;
    }

    fn now(&self) -> Nanos {
        self.hub.borrow().now
    }

    fn peer(&self) -> Option<IpAddr> {
        Some(self.stream.as_ref()?.peer_addr().ok()?.ip().to_canonical())
    }

    fn dialer(&self) -> StreamDialer {
        StreamDialer { hub: Rc::clone(&self.hub), scratch: Rc::clone(&self.scratch) }
    }
}

/// glommio's reactor, for those who open connections.
#[derive(Clone)]
pub(crate) struct StreamDialer {
    hub: Rc<RefCell<Hub>>,
    scratch: Rc<RefCell<Box<[u8]>>>,
}

impl Dial for StreamDialer {
    type Socket = StreamSocket;

    fn dial(&self, to: SocketAddr) -> io::Result<StreamSocket> {
        let seat = self.hub.borrow_mut().join_outbound();
        let dialling: Dialling = Box::pin(TcpStream::connect(to));
        let mut socket = StreamSocket::on(Rc::clone(&self.hub), Rc::clone(&self.scratch), seat);
        socket.dialling = Some(dialling);
        Ok(socket)
    }

    fn now(&self) -> Nanos {
        self.hub.borrow().now
    }
}

impl Drop for StreamSocket {
    fn drop(&mut self) {
        let (hub, seat) = (Rc::clone(&self.hub), self.seat);
        let Some(mut stream) = self.stream.take() else { return hub.borrow_mut().leave(seat) };
        let (output, mut sent) = (std::mem::take(&mut self.output), self.sent);
        if output.is_empty() || self.aborted || self.failed {
            drop(stream);
            return hub.borrow_mut().leave(seat);
        }
        glommio::spawn_local(async move {
            let patience = Duration::from(hub.borrow().write_timeout);
            let written = poll_fn(|cx| poll_write_all(&mut stream, cx, &output, &mut sent));
            // Whether it was sent, failed or took too long, there is nobody left to tell.
            future::or(async { drop(written.await) }, glommio::timer::sleep(patience)).await;
            drop(stream);
            hub.borrow_mut().leave(seat);
        })
        .detach();
    }
}

/// After so many inputs without a wait it is somebody else's turn: a peer that sends as fast as it is read would keep the core to itself.
const MOST_IN_A_ROW: u8 = 2;
