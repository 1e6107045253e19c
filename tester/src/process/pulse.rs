//! Whether a server still answers.
//!
//! Once a second it is asked something small, on a connection of its own and as a client of its own, so that no limit of anybody else is
//! touched. Any whole HTTP answer will do: a denial is a sign of life too. A server is hung when the first question without an answer lies
//! as far back as allowed, whether it took the connection, refused it or closed it without a word.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tollgate_client::http::{Answers, Hints, Progress};
use tollgate_client::{Clock, Nanos};

use super::vitals::wait;

/// How a server is asked whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The whole request. It should name a client that nobody else is, and ask for the connection to be closed.
    pub request: Vec<u8>,
    /// How often; never more than once a second.
    pub every: Nanos,
    /// Without an answer for so long, it is hung.
    pub patience: Nanos,
}

impl Question {
    /// A `GET` of this path, which should name a client that nobody else is.
    pub fn path(path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: tollgate-tester\r\nConnection: close\r\n\r\n").into_bytes();
        Self { request, every: MOST_OFTEN, patience: PATIENCE }
    }
}

impl Default for Question {
    fn default() -> Self {
        Self::path("/?clientId=tollgate-tester-pulse")
    }
}

/// What the questions came to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Questions asked: the server has counted that many requests more than the load sent, those without an answer perhaps not.
    pub asked: u64,
    /// Questions answered.
    pub answered: u64,
    /// The longest time without an answer; shorter than the patience if it never hung.
    pub longest_silence: Nanos,
    /// Since when there is no answer.
    silent_since: Option<Nanos>,
}

impl Pulse {
    /// For how long there has been no answer to a question.
    pub(super) fn silence(&self, now: Nanos) -> Nanos {
        self.silent_since.map_or(Nanos::ZERO, |since| now - since)
    }

    fn ask(&mut self, now: Nanos) {
        self.asked += 1;
        self.silent_since.get_or_insert(now);
    }

    fn hear(&mut self, was_answered: bool, now: Nanos) {
        self.longest_silence = self.longest_silence.max(self.silence(now));
        if was_answered {
            self.answered += 1;
            self.silent_since = None;
        }
    }
}

/// Asks for as long as it exists.
#[derive(Debug)]
pub(super) struct Feeler {
    pulse: Arc<Mutex<Pulse>>,
    patience: Nanos,
    /// Dropped, it ends the thread: at once, or when the question under way is over.
    _over: Sender<()>,
}

impl Feeler {
    pub(super) fn start(address: SocketAddr, question: &Question, clock: Clock) -> io::Result<Self> {
        let (over, is_over) = channel();
        let pulse = Arc::<Mutex<Pulse>>::default();
        let feeler = Self { pulse: Arc::clone(&pulse), patience: question.patience, _over: over };
        let question = question.clone();
        let feel = move || {
            let with_pulse = |act: &dyn Fn(&mut Pulse, Nanos)| {
                act(&mut pulse.lock().unwrap_or_else(PoisonError::into_inner), clock.now());
            };
            while wait(&is_over, question.every.max(MOST_OFTEN)) {
                with_pulse(&Pulse::ask);
                let was_answered = is_answered(address, &question, clock).unwrap_or(false);
                with_pulse(&|pulse, now| pulse.hear(was_answered, now));
            }
        };
        thread::Builder::new().name("server-pulse".to_owned()).spawn(feel)?;
        Ok(feeler)
    }

    pub(super) fn pulse(&self) -> Pulse {
        *self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For how long it has been hung, if it is.
    pub(super) fn hung(&self, now: Nanos) -> Option<Nanos> {
        Some(self.pulse().silence(now)).filter(|silence| *silence >= self.patience)
    }
}

/// Asks once. An error is no answer.
fn is_answered(address: SocketAddr, question: &Question, clock: Clock) -> io::Result<bool> {
    let deadline = clock.now() + question.patience;
    let mut stream = TcpStream::connect_timeout(&address, question.patience.into())?;
    stream.set_write_timeout(Some(question.patience.into()))?;
    stream.write_all(&question.request)?;
    let (mut answers, mut hints, mut buffer) = (Answers::default(), Hints::new(), [0; 4096]);
    loop {
        let left = deadline - clock.now();
        if left == Nanos::ZERO {
            return Ok(false);
        }
        stream.set_read_timeout(Some(left.into()))?;
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            return Ok(matches!(answers.finish(), Ok(Some(_))));
        }
        match answers.next(&buffer[..len], false, &mut hints) {
            Ok(Progress::Answer(_)) => return Ok(true),
            Ok(Progress::NeedMore) => {}
            Err(_) => return Ok(false),
        }
    }
}

/// A question a second is nothing to a server, and enough to date a hang.
const MOST_OFTEN: Nanos = Nanos::from_secs(1);
/// A server that is only overloaded, on a machine that it shares with its load, answers within this.
const PATIENCE: Nanos = Nanos::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_counts_from_the_first_question_without_an_answer_to_the_next_answer() {
        let at = Nanos::from_secs;
        let mut pulse = Pulse::default();
        pulse.ask(at(1));
        assert_eq!(pulse.silence(at(3)), at(2), "the answer is outstanding");
        pulse.hear(true, at(3));
        assert_eq!((pulse.silence(at(9)), pulse.longest_silence), (at(0), at(2)));
        pulse.ask(at(10));
        pulse.hear(false, at(10));
        pulse.ask(at(11));
        assert_eq!(pulse.silence(at(14)), at(4), "two questions, one silence");
        pulse.hear(true, at(17));
        assert_eq!((pulse.longest_silence, pulse.asked, pulse.answered), (at(7), 3, 2));
    }
}
