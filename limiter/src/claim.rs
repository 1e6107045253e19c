//! Claiming a slot for a client that has none.
//!
//! One client must never have two slots, which would be two quotas, although threads look at different moments, by clocks that differ,
//! at slots that expire meanwhile. The protocol, argued by its interleavings in `DESIGN.md` beside this crate:
//!
//! 1. scan all candidates; a confirmed slot of this key (expired or not): decide on it as usual;
//! 2. a pending slot of this key: somebody is claiming; go on from step 4 with that slot. None: pick a slot that is empty or expired, in
//!    the first line with at most one live slot, else the line with the fewest; all live: see [`WhenFull`];
//! 3. compare-and-swap it to a pending word that was never there before; failed: start again;
//! 4. scan the other candidates: this key confirmed, retract mine and start again; this key pending at a higher index, kill it; at a lower
//!    index, retract mine and start again;
//! 5. still in debt: retract mine, deny. Else compare-and-swap pending → confirmed with the first state; failed: start again.

use crate::debt::raise;
use crate::slot::{self, Content};
use crate::sync::{AtomicU128, Ordering, fence};
use crate::table::{Change, Hit, NoSlot, Place, SLOTS_PER_LINE, Shard, Steps};
use crate::{Nanos, WhenFull};

/// Where a claim got to.
enum Claim<R> {
    Done(R),
    NoSlot(NoSlot),
    Again,
}

/// The slot that a new client gets.
struct Pick {
    index: usize,
    word: u128,
    /// The owner to be displaced, and when its state expires.
    displaced: Option<(u64, Nanos)>,
    /// When the state that is overwritten expires or expired.
    expiry: Nanos,
}

/// What a scan of the candidates found.
enum Scan {
    /// This key has a slot.
    Confirmed,
    /// Somebody is claiming for this key.
    Pending(usize, u128),
    Room(Pick),
    /// All live, and the table may not displace; the first falls free at this instant.
    Full(Nanos),
}

impl Shard {
    /// Decides for a client that has no confirmed slot, and gives it one if the decision wants to be remembered.
    #[cold]
    pub(crate) fn claim<S: Steps>(
        &self,
        place: &Place,
        now: Nanos,
        when_full: WhenFull,
        steps: &S,
    ) -> Result<S::Answer, NoSlot> {
        let now = now.min(END_OF_TIME);
        for _ in 0..MAX_TRIES {
            match self.try_claim(place, now, when_full, steps) {
                Claim::Done(answer) => return Ok(answer),
                Claim::NoSlot(why) => return Err(why),
                Claim::Again => {}
            }
            loop {
                match self.hit(place, now, steps) {
                    Hit::Done(answer) => return Ok(answer),
                    Hit::Lost => {}
                    Hit::Absent => break,
                }
            }
        }
        // Only reached while others keep claiming the very slots that this key wants.
        Err(NoSlot::Full(now.saturating_add(BUSY)))
    }

    /// Whether a client without a slot would get one: [`Shard::claim`] without the claim.
    pub(crate) fn room<S: Steps>(
        &self,
        place: &Place,
        now: Nanos,
        when_full: WhenFull,
        steps: &S,
    ) -> Result<(), NoSlot> {
        let now = now.min(END_OF_TIME);
        match self.scan(place, now, when_full, steps) {
            Scan::Full(until) => Err(NoSlot::Full(until)),
            Scan::Confirmed | Scan::Pending(..) => Ok(()),
            Scan::Room(pick) => {
                self.owed(place, &pick, now, when_full).map_or(Ok(()), |until| Err(NoSlot::Debt(until)))
            }
        }
    }

    /// Until when the key would be in debt once it had taken that slot. The debt of the client that it displaces counts, if they share all
    /// their cells: after the swap nobody could tell whose it is.
    fn owed(&self, place: &Place, pick: &Pick, now: Nanos, when_full: WhenFull) -> Option<Nanos> {
        match pick.displaced {
            Some(displaced) if when_full == WhenFull::Remember => self.debts.owed_with(place.owner(), displaced, now),
            _ => self.debts.owed(place.owner(), now),
        }
    }

    fn try_claim<S: Steps>(&self, place: &Place, now: Nanos, when_full: WhenFull, steps: &S) -> Claim<S::Answer> {
        let (mine, pending) = match self.scan(place, now, when_full, steps) {
            Scan::Confirmed => return Claim::Again,
            Scan::Full(until) => return Claim::NoSlot(NoSlot::Full(until)),
            Scan::Pending(index, word) => (self.slot(place, index), (index, word)),
            Scan::Room(pick) => {
                if let Some(until) = self.owed(place, &pick, now, when_full) {
                    return Claim::NoSlot(NoSlot::Debt(until));
                }
                if let Change::Keep(answer) = steps.step(0, now) {
                    return Claim::Done(answer);
                }
                // Before the slot changes hands: whoever then finds it gone finds these.
                match pick.displaced {
                    Some((owner, expiry)) if when_full == WhenFull::Remember => self.debts.record(owner, expiry),
                    Some(_) => {}
                    None => raise(&self.horizon, pick.expiry.as_u64()),
                }
                let nonce = self.claims.fetch_add(1, Ordering::Relaxed);
                let pending = slot::pending(place.tag, now, nonce);
                let slot = self.slot(place, pick.index);
                if !swap(slot, pick.word, pending) {
                    return Claim::Again;
                }
                (slot, (pick.index, pending))
            }
        };
        self.settle(place, now, steps, mine, pending)
    }

