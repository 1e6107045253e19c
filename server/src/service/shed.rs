//! What a core that can't keep up turns away, and how that is told.

use std::{hash::Hash, rc::Rc};

use tollgate_limiter::Nanos;

use super::{Service, Verdict};
use crate::{
    decide::Profile,
    http::response::{Persistence, Plain},
    overload::{class::Class, cursor::Priority, gatekeeper::Gatekeeper, pace::Patience},
};

impl Service {
    /// The same service, where a gatekeeper sheds what comes too much. Other services of the core share it.
    #[must_use]
    pub fn with_gatekeeper(mut self, gatekeeper: Option<Rc<Gatekeeper>>) -> Service {
        self.gatekeeper = gatekeeper;
        self.has_more = self.policies.is_some() || self.gatekeeper.is_some();
        self
    }

    /// Whether a request of the client with this `key` is turned away. Counts it, if so.
    pub(super) fn sheds(&self, key: impl Hash, now: Nanos, class: impl FnOnce(&Gatekeeper) -> Class) -> bool {
        let Some(gatekeeper) = self.gatekeeper.as_deref().filter(|gatekeeper| gatekeeper.is_awake()) else {
            return false;
        };
        let class = class(gatekeeper);
        let sheds = !gatekeeper.admits(Priority::new(class, key, now), now);
        if sheds {
            self.count(|tally| tally.shed.0[class.index()] += 1);
        }
        sheds
    }

    /// Whether answers that say no may have to wait.
    #[inline]
    pub(crate) fn holds_back(&self) -> bool {
        self.gatekeeper.as_deref().is_some_and(Gatekeeper::is_awake)
    }

    /// When an answer that says no may go out; `None`: at once.
    pub(crate) fn release(&self, verdict: &Verdict, now: Nanos) -> Option<Nanos> {
        let gatekeeper = self.gatekeeper.as_deref()?;
        let patience = |teller: Option<_>| if teller.is_some() { Patience::Proxy } else { Patience::Client };
        match verdict {
            Verdict::Decided(judged) => gatekeeper.release(patience(judged.teller), now),
            Verdict::Shed(teller) => gatekeeper.release(patience(*teller), now),
            Verdict::Refused(_) => gatekeeper.release(Patience::Proxy, now),
            Verdict::Read { .. } => None,
        }
    }

    /// Appends the answer to a request that was shed.
    pub(crate) fn render_shed(
        &self,
        out: &mut Vec<u8>,
        teller: Option<Profile>,
        persistence: Persistence,
        head_only: bool,
    ) {
        // In turn, so that those who are told the same now don't all come back at once.
        let fields = |texts: [&'static str; 3]| texts[(self.tally().shed.total() % 3) as usize];
        let (status, fields) = match teller {
            None => ("503 Service Unavailable", fields(RETRY)),
            Some(profile) => (profile.shed(), fields(RETRY_TOLD)),
        };
        let answer = Plain { status, kind: "text/plain", fields, body: BODY };
        self.answers.plain(out, answer, persistence, head_only);
    }
}

const BODY: &str = "more comes than this gate can answer: try again in a moment\n";
const RETRY: [&str; 3] = ["Retry-After: 1\r\n", "Retry-After: 2\r\n", "Retry-After: 3\r\n"];
/// As in an answer that says why a client is denied.
const RETRY_TOLD: [&str; 3] = [
    "Cache-Control: no-store\r\nX-Tollgate-Decision: deny\r\nX-Tollgate-Reason: overload\r\nX-Tollgate-Policy: none\r\nRetry-After: 1\r\n",
    "Cache-Control: no-store\r\nX-Tollgate-Decision: deny\r\nX-Tollgate-Reason: overload\r\nX-Tollgate-Policy: none\r\nRetry-After: 2\r\n",
    "Cache-Control: no-store\r\nX-Tollgate-Decision: deny\r\nX-Tollgate-Reason: overload\r\nX-Tollgate-Policy: none\r\nRetry-After: 3\r\n",
];
