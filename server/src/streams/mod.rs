//! The other engine: glommio's own TCP streams, as glommio means them to be used.
//!
//! It is the reference that the ring is compared with, in tests and in figures, and what is left on kernels without the ring's features. It
//! costs about three times the CPU per request: a receive, a poll and a send each, and glommio's reactor around them.
//!
//! Everything but the sockets is the same: the connections, the deadlines, the drain.

mod hang_up;
mod hub;
mod socket;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_lite::future;
use glommio::net::{TcpListener, TcpStream};
use tollgate_limiter::Nanos;

pub(crate) use socket::StreamSocket;

use crate::clock::Clock;
use crate::drain::Phase;
use crate::overload::gatekeeper::Gatekeeper;
use crate::ring;
use crate::socket::{Again, EngineSettings};
use hub::Hub;

/// Serves one core's streams until the process drains or stops. `spawn` starts the task of a new connection, knowing to which listener it
/// came; `on_ready` is called when everything that can fail has been set up; `on_tick` hears the wall-clock time, a few times a second or sooner if it wants.
pub(crate) async fn drive(
    settings: EngineSettings,
    spawn: impl Fn(StreamSocket, usize),
    on_ready: impl FnOnce(),
    on_tick: impl Fn(u64) -> Again,
) {
    let EngineSettings { listeners, control, core, clock, write_timeout, gatekeeper } = settings;
    let hub = Hub::new(control, core, clock, Nanos::from(write_timeout), gatekeeper.clone());
    let hub = Rc::new(RefCell::new(hub));
    let scratch = Rc::new(RefCell::new(vec![0; SCRATCH].into_boxed_slice()));
    let listeners: Vec<TcpListener> = listeners.into_iter().map(ring::listener).collect();
    on_ready();
    let start = |stream: TcpStream, listener: usize| {
        spawn(StreamSocket::new(Rc::clone(&hub), Rc::clone(&scratch), stream), listener);
    };
    let ticks = async {
        while hub.borrow_mut().tick() < Phase::Stopping {
            let again = on_tick(clock.unix_seconds());
            hub.borrow().control.pulse(core).beat();
            glommio::timer::sleep(if again == Again::Soon { SOON } else { TICK }).await;
        }
    };
    let work = async {
        let accepting = listeners.iter().enumerate().map(|(index, listener)| -> Pin<Box<dyn Future<Output = ()>>> {
            Box::pin(accept_until_drained(&hub, listener, move |stream| start(stream, index)))
        });
        all(accepting.collect()).await;
        // The next gate may listen while this one's last answers are awaited.
        drop(listeners);
        while hub.borrow().len() > 0 {
            glommio::timer::sleep(TICK).await;
        }
    };
    let served = future::or(ticks, work);
    match gatekeeper {
        None => served.await,
        Some(gatekeeper) => future::or(served, look_out(&hub, clock, &gatekeeper)).await,
    }
}

/// Tells how far the core is behind: how much it worked on before it came to a timer that was due. While nobody sends anything it looks less often.
async fn look_out(hub: &RefCell<Hub>, clock: Clock, gatekeeper: &Gatekeeper) {
    loop {
        let before = clock.cpu_time();
        glommio::timer::sleep(LOOK).await;
        let work = clock.cpu_time().saturating_sub(before);
        gatekeeper.note(work.saturating_sub(LOOK.into()), clock.now());
        let seen = hub.borrow().now;
        glommio::timer::sleep(REST).await;
        if hub.borrow().now == seen {
            glommio::timer::sleep(TICK).await;
        }
    }
}

/// Waits for all of them.
async fn all(mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
    poll_fn(|cx| {
        tasks.retain_mut(|task| task.as_mut().poll(cx).is_pending());
        if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Accepts until the drain, and then until the queue is empty.
async fn accept_until_drained(hub: &RefCell<Hub>, listener: &TcpListener, start: impl Fn(TcpStream)) {
    let waiting = Cell::new(false);
    let drained = async {
        while !hub.borrow().draining {
            glommio::timer::sleep(TICK).await;
        }
        // New handshakes are dropped by now; those that had begun get this long to enter the queue.
        glommio::timer::sleep(SETTLE).await;
        while !waiting.get() {
            glommio::timer::sleep(TICK).await;
        }
    };
    // Giving up a wait for a connection loses the one that comes at that moment, so nothing but the end of the drain does it.
    future::or(accept_forever(hub, listener, start, &waiting), drained).await;
}

/// Accepts; pauses while the process has as many connections as it may, or no descriptors. `waiting` says that the queue is empty.
async fn accept_forever(hub: &RefCell<Hub>, listener: &TcpListener, start: impl Fn(TcpStream), waiting: &Cell<bool>) {
    let mut reported = false;
    loop {
        wait_for_room(hub).await;
        waiting.set(true);
        let accepted = listener.shared_accept().await;
        waiting.set(false);
        match accepted {
            Ok(stream) => {
                reported = false;
                // Bound at once: an accepted stream that is dropped unbound is never closed.
                let stream = stream.bind_to_executor();
                // Another core may have taken the last place meanwhile.
                wait_for_room(hub).await;
                start(stream);
            }
            Err(error) => {
                if !std::mem::replace(&mut reported, true) {
                    tracing::warn!(%error, "cannot accept connections for now; trying again every 100 ms (raise `ulimit -n`?)");
                }
                glommio::timer::sleep(RETRY).await;
            }
        }
    }
}

/// Waits until a connection may come in. In a drain everybody may who is already here.
async fn wait_for_room(hub: &RefCell<Hub>) {
    while hub.borrow().is_full() && !hub.borrow().draining {
        glommio::timer::sleep(RETRY).await;
    }
}

/// Everybody reads to the same place.
const SCRATCH: usize = 16 << 10;
/// How often deadlines and the phase are looked at.
const TICK: Duration = Duration::from_millis(67);
/// How often they are while somebody waits for what the clock brings.
const SOON: Duration = Duration::from_millis(20);
/// How long the timer is that may be late. A turn that is shorter says nothing.
const LOOK: Duration = Duration::from_millis(1);
/// Between two of them.
const REST: Duration = Duration::from_millis(9);
/// How long to wait for descriptors or for others to leave.
const RETRY: Duration = Duration::from_millis(100);
/// How long a handshake that had begun when the drain did may take.
const SETTLE: Duration = Duration::from_millis(50);
