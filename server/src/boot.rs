//! From settings to serving and back: checks, listeners, one pinned executor per core, then the wait for the end.
//!
//! ```text
//!   preflight ─▶ choose the engine ─▶ listeners, in order ─▶ executors ─▶ ready
//!                                                                          │ SIGTERM, SIGINT
//!                          all cores gone ◀─ drain timeout, second signal ◀┘ drain
//! ```
//!
//! Everything that can fail fails before "ready", as one line. Afterwards there is one rule: **a core that dies takes the process with it.** A
//! process that still listens on a port nobody serves any more is worse than one that is gone and gets restarted.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::clock::Clock;
pub use crate::connection::Timeouts;
use crate::connection::{Site, serve};
use crate::drain::{Control, Phase};
use crate::preflight::NoIoUring;
use crate::ring::{self, DriverSettings};
use crate::service::Service;
use crate::{listener, preflight};

/// Which engine carries the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoMode {
    /// The ring where the kernel can, glommio's streams elsewhere.
    #[default]
    Auto,
    /// The ring, or an error.
    Ring,
    /// glommio's streams.
    Glommio,
}

impl FromStr for IoMode {
    type Err = String;

    fn from_str(name: &str) -> Result<IoMode, String> {
        match name {
            "auto" => Ok(IoMode::Auto),
            "ring" => Ok(IoMode::Ring),
            "glommio" => Ok(IoMode::Glommio),
            _ => Err(format!("`{name}` is no io engine; there are auto, ring and glommio")),
        }
    }
}

impl fmt::Display for IoMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IoMode::Auto => "auto",
            IoMode::Ring => "ring",
            IoMode::Glommio => "glommio",
        })
    }
}

/// The engine that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Our io_uring under glommio tasks.
    Ring,
    /// glommio's own streams.
    Glommio,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Ring => "ring",
            Engine::Glommio => "glommio",
        })
    }
}

/// What is to be started.
#[derive(Clone, Debug)]
pub struct BootSettings {
    /// Where to listen; port 0 lets the kernel pick.
    pub listen: SocketAddr,
    /// CPU numbers; one executor each.
    pub cores: Vec<usize>,
    /// The engine.
    pub io: IoMode,
    /// Connections that may wait to be accepted, per core.
    pub backlog: u32,
    /// Connections open at once in the whole process. At the cap newcomers wait in the kernel's queue.
    pub max_connections: usize,
    /// How long each thing may take.
    pub timeouts: Timeouts,
}

/// What has been started.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The address, with the port the kernel picked.
    pub address: SocketAddr,
    /// The engine.
    pub engine: Engine,
    /// Why that one.
    pub why: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections cut off because the drain timeout was over or a second signal came.
    pub cut_off: usize,
}

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
                    "{address} is in use: stop the server that listens there (`ss -ltnp 'sport = :{}'` shows it) or choose another --listen",
                    address.port()
                ),
                io::ErrorKind::AddrNotAvailable => write!(f, "{address} is no address of this machine: choose another --listen"),
                io::ErrorKind::PermissionDenied => write!(
                    f,
                    "not permitted to listen on {address}: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"
                ),
                _ => write!(f, "cannot listen on {address}: {error}"),
            },
            StartError::Resources(error) => write!(f, "cannot start: {error}"),
            StartError::Core { cpu, why } => write!(f, "the executor for cpu {cpu} could not be started: {why}"),
            StartError::CoreDied { cpu, why } => write!(f, "the core on cpu {cpu} died, so the process ends: {why}"),
        }
    }
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

/// Opens the listeners in order, starts one pinned executor per core, calls `on_ready` once everything listens, and blocks until
/// SIGTERM or SIGINT has drained it. `service` is called once per core, on it, with the core's index.
pub fn run(
    settings: &BootSettings,
    service: impl Fn(usize) -> Service + Send + Sync + 'static,
    on_ready: impl FnOnce(&Ready),
) -> Result<Drained, StartError> {
    let running = start(settings, service)?;
    running.heed_signals().map_err(StartError::Resources)?;
    on_ready(running.ready());
    running.wait()
}

