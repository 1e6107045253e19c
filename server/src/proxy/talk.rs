//! The conversation with an upstream: the request goes out as its content comes in, the answer comes back, both at once if they like.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tollgate_limiter::Nanos;

use super::exchange::{Exchange, Job, Line, State};
use super::failure::Failure;
use super::upstream::Visit;
use super::{BUFFER, BUFFER_BEHIND, Gate};
use crate::http::upstream::{AnswerReader, Progress, Terms};
use crate::socket::{Event, Socket};

/// Sends the request, passes on the answer, and says whether the connection may carry another request.
pub(super) async fn talk<S: Socket>(
    socket: &mut S,
    gate: &Gate<S>,
    visit: &Visit<'_, S>,
    job: &Job,
    exchange: &Exchange,
    line: &Line,
    until: Nanos,
) -> Result<bool, Failure> {
    let reader = AnswerReader::new(job.asked);
    let mut talk = Talk {
        socket,
        gate,
        visit,
        job,
        exchange,
        line,
        until,
        reader,
        owed: Owed::Client,
        listening: false,
        blocked: false,
        held: false,
        content: false,
    };
    visit.is_connected(talk.socket.now());
    talk.send_head();
    loop {
        talk.send_content();
        talk.balance();
        match talk.next().await {
            None | Some(Event::Connected | Event::Woken | Event::Draining | Event::HungUp) => {}
            Some(Event::Input) => talk.receive()?,
            Some(Event::Sent) => (talk.listening, talk.blocked) = (false, false),
            Some(Event::Blocked) => talk.blocked = true,
            Some(Event::End) => {
                let complete = talk.reader.on_close(&mut exchange.down.borrow_mut());
                talk.note_progress();
                return if complete { Ok(false) } else { Err(talk.lost()) };
            }
            Some(Event::Failed) => return Err(talk.lost()),
            Some(Event::Expired) => return Err(talk.too_late()),
        }
        if let Progress::Done { keeps, .. } = talk.reader.progress() {
            return Ok(keeps && talk.is_at_rest());
        }
        talk.note_what_is_owed(false);
    }
}

struct Talk<'t, 'u, S: Socket> {
    socket: &'t mut S,
    gate: &'t Gate<S>,
    visit: &'t Visit<'u, S>,
    job: &'t Job,
    exchange: &'t Exchange,
    line: &'t Line,
    until: Nanos,
    reader: AnswerReader,
    /// What the deadline is for.
    owed: Owed,
    /// Output is under way, and we have asked to hear when it is gone.
    listening: bool,
    /// The upstream isn't taking its request.
    blocked: bool,
    /// The upstream isn't read.
    held: bool,
    /// What it sends is content.
    content: bool,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// The client's, to send the rest of its content, or to take what is there of the answer. It has deadlines of its own.
    Client,
    /// The upstream's, to take the request.
    Room,
    /// The upstream's, to begin its answer.
    Head,
    /// The upstream's, to go on with its answer.
    Answer,
}

impl<S: Socket> Talk<'_, '_, S> {
    fn send_head(&mut self) {
        let mut output = self.socket.output();
        output.extend_from_slice(&self.job.head);
        self.take_content(&mut output);
        self.socket.send(output);
        self.note_what_is_owed(true);
    }

    /// Sends what has come of the content, when what was sent before is gone.
    fn send_content(&mut self) {
        if self.listening || self.exchange.up.borrow().is_empty() {
            return;
        }
        self.listening = self.socket.sending();
        if !self.listening {
            let mut output = self.socket.output();
            self.take_content(&mut output);
            self.socket.send(output);
            self.note_what_is_owed(true);
        }
    }

    /// Moves the content that is there; the client's side may bring more.
    fn take_content(&mut self, output: &mut Vec<u8>) {
        output.append(&mut self.exchange.up.borrow_mut());
        self.exchange.moved.set(true);
    }

    /// Reads the upstream only as fast as the client takes what comes.
    fn balance(&mut self) {
        let waiting = self.exchange.down.borrow().len();
        // An answer whose turn hasn't come only waits here.
        let most = if self.exchange.first.get() { BUFFER } else { BUFFER_BEHIND };
        let hold = if self.held { waiting > 0 } else { waiting >= most };
        if hold != self.held {
            self.held = hold;
            self.socket.hold(hold);
            self.note_what_is_owed(true);
        }
    }

