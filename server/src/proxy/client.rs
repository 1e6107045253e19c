//! One client of the proxy, from its first byte to its last: the task that owns its socket and everything under way for it.
//!
//! It waits for two things at once: the client's socket, and the exchanges, all in this task. Whichever moves, what can be taken in is taken
//! in, what can be sent is sent, and what it now waits for gets its deadline.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use tollgate_limiter::Nanos;

use super::Gate;
use super::desk::Desk;
use super::intake::Owes;
use super::preamble::{Introduced, introduction};
use super::replies::After;
use crate::closing::linger;
use crate::connection::LAST_CHANCE;
use crate::http::Reject;
use crate::socket::{Event, Socket};

/// Serves one client until it ends. A panic ends its connection and nothing else.
pub(crate) async fn serve<S: Socket + 'static>(socket: S, gate: Rc<Gate<S>>) {
    let mut served = pin!(attend(socket, gate));
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| served.as_mut().poll(cx))).unwrap_or_else(|_| {
            tracing::error!("a connection was closed because of a panic, which is a bug");
            Poll::Ready(())
        })
    })
    .await;
}

async fn attend<S: Socket + 'static>(mut socket: S, gate: Rc<Gate<S>>) {
    let Some(Introduced { address, rest, draining }) = introduction(&mut socket, &gate.site).await else { return };
    let mut desk = Desk::new(Rc::clone(&gate), &socket, address);
    if draining {
        desk.drain();
    }
    desk.receive(&rest, socket.now());
    let client = Client {
        socket,
        desk,
        gate,
        owed: Owed::Nothing,
        heads: 0,
        ended: false,
        blocked: false,
        held: false,
        hung_up: false,
        content: false,
        alarm: Nanos::MAX,
    };
    client.run().await;
}

struct Client<S: Socket> {
    socket: S,
    desk: Desk<S>,
    gate: Rc<Gate<S>>,
    /// What the deadline is for.
    owed: Owed,
    /// Complete heads when that was set.
    heads: u64,
    /// The client will send nothing more.
    ended: bool,
    /// The client isn't taking its answers.
    blocked: bool,
    /// Input is left with the kernel.
    held: bool,
    /// It is known to end there.
    hung_up: bool,
    /// What the client sends is content.
    content: bool,
    /// What the timer is set for.
    alarm: Nanos,
}

/// What the client's deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    NextRequest,
    /// One that was on its way when the drain began.
    LastRequest,
    Head,
    Content,
    /// To take what it is sent.
    Room,
    Nothing,
}

/// How a connection ends.
enum End {
    /// By agreement: everything was answered.
    Linger,
    /// In the middle of an answer.
    Cut { reset: bool },
    /// It is of no use any more.
    Lost,
    /// There is nothing to be said.
    Close,
}

