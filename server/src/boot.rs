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

mod core;
mod counters;
mod engine;
mod error;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tollgate_limiter::Nanos;

pub use engine::{Engine, IoMode};
pub use error::StartError;

use self::core::{Core, CoreListener};
use crate::clock::Clock;
pub use crate::connection::Timeouts;
use crate::drain::{Control, Phase};
use crate::overload::gatekeeper::GatekeeperSettings;
use crate::proxy::ProxySettings;
use crate::service::Service;
use crate::tally::Tally;
use crate::watch::{self, Watch};
use crate::{listener, preflight};

/// What is to be started.
#[derive(Clone, Debug)]
pub struct BootSettings {
    /// Where to listen; at least one.
    pub listeners: Vec<ListenerSettings>,
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
    /// What stands behind the gate.
    pub upstreams: Arc<[ProxySettings]>,
    /// What a core goes by that can't keep up; `None`: it answers everybody, late.
    pub gatekeeper: Option<GatekeeperSettings>,
}

/// One address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Where; port 0 lets the kernel pick.
    pub address: SocketAddr,
    /// Which of the upstreams its requests are forwarded to; `None`: the gate answers itself.
    pub upstream: Option<usize>,
}

/// What has been started.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The listeners' addresses, with the ports the kernel picked.
    pub addresses: Vec<SocketAddr>,
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
    /// What all cores have judged.
    pub tally: Tally,
}

/// Opens the listeners in order, starts one pinned executor per core, calls `on_ready` once everything listens, and blocks until
/// SIGTERM or SIGINT has drained it. `service` is called on each core, once per listener, with the indices of both.
pub fn run(
    settings: &BootSettings,
    service: impl Fn(usize, usize) -> Service + Send + Sync + 'static,
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
    service: impl Fn(usize, usize) -> Service + Send + Sync + 'static,
) -> Result<Running, StartError> {
    preflight::check(&settings.cores, settings.listeners.len())?;
    let (engine, why) = engine::choose_engine(settings.io)?;
    let count = settings.cores.len();
    let (listeners, addresses) = open_listeners(settings)?;
    // For the drain, which needs all of them at once, before the cores close theirs.
    let sockets = listeners.iter().flatten().map(|listener| listener.socket.try_clone());
    let inflow = sockets.collect::<io::Result<Vec<_>>>().map_err(StartError::Resources)?;
    let control = Arc::new(Control::new(count, settings.max_connections).map_err(StartError::Resources)?);
    let (sender, reports) = channel();
    let service = Arc::new(service);
    let clock = Clock::start();
    for (index, (&cpu, listeners)) in settings.cores.iter().zip(listeners).enumerate() {
        let core = Core {
            index,
            cpu,
            engine,
            clock,
            listeners,
            control: Arc::clone(&control),
            timeouts: settings.timeouts,
            upstreams: Arc::clone(&settings.upstreams),
            gatekeeper: settings.gatekeeper.clone(),
        };
        let (service, sender) = (Arc::clone(&service), sender.clone());
        let thread = std::thread::Builder::new().name(format!("core-{cpu}"));
        thread.spawn(move || core.run(&*service, &sender)).map_err(StartError::Resources)?;
    }
    let running = Running {
        ready: Ready { addresses, engine, why },
        control,
        inflow,
        sender,
        reports,
        cores: settings.cores.clone(),
        timeouts: settings.timeouts,
        clock,
    };
    running.wait_until_ready()
}

/// Opens every listener for every core: those of each core, and where they listen.
fn open_listeners(settings: &BootSettings) -> Result<(Vec<Vec<CoreListener>>, Vec<SocketAddr>), StartError> {
    let mut of_cores: Vec<Vec<CoreListener>> = settings.cores.iter().map(|_| Vec::new()).collect();
    let mut addresses = Vec::with_capacity(settings.listeners.len());
    for &ListenerSettings { address, upstream } in &settings.listeners {
        let (sockets, address) = listener::open(address, settings.cores.len(), settings.backlog)
            .map_err(|error| StartError::Listen { address, error })?;
        addresses.push(address);
        for (listeners, socket) in of_cores.iter_mut().zip(sockets) {
            listeners.push(CoreListener { socket, upstream });
        }
    }
    Ok((of_cores, addresses))
}

/// What reaches the waiting main thread.
enum Report {
    Ready,
    /// The core at this index is done, well or not.
    Ended(usize, Result<Tally, String>),
    Signal,
}

/// A server that listens.
#[derive(Debug)]
pub struct Running {
    ready: Ready,
    control: Arc<Control>,
    /// The listeners, until a drain.
    inflow: Vec<OwnedFd>,
    sender: Sender<Report>,
    reports: Receiver<Report>,
    cores: Vec<usize>,
    timeouts: Timeouts,
    clock: Clock,
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

    /// Connections open now, per core.
    pub fn loads(&self) -> Vec<usize> {
        (0..self.cores.len()).map(|core| self.control.balance().load(core)).collect()
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
    pub fn wait(mut self) -> Result<Drained, StartError> {
        let mut left = self.cores.len();
        let mut watches: Vec<Watch> = self.cores.iter().map(|_| Watch::default()).collect();
        let mut leave_at = Nanos::MAX;
        let mut tally = Tally::default();
        while left > 0 {
            let patience = leave_at.saturating_sub(self.clock.now());
            match self.reports.recv_timeout(Duration::from(patience).min(watch::EVERY)) {
                Ok(Report::Ended(index, Err(why))) => return Err(StartError::CoreDied { cpu: self.cores[index], why }),
                Ok(Report::Ended(_, Ok(served))) => {
                    tally += served;
                    left -= 1;
                }
                Ok(Report::Signal) if self.control.phase() == Phase::Serving => {
                    leave_at = self.clock.now().saturating_add(Nanos::from(self.timeouts.drain));
                    self.drain();
                }
                Ok(Report::Signal) => leave_at = Nanos::ZERO,
                Ok(Report::Ready) => {}
                Err(_) => self.look_at(&mut watches)?,
            }
            if self.clock.now() >= leave_at {
                self.control.advance(Phase::Stopping);
                break;
            }
        }
        Ok(Drained { cut_off: self.control.open(), tally })
    }

    fn look_at(&self, watches: &mut [Watch]) -> Result<(), StartError> {
        let stuck = |&index: &usize| watches[index].is_stuck(self.control.pulse(index));
        match (0..self.cores.len()).find(stuck) {
            Some(index) => {
                Err(StartError::CoreDied { cpu: self.cores[index], why: "it is stuck in a loop".to_owned() })
            }
            None => Ok(()),
        }
    }

    fn drain(&mut self) {
        // Not kept: as long as anybody holds it, a listener is open.
        for listener in std::mem::take(&mut self.inflow) {
            if let Err(error) = listener::stop_inflow(&listener) {
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
