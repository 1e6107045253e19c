//! When a server that was started is ready: it says where it listens, if nobody has, and takes connections there.
//!
//! A connection says nothing and is closed. Rejected: to wait for a good answer, which a server that denies everybody never gives.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;

use tollgate_client::{Clock, Nanos};

use super::child::Child;
use super::{Condition, Launch, StartError};

/// Whether anybody takes connections there.
pub(super) fn has_listener(address: SocketAddr) -> bool {
    connect(address).is_ok()
}

/// Waits until it takes connections. Where.
pub(super) fn ready(child: &Child, launch: &Launch, clock: Clock) -> Result<SocketAddr, StartError> {
    let deadline = clock.now() + launch.ready_within;
    let announced = || child.log().wait_for_address(clock, deadline);
    let address = launch.address.or_else(announced).ok_or_else(|| no_address(child, launch.ready_within, clock))?;
    loop {
        let connected = connect(address);
        let condition = child.condition();
        match connected {
            _ if condition.is_over() => return Err(ended(child, condition, clock)),
            Ok(_) => return Ok(address),
            Err(source) if clock.now() >= deadline => {
                let last_lines = child.log().last_lines();
                return Err(StartError::Unreachable { address, within: launch.ready_within, source, last_lines });
            }
            // Nothing tells us when somebody else begins to listen.
            Err(_) => thread::sleep(BETWEEN_ATTEMPTS.into()),
        }
    }
}

/// Its output has ended, or the time is up.
fn no_address(child: &Child, within: Nanos, clock: Clock) -> StartError {
    // The files of a process are closed a moment before it has ended.
    if child.wait_for_end(clock, clock.now() + LOOK) {
        return ended(child, child.condition(), clock);
    }
    StartError::Unannounced { within, last_lines: child.log().last_lines() }
}

fn ended(child: &Child, condition: Condition, clock: Clock) -> StartError {
    // The last thing it said is why.
    child.log().wait_for_end(clock, clock.now() + LOOK);
    StartError::Ended { condition, last_lines: child.log().last_lines() }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&address, LOOK.into())
}

/// A connection within one machine or network takes less; also the end of a pipe.
const LOOK: Nanos = Nanos::from_millis(500);
const BETWEEN_ATTEMPTS: Nanos = Nanos::from_millis(20);
