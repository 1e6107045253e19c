//! One core: its thread, its executor, its engine.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};

use super::{Engine, Report};
use crate::clock::Clock;
use crate::connection::{Site, Timeouts, serve};
use crate::drain::Control;
use crate::proxy::{self, Gate, ProxySettings};
use crate::ring;
use crate::service::Service;
use crate::socket::{EngineSettings, Socket};
use crate::streams;
use crate::tally::Tally;

/// One core's share of the work, until it has a thread.
pub(super) struct Core {
    pub index: usize,
    pub cpu: usize,
    pub engine: Engine,
    pub clock: Clock,
    pub listener: OwnedFd,
    pub control: Arc<Control>,
    pub timeouts: Timeouts,
    pub proxy: Option<Arc<ProxySettings>>,
}

impl Core {
    /// The life of the core's thread.
    pub fn run(self, service: &dyn Fn(usize) -> Service, reports: &Sender<Report>) {
        let index = self.index;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.serve(service, reports)));
        let outcome = outcome.unwrap_or_else(|panic| Err(format!("panic: {}", panic_text(&*panic))));
        // Nobody listening means that the process is ending.
        let _ = reports.send(Report::Ended(index, outcome));
    }

    fn serve(self, service: &dyn Fn(usize) -> Service, reports: &Sender<Report>) -> Result<Tally, String> {
        self.control.pulse(self.index).start();
        let executor = self.executor()?;
        let site = Rc::new(Site::new(service(self.index), &self.timeouts));
        site.service().set_unix_time(self.clock.unix_seconds());
        let served = Rc::clone(&site);
        let outcome: Result<(), String> = executor.run(async move {
            // glommio's first sleep takes tens of milliseconds; not in front of a customer.
            glommio::timer::sleep(Duration::from_micros(1)).await;
            // Whoever waits for this has gone only if the process is ending.
            let on_ready = || drop(reports.send(Report::Ready));
            let settings = EngineSettings {
                listener: self.listener,
                control: self.control,
                core: self.index,
                clock: self.clock,
                write_timeout: self.timeouts.write,
            };
            match self.engine {
                Engine::Ring => {
                    let counter = Counter::new(site, self.proxy.as_deref());
                    ring::drive(settings, |socket| counter.serve(socket), on_ready, |seconds| counter.tick(seconds))
                        .await
                        .map_err(|error| format!("io_uring: {error}"))
                }
                Engine::Glommio => {
                    let counter = Counter::new(site, self.proxy.as_deref());
                    streams::drive(settings, |socket| counter.serve(socket), on_ready, |seconds| counter.tick(seconds))
                        .await;
                    Ok(())
                }
            }
        });
        outcome.map(|()| served.service().tally())
    }

    fn executor(&self) -> Result<LocalExecutor, String> {
        LocalExecutorBuilder::new(Placement::Fixed(self.cpu))
            .name(&format!("core-{}", self.cpu))
            .io_memory(EXECUTOR_IO_MEMORY)
            .ring_depth(EXECUTOR_RING_DEPTH)
            .preempt_timer(match self.engine {
                Engine::Ring => PREEMPT_RING,
                Engine::Glommio => PREEMPT_STREAMS,
            })
            .make()
            .map_err(|error| error.to_string())
    }
}

/// Where the connections of a core are served: here, or by what stands behind the gate.
struct Counter<S> {
    site: Rc<Site>,
    gate: Option<Rc<Gate<S>>>,
}

impl<S: Socket + 'static> Counter<S> {
    fn new(site: Rc<Site>, proxy: Option<&ProxySettings>) -> Counter<S> {
        let gate = proxy.map(|settings| Rc::new(Gate::new(Rc::clone(&site), settings)));
        Counter { site, gate }
    }

    fn serve(&self, socket: S) {
        match &self.gate {
            None => glommio::spawn_local(serve(socket, Rc::clone(&self.site))).detach(),
            Some(gate) => glommio::spawn_local(proxy::serve(socket, Rc::clone(gate))).detach(),
        };
    }

    fn tick(&self, unix_seconds: u64) {
        self.site.service().set_unix_time(unix_seconds);
        if let Some(gate) = &self.gate {
            gate.sweep();
        }
    }
}

/// What a panic said, on one line.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// glommio's minimum: there is no file I/O here.
const EXECUTOR_IO_MEMORY: usize = 64 << 10;
/// glommio's rings carry timers and an eventfd.
const EXECUTOR_RING_DEPTH: usize = 64;
/// How often a busy core enters glommio's reactor. Not less: an executor that loses its CPU for so long between setting this timer and
/// looking at its tasks takes them for preempted, and sleeps; at start, for ever. The ring's sockets aren't glommio's.
const PREEMPT_RING: Duration = Duration::from_millis(200);
/// Streams are, and each waits for the reactor while others are busy.
const PREEMPT_STREAMS: Duration = Duration::from_millis(50);