    /// Steps 4 and 5, for whoever put the pending word there.
    fn settle<S: Steps>(
        &self,
        place: &Place,
        now: Nanos,
        steps: &S,
        mine: &AtomicU128,
        (index, pending): (usize, u128),
    ) -> Claim<S::Answer> {
        // Of two claims of one key, whichever fence comes second in their single order has the other's pending word before its scan.
        fence(Ordering::SeqCst);
        for (group, line) in self.candidates(place) {
            for (at, slot) in line.iter().enumerate() {
                let other = group * SLOTS_PER_LINE + at;
                if other == index {
                    continue;
                }
                let word = slot.load(Ordering::Acquire);
                if slot::tag(word) != place.tag {
                    continue;
                }
                let rival_yields = slot::state(word).is_none() && other > index;
                let (loser, content) = if rival_yields { (slot, word) } else { (mine, pending) };
                let cleared = swap(loser, content, slot::EMPTY);
                if !(rival_yields && cleared) {
                    return Claim::Again;
                }
            }
        }
        if let Some(until) = self.debts.owed(place.owner(), now) {
            swap(mine, pending, slot::EMPTY);
            return Claim::NoSlot(NoSlot::Debt(until));
        }
        match steps.step(0, self.not_before(now)) {
            Change::Write(answer, first) if swap(mine, pending, slot::confirmed(place.tag, first)) => {
                Claim::Done(answer)
            }
            Change::Write(..) => Claim::Again,
            // Helped somebody whose request costs less than ours, which can't pass. The pending word stays theirs.
            Change::Keep(answer) => Claim::Done(answer),
        }
    }

    fn scan<S: Steps>(&self, place: &Place, now: Nanos, when_full: WhenFull, steps: &S) -> Scan {
        let mut room: Option<(usize, Pick)> = None;
        let mut first_to_expire: Option<Pick> = None;
        for (group, line) in self.candidates(place) {
            let (mut live, mut free) = (0, None);
            for (at, slot) in line.iter().enumerate() {
                let index = group * SLOTS_PER_LINE + at;
                let word = slot.load(Ordering::Acquire);
                if slot::tag(word) == place.tag {
                    return if slot::state(word).is_some() { Scan::Confirmed } else { Scan::Pending(index, word) };
                }
                let expiry = match slot::content(word) {
                    Content::Empty => Nanos::ZERO,
                    Content::Confirmed(state) => steps.expires(state),
                    Content::Pending { since } => since.saturating_add(ABANDONED),
                };
                if expiry <= now {
                    free = free.or(Some(Pick { index, word, displaced: None, expiry }));
                    continue;
                }
                live += 1;
                let later = first_to_expire.as_ref().is_some_and(|pick| pick.expiry <= expiry);
                if slot::state(word).is_some() && !later {
                    let owner = place.of_owner(index, slot::tag(word)).owner();
                    first_to_expire = Some(Pick { index, word, displaced: Some((owner, expiry)), expiry });
                }
            }
            // The first line with at most one live slot is as good as any, and the sooner a line is read the better.
            let roomier = room.as_ref().is_none_or(|(least, _)| live < *least && *least > 1);
            match free {
                Some(pick) if roomier => room = Some((live, pick)),
                _ => {}
            }
        }
        match (room, first_to_expire) {
            (Some((_, pick)), _) => Scan::Room(pick),
            (None, Some(pick)) if when_full == WhenFull::Refuse => Scan::Full(pick.expiry),
            (None, Some(pick)) => Scan::Room(pick),
            // Every candidate is being claimed by somebody else at this moment.
            (None, None) => Scan::Full(now.saturating_add(BUSY)),
        }
    }
}

fn swap(slot: &AtomicU128, old: u128, new: u128) -> bool {
    slot.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

/// A state that expires at [`Nanos::MAX`] never does.
const END_OF_TIME: Nanos = Nanos::new(u64::MAX - 1);
/// A claim takes well under a microsecond; a thread that was stopped in the middle for this long loses it.
const ABANDONED: Nanos = Nanos::from_secs(1);
/// When to come back if there was nothing to wait for in particular.
const BUSY: Nanos = Nanos::from_millis(1);
/// Each try that fails means that another thread's succeeded, at this key's candidates; a handful in a row is already rare.
const MAX_TRIES: usize = 64;
