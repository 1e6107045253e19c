//! What a process takes of the machine, read from `/proc`.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use procfs::process::Process;
use rustix::process::Pid;
use tollgate_client::{Clock, Nanos};

/// What a process and its descendants take at an instant. What a shell started counts, and so do the workers of a server that forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// When.
    pub at: Nanos,
    /// Bytes of memory that are really there. What several processes share counts for each of them.
    pub rss: u64,
    /// Open descriptors; `None` if somebody else's process doesn't show them to us.
    pub files: Option<u64>,
    /// Threads.
    pub threads: u64,
    /// CPU time so far, in user and kernel mode, that of children who have ended included.
    pub cpu: Nanos,
}

impl Vitals {
    /// Of this process now; `None` if it has ended.
    pub(super) fn read(pid: Pid, at: Nanos) -> Option<Self> {
        let first = Process::new(pid.as_raw_nonzero().get()).ok()?;
        let none = Self { at, rss: 0, files: Some(0), threads: 0, cpu: Nanos::ZERO };
        let mut sum = none.and(&first)?;
        for process in descendants(&first) {
            // It may end while we look.
            sum = sum.and(&process).unwrap_or(sum);
        }
        Some(sum)
    }

    /// CPUs in use on average since `earlier`.
    pub fn busy_cpus(&self, earlier: &Self) -> f64 {
        (self.cpu - earlier.cpu).as_secs_f64() / (self.at - earlier.at).as_secs_f64().max(1e-9)
    }

    /// This and what another process takes; `None` if that one has ended.
    fn and(self, process: &Process) -> Option<Self> {
        let stat = process.stat().ok().filter(|stat| stat.state != 'Z' && stat.state != 'X')?;
        let children = (stat.cutime + stat.cstime).max(0) as u64;
        let ticks = stat.utime + stat.stime + children;
        let files = process.fd_count().ok().map(|count| count as u64);
        Some(Self {
            at: self.at,
            rss: self.rss + stat.rss * procfs::page_size(),
            files: self.files.zip(files).map(|(sum, count)| sum + count),
            threads: self.threads + stat.num_threads.max(0) as u64,
            cpu: self.cpu + Nanos::new(ticks * (1_000_000_000 / procfs::ticks_per_second())),
        })
    }
}

/// The children of a process, their children, and so on: at most [`MOST_PROCESSES`].
fn descendants(first: &Process) -> Vec<Process> {
    let mut found = children(first);
    let mut next = 0;
    while next < found.len() && found.len() < MOST_PROCESSES {
        found.extend(children(&found[next]));
        next += 1;
    }
    found
}

fn children(process: &Process) -> Vec<Process> {
    let tasks = process.tasks().into_iter().flatten().flatten();
    let pids = tasks.filter_map(|task| task.children().ok()).flatten();
    pids.filter_map(|pid| Process::new(pid as i32).ok()).collect()
}

/// The vitals of one process, once a second for as long as this exists.
#[derive(Debug)]
pub(super) struct Recorder {
    history: Arc<Mutex<History>>,
    /// Dropped, it ends the thread.
    _over: Sender<()>,
}

impl Recorder {
    pub(super) fn start(pid: Pid, clock: Clock) -> io::Result<Self> {
        let (over, is_over) = channel();
        let history = Arc::<Mutex<History>>::default();
        let recorder = Self { history: Arc::clone(&history), _over: over };
        let record = move || {
            while let Some(vitals) = Vitals::read(pid, clock.now()) {
                history.lock().unwrap_or_else(PoisonError::into_inner).push(vitals);
                if !wait(&is_over, INTERVAL) {
                    return;
                }
            }
        };
        thread::Builder::new().name("server-vitals".to_owned()).spawn(record)?;
        Ok(recorder)
    }

    pub(super) fn history(&self) -> Vec<Vitals> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).kept.clone()
    }
}

/// Waits, unless it is over. Whether to go on.
pub(super) fn wait(is_over: &Receiver<()>, span: Nanos) -> bool {
    is_over.recv_timeout(span.into()) == Err(RecvTimeoutError::Timeout)
}

/// Vitals from the start until now, whatever the span: when there are too many, every second one goes, and from then on only every
/// second one comes.
#[derive(Debug)]
struct History {
    kept: Vec<Vitals>,
    /// One of so many is kept.
    stride: u64,
    seen: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { kept: Vec::new(), stride: 1, seen: 0 }
    }
}

impl History {
    fn push(&mut self, vitals: Vitals) {
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == MOST_KEPT {
                let mut number = 0;
                self.kept.retain(|_| {
                    number += 1;
                    number % 2 == 1
                });
                self.stride *= 2;
            }
            self.kept.push(vitals);
        }
        self.seen += 1;
    }
}

/// As fine as memory and descriptors are ever plotted; at a hundred threads the look takes a millisecond.
const INTERVAL: Nanos = Nanos::from_secs(1);
/// Twice the columns of a plot; even, so that the next one to come is one of those that are kept.
const MOST_KEPT: usize = 1024;
/// A server that forks more than this has other problems.
const MOST_PROCESSES: usize = 256;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn vitals_are_plausible_and_grow_with_what_a_process_takes() {
        let clock = Clock::start();
        // A process of its own, as ours has other tests' memory and files. It keeps the last 64 MiB of what it is fed.
        let script =
            "echo ready; read go; for fd in 3 4 5 6 7 8 9; do eval \"exec $fd</dev/null\"; done; exec tail -c 64M";
        let mut command = Command::new("sh");
        let mut child =
            command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let (mut feed, mut ready) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("another"));
        ready.read_exact(&mut [0; 6]).expect("a line");
        let pid = Pid::from_child(&child);
        let before = Vitals::read(pid, clock.now()).expect("it waits");
        assert!(before.rss > 1 << 20 && before.threads == 1, "{before:?}");
        feed.write_all(b"go\n").expect("it reads");
        let mut after = before;
        while after.rss < before.rss + (60 << 20) || after.cpu < before.cpu + Nanos::from_millis(50) {
            feed.write_all(&[1; 1 << 20]).expect("it reads");
            after = Vitals::read(pid, clock.now()).expect("it waits for more");
            assert!(after.at - before.at < Nanos::from_secs(60), "{before:?} {after:?}");
        }
        assert_eq!(after.files, before.files.map(|files| files + 7));
        assert!(after.busy_cpus(&before) > 0.01, "{before:?} {after:?}");
        drop((feed, ready));
        child.wait().expect("our child");
    }

    #[test]
    fn a_history_of_weeks_is_bounded_and_spans_them_evenly() {
        let at = |second| Vitals { at: Nanos::from_secs(second), rss: 0, files: None, threads: 0, cpu: Nanos::ZERO };
        for seconds in [1, 1024, 1025, 2048, 2049, 100_000] {
            let mut history = History::default();
            (0..seconds).for_each(|second| history.push(at(second)));
            let kept: Vec<u64> = history.kept.iter().map(|vitals| vitals.at.as_u64() / 1_000_000_000).collect();
            assert!(
                kept.len() <= MOST_KEPT && kept.len() as u64 >= seconds.min(MOST_KEPT as u64 / 2),
                "{}",
                kept.len()
            );
            assert!(kept.windows(2).all(|pair| pair[1] - pair[0] == history.stride), "{seconds} seconds: {kept:?}");
            assert!(kept[0] == 0 && seconds - kept[kept.len() - 1] <= history.stride, "{seconds} seconds: {kept:?}");
        }
    }
}
