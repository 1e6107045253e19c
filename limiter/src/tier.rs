//! The quotas that a client falls under, and what they say together.

use crate::algorithm::Grant;
use crate::meter::{Denial, MeterTable, Verdict};
use crate::table::Shard;
use crate::{Decision, Key, Nanos, Quota, SwapError, WhenFull};

/// Quotas and their tables. There is at least one.
#[derive(Debug)]
pub(crate) struct Tier {
    quotas: Box<[Quota]>,
    meters: Box<[MeterTable]>,
}

impl Tier {
    /// `table` is asked for the shards of one table after the other.
    pub(crate) fn new(quotas: &[Quota], when_full: WhenFull, mut table: impl FnMut() -> Vec<Shard>) -> Self {
        let meters = quotas.iter().map(|quota| MeterTable::new(quota, table(), when_full)).collect();
        Self { quotas: quotas.into(), meters }
    }

    pub(crate) fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// The first quota at work.
    #[inline(always)]
    pub(crate) fn first(&self) -> &MeterTable {
        &self.meters[0]
    }

    pub(crate) fn decide(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        // One quota looks and charges in one step.
        let denial = if self.meters.len() > 1 { self.longest_denial(key, cost, now) } else { None };
        denial.unwrap_or_else(|| self.ask(|meter| meter.decide(key, cost, now)))
    }

    pub(crate) fn peek(&self, key: Key, cost: u32, now: Nanos) -> Decision {
        self.longest_denial(key, cost, now).unwrap_or_else(|| self.ask(|meter| meter.peek(key, cost, now)))
    }

    /// The denial of the enforced quota that holds out longest, and so the one that says when the request passes.
    fn longest_denial(&self, key: Key, cost: u32, now: Nanos) -> Option<Decision> {
        let mut longest: Option<(Denial, u8)> = None;
        for (index, (quota, meter)) in (0_u8..).zip(self.quotas.iter().zip(&self.meters)) {
            if quota.is_shadow() {
                continue;
            }
            match meter.peek(key, cost, now) {
                Err(denial) if longest.is_none_or(|(known, _)| denial.retry_after > known.retry_after) => {
                    longest = Some((denial, index));
                }
                _ => {}
            }
        }
        longest.map(|(denial, index)| denial.by(index))
    }

    /// Asks every quota in turn and answers for all: the first enforced denial, or the tightest grant.
    fn ask(&self, verdict: impl Fn(&MeterTable) -> Verdict) -> Decision {
        let mut tightest: Option<(Grant, u8)> = None;
        let mut delay = Nanos::ZERO;
        let mut would_deny = false;
        for (index, (quota, meter)) in (0_u8..).zip(self.quotas.iter().zip(&self.meters)) {
            match verdict(meter) {
                Err(_) if quota.is_shadow() => would_deny = true,
                Err(denial) => return denial.by(index),
                Ok(_) if quota.is_shadow() => {}
                Ok(grant) => {
                    delay = delay.max(grant.delay);
                    if tightest.is_none_or(|(least, _)| grant.remaining < least.remaining) {
                        tightest = Some((grant, index));
                    }
                }
            }
        }
        // With nothing but shadow quotas nothing limits the client.
        let unlimited = Grant { remaining: u32::MAX, reset_after: Nanos::ZERO, delay };
        let (grant, index) = tightest.unwrap_or((unlimited, 0));
        Grant { delay, ..grant }.decision(index, would_deny)
    }

    pub(crate) fn refund(&self, key: Key, cost: u32, charged_at: Nanos, now: Nanos) {
        for meter in &self.meters {
            meter.refund(key, cost, charged_at, now);
        }
    }

    pub(crate) fn set_quota(&self, index: usize, quota: &Quota) -> Result<(), SwapError> {
        let meter = self.meters.get(index).ok_or(SwapError::Index)?;
        if self.quotas[index].is_shadow() != quota.is_shadow() {
            return Err(SwapError::Incompatible);
        }
        meter.set(quota)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.meters.iter().map(MeterTable::bytes).sum()
    }
}
