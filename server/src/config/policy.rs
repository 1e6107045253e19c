//! `[[policy]]` and `max-ids-per-peer`: what else a request must pass, besides the quota of its client.

use std::fmt;
use std::str::FromStr;

use tollgate_limiter::{Algorithm, Capacity, Quota, QuotaError, Settings, WhenFull};

use super::problem::{Problem, quoted};
use super::section::{Review, Section};
use super::typed::{At, Typed};
use super::{Config, MOST_QUOTAS, TypedQuota, build_all, file, value};
use crate::http::ratelimit::FIRST;
use crate::identity::{ClientIdSource, ClientIdSourceError};
use crate::policy::{MOST_FURTHER, Missing, place};

/// One more policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What the operator calls it.
    pub name: String,
    /// Where a request says whom it counts.
    pub client_id: ClientIdSource,
    /// Its quotas; all must allow.
    pub quotas: Vec<Quota>,
    /// Clients that fit in its tables.
    pub max_clients: Capacity,
    /// What becomes of a request that doesn't say.
    pub missing: Missing,
}

/// One more policy as typed.
#[derive(Debug)]
pub struct TypedPolicy {
    /// Where it stands.
    pub at: At,
    /// What the operator calls it.
    pub name: String,
    /// Where a request says whom it counts.
    pub client_id: ClientIdSource,
    /// Its quotas.
    pub limits: Vec<(At, TypedQuota)>,
    /// The algorithm of those that name none.
    pub algorithm: Option<Algorithm>,
    /// Clients that fit in its tables.
    pub max_clients: Option<Capacity>,
    /// What becomes of a request that doesn't say.
    pub missing: Option<Missing>,
}

/// How many ids one peer may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MaxIdsPerPeer {
    /// As many as it likes.
    #[default]
    Off,
    /// So many new ones in a window.
    Most {
        /// How many, in how long.
        quota: Quota,
        /// Where the address of a peer is read, if it is a trusted proxy.
        peer: ClientIdSource,
    },
}

/// Why a text is no bound on ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaxIdsPerPeerError {
    /// Neither `off` nor a bound.
    Quota(QuotaError),
    /// What stands behind the comma names no address.
    Peer(String),
}

/// Reads `[[policy]]`.
pub(super) fn read(top: &mut Section<'_, '_>, review: &mut Review) -> Vec<TypedPolicy> {
    let tables = top.array(review, "policy", "write [[policy]] above each policy");
    tables.into_iter().filter_map(|(at, section)| read_one(at, section, review)).collect()
}

fn read_one(at: At, mut section: Section<'_, '_>, review: &mut Review) -> Option<TypedPolicy> {
    let missing_keys: Vec<(&str, &str)> = [
        ("name", "missing: name it, like name = \"per-address\""),
        ("client-id", "missing: say what it counts by, like client-id = \"peer-ip\""),
        ("limit", "missing: write its quota, like limit = \"100/1s,fixed-window\""),
    ]
    .into_iter()
    .filter(|(key, _)| !section.has(key))
    .collect();
    let name = section.read(review, "name", name);
    let client_id = section.read(review, "client-id", str::parse);
    let limits = file::limits(&mut section, review);
    let algorithm = section.read(review, "algorithm", str::parse);
    let max_clients = section.read(review, "max-clients", value::max_clients);
    let missing = section.read(review, "missing", str::parse);
    for (key, cure) in missing_keys {
        review.problems.push(Problem::new(at.place.clone(), section.name(key), cure));
    }
    section.finish(review);
    Some(TypedPolicy { at, name: name?, client_id: client_id?, limits: limits?, algorithm, max_clients, missing })
}

/// A name as `RateLimit` fields and batches take it.
fn name(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("name it with at most 40 letters, digits, - and _, like per-address")
    }
}

/// What the policies of the file mean, where `algorithm` and `max_clients` are those of the first policy.
pub(super) fn meant(
    typed: Vec<TypedPolicy>,
    first_quotas: usize,
    algorithm: Algorithm,
    max_clients: Capacity,
    problems: &mut Vec<Problem>,
) -> Vec<Policy> {
    check_names(&typed, first_quotas, problems);
    if let Some(one_too_many) = typed.get(MOST_FURTHER) {
        problems.push(one_too_many.at.problem(format_args!("more than {MOST_FURTHER} policies: drop one")));
    }
    let meant = |typed: TypedPolicy| Policy {
        quotas: build_all(&typed.limits, typed.algorithm.unwrap_or(algorithm), problems),
        name: typed.name,
        client_id: typed.client_id,
        max_clients: typed.max_clients.unwrap_or(max_clients),
        missing: typed.missing.unwrap_or_default(),
    };
    typed.into_iter().map(meant).collect()
}

