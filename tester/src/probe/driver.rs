//! Carries experiments out over real connections: a thread for each script, blocking and simple.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tollgate_client::engine::Classes;
use tollgate_client::http::{Answers, Hints, Malformed, Progress};
use tollgate_client::{Clock, Nanos, Outcome};

use super::error::ProbeError;
use super::experiment::{Course, Experiment, Sample, Script, Trace};
use super::inquiry::Bench;
use super::target::{Limits, Target};

/// The real thing.
pub(super) struct Driver<'a> {
    target: &'a Target,
    clock: &'a Clock,
    gap: Nanos,
    end: Nanos,
    left: AtomicU32,
    /// When the next request may be sent.
    free: Mutex<Nanos>,
}

impl<'a> Driver<'a> {
    pub fn new(target: &'a Target, limits: &Limits, clock: &'a Clock) -> Self {
        let now = clock.now();
        Self {
            target,
            clock,
            gap: Nanos::new(1_000_000_000 / u64::from(limits.rate.max(1))),
            end: now + limits.time,
            left: AtomicU32::new(limits.requests),
            free: Mutex::new(now),
        }
    }

    /// Walks along a script until its end, or until `deadline`, which others may bring forward.
    fn walk(
        &self,
        script: &Script,
        experiment: &Experiment,
        start: Nanos,
        deadline: &AtomicU64,
    ) -> Result<Trace, ProbeError> {
        let mut course = Course::new(script, start);
        let mut lines: HashMap<u32, Line> = HashMap::new();
        while let Some(ask) = course.next() {
            if !self.wait_until(ask.at, deadline) || !self.may_send(deadline) {
                break;
            }
            let line = lines.entry(ask.connection).or_default();
            let (sent, done, status) = line.ask(ask.id, self)?;
            let admitted = match Classes::default().outcome(status) {
                Outcome::Allowed => true,
                Outcome::Denied => false,
                _ => return Err(ProbeError::Status { status }),
            };
            course.answered(Sample { phase: ask.phase, sent, done, admitted });
            if let Some(end) = experiment.ends.after(course.trace(), start) {
                deadline.fetch_min(end.as_u64(), Ordering::Relaxed);
            }
        }
        Ok(course.into_trace())
    }

    /// Whether it is still time then.
    fn wait_until(&self, instant: Nanos, deadline: &AtomicU64) -> bool {
        loop {
            let now = self.clock.now();
            if now.as_u64() >= deadline.load(Ordering::Relaxed) {
                return false;
            }
            if now >= instant {
                return true;
            }
            thread::sleep(Duration::from((instant - now).min(LOOK)));
        }
    }

    /// Takes a request out of the budget, and waits until the rate allows it.
    fn may_send(&self, deadline: &AtomicU64) -> bool {
        let fewer = |left: u32| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_err() {
            return false;
        }
        let mine = {
            let mut free = self.free.lock().expect("nobody panics with it");
            // After a pause a few may go together.
            let mine = (*free).max(self.clock.now().saturating_sub(TOGETHER));
            *free = mine + self.gap;
            mine
        };
        self.wait_until(mine, deadline)
    }
}

impl Bench for Driver<'_> {
    fn carry_out(&mut self, experiment: &Experiment) -> Result<Vec<Trace>, ProbeError> {
        let start = self.clock.now();
        let deadline = AtomicU64::new(self.end.min(start + experiment.longest).as_u64());
        thread::scope(|scope| {
            let this = &*self;
            let deadline = &deadline;
            let walk = |script| {
                scope.spawn(move || {
                    this.walk(script, experiment, start, deadline).inspect_err(|_| deadline.store(0, Ordering::Relaxed))
                })
            };
            let walks: Vec<_> = experiment.scripts.iter().map(walk).collect();
            walks.into_iter().map(|walk| walk.join().expect("a walk that doesn't panic")).collect()
        })
    }

    fn time_left(&self) -> Nanos {
        self.end - self.clock.now()
    }

    fn requests_left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }
}

/// A connection, opened when it is needed.
#[derive(Default)]
struct Line {
    stream: Option<TcpStream>,
}

impl Line {
    /// Sends a request, and gives its times and the answer's status. On a connection that the server closed while nobody used it, the request is
    /// sent once more on a new one.
    fn ask(&mut self, id: u32, driver: &Driver<'_>) -> Result<(Nanos, Nanos, u16), ProbeError> {
        let Driver { target, clock, end, .. } = driver;
        let address = target.address();
        let mut request = Vec::new();
        target.render(id, &mut request);
        loop {
            let used = self.stream.is_some();
            let unreachable = |error| ProbeError::Unreachable { address, error };
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None => connect(target).map_err(unreachable)?,
            };
            let sent = clock.now();
            let patience = (*end - sent).clamp(SHORTEST_PATIENCE, ANSWER_WITHIN);
            stream.set_read_timeout(Some(patience.into())).map_err(unreachable)?;
            match stream.write_all(&request).and_then(|()| read_answer(&mut stream, target.is_head())) {
                Ok(Ok(Some((status, closes)))) => {
                    let done = clock.now();
                    self.stream = (!closes).then_some(stream);
                    return Ok((sent, done, status));
                }
                Ok(Ok(None)) if used => {}
                Ok(Ok(None)) => return Err(unreachable(ErrorKind::UnexpectedEof.into())),
                Ok(Err(malformed)) => return Err(ProbeError::NotHttp { address, malformed }),
                Err(error) if used && matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(ProbeError::Silent { address, waited: patience });
                }
                Err(error) => return Err(unreachable(error)),
            }
        }
    }
}

fn connect(target: &Target) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&target.address(), CONNECT_WITHIN)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The status, and whether the connection ends with it; none if it has ended before the answer began.
fn read_answer(stream: &mut TcpStream, to_head: bool) -> io::Result<Result<Option<(u16, bool)>, Malformed>> {
    let (mut answers, mut hints, mut input) = (Answers::default(), Hints::new(), [0; 8 * 1024]);
    loop {
        let read = stream.read(&mut input)?;
        if read == 0 {
            return Ok(answers.finish().map(|answer| answer.map(|answer| (answer.status, true))));
        }
        match answers.next(&input[..read], to_head, &mut hints) {
            Ok(Progress::NeedMore) => {}
            // More than was asked for: whatever comes next would be out of step.
            Ok(Progress::Answer(answer)) => {
                return Ok(Ok(Some((answer.status, answer.closes || answer.consumed < read))));
            }
            Err(malformed) => return Ok(Err(malformed)),
        }
    }
}

/// A waiting thread looks up at least this often: experiments end early.
const LOOK: Nanos = Nanos::from_millis(20);
/// How far the rate may be behind.
const TOGETHER: Nanos = Nanos::from_millis(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Longer than any limiter holds a request back.
const ANSWER_WITHIN: Nanos = Nanos::from_secs(30);
/// For the last request, when the time is up.
const SHORTEST_PATIENCE: Nanos = Nanos::from_millis(500);
