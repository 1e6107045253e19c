//! Which CPUs a thread may run on.
//!
//! A child process inherits the affinity of the thread that starts it, so pinning a server needs no tool and no code between
//! fork and exec: pin, start, go back ([`on_cpus`]).

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The CPUs that this thread may use, in ascending order.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
}

/// Keeps the calling thread on `cpus` from now on.
pub fn pin(cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Runs `start` with the calling thread on `cpus`; whatever it starts stays there.
pub fn on_cpus<T>(cpus: &[usize], start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = sched_getaffinity(None)?;
    pin(cpus)?;
    let started = start();
    sched_setaffinity(None, &before)?;
    started
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_started_on_one_cpu_may_use_no_other() {
        let allowed = allowed_cpus().unwrap();
        let last = *allowed.last().unwrap();
        let status = on_cpus(&[last], || std::fs::read_to_string("/proc/thread-self/status")).unwrap();
        assert!(status.contains(&format!("Cpus_allowed_list:\t{last}\n")), "{status}");
        assert_eq!(allowed_cpus().unwrap(), allowed, "the affinity from before must come back");
    }
}
