//! Many decisions for one request: what its head must say, and what its content comes to.

use tollgate_limiter::{Decision, Key, Nanos};

use super::{Refusal, Service, Verdict};
use crate::{
    decide::batch::{Asked, Batch, BatchError, Decisions, MOST_BYTES},
    http::{
        Request,
        framing::Framing,
        request::FieldValue,
        request_line::Method,
        response::{Persistence, Plain},
    },
    identity::with_peer_id,
    overload::class::class_of,
    policy::{Keys, Missing, Policies},
};

impl Service {
    /// Whether the head of a batch lets its content be read.
    pub(super) fn expect_batch(&self, request: &Request<'_>, now: Nanos) -> Verdict {
        let most_bytes = MOST_BYTES.min(self.limits.body_bytes);
        match request.framing {
            _ if request.method != Method::Post => self.refuse(Refusal::NotPost),
            _ if !is_json(request.field("Content-Type")) => self.refuse(Refusal::NotJson),
            Framing::Length(length) if length > most_bytes => self.refuse(Refusal::BatchTooLarge),
            // Whole, and before it is read: what it asks for is known only when the work is done. Nobody is charged.
            _ if self.sheds(self.tally().requests(), now, |gatekeeper| class_of(gatekeeper.priorities(), request)) => {
                Verdict::Shed(None)
            }
            _ => Verdict::Read { most_bytes },
        }
    }

    /// Decides what is asked for in `content`, and appends the answer.
    pub(crate) fn decide_batch(&self, content: &[u8], now: Nanos, out: &mut Vec<u8>, persistence: Persistence) {
        let batch = Batch::read(content, self.limits.id_bytes);
        let decisions = batch.and_then(|batch| match &self.policies {
            None => Ok(self.decide_all(&batch, now)),
            Some(policies) => self.decide_all_by_all(policies, &batch, now),
        });
        let (status, kind, body) = match decisions {
            Ok(decisions) => {
                let told = decisions.into_iter().map(|decision| (decision, self.denied_by(decision)));
                ("200 OK", "application/json", Decisions::json(told))
            }
            Err(error) => {
                self.count(|tally| tally.rejected += 1);
                ("400 Bad Request", "text/plain", format!("{error}\n"))
            }
        };
        let answer = Plain { status, kind, fields: "Cache-Control: no-store\r\n", body: &body };
        self.answers.plain(out, answer, persistence, false);
    }

    fn decide_all(&self, batch: &Batch<'_>, now: Nanos) -> Vec<Decision> {
        let requests = &batch.requests;
        let keys: Vec<Key> = requests.iter().map(|asked| self.limiter.key(asked.id.as_bytes())).collect();
        let costs = || keys.iter().zip(requests).map(|(&key, asked)| (key, asked.cost));
        let decisions: Vec<Decision> = if batch.peek {
            costs().map(|(key, cost)| self.limiter.peek(key, cost, now)).collect()
        } else if requests.iter().all(|asked| asked.cost == 1) {
            let mut decisions = vec![UNDECIDED; keys.len()];
            self.limiter.decide_batch(&keys, now, &mut decisions);
            decisions
        } else {
            costs().map(|(key, cost)| self.limiter.decide_n(key, cost, now)).collect()
        };
        self.count_batch(batch, &decisions);
        decisions
    }

    /// The same where several policies must allow.
    fn decide_all_by_all(
        &self,
        policies: &Policies,
        batch: &Batch<'_>,
        now: Nanos,
    ) -> Result<Vec<Decision>, BatchError> {
        let keys = |(index, asked)| self.batch_keys(policies, index, asked);
        let keys: Vec<Keys> = batch.requests.iter().enumerate().map(keys).collect::<Result<_, _>>()?;
        let decide = |(keys, asked): (&Keys, &Asked<'_>)| match batch.peek {
            true => policies.peek(&self.limiter, keys, asked.cost, now),
            false => policies.decide(&self.limiter, keys, asked.cost, now),
        };
        let decisions: Vec<Decision> = keys.iter().zip(&batch.requests).map(decide).collect();
        self.count_batch(batch, &decisions);
        Ok(decisions)
    }

    /// The keys of one request of a batch.
    fn batch_keys(&self, policies: &Policies, index: usize, asked: &Asked<'_>) -> Result<Keys, BatchError> {
        let further = policies.further();
        let takes_ids =
            |name: &String| further.iter().any(|policy| policy.name == *name && !policy.client_id.is_address());
        if let Some(name) = asked.ids.keys().find(|name| !takes_ids(name)) {
            return Err(BatchError::UnknownPolicy(index, name.clone()));
        }
        let mut keys = Keys::alone(self.limiter.key(asked.id.as_bytes()));
        if let Some(ids) = policies.ids_per_peer() {
            let peer = asked.peer.ok_or_else(|| BatchError::NoPeer(index, "max-ids-per-peer".to_owned()))?;
            keys.peer = Some(ids.keys(peer, asked.id.as_bytes()));
        }
        for (key, policy) in keys.further.iter_mut().zip(further) {
            *key = match (policy.client_id.is_address(), asked.peer, asked.ids.get(&policy.name)) {
                (true, Some(peer), _) => Some(with_peer_id(peer, |id| policy.limiter.key(id))),
                (false, _, Some(id)) if !id.is_empty() => Some(policy.limiter.key(id.as_bytes())),
                (_, _, None) if policy.missing == Missing::Skip => None,
                (true, ..) => return Err(BatchError::NoPeer(index, format!("the policy {}", policy.name))),
                (false, ..) => return Err(BatchError::NoPolicyId(index, policy.name.clone())),
            };
        }
        Ok(keys)
    }

    fn count_batch(&self, batch: &Batch<'_>, decisions: &[Decision]) {
        let allowed = decisions.iter().filter(|decision| decision.is_allow()).count() as u64;
        let all = decisions.len() as u64;
        self.count(|tally| match batch.peek {
            true => tally.peeked += all,
            false => {
                tally.allowed += allowed;
                tally.denied += all - allowed;
            }
        });
    }
}

/// `application/json`, whatever its parameters. A page of another origin cannot send that without asking, and `text/plain` it could.
fn is_json(content_type: FieldValue<'_>) -> bool {
    let FieldValue::Value(value) = content_type else { return false };
    let kind = value.split(|&byte| byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Stands where a decision will be; denies, should it stay there.
const UNDECIDED: Decision = Decision::Deny { retry_after: Nanos::MAX, by: tollgate_limiter::DeniedBy::List };
