//! The server under test: started, known by its address, watched, and gone when it is let go.
//!
//! ```text
//! Launch ──► Child: a process group, its output in a Log, a Guard beside it ──► ready: it says where it listens, and takes connections
//!                                                                               │
//!            Recorder: what it takes of the machine, once a second  ◄───────────┤
//!            Feeler:   does it still answer?                        ◄───────────┘
//! ```
//!
//! [`Server::condition`] asks the kernel, and the feeler: ended how, hung since when, or alive. Nothing here restarts a server by itself: a
//! crash is a result, and what comes next is for whoever runs the trial to decide.
//!
//! Rejected: to watch by polling `/proc/PID`. A number is given out again, an exit code is nowhere to be read afterwards, and a server
//! that is a shell's child would be looked for in the wrong place.

mod announcement;
mod child;
mod condition;
mod error;
mod growth;
mod guard;
mod launch;
mod log;
mod pulse;
mod ready;
mod stranger;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod vitals;

use std::net::SocketAddr;
use std::thread;

use rustix::process::Pid;
use tollgate_client::{Clock, Nanos};

use announcement::reachable;
use child::Child;
pub use condition::Condition;
pub use error::StartError;
pub use growth::{Allowance, Growth};
pub use launch::Launch;
use pulse::Feeler;
pub use pulse::{Pulse, Question, Recovered};
use ready::{has_listener, ready};
use stranger::Stranger;
use vitals::Recorder;
pub use vitals::Vitals;

/// A server under test. Dropped, one that we started is killed with all its children, also when we panic; should we be killed
/// ourselves, a guard does it. What somebody else started goes on.
#[derive(Debug)]
pub struct Server {
    clock: Clock,
    question: Question,
    address: SocketAddr,
    process: Process,
    watch: Watch,
}

/// Whose it is.
#[derive(Debug)]
enum Process {
    Ours(Launch, Child),
    Theirs(Stranger),
    /// Known by its address alone.
    Unknown,
}

/// The threads that look at it; `None` for a server that has been stopped.
#[derive(Debug)]
struct Watch {
    feeler: Option<Feeler>,
    recorder: Option<Recorder>,
}

impl Server {
    /// Starts a server, and waits until it takes connections. Times are counted by `clock`.
    ///
    /// # Errors
    ///
    /// Why it isn't there, and what to change; then no process of it is left.
    pub fn start(launch: &Launch, question: &Question, clock: Clock) -> Result<Self, StartError> {
        if let Some(address) = launch.address
            && has_listener(address)
        {
            // Ours couldn't get the port, and we would test the other.
            return Err(StartError::Taken(address));
        }
        let child = Child::spawn(launch.words())?;
        let address = ready(&child, launch, clock)?;
        let watch = Watch::over(address, Some(child.pid()), question, clock)?;
        Ok(Self { clock, question: question.clone(), address, process: Process::Ours(launch.clone(), child), watch })
    }

