//! CPU time of a process and its children, in nanoseconds.
//!
//! `/proc/PID/stat` counts ticks (4 or 10 ms); the scheduler's own count in `/proc/PID/task/TID/schedstat` is exact once the
//! thread sleeps. It covers every thread of the process, workers that io_uring starts for it included.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// What the threads of a process tree have used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime {
    pub running: Duration,
    /// Ready to run while something else had the CPU: the sign of a machine that is not quiet.
    pub waiting: Duration,
}

impl CpuTime {
    /// Threads and children that end while they are looked at are left out; a tree without any is an error.
    pub fn of_tree(pid: u32) -> Result<CpuTime> {
        let (mut sum, mut threads) = (CpuTime::default(), 0);
        for pid in tree(pid) {
            for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let path = task.path().join("schedstat");
                let Ok(text) = fs::read_to_string(&path) else { continue };
                let (running, waiting) = parse(&text).with_context(|| format!("{} says {text:?}", path.display()))?;
                sum.running += running;
                sum.waiting += waiting;
                threads += 1;
            }
        }
        ensure!(threads > 0, "process {pid} has ended");
        Ok(sum)
    }
}

impl Sub for CpuTime {
    type Output = CpuTime;

    fn sub(self, earlier: CpuTime) -> CpuTime {
        CpuTime {
            running: self.running.saturating_sub(earlier.running),
            waiting: self.waiting.saturating_sub(earlier.waiting),
        }
    }
}

/// The process and all its descendants.
pub fn tree(pid: u32) -> Vec<u32> {
    let children = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().flat_map(|task| {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        text.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<u32>>()
    });
    let mut all = vec![pid];
    all.extend(children.flat_map(tree));
    all
}

fn parse(schedstat: &str) -> Option<(Duration, Duration)> {
    let mut fields = schedstat.split_whitespace().map(|field| field.parse().map(Duration::from_nanos));
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::{process, thread};

    use super::*;

    #[test]
    fn schedstat_is_running_then_waiting() {
        assert_eq!(parse("1500 20 3\n"), Some((Duration::from_nanos(1500), Duration::from_nanos(20))));
        assert_eq!(parse("1500"), None);
    }

    #[test]
    fn a_tree_holds_the_children_and_their_time() {
        let mut child = process::Command::new("cat").stdin(process::Stdio::piped()).spawn().unwrap();
        let tree = tree(process::id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(tree.contains(&process::id()) && tree.contains(&child.id()), "{tree:?} lacks {}", child.id());
        assert!(CpuTime::of_tree(process::id()).unwrap().running > Duration::ZERO);
        assert!(CpuTime::of_tree(child.id()).is_err(), "it has ended");
    }

    #[test]
    fn threads_that_end_while_they_are_looked_at_do_no_harm() {
        let over = &AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    thread::spawn(|| ()).join().expect("it does nothing");
                }
            });
            let looks: Vec<_> = (0..1000).map(|_| CpuTime::of_tree(process::id())).collect();
            over.store(true, Ordering::Relaxed);
            assert!(looks.iter().all(Result::is_ok));
        });
    }
}