/// Each quota has one name in `RateLimit`: that of its policy, and from the second on a number behind it.
fn check_names(typed: &[TypedPolicy], first_quotas: usize, problems: &mut Vec<Problem>) {
    let names = |name: &str, quotas: usize| -> Vec<String> {
        (1..=quotas.max(1)).map(|n| if n == 1 { name.to_owned() } else { format!("{name}-{n}") }).collect()
    };
    let mut taken = names(FIRST, first_quotas);
    for policy in typed {
        let own = names(&policy.name, policy.limits.len());
        if let Some(twice) = own.iter().find(|name| taken.contains(name)) {
            let what = format_args!("the name {} is that of another quota: choose another one", quoted(twice));
            problems.push(Problem::new(policy.at.place.clone(), format!("{}.name", policy.at.subject), what));
        }
        taken.extend(own);
    }
}

/// Says what is wrong with the bound on ids.
pub(super) fn check_ids_per_peer(typed: &Typed, problems: &mut Vec<Problem>) {
    let Some((at, MaxIdsPerPeer::Most { .. })) = &typed.max_ids_per_peer else { return };
    let source = typed.client_id.clone().unwrap_or_default();
    if source.is_address() {
        problems.push(at.problem(format_args!(
            "with client-id = {source} an address is its only id: drop it, or count by query:, header: or cookie:"
        )));
    }
}

impl Config {
    /// Bytes that the limiters of further policies reserve, and those that count ids.
    pub(super) fn policies_memory_bytes(&self, shards: usize) -> u64 {
        let of_policy = |policy: &Policy| policy.max_clients.bytes_per_quota(shards) * policy.quotas.len() as u64;
        let ids = match self.max_ids_per_peer {
            MaxIdsPerPeer::Off => 0,
            MaxIdsPerPeer::Most { .. } => 2 * self.max_clients.bytes_per_quota(shards),
        };
        self.policies.iter().map(of_policy).sum::<u64>() + ids
    }
}

impl Policy {
    /// The share of its limiter. `seed` as in [`Config::limiter_settings`].
    pub fn limiter_settings(&self, when_full: WhenFull, shards: usize, seed: u64) -> Settings {
        Settings {
            quotas: self.quotas.clone(),
            capacity: self.max_clients,
            shards,
            when_full,
            seed,
            ..Settings::default()
        }
    }
}

impl MaxIdsPerPeer {
    /// The shares of the limiters that know who was seen, and who may have new ids; and where a peer's address is read.
    pub fn limiter_settings(
        &self,
        capacity: Capacity,
        shards: usize,
        seeds: [u64; 2],
    ) -> Option<([Settings; 2], ClientIdSource)> {
        let MaxIdsPerPeer::Most { quota, peer } = self else { return None };
        let once = Quota::with(1, quota.period(), Algorithm::FixedWindow).expect("once in a period that is possible");
        let settings = |quota, when_full, seed| Settings {
            quotas: vec![quota],
            capacity,
            shards,
            when_full,
            seed,
            ..Settings::default()
        };
        let seen = settings(once, WhenFull::Forget, seeds[0]);
        let fresh = settings(*quota, WhenFull::Remember, seeds[1]);
        Some(([seen, fresh], peer.clone()))
    }
}

impl FromStr for MaxIdsPerPeer {
    type Err = MaxIdsPerPeerError;

    fn from_str(text: &str) -> Result<MaxIdsPerPeer, MaxIdsPerPeerError> {
        if text == "off" {
            return Ok(MaxIdsPerPeer::Off);
        }
        let (quota, peer) = match text.split_once(',') {
            Some((quota, peer)) => (quota, Some(peer.trim())),
            None => (text, None),
        };
        let quota = Quota::with_algorithm_of(quota, Algorithm::FixedWindow).map_err(MaxIdsPerPeerError::Quota)?;
        let peer = match peer.map(|peer| (peer, peer.parse())) {
            None => ClientIdSource::ForwardedFor,
            Some((_, Ok(source @ ClientIdSource::PeerIp))) => source,
            Some((_, Ok(source @ ClientIdSource::ForwardedFor))) => source,
            Some((_, Ok(source @ ClientIdSource::Forwarded))) => source,
            Some((peer, Ok(_) | Err::<_, ClientIdSourceError>(_))) => {
                return Err(MaxIdsPerPeerError::Peer(peer.to_owned()));
            }
        };
        Ok(MaxIdsPerPeer::Most { quota, peer })
    }
}

/// Prints what [`FromStr`] reads.
impl fmt::Display for MaxIdsPerPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxIdsPerPeer::Off => f.write_str("off"),
            MaxIdsPerPeer::Most { quota, peer } => write!(f, "{quota},{peer}"),
        }
    }
}

impl fmt::Display for MaxIdsPerPeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MaxIdsPerPeerError::Quota(error) => write!(f, "{error}; or write off"),
            MaxIdsPerPeerError::Peer(peer) => write!(
                f,
                "{} is no address of a peer: behind N/PERIOD may stand x-forwarded-for, forwarded or peer-ip",
                quoted(peer)
            ),
        }
    }
}

impl std::error::Error for MaxIdsPerPeerError {}

const LONGEST_NAME: usize = 40;

const _: () = assert!(MOST_QUOTAS <= place::QUOTAS as usize, "every quota of a policy has a number");
