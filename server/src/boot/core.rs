//! One core: its thread, its executor, its engine.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};

use super::counters::Counters;
use super::{Engine, Report};
use crate::clock::Clock;
use crate::connection::{Site, Timeouts};
use crate::drain::Control;
use crate::overload::gatekeeper::{Gatekeeper, GatekeeperSettings};
use crate::proxy::ProxySettings;
use crate::ring;
use crate::service::Service;
use crate::socket::EngineSettings;
use crate::streams;
use crate::tally::Tally;

/// One core's share of the work, until it has a thread.
pub(super) struct Core {
    pub index: usize,
    pub cpu: usize,
    pub engine: Engine,
    pub clock: Clock,
    /// In the order of the settings.
    pub listeners: Vec<CoreListener>,
    pub control: Arc<Control>,
    pub timeouts: Timeouts,
    pub upstreams: Arc<[ProxySettings]>,
    pub gatekeeper: Option<GatekeeperSettings>,
}

/// A core's own socket of one of the process' listeners.
pub(super) struct CoreListener {
    pub socket: OwnedFd,
    /// What its requests are forwarded to.
    pub upstream: Option<usize>,
}

/// Gives the service of a core and a listener.
pub(super) type MakeService = dyn Fn(usize, usize) -> Service;

impl Core {
    /// The life of the core's thread.
    pub fn run(self, service: &MakeService, reports: &Sender<Report>) {
        let index = self.index;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.serve(service, reports)));
        let outcome = outcome.unwrap_or_else(|panic| Err(format!("panic: {}", panic_text(&*panic))));
        // Nobody listening means that the process is ending.
        let _ = reports.send(Report::Ended(index, outcome));
    }

    fn serve(self, service: &MakeService, reports: &Sender<Report>) -> Result<Tally, String> {
        self.control.pulse(self.index).start();
        let executor = self.executor()?;
        let gatekeeper = self.gatekeeper.as_ref().map(|settings| Rc::new(Gatekeeper::new(settings, self.cpu)));
        let site = |listener| {
            let service = service(self.index, listener).with_gatekeeper(gatekeeper.clone());
            let site = Site::new(service, &self.timeouts);
            site.service().set_unix_time(self.clock.unix_seconds());
            Rc::new(site)
        };
        let sites: Vec<Rc<Site>> = (0..self.listeners.len()).map(site).collect();
        let forwards = self.listeners.iter().map(|listener| listener.upstream);
        let counters: Vec<_> = sites.iter().map(Rc::clone).zip(forwards).collect();
        let outcome: Result<(), String> = executor.run(async move {
            // glommio's first sleep takes tens of milliseconds; not in front of a customer.
            glommio::timer::sleep(Duration::from_micros(1)).await;
            // Whoever waits for this has gone only if the process is ending.
            let on_ready = || drop(reports.send(Report::Ready));
            let (clock, control) = (self.clock, Arc::clone(&self.control));
            let settings = EngineSettings {
                listeners: self.listeners.into_iter().map(|listener| listener.socket).collect(),
                control: self.control,
                core: self.index,
                clock: self.clock,
                write_timeout: self.timeouts.write,
                gatekeeper,
            };
            match self.engine {
                Engine::Ring => {
                    let counters = Counters::new(counters, &self.upstreams, &control);
                    let serve = |socket, listener| counters.serve(socket, listener);
                    let on_tick = |seconds| counters.tick(seconds, clock.now());
                    ring::drive(settings, serve, on_ready, on_tick).await.map_err(|error| format!("io_uring: {error}"))
                }
                Engine::Glommio => {
                    let counters = Counters::new(counters, &self.upstreams, &control);
                    let serve = |socket, listener| counters.serve(socket, listener);
                    let on_tick = |seconds| counters.tick(seconds, clock.now());
                    streams::drive(settings, serve, on_ready, on_tick).await;
                    Ok(())
                }
            }
        });
        outcome?;
        let mut tally = Tally::default();
        for site in &sites {
            tally += site.service().tally();
        }
        Ok(tally)
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

/// What a panic said, on one line.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// glommio's minimum: there is no file I/O here.
const EXECUTOR_IO_MEMORY: usize = 64 << 10;
/// glommio's rings carry timers and an eventfd.
const EXECUTOR_RING_DEPTH: usize = 64;
/// How often a busy core enters glommio's reactor: never, as the ring's sockets aren't glommio's, and a core that sleeps does so in the reactor anyway.
/// Not less: an executor that loses its CPU for so long between setting this timer and looking at its tasks takes them for preempted, and
/// sleeps, perhaps for ever.
const PREEMPT_RING: Duration = Duration::from_secs(3600);
/// Streams are, and each waits for the reactor while others are busy.
const PREEMPT_STREAMS: Duration = Duration::from_millis(50);