    /// The next event of the upstream, or `None` when the client's side has made something possible.
    async fn next(&mut self) -> Option<Event> {
        let Talk { socket, exchange, listening, held, .. } = self;
        let mut event = pin!(socket.event());
        poll_fn(|cx| {
            let room_again = *held && exchange.down.borrow().is_empty();
            let content = !*listening && !exchange.up.borrow().is_empty();
            if room_again || content { Poll::Ready(None) } else { event.as_mut().poll(cx).map(Some) }
        })
        .await
    }

    fn receive(&mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        let Talk { socket, gate, job, exchange, line, reader, .. } = self;
        let service = gate.site.service();
        let date = service.answers().date();
        let had_head = reader.status().is_some();
        while outcome.is_ok() {
            let taken = socket.read(|bytes| {
                let terms = || {
                    let mut fields = Vec::new();
                    service.limit_fields(&mut fields, job.key, job.decision);
                    Terms { persistence: line.persistence(job, exchange), fields, date }
                };
                reader.take(bytes, terms, &mut exchange.down.borrow_mut())
            });
            match taken {
                Some(taken) => outcome = taken,
                None => break,
            }
        }
        if let Some(status) = reader.status().filter(|_| !had_head) {
            gate.upstream.slots.note_answer(status, socket.now());
        }
        self.note_progress();
        if let Some(status) = self.reader.status() {
            self.visit.is_answered(status, self.socket.now());
        }
        self.expect_content(matches!(self.reader.progress(), Progress::Begun { .. }));
        self.note_what_is_owed(true);
        outcome.map_err(|malformed| {
            self.cut();
            Failure::Malformed(malformed)
        })
    }

    fn expect_content(&mut self, content: bool) {
        if self.content != content {
            self.content = content;
            self.socket.content(content);
        }
    }

    /// Whether nothing of this exchange is left on the connection.
    fn is_at_rest(&mut self) -> bool {
        let asked_all = self.exchange.up_ended.get() && self.exchange.up.borrow().is_empty();
        let at_rest = asked_all && !self.socket.sending();
        if at_rest && self.held {
            self.socket.hold(false);
        }
        at_rest
    }

    fn note_progress(&self) {
        self.exchange.set(match self.reader.progress() {
            Progress::Awaited => State::Awaited,
            Progress::Begun { .. } => State::Begun,
            Progress::Done { closes, .. } => State::Done { closes },
        });
    }

    /// Sets the deadline for what is owed now. A deadline that runs is left alone unless something `moved`; and for a head only the whole
    /// of it counts.
    fn note_what_is_owed(&mut self, moved: bool) {
        let owed = match self.reader.progress() {
            Progress::Awaited if self.blocked => Owed::Room,
            Progress::Awaited if !self.exchange.up_ended.get() => Owed::Client,
            Progress::Awaited => Owed::Head,
            _ if self.held => Owed::Client,
            _ => Owed::Answer,
        };
        if owed == self.owed && (!moved || owed == Owed::Head) {
            return;
        }
        self.owed = owed;
        if owed == Owed::Head {
            self.visit.is_asked(self.socket.now());
        }
        let timeouts = self.gate.upstream.timeouts;
        let span = match owed {
            Owed::Client => timeouts.total,
            Owed::Room | Owed::Answer => timeouts.idle,
            Owed::Head => timeouts.response_head,
        };
        let at = self.socket.now().saturating_add(span).min(self.until);
        self.socket.deadline(at);
    }

    fn lost(&self) -> Failure {
        self.cut();
        Failure::Lost { silent: self.reader.is_untouched() }
    }

    fn too_late(&self) -> Failure {
        self.cut();
        match self.owed {
            owed if self.socket.now() >= self.until => Failure::Total { on_client: owed == Owed::Client },
            Owed::Head => Failure::HeadTimeout,
            Owed::Client | Owed::Room | Owed::Answer => Failure::Idle,
        }
    }

    /// The answer ends here. If its end was to be the connection's, only a reset says that this is another end.
    fn cut(&self) {
        if let Progress::Begun { until_close } = self.reader.progress() {
            self.exchange.set(State::Cut { reset: until_close });
        }
    }
}
