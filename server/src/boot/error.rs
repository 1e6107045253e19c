//! Why the server could not start, or go on: one line each, naming the cause and the cure.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::preflight::NoIoUring;

/// Why it could not start, or go on. Each prints as one line that names the cure.
#[derive(Debug)]
pub enum StartError {
    /// The affinity mask can't be read.
    Affinity(io::Error),
    /// A core was asked for that this process may not use.
    CpuNotAllowed {
        /// The CPU asked for.
        cpu: usize,
        /// Those it could be.
        allowed: Vec<usize>,
    },
    /// `RLIMIT_MEMLOCK` is too small.
    LockedMemory {
        /// In bytes.
        limit: u64,
        /// In bytes.
        needed: u64,
    },
    /// `RLIMIT_NOFILE` is too small.
    OpenFiles {
        /// Descriptors.
        limit: u64,
        /// Descriptors.
        needed: u64,
    },
    /// io_uring is missing altogether; neither engine works without.
    NoIoUring(NoIoUring),
    /// The ring engine was demanded and the kernel can't.
    NoRing(String),
    /// The address can't be listened on.
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// Eventfds, threads or signal handlers could not be had.
    Resources(io::Error),
    /// The executor of a core could not be started.
    Core {
        /// Its CPU.
        cpu: usize,
        /// What went wrong.
        why: String,
    },
    /// A core stopped working while serving.
    CoreDied {
        /// Its CPU.
        cpu: usize,
        /// What went wrong.
        why: String,
    },
}

impl std::error::Error for StartError {}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Affinity(error) => write!(f, "cannot read which CPUs this process may use: {error}"),
            StartError::CpuNotAllowed { cpu, allowed } => write!(
                f,
                "--cores asks for cpu {cpu}, but this process may only use {}: choose among those, or widen the cpuset, container or taskset",
                CpuList(allowed)
            ),
            StartError::LockedMemory { limit, needed } => write!(
                f,
                "io_uring may lock {} KiB of memory and needs {} KiB: raise it with `ulimit -l`, LimitMEMLOCK= or --ulimit memlock=",
                limit >> 10,
                needed >> 10
            ),
            StartError::OpenFiles { limit, needed } => write!(
                f,
                "at most {limit} files may be open and at least {needed} are needed: raise it with `ulimit -n`, LimitNOFILE= or --ulimit nofile="
            ),
            StartError::NoIoUring(NoIoUring::NotInKernel) => {
                f.write_str("this kernel has no io_uring: run on Linux 5.8 or later, 6.1 or later for full speed, with CONFIG_IO_URING")
            }
            StartError::NoIoUring(NoIoUring::Sysctl(level)) => {
                write!(f, "io_uring is switched off (kernel.io_uring_disabled = {level}): allow it with `sysctl kernel.io_uring_disabled=0`")
            }
            StartError::NoIoUring(NoIoUring::Blocked) => f.write_str(
                "io_uring is not permitted here: let the container's seccomp profile pass io_uring_setup, io_uring_enter and io_uring_register",
            ),
            StartError::NoIoUring(NoIoUring::Other(error)) => write!(f, "io_uring cannot be set up: {error}"),
            StartError::NoRing(why) => write!(f, "--io ring cannot be used: {why}; --io auto falls back to glommio"),
            StartError::Listen { address, error } => match error.kind() {
                io::ErrorKind::AddrInUse => write!(
                    f,
                    "{address} is in use: stop the server that listens there (`ss -ltnp 'sport = :{}'` shows it) or choose another address (--listen or [[listener]])",
                    address.port()
                ),
                io::ErrorKind::AddrNotAvailable => write!(f, "{address} is no address of this machine: choose another address (--listen or [[listener]])"),
                io::ErrorKind::PermissionDenied => write!(
                    f,
                    "not permitted to listen on {address}: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"
                ),
                _ if lacks_zone(address) => write!(
                    f,
                    "{address} is a link-local address, which every interface has: add the number of the one that is meant (`ip link` shows it), like [{}%2]:{}",
                    address.ip(),
                    address.port()
                ),
                _ => write!(f, "cannot listen on {address}: {error}"),
            },
            StartError::Resources(error) => write!(f, "cannot start: {error}"),
            StartError::Core { cpu, why } => write!(f, "the executor for cpu {cpu} could not be started: {why}"),
            StartError::CoreDied { cpu, why } => write!(f, "the core on cpu {cpu} died, so the process ends: {why}"),
        }
    }
}

/// Whether an address leaves open which interface it is on.
fn lacks_zone(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

struct CpuList<'a>(&'a [usize]);

impl fmt::Display for CpuList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cpu) in self.0.iter().enumerate() {
            write!(f, "{}{cpu}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