/// Starts serving and comes back when everything listens.
pub fn start(
    settings: &BootSettings,
    service: impl Fn(usize) -> Service + Send + Sync + 'static,
) -> Result<Running, StartError> {
    preflight::check(&settings.cores)?;
    let (engine, why) = choose_engine(settings.io)?;
    let count = settings.cores.len();
    let (listeners, address) = listener::open(settings.listen, count, settings.backlog)
        .map_err(|error| StartError::Listen { address: settings.listen, error })?;
    // For the drain, which needs all of them at once, before the cores close theirs.
    let inflow =
        listeners.iter().map(OwnedFd::try_clone).collect::<io::Result<Vec<_>>>().map_err(StartError::Resources)?;
    let control = Arc::new(Control::new(count, settings.max_connections).map_err(StartError::Resources)?);
    let (sender, reports) = channel();
    let service = Arc::new(service);
    let clock = Clock::start();
    for (index, (&cpu, listener)) in settings.cores.iter().zip(listeners).enumerate() {
        let core =
            Core { index, cpu, engine, clock, listener, control: Arc::clone(&control), timeouts: settings.timeouts };
        let (service, sender) = (Arc::clone(&service), sender.clone());
        let thread = std::thread::Builder::new().name(format!("core-{cpu}"));
        thread.spawn(move || core.run(&*service, &sender)).map_err(StartError::Resources)?;
    }
    let running = Running {
        ready: Ready { address, engine, why },
        control,
        inflow,
        sender,
        reports,
        cores: settings.cores.clone(),
        timeouts: settings.timeouts,
    };
    running.wait_until_ready()
}

fn choose_engine(mode: IoMode) -> Result<(Engine, String), StartError> {
    match (mode, ring::probe()) {
        (IoMode::Glommio, _) => Ok((Engine::Glommio, "asked for".to_owned())),
        (_, Ok(task_run)) => Ok((Engine::Ring, format!("{task_run}, multishot receive and silent sends work here"))),
        (IoMode::Ring, Err(why)) => Err(StartError::NoRing(why)),
        (IoMode::Auto, Err(why)) => Ok((Engine::Glommio, why)),
    }
}

/// What reaches the waiting main thread.
enum Report {
    Ready,
    /// The core at this index is done, well or not.
    Ended(usize, Result<(), String>),
    Signal,
}

/// A server that listens.
#[derive(Debug)]
pub struct Running {
    ready: Ready,
    control: Arc<Control>,
    inflow: Vec<OwnedFd>,
    sender: Sender<Report>,
    reports: Receiver<Report>,
    cores: Vec<usize>,
    timeouts: Timeouts,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Report::Ready => "Ready",
            Report::Ended(..) => "Ended",
            Report::Signal => "Signal",
        })
    }
}

impl Running {
    /// What has been started.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.control.open()
    }

    /// A handle that does what a signal does: the first use drains, the second stops.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Lets SIGTERM and SIGINT end it, from a thread of their own.
    fn heed_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let stopper = self.stopper();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                stopper.stop();
            }
        })?;
        Ok(())
    }

    fn wait_until_ready(self) -> Result<Running, StartError> {
        for _ in &self.cores {
            match self.reports.recv() {
                Ok(Report::Ended(index, outcome)) => {
                    self.control.advance(Phase::Stopping);
                    let why = outcome.err().unwrap_or_else(|| "it ended at once".to_owned());
                    return Err(StartError::Core { cpu: self.cores[index], why });
                }
                Ok(Report::Ready | Report::Signal) => {}
                Err(_) => unreachable!("we hold a sender ourselves"),
            }
        }
        Ok(self)
    }

    /// Blocks until it has been drained or stopped, or a core has died.
    pub fn wait(self) -> Result<Drained, StartError> {
        let mut left = self.cores.len();
        while left > 0 {
            let report = if self.control.phase() == Phase::Draining {
                // The timeout starts anew with each report, of which there are as many as cores and signals.
                self.reports.recv_timeout(self.timeouts.drain)
            } else {
                self.reports.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match report {
                Ok(Report::Ended(index, Err(why))) => return Err(StartError::CoreDied { cpu: self.cores[index], why }),
                Ok(Report::Ended(_, Ok(()))) => left -= 1,
                Ok(Report::Signal) if self.control.phase() == Phase::Serving => self.drain(),
                Ok(Report::Signal) | Err(_) => {
                    self.control.advance(Phase::Stopping);
                    break;
                }
                Ok(Report::Ready) => {}
            }
        }
        Ok(Drained { cut_off: self.control.open() })
    }

    fn drain(&self) {
        for listener in &self.inflow {
            if let Err(error) = listener::stop_inflow(listener) {
                tracing::warn!(%error, "connections that arrive while the listener closes may be reset");
            }
        }
        self.control.advance(Phase::Draining);
    }
}