    /// Watches a server that somebody else started; without its number only whether it answers.
    ///
    /// # Errors
    ///
    /// [`StartError::NoProcess`], or [`StartError::Machine`].
    pub fn running(
        address: SocketAddr,
        pid: Option<u32>,
        question: &Question,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let process = pid.map(Stranger::of).transpose()?.map_or(Process::Unknown, Process::Theirs);
        let address = reachable(address);
        let watch = Watch::over(address, process.pid(), question, clock)?;
        Ok(Self { clock, question: question.clone(), address, process, watch })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of its process, or of the shell that started it; `None` if it isn't known.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// What has become of it.
    pub fn condition(&self) -> Condition {
        let condition = match &self.process {
            Process::Ours(_, child) => child.condition(),
            Process::Theirs(stranger) => stranger.condition(self.clock),
            Process::Unknown => Condition::Alive,
        };
        let hung = self.watch.feeler.as_ref().and_then(|feeler| feeler.hung(self.clock.now()));
        hung.filter(|_| !condition.is_over()).map_or(condition, Condition::Hung)
    }

    /// What it takes of the machine now; `None` if it has ended or its process isn't known.
    pub fn vitals(&self) -> Option<Vitals> {
        let pid = self.process.pid().filter(|_| !self.condition().is_over())?;
        Vitals::read(pid, self.clock.now())
    }

    /// What it took of the machine since it was started: at most a thousand looks, evenly spread.
    pub fn history(&self) -> Vec<Vitals> {
        self.watch.recorder.as_ref().map(Recorder::history).unwrap_or_default()
    }

    /// Waits until it is at rest: hardly any CPU time, and no descriptor given back since the last look. After `within` it is taken as it is.
    /// Vitals compare only between moments like this one.
    pub fn at_rest(&self, within: Nanos) -> Option<Vitals> {
        let deadline = self.clock.now() + within;
        let mut before = self.vitals()?;
        loop {
            thread::sleep(BETWEEN_LOOKS.into());
            let now = self.vitals()?;
            let is_at_rest = now.busy_cpus(&before) <= AT_REST && now.files >= before.files;
            if is_at_rest || now.at >= deadline {
                return Some(now);
            }
            before = now;
        }
    }

    /// Whether it answered, and for how long it didn't, since it was started.
    pub fn pulse(&self) -> Pulse {
        self.watch.feeler.as_ref().map(Feeler::pulse).unwrap_or_default()
    }

    /// The last lines of its output, the oldest first; those of somebody else's server aren't to be had.
    pub fn last_lines(&self) -> Vec<String> {
        match &self.process {
            Process::Ours(_, child) => child.log().last_lines(),
            Process::Theirs(_) | Process::Unknown => Vec::new(),
        }
    }

    /// Asks it to end, and kills it if it doesn't within the time of its [`Launch`]. How it ended; a server that isn't ours goes on.
    pub fn stop(&mut self) -> Condition {
        self.watch.feeler = None;
        match &mut self.process {
            Process::Ours(launch, child) => {
                let deadline = self.clock.now() + launch.stop_within;
                child.end(self.clock, deadline)
            }
            Process::Theirs(_) | Process::Unknown => self.condition(),
        }
    }

    /// Kills it, as the kernel does when memory runs out. A server that isn't ours goes on.
    pub fn kill(&mut self) -> Condition {
        self.watch.feeler = None;
        match &mut self.process {
            Process::Ours(_, child) => child.kill(self.clock),
            Process::Theirs(_) | Process::Unknown => self.condition(),
        }
    }

    /// Starts it again by the same command line, on the same port, after stopping it if it still runs. Whoever wants its last lines asks before.
    ///
    /// # Errors
    ///
    /// As [`Server::start`], and [`StartError::NotOurs`]. Then the server has ended all the same.
    pub fn restart(&mut self) -> Result<(), StartError> {
        let Process::Ours(launch, _) = &self.process else { return Err(StartError::NotOurs) };
        let launch = launch.clone().on_port_of(self.address);
        self.stop();
        *self = Self::start(&launch, &self.question, self.clock)?;
        Ok(())
    }
}

impl Process {
    fn pid(&self) -> Option<Pid> {
        match self {
            Self::Ours(_, child) => Some(child.pid()),
            Self::Theirs(stranger) => Some(stranger.pid),
            Self::Unknown => None,
        }
    }
}

impl Watch {
    fn over(address: SocketAddr, pid: Option<Pid>, question: &Question, clock: Clock) -> Result<Self, StartError> {
        let recorder = pid.map(|pid| Recorder::start(pid, clock)).transpose()?;
        Ok(Self { feeler: Some(Feeler::start(address, question, clock)?), recorder })
    }
}

/// Ticks of a hundredth of a second: the least that shows whether a process is busy.
const BETWEEN_LOOKS: Nanos = Nanos::from_millis(250);
/// Of a CPU: timers, and the question whether it is there.
const AT_REST: f64 = 0.05;
