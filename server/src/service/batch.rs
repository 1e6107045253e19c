//! Many decisions for one request: what its head must say, and what its content comes to.

use tollgate_limiter::{Decision, Key, Nanos};

use super::{Refusal, Service, Verdict};
use crate::{
    decide::batch::{Batch, Decisions, MOST_BYTES},
    http::{
        Request,
        framing::Framing,
        request::FieldValue,
        request_line::Method,
        response::{Persistence, Plain},
    },
};

impl Service {
    /// Whether the head of a batch lets its content be read.
    pub(super) fn expect_batch(&self, request: &Request<'_>) -> Verdict {
        let most_bytes = MOST_BYTES.min(self.limits.body_bytes);
        match request.framing {
            _ if request.method != Method::Post => self.refuse(Refusal::NotPost),
            _ if !is_json(request.field("Content-Type")) => self.refuse(Refusal::NotJson),
            Framing::Length(length) if length > most_bytes => self.refuse(Refusal::BatchTooLarge),
            _ => Verdict::Read { most_bytes },
        }
    }

    /// Decides what is asked for in `content`, and appends the answer.
    pub(crate) fn decide_batch(&self, content: &[u8], now: Nanos, out: &mut Vec<u8>, persistence: Persistence) {
        let (status, kind, body) = match Batch::read(content, self.limits.id_bytes) {
            Ok(batch) => ("200 OK", "application/json", Decisions::json(self.decide_all(&batch, now))),
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
        let allowed = decisions.iter().filter(|decision| decision.is_allow()).count() as u64;
        let all = decisions.len() as u64;
        self.count(|tally| match batch.peek {
            true => tally.peeked += all,
            false => {
                tally.allowed += allowed;
                tally.denied += all - allowed;
            }
        });
        decisions
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
