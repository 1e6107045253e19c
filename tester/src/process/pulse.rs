//! Whether a server still answers.
//!
//! Once a second it is asked something small, on a connection of its own and as a client that nobody was before: so no limit of anybody else
//! is touched, and it has none itself that it could use up. (One client for ever would wait in the queue that it makes behind a slow leaky
//! bucket.) Any whole HTTP answer will do: a denial is a sign of life too. A server is hung when the first question without an answer lies
//! as far back as allowed, whether it took the connection, refused it or closed it without a word.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tollgate_client::http::{Answers, Hints, Progress};
use tollgate_client::plan::{Pick, Plan, PlanError, PlanSettings, RequestSettings};
use tollgate_client::{Clock, Nanos};

use super::vitals::wait;

/// How a server is asked whether it is there.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is asked: its requests one after the other. Each should name a client that nobody was before, and ask for the connection to be closed.
    pub requests: Arc<Plan>,
    /// How often; never more than once a second.
    pub every: Nanos,
    /// Without an answer for so long, it is hung.
    pub patience: Nanos,
}

impl Question {
    /// These requests, as often and as patiently as usual.
    pub fn new(requests: Plan) -> Self {
        Self { requests: Arc::new(requests), every: MOST_OFTEN, patience: PATIENCE }
    }

    /// Requests like this one, each by another client, on connections that are closed afterwards.
    ///
    /// # Errors
    ///
    /// When the request can't be one.
    pub fn by_newcomers(mut request: RequestSettings) -> Result<Self, PlanError> {
        request.headers.push("Connection: close".to_owned());
        let settings = PlanSettings { clients: u32::MAX, pick: Pick::Seq(None), request, ..PlanSettings::default() };
        Plan::new(settings).map(Self::new)
    }
}

/// By `clientId`, which is where Tollgate looks for it.
impl Default for Question {
    fn default() -> Self {
        let url = "http://tollgate-tester/?clientId=tollgate-tester-pulse-{id}".to_owned();
        Self::by_newcomers(RequestSettings { url, ..RequestSettings::default() }).expect("a request")
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
    /// When the last answer came after a silence that was too long, and how long it was.
    pub recovered: Option<Recovered>,
    /// Since when there is no answer.
    silent_since: Option<Nanos>,
}

/// A server that had hung answered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// When.
    pub at: Nanos,
    /// After so long without an answer.
    pub after: Nanos,
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

    fn hear(&mut self, was_answered: bool, patience: Nanos, now: Nanos) {
        let after = self.silence(now);
        self.longest_silence = self.longest_silence.max(after);
        if was_answered {
            if after >= patience {
                self.recovered = Some(Recovered { at: now, after });
            }
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
            let Question { requests, every, patience } = question;
            let (mut share, mut request) = (requests.share(0, 1), Vec::new());
            while wait(&is_over, every.max(MOST_OFTEN)) {
                request.clear();
                requests.request().render(&share.take(), &mut request);
                with_pulse(&Pulse::ask);
                let was_answered = is_answered(address, &request, patience, clock).unwrap_or(false);
                with_pulse(&|pulse, now| pulse.hear(was_answered, patience, now));
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
fn is_answered(address: SocketAddr, request: &[u8], patience: Nanos, clock: Clock) -> io::Result<bool> {
    let deadline = clock.now() + patience;
    let mut stream = TcpStream::connect_timeout(&address, patience.into())?;
    stream.set_write_timeout(Some(patience.into()))?;
    stream.write_all(request)?;
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
        let patience = at(5);
        pulse.hear(true, patience, at(3));
        assert_eq!((pulse.silence(at(9)), pulse.longest_silence, pulse.recovered), (at(0), at(2), None));
        pulse.ask(at(10));
        pulse.hear(false, patience, at(10));
        pulse.ask(at(11));
        assert_eq!(pulse.silence(at(14)), at(4), "two questions, one silence");
        pulse.hear(true, patience, at(17));
        assert_eq!((pulse.longest_silence, pulse.asked, pulse.answered), (at(7), 3, 2));
        assert_eq!(pulse.recovered, Some(Recovered { at: at(17), after: at(7) }), "only the second was too long");
    }
}
