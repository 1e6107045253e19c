//! Who is told when a breaker opens. What the cores make of it is tested over real sockets, in `tests/proxy/breaker.rs`.

use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tollgate_limiter::breaker::{CircuitBreaker, Config};

use super::*;
use crate::drain::{Bell, Control};
use crate::overload::OverloadSettings;
use crate::proxy::{ProxyServer, ProxySettings, Queue, UpstreamTimeouts};
use crate::streams::StreamSocket;

const NOW: Nanos = Nanos::from_secs(1);

/// What one of two cores sees of an upstream with two servers.
fn upstream(control: &Arc<Control>) -> Upstream<StreamSocket> {
    let server = |port| ProxyServer {
        address: ([127, 0, 0, 1], port).into(),
        breaker: Arc::new(CircuitBreaker::new(&Config::gateway()).expect("a breaker")),
    };
    let settings = ProxySettings {
        servers: [1, 2].map(server).into(),
        host: String::new(),
        max_in_flight: 1,
        queue: Queue::default(),
        timeouts: UpstreamTimeouts::default(),
        overload: OverloadSettings::default(),
        priorities: Vec::new(),
    };
    Upstream::new(&settings, Arc::clone(control))
}

/// Nobody reaches this server any more, and the core says so.
fn give_up(upstream: &Upstream<StreamSocket>, number: usize) {
    let server = &upstream.servers()[number];
    while let Ok(permit) = server.breaker.try_acquire(NOW) {
        upstream.tell(server, permit.record_with_duration(Outcome::Unreachable, Nanos::ZERO, NOW), NOW);
    }
}

fn has_rung(bell: &Bell) -> bool {
    let both = &mut [PollFd::new(bell, PollFlags::IN), PollFd::new(bell.pillow(), PollFlags::IN)];
    poll(both, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("a look") == 2
}

#[test]
fn whoever_sees_the_last_breaker_open_rings_the_bells_of_all_cores() {
    let control = Arc::new(Control::new(2, 1).expect("bells"));
    let upstream = upstream(&control);
    let rung = || [0, 1].map(|core| has_rung(control.bell(core)));
    give_up(&upstream, 0);
    assert_eq!(rung(), [false; 2], "the other server is left, and nobody waits in vain");
    give_up(&upstream, 1);
    assert_eq!(rung(), [true; 2]);
}
