//! All policies asked for one request: all of them are charged, or none.
//!
//! First everybody is looked at. One denial is enough, and then nobody has been charged; the longest `Retry-After` is the one to wait for. Then they
//! are charged in order. Between the two, other cores may use up what was there: the one that then denies has charged nothing, and those before it
//! give back. So a race can only admit too little, by what a refund doesn't give back (see [`Limiter::refund`]).
//!
//! The first policy is charged without a look of its own: it looks and charges in one step, and stands at the front. But its denials count towards
//! bans, so it is asked also when somebody else has denied already.

use tollgate_limiter::{Decision, Key, Limiter, Nanos};

use super::{Keys, Policies, Policy, ids_per_peer::Look, place};

impl Policies {
    /// Decides on a request, `first` being the limiter of the first policy.
    pub fn decide(&self, first: &Limiter, keys: &Keys, cost: u32, now: Nanos) -> Decision {
        match self.denial(keys, cost, now) {
            None => self.charge(first, keys, cost, now),
            Some(denied) => longer(denied, own_denial(first, keys.first, cost, now)),
        }
    }

    /// What [`Policies::decide`] would answer. Changes nothing.
    pub fn peek(&self, first: &Limiter, keys: &Keys, cost: u32, now: Nanos) -> Decision {
        let own = first.peek(keys.first, cost, now);
        let own_denial = (!own.is_allow()).then_some(own);
        match (self.denial(keys, cost, now), own_denial) {
            (Some(denied), own) => longer(denied, own),
            (None, Some(denied)) => denied,
            (None, None) => {
                let mut granted = Granted::default();
                granted.add(own);
                for (number, policy, key) in self.asked(keys) {
                    granted.add(place::numbered(policy.limiter.peek(key, cost, now), number));
                }
                granted.decision()
            }
        }
    }

    /// The denial that holds out longest, the first policy's aside.
    fn denial(&self, keys: &Keys, cost: u32, now: Nanos) -> Option<Decision> {
        let looks =
            self.asked(keys).map(|(number, policy, key)| place::numbered(policy.limiter.peek(key, cost, now), number));
        let too_many = self.ids_per_peer.as_ref().zip(keys.peer).and_then(|(ids, peer)| match ids.look(peer, now) {
            Look::OneTooMany(denied) => Some(denied),
            Look::Known | Look::New => None,
        });
        looks.filter(|look| !look.is_allow()).chain(too_many).reduce(|longest, denied| longer(longest, Some(denied)))
    }

    /// Charges all, in order, or gives back what was charged before the one that denies.
    pub(super) fn charge(&self, first: &Limiter, keys: &Keys, cost: u32, now: Nanos) -> Decision {
        let own = first.decide_n(keys.first, cost, now);
        if !own.is_allow() {
            return own;
        }
        let mut granted = Granted::default();
        granted.add(own);
        for (number, policy, key) in self.asked(keys) {
            let decision = place::numbered(policy.limiter.decide_n(key, cost, now), number);
            if !decision.is_allow() {
                self.give_back(first, keys, number, cost, now);
                return decision;
            }
            granted.add(decision);
        }
        if let Some((ids, peer)) = self.ids_per_peer.as_ref().zip(keys.peer)
            && let Err(denied) = ids.enter(peer, now)
        {
            self.give_back(first, keys, usize::MAX, cost, now);
            return denied;
        }
        granted.decision()
    }

    /// Takes back the charges of all policies before the one with this number.
    #[cold]
    fn give_back(&self, first: &Limiter, keys: &Keys, end: usize, cost: u32, now: Nanos) {
        first.refund(keys.first, cost, now, now);
        for (_, policy, key) in self.asked(keys).take_while(|(number, ..)| *number < end) {
            policy.limiter.refund(key, cost, now, now);
        }
    }

    /// The further policies that hold for a request, each with its number and key.
    fn asked<'p>(&'p self, keys: &'p Keys) -> impl Iterator<Item = (usize, &'p Policy, Key)> {
        let further = self.further.iter().zip(&keys.further).zip(1..);
        further.filter_map(|((policy, key), number)| Some((number, policy, (*key)?)))
    }
}

/// What the first policy says when another one has denied: a denial of its own, counted towards a ban, or nothing.
fn own_denial(first: &Limiter, key: Key, cost: u32, now: Nanos) -> Option<Decision> {
    if first.peek(key, cost, now).is_allow() {
        return None;
    }
    let own = first.decide_n(key, cost, now);
    if own.is_allow() {
        // Room came up since the look, for a request that doesn't pass.
        first.refund(key, cost, now, now);
        return None;
    }
    Some(own)
}

/// Of two denials the one that has to be waited for.
fn longer(one: Decision, other: Option<Decision>) -> Decision {
    match (one, other) {
        (Decision::Deny { retry_after: a, .. }, Some(other @ Decision::Deny { retry_after: b, .. })) if b > a => other,
        _ => one,
    }
}

/// What those that allowed say together: the fewest requests left, the longest delay.
#[derive(Default)]
struct Granted {
    tightest: Option<(u32, Nanos, u8)>,
    delay: Nanos,
    would_deny: bool,
}

impl Granted {
    fn add(&mut self, decision: Decision) {
        let Decision::Allow { remaining, reset_after, delay, quota_index, would_deny } = decision else { return };
        self.delay = self.delay.max(delay);
        self.would_deny |= would_deny;
        // That many are left to whom nothing limits.
        if remaining < self.tightest.map_or(u32::MAX, |(least, ..)| least) {
            self.tightest = Some((remaining, reset_after, quota_index));
        }
    }

    fn decision(self) -> Decision {
        let (remaining, reset_after, quota_index) = self.tightest.unwrap_or((u32::MAX, Nanos::ZERO, place::NONE));
        let Granted { delay, would_deny, .. } = self;
        Decision::Allow { remaining, reset_after, delay, quota_index, would_deny }
    }
}
