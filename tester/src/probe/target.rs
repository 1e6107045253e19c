//! Whom to ask, what to send, and how much of it.

use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, ToSocketAddrs};

use tollgate_client::Nanos;
use tollgate_client::plan::{Plan, PlanSettings, Planned, RequestSettings};

use super::error::ProbeError;

/// A limiter to be asked.
#[derive(Debug)]
pub struct Target {
    plan: Plan,
    address: SocketAddr,
    first_id: u32,
}

/// How much may be asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests in all.
    pub requests: u32,
    /// Requests a second.
    pub rate: u32,
    /// For how long. (`--for`)
    pub time: Nanos,
}

impl Target {
    /// The place that `request` names, with the id where it says. Ids are digits, chosen at random: nobody has seen them before.
    ///
    /// # Errors
    ///
    /// When the request can't be, or nobody knows the host.
    pub fn new(request: RequestSettings) -> Result<Self, ProbeError> {
        let plan = Plan::new(PlanSettings { clients: u32::MAX, request, ..PlanSettings::default() })?;
        let (host, port) = (plan.request().host(), plan.request().port());
        let unknown = |error| ProbeError::Unknown { host: host.to_owned(), error };
        let mut addresses = (host, port).to_socket_addrs().map_err(unknown)?;
        let address = addresses.next().ok_or_else(|| unknown(std::io::ErrorKind::NotFound.into()))?;
        let first_id = (RandomState::new().hash_one(0) as u32).min(u32::MAX - MOST_IDS);
        Ok(Self { plan, address, first_id })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Appends a request of the probe's `id`-th id.
    pub(super) fn render(&self, id: u32, out: &mut Vec<u8>) {
        self.plan.request().render(&Planned { n: 0, id: self.first_id.saturating_add(id), due: None }, out);
    }

    /// Whether answers have no body.
    pub(super) fn is_head(&self) -> bool {
        self.plan.request().method_is_head()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests: 20_000, rate: 5_000, time: Nanos::from_secs(60) }
    }
}

/// Far more than a probe uses.
const MOST_IDS: u32 = 1_000_000;
