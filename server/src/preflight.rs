//! What has to be true of the machine before anything starts, checked where the answer can still be one clear line.
//!
//! glommio panics, or ends the process with a joke, when io_uring is missing, and fails half-way when it may not lock memory. So we ask
//! first, and name the cure.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};

use crate::boot::StartError;

/// The CPUs this process may run on, in ascending order: what `taskset`, a container or a cpuset has left it.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect())
}

/// Everything that can be checked without starting anything.
pub(crate) fn check(cores: &[usize], listeners: usize) -> Result<(), StartError> {
    check_cpus(cores)?;
    check_locked_memory()?;
    raise_open_files();
    check_open_files(cores.len(), listeners)?;
    check_io_uring()
}

fn check_cpus(cores: &[usize]) -> Result<(), StartError> {
    let allowed = allowed_cpus().map_err(StartError::Affinity)?;
    match cores.iter().find(|cpu| !allowed.contains(cpu)) {
        Some(&cpu) => Err(StartError::CpuNotAllowed { cpu, allowed }),
        None => Ok(()),
    }
}

fn check_locked_memory() -> Result<(), StartError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Memlock);
    let suffices = |limit: Option<u64>| limit.is_none_or(|bytes| bytes >= LOCKED_MEMORY);
    if suffices(current) {
        return Ok(());
    }
    if suffices(maximum) && setrlimit(Resource::Memlock, Rlimit { current: maximum, maximum }).is_ok() {
        return Ok(());
    }
    Err(StartError::LockedMemory { limit: current.unwrap_or(0), needed: LOCKED_MEMORY })
}

/// One descriptor per connection: takes what the administrator allows at most rather than the cautious default.
fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // If that fails, the limit stays, and running out of descriptors is handled.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Rings, eventfds and listeners are all made at start; with too few descriptors one of them would fail half-way.
fn check_open_files(cores: usize, listeners: usize) -> Result<(), StartError> {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let needed = OWN_FILES + cores as u64 * (FILES_PER_CORE + 2 * listeners as u64) + FEW_CONNECTIONS;
    if limit < needed { Err(StartError::OpenFiles { limit, needed }) } else { Ok(()) }
}

fn check_io_uring() -> Result<(), StartError> {
    let Err(error) = io_uring::IoUring::new(2) else { return Ok(()) };
    let sysctl = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    let cause = match (error.raw_os_error(), sysctl.trim()) {
        (Some(libc::ENOSYS), _) => NoIoUring::NotInKernel,
        (Some(libc::EPERM), level @ ("1" | "2")) => NoIoUring::Sysctl(level.to_owned()),
        (Some(libc::EPERM | libc::EACCES), _) => NoIoUring::Blocked,
        (Some(libc::ENOMEM), _) => return Err(StartError::LockedMemory { limit: 0, needed: LOCKED_MEMORY }),
        _ => NoIoUring::Other(error),
    };
    Err(StartError::NoIoUring(cause))
}

/// Why there is no io_uring, as far as can be told from outside.
#[derive(Debug)]
pub enum NoIoUring {
    /// The kernel is too old or built without it.
    NotInKernel,
    /// `kernel.io_uring_disabled` has this value.
    Sysctl(String),
    /// A seccomp profile or a security module.
    Blocked,
    /// Something else.
    Other(io::Error),
}

/// What glommio's three rings and their buffers want.
const LOCKED_MEMORY: u64 = 512 << 10;
/// Standard input and output, the pair that signals come through, and what a library opens for a moment.
const OWN_FILES: u64 = 8;
/// Our ring, glommio's three, and an eventfd for each that sleeps or wakes: with the one listener that there always is, twice, the ring engine has ten.
const FILES_PER_CORE: u64 = 8;
/// A gate without room for these would only look alive.
const FEW_CONNECTIONS: u64 = 16;

#[cfg(test)]
mod tests {
    use super::{allowed_cpus, check_cpus};
    use crate::boot::StartError;

    #[test]
    fn a_cpu_outside_the_allowed_set_is_named_with_the_set() {
        let allowed = allowed_cpus().expect("affinity");
        let missing = allowed.iter().max().expect("we run somewhere") + 1;
        assert!(check_cpus(&allowed).is_ok());
        let error = check_cpus(&[allowed[0], missing]).expect_err("not allowed");
        assert!(matches!(error, StartError::CpuNotAllowed { cpu, .. } if cpu == missing));
        assert!(error.to_string().contains(&format!("cpu {missing}")), "{error}");
    }
}
