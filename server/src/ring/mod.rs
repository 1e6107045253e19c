//! Our io_uring under a glommio executor: the fast engine.
//!
//! glommio's own `TcpStream` arms a one-shot poll per read on a ring without the modern flags, which costs 6 µs per request. Here each
//! executor drives a ring of its own: multishot accept, multishot receive out of shared buffers, one send per batch of
//! answers. The connections remain ordinary glommio tasks; only their sockets are ours.
//!
//! ```text
//!   driver task:  enter ──▶ take completions ──▶ wake tasks ──▶ yield ──▶ (tasks run, queue sends) ──▶ enter ...
//!                 one system call: submits the sends, collects what arrived, waits if nothing has
//! ```
//!
//! Idle, first level: the wait is inside that enter, at most [`WAIT`] long, so that glommio is never away for longer. Second
//! level, after [`PATIENCE`] waits for nothing: [`park`].
//!
//! This folder is the only place in the server with `unsafe`: memory is lent to the kernel here, and descriptors come out of it.

#![allow(
    unsafe_code,
    reason = "the kernel reads and writes memory behind these interfaces; each block says why that is sound"
)]

mod accept;
mod adopt;
mod buffers;
mod driver;
mod park;
mod probe;
mod slots;
mod socket;
mod token;
mod uring;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

pub(crate) use adopt::{descriptor, listener, reset_stream_when_closed};
pub(crate) use probe::probe;
pub(crate) use socket::RingSocket;

use crate::drain::Phase;
use crate::socket::{Again, EngineSettings};
use crate::wheel::Tick;
use driver::Driver;

/// Runs one core's ring until the process drains or stops. `spawn` starts the task of a new connection, knowing to which listener it came; `on_ready` is called when
/// everything that can fail has been set up; `on_tick` hears the wall-clock time, a few times a second, when the bell has rung, and whenever nothing else
/// has happened while it wants to be called soon.
pub(crate) async fn drive(
    settings: EngineSettings,
    spawn: impl Fn(RingSocket, usize),
    on_ready: impl FnOnce(),
    on_tick: impl Fn(u64) -> Again,
) -> io::Result<()> {
    let driver = Rc::new(RefCell::new(Driver::new(settings)?));
    let pillow = driver.borrow_mut().pillow()?;
    let mut patience = PATIENCE;
    let mut ticked = Tick::NEVER;
    let mut again = Again::InTime;
    on_ready();
    loop {
        let worked = driver.borrow_mut().turn(WAIT)?;
        let tick = Tick::at(driver.borrow().now());
        let soon = again == Again::Soon && !worked;
        let told = soon || tick != ticked || driver.borrow().rung;
        if told {
            ticked = tick;
            // Not borrowed meanwhile: the upstream's connections are looked after then.
            let seconds = driver.borrow().clock().unix_seconds();
            again = on_tick(seconds);
        }
        if driver.borrow().rung && is_stopping(&driver) {
            return Ok(());
        }
        start_newborn(&driver, &spawn);
        if driver.borrow().is_drained() {
            return Ok(());
        }
        // Whom the tick has woken runs after this, and what it has to send goes out with the next turn: no sleep before that.
        patience = match worked {
            true => PATIENCE,
            false if told => patience,
            false => patience - 1,
        };
        if patience == 0 {
            patience = PATIENCE;
            if may_sleep(&driver)? {
                pillow.sleep().await;
            }
            driver.borrow_mut().uring.notify(false);
        }
        yield_once().await;
    }
}

/// Gives every accepted connection its task.
fn start_newborn(driver: &Rc<RefCell<Driver>>, spawn: &impl Fn(RingSocket, usize)) {
    loop {
        // Not in the loop's head: the task runs at once and borrows the driver.
        let Some(newborn) = driver.borrow_mut().next_newborn() else { return };
        spawn(RingSocket::new(Rc::clone(driver), newborn.slot), newborn.listener);
    }
}

/// Looks at what the bell was rung for, and says whether it is to leave at once.
fn is_stopping(driver: &Rc<RefCell<Driver>>) -> bool {
    let mut driver = driver.borrow_mut();
    driver.rung = false;
    let phase = driver.control.phase();
    if phase == Phase::Draining && driver.phase == Phase::Serving {
        driver.drain();
    }
    driver.take_over();
    phase == Phase::Stopping
}

/// Prepares a long sleep, in the order that [`park`] demands. `false`: something came meanwhile.
fn may_sleep(driver: &Rc<RefCell<Driver>>) -> io::Result<bool> {
    let driver = &mut *driver.borrow_mut();
    driver.set_alarm();
    driver.uring.notify(true);
    driver.uring.enter(0, Duration::ZERO)?;
    Ok(driver.is_at_rest() && !driver.uring.has_completions())
}

/// Lets every task that is ready run, then goes on.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The longest wait inside the ring, and so the longest that glommio's own timers on an idle core are late. A wait shorter than the
/// kernel's tick makes it program the hardware timer for every sleep, which on a virtual machine costs an exit each: with one
/// connection, 2 ms instead of 20 cost 3 µs more per request.
const WAIT: Duration = Duration::from_millis(20);
/// Waits for nothing before the core goes to sleep for long: a tenth of a second.
const PATIENCE: u32 = 5;