impl<S: Socket + 'static> Client<S> {
    async fn run(mut self) {
        match self.work().await {
            End::Linger => {
                if self.flush().await.is_ok() {
                    linger(&mut self.socket, self.gate.site.linger).await;
                }
            }
            End::Cut { reset } => {
                let flushed = self.flush().await;
                if reset {
                    self.socket.reset();
                } else if flushed.is_err() {
                    self.socket.abort();
                }
            }
            End::Lost => self.socket.abort(),
            End::Close => {}
        }
    }

    async fn work(&mut self) -> End {
        loop {
            // Something may have come with its introduction.
            if let Some(end) = self.work_off() {
                return end;
            }
            self.note_what_is_owed();
            match self.next().await {
                None => {}
                Some(Event::Input) => self.receive(),
                Some(event) => {
                    if let Some(end) = self.heed(event) {
                        return end;
                    }
                }
            }
        }
    }

    /// Sends what is due and takes in what there is room for.
    fn work_off(&mut self) -> Option<End> {
        loop {
            if let Some(end) = self.send() {
                return Some(end);
            }
            // With room again, there may be more to take in, and then to send.
            if !self.desk.look_again(self.socket.now()) {
                break;
            }
        }
        self.hold(self.desk.is_full());
        // As if we had read so far.
        if self.hung_up && self.desk.replies.are_awaited() {
            return Some(End::Lost);
        }
        let done = self.ended && self.desk.replies.is_empty() && !self.socket.sending();
        done.then_some(End::Close)
    }

    /// The next event of the client, or `None` when an exchange has moved.
    async fn next(&mut self) -> Option<Event> {
        let Client { socket, desk, alarm, .. } = self;
        poll_fn(|cx| {
            if desk.replies.poll(cx) {
                return Poll::Ready(None);
            }
            if let Some(at) = desk.alarm().filter(|at| at < alarm) {
                *alarm = at;
                socket.sleep_until(at);
            }
            pin!(socket.event()).poll(cx).map(Some)
        })
        .await
    }

    fn receive(&mut self) {
        let Client { socket, desk, .. } = self;
        let now = socket.now();
        while socket.read(|bytes| desk.receive(bytes, now)).is_some() {}
        let content = desk.takes_content();
        if self.content != content {
            self.content = content;
            socket.content(content);
        }
        if self.owed == Owed::Content {
            // Content may take long, as long as it comes.
            self.owed = Owed::Nothing;
        }
    }

    /// Sends what is due, if what was sent before is gone.
    fn send(&mut self) -> Option<End> {
        if !self.desk.replies.are_due() || self.socket.sending() {
            return None;
        }
        let mut output = self.socket.output();
        let after = self.desk.write(&mut output);
        self.socket.send(output);
        match after {
            After::More => {
                if self.desk.replies.are_due() {
                    // There was more than goes out at once: to ask is to be told when that is gone.
                    self.socket.sending();
                }
                None
            }
            After::Close => Some(End::Linger),
            After::Cut { reset } => Some(End::Cut { reset }),
        }
    }

    fn heed(&mut self, event: Event) -> Option<End> {
        match event {
            // Nobody waits for these answers any more: who has left must not keep the upstream busy.
            Event::End if self.desk.replies.are_awaited() => return Some(End::Lost),
            Event::End => {
                self.ended = true;
                self.desk.give_up(Reject::Incomplete);
            }
            Event::HungUp => self.hung_up = self.held,
            Event::Blocked => self.blocked = self.socket.sending(),
            Event::Sent => self.blocked = false,
            Event::Draining => self.desk.drain(),
            Event::Failed => return Some(End::Lost),
            Event::Expired => match self.owed {
                Owed::Room => return Some(End::Lost),
                Owed::NextRequest => return Some(End::Close),
                Owed::LastRequest => return Some(End::Linger),
                Owed::Head | Owed::Content => self.desk.give_up(Reject::Timeout),
                Owed::Nothing => {}
            },
            Event::Woken => self.alarm = Nanos::MAX,
            Event::Input | Event::Connected => {}
        }
        None
    }

    /// Sets the deadline for what the client owes now. A deadline that runs is left alone, unless it was for another request.
    fn note_what_is_owed(&mut self) {
        let idle = self.desk.replies.is_empty();
        let owed = match self.desk.owes() {
            _ if self.blocked => Owed::Room,
            Owes::Head => Owed::Head,
            Owes::Content => Owed::Content,
            Owes::NextRequest if idle && self.desk.is_draining() => Owed::LastRequest,
            Owes::NextRequest if idle => Owed::NextRequest,
            Owes::NextRequest | Owes::Nothing => Owed::Nothing,
        };
        let heads = self.desk.heads();
        // To take more requests in is not to have taken their answers.
        if owed == self.owed && (heads == self.heads || owed == Owed::Room) {
            return;
        }
        (self.owed, self.heads) = (owed, heads);
        let site = &self.gate.site;
        let span = match owed {
            Owed::NextRequest => self.gate.idle(),
            Owed::LastRequest => LAST_CHANCE,
            Owed::Head => site.head,
            Owed::Content => site.body,
            Owed::Room => site.write,
            // The deadline that was set may pass; nobody heeds it.
            Owed::Nothing => return,
        };
        self.set_deadline(span);
    }

    fn set_deadline(&mut self, span: Nanos) {
        let at = self.socket.now().saturating_add(span);
        self.socket.deadline(at);
    }

    fn hold(&mut self, hold: bool) {
        if self.held != hold {
            self.held = hold;
            self.hung_up = false;
            self.socket.hold(hold);
            if hold {
                // One that leaves now would be noticed when there is room for what it has sent before.
                self.socket.watch();
            }
        }
    }

    /// Waits until the output is gone.
    async fn flush(&mut self) -> Result<(), Gone> {
        self.set_deadline(self.gate.site.write);
        while self.socket.sending() {
            match self.socket.event().await {
                Event::Failed | Event::Expired => return Err(Gone),
                // What it says now is said to nobody.
                Event::Input => while self.socket.read(|_| ()).is_some() {},
                _ => {}
            }
        }
        Ok(())
    }
}

/// The client does not take its last answer.
struct Gone;
