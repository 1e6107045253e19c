//! Many decisions in one request.
//!
//! ```text
//! POST /v1/decide                 {"requests": [{"id": "7"}, {"id": "8", "cost": 3}], "peek": false}
//! 200                             {"decisions": [{"decision": "allow", "remaining": 4, "reset_after_ms": 5000, "delay_ms": 0},
//!                                                {"decision": "deny", "reason": "quota", "policy": "default", "retry_after_ms": 4980}]}
//! ```
//!
//! Decisions stand in the order of the requests and are made in it, so an id that is there twice is charged twice. All of a batch is understood
//! before any of it is decided: one that is refused has charged nobody.
//!
//! A denial by a quota says in `"policy"` which one it was, under the name that `RateLimit` fields give it. One by a ban, by the deny list or by the bound
//! on ids per peer is explained by its reason alone. Where there is nothing to wait for, `retry_after_ms` is missing.
//!
//! Where several policies must allow, each request says what they count by: `"peer"` is the address for policies that count addresses, and for the bound
//! on ids per peer; `"ids"` has the ids of the others, by the names of the policies: `{"id": "7", "peer": "192.0.2.9", "ids": {"tenant": "acme"}}`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tollgate_limiter::{Decision, Nanos};

use crate::http::{ratelimit::QuotaName, response::reason};

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch<'a> {
    /// One for each decision.
    #[serde(borrow)]
    pub requests: Vec<Asked<'a>>,
    /// Look, and charge nothing.
    #[serde(default)]
    pub peek: bool,
}

/// One request to be decided on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked<'a> {
    /// Whose it is.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// As many requests as it counts for.
    #[serde(default = "one")]
    pub cost: u32,
    /// The address it comes from.
    #[serde(default)]
    pub peer: Option<IpAddr>,
    /// Its ids by further policies, by their names.
    #[serde(default)]
    pub ids: BTreeMap<String, String>,
}

/// Why a batch is not understood.
#[derive(Debug)]
pub enum BatchError {
    /// Not the JSON that it must be.
    Json(serde_json::Error),
    /// No request in it.
    Empty,
    /// More requests than are taken at once.
    TooMany(usize),
    /// The id of the request with this index is empty.
    NoId(usize),
    /// The id of the request with this index is longer than so many bytes.
    LongId(usize, usize),
    /// The request with this index lacks the address that the policy of this name counts by.
    NoPeer(usize, String),
    /// The request with this index lacks the id that the policy of this name counts by, or it is empty.
    NoPolicyId(usize, String),
    /// The request with this index has an id for a policy that doesn't exist, or counts addresses.
    UnknownPolicy(usize, String),
}

impl<'a> Batch<'a> {
    /// Reads and checks a batch.
    ///
    /// # Errors
    ///
    /// When anything in it could not be decided on.
    pub fn read(content: &'a [u8], id_bytes: usize) -> Result<Batch<'a>, BatchError> {
        let batch: Batch<'a> = serde_json::from_slice(content).map_err(BatchError::Json)?;
        match batch.requests.len() {
            0 => return Err(BatchError::Empty),
            count if count > MOST_REQUESTS => return Err(BatchError::TooMany(count)),
            _ => {}
        }
        for (index, asked) in batch.requests.iter().enumerate() {
            if asked.id.is_empty() {
                return Err(BatchError::NoId(index));
            }
            if asked.ids.values().map(String::len).chain([asked.id.len()]).any(|length| length > id_bytes) {
                return Err(BatchError::LongId(index, id_bytes));
            }
        }
        Ok(batch)
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchError::Json(error) => {
                // It may quote what was sent.
                let error: String = error.to_string().chars().filter(|c| !c.is_control()).take(LONGEST_QUOTE).collect();
                write!(f, "the content is not understood: {error}: send {EXAMPLE}")
            }
            BatchError::Empty => write!(f, "requests is empty: send {EXAMPLE}"),
            BatchError::TooMany(count) => {
                write!(f, "requests has {count} members: send at most {MOST_REQUESTS} at a time")
            }
            BatchError::NoId(index) => write!(f, "requests[{index}].id is empty: send {EXAMPLE}"),
            BatchError::LongId(index, most) => write!(f, "requests[{index}].id is too long: send at most {most} bytes"),
            BatchError::NoPeer(index, name) => {
                write!(f, "requests[{index}].peer is missing: send the address that {name} counts by")
            }
            BatchError::NoPolicyId(index, name) => {
                write!(f, "requests[{index}].ids.{name} is missing: send the id that the policy {name} counts by")
            }
            BatchError::UnknownPolicy(index, name) => {
                let name: String = name.chars().take(LONGEST_QUOTE).collect();
                write!(f, "requests[{index}].ids names no policy that takes ids here: {name:?}")
            }
        }
    }
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct Decisions {
    decisions: Vec<Told>,
}

/// One decision as it is told. Milliseconds are rounded up; where there is no bound, the number is missing.
#[derive(Debug, Serialize)]
#[serde(tag = "decision", rename_all = "lowercase")]
enum Told {
    Allow {
        #[serde(skip_serializing_if = "Option::is_none")]
        remaining: Option<u32>,
        reset_after_ms: u64,
        delay_ms: u64,
    },
    Deny {
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

impl Decisions {
    /// `decisions` as JSON, each with the quota that it was denied by, if it was one.
    pub fn json<'a>(decisions: impl IntoIterator<Item = (Decision, Option<QuotaName<'a>>)>) -> String {
        let decisions = decisions.into_iter().map(|(decision, by_quota)| Told::new(decision, by_quota)).collect();
        serde_json::to_string(&Decisions { decisions }).expect("strings and numbers")
    }
}

impl Told {
    fn new(decision: Decision, by_quota: Option<QuotaName<'_>>) -> Told {
        match decision {
            Decision::Allow { remaining, reset_after, delay, .. } => Told::Allow {
                remaining: (remaining != u32::MAX).then_some(remaining),
                reset_after_ms: millis(reset_after),
                delay_ms: millis(delay),
            },
            Decision::Deny { retry_after, .. } => Told::Deny {
                reason: reason(decision),
                policy: by_quota.map(|name| name.to_string()),
                retry_after_ms: (retry_after != Nanos::MAX).then(|| millis(retry_after)),
            },
        }
    }
}

fn millis(span: Nanos) -> u64 {
    span.as_u64().div_ceil(1_000_000)
}

fn one() -> u32 {
    1
}

/// What may be asked for at once: the answer to it fits the output of one turn.
pub const MOST_REQUESTS: usize = 256;
/// Content of one batch: as many requests with ids of 200 bytes.
pub const MOST_BYTES: u64 = 64 << 10;

const EXAMPLE: &str = "{\"requests\": [{\"id\": \"7\", \"cost\": 1}]}";
/// Characters of what a JSON reader says about foreign text.
const LONGEST_QUOTE: usize = 120;
