//! Where the connections of one core are served: those of each listener by the gate itself, or by what stands behind it.

use std::rc::Rc;
use std::sync::Arc;

use tollgate_limiter::Nanos;

use crate::connection::{Site, serve};
use crate::drain::Control;
use crate::proxy::{self, Gate, ProxySettings, Upstreams};
use crate::socket::{Again, Socket};

/// One counter per listener. What the upstreams have to give is common to the counters that forward to them.
pub(super) struct Counters<S> {
    counters: Vec<Counter<S>>,
    upstreams: Upstreams<S>,
}

struct Counter<S> {
    site: Rc<Site>,
    gate: Option<Rc<Gate<S>>>,
}

impl<S: Socket + 'static> Counters<S> {
    /// `sites` are the listeners', each with the index of the upstream that it forwards to.
    pub fn new(
        sites: impl IntoIterator<Item = (Rc<Site>, Option<usize>)>,
        upstreams: &[ProxySettings],
        control: &Arc<Control>,
    ) -> Counters<S> {
        let upstreams = Upstreams::new(upstreams, control);
        let counter = |(site, upstream): (Rc<Site>, Option<usize>)| Counter {
            gate: upstream.map(|index| Rc::new(upstreams.gate(index, Rc::clone(&site)))),
            site,
        };
        let counters = sites.into_iter().map(counter).collect();
        Counters { counters, upstreams }
    }

    /// Starts the task of a connection that came to this listener.
    pub fn serve(&self, socket: S, listener: usize) {
        let Counter { site, gate } = &self.counters[listener];
        match gate {
            None => glommio::spawn_local(serve(socket, Rc::clone(site))).detach(),
            Some(gate) => glommio::spawn_local(proxy::serve(socket, Rc::clone(gate))).detach(),
        };
    }

    /// What has to be done a few times a second, and when again.
    pub fn tick(&self, unix_seconds: u64, now: Nanos) -> Again {
        for counter in &self.counters {
            counter.site.service().set_unix_time(unix_seconds);
        }
        self.upstreams.sweep(now)
    }
}