/// Ends a [`Running`] server from another thread.
#[derive(Clone, Debug)]
pub struct Stopper(Sender<Report>);

impl Stopper {
    /// Drains; the second time, stops at once.
    pub fn stop(&self) {
        // Nobody listening means that it has ended already.
        let _ = self.0.send(Report::Signal);
    }
}

/// One core's share of the work, until it has a thread.
struct Core {
    index: usize,
    cpu: usize,
    engine: Engine,
    clock: Clock,
    listener: OwnedFd,
    control: Arc<Control>,
    timeouts: Timeouts,
}

impl Core {
    /// The life of the core's thread.
    fn run(self, service: &dyn Fn(usize) -> Service, reports: &Sender<Report>) {
        let index = self.index;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.serve(service, reports)));
        let outcome = outcome.unwrap_or_else(|panic| Err(format!("panic: {}", panic_text(&*panic))));
        // Nobody listening means that the process is ending.
        let _ = reports.send(Report::Ended(index, outcome));
    }

    fn serve(self, service: &dyn Fn(usize) -> Service, reports: &Sender<Report>) -> Result<(), String> {
        let executor = self.executor()?;
        let site = Rc::new(Site::new(service(self.index), &self.timeouts));
        site.service().set_unix_time(self.clock.unix_seconds());
        executor.run(async move {
            // glommio's first sleep takes tens of milliseconds; not in front of a customer.
            glommio::timer::sleep(Duration::from_micros(1)).await;
            let ready = reports.clone();
            match self.engine {
                Engine::Ring | Engine::Glommio => {
                    let settings = DriverSettings {
                        listener: self.listener,
                        control: self.control,
                        core: self.index,
                        clock: self.clock,
                        write_timeout: self.timeouts.write,
                    };
                    let _ = ready.send(Report::Ready);
                    let clock_of_site = Rc::clone(&site);
                    ring::drive(
                        settings,
                        |socket| {
                            glommio::spawn_local(serve(socket, Rc::clone(&site))).detach();
                        },
                        |seconds| clock_of_site.service().set_unix_time(seconds),
                    )
                    .await
                    .map_err(|error| format!("io_uring: {error}"))
                }
            }
        })
    }

    fn executor(&self) -> Result<LocalExecutor, String> {
        LocalExecutorBuilder::new(Placement::Fixed(self.cpu))
            .name(&format!("core-{}", self.cpu))
            .io_memory(EXECUTOR_IO_MEMORY)
            .ring_depth(EXECUTOR_RING_DEPTH)
            .preempt_timer(PREEMPT)
            .make()
            .map_err(|error| error.to_string())
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// glommio's minimum: there is no file I/O here.
const EXECUTOR_IO_MEMORY: usize = 64 << 10;
/// glommio's rings carry timers and an eventfd.
const EXECUTOR_RING_DEPTH: usize = 64;
/// How often a busy core enters glommio's reactor: a few system calls per 10 ms.
const PREEMPT: Duration = Duration::from_millis(10);
