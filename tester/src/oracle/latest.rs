//! The N latest-sent admissions of each client, and what they prove.
//!
//! Each client has a ring that is sorted by *sent*; its room doubles as it fills, up to N exactly. All rings lie in one vector, since a
//! million small allocations cost more than what they hold; room that a ring has outgrown goes to the next one that needs as much.
//!
//! Of what the ring forgets it remembers when the last of it was done: a window that may hold some of that is not judged.

use std::hint::black_box;

use super::span::{Packed, Span};
use super::table::Table;

/// A client's ring: 32 bytes, and 8 for each admission that there is room for.
#[derive(Clone, Copy, Debug)]
struct Ring {
    /// When the last of all its requests was done.
    done: u64,
    /// When the last of those was done that aren't remembered.
    forgotten: u64,
    start: u32,
    head: u32,
    len: u32,
    maybes: u16,
    class: u8,
}

const _: () = assert!(size_of::<Ring>() == 32 && size_of::<Packed>() == 8);

/// See the module.
#[derive(Debug)]
pub(super) struct Latest {
    keep: u32,
    rings: Table<Ring>,
    words: Vec<Packed>,
    /// Starts of rooms that nobody uses, by class.
    free: Vec<Vec<u32>>,
}

impl Latest {
    /// Remembers the `keep` latest of each client.
    pub(super) fn new(keep: u32) -> Self {
        let unseen = Ring { done: 0, forgotten: 0, start: 0, head: 0, len: 0, maybes: 0, class: 0 };
        Self { keep, rings: Table::new(unseen), words: Vec::new(), free: vec![Vec::new(); CLASSES] }
    }

    /// An upper bound of the time that `keep` + 1 requests took, one of them this admission: the latest that are remembered, and itself.
    /// `None` if so many weren't seen.
    pub(super) fn together_with(&self, id: u32, span: Span) -> Option<u64> {
        let ring = self.rings.peek(id).filter(|ring| ring.len == self.keep)?;
        Some(ring.done.max(span.done) - self.at(ring, 0).sent().min(span.sent))
    }

    /// The time that the `keep` latest took, if there are so many.
    pub(super) fn length(&self, id: u32) -> Option<u64> {
        let ring = self.rings.peek(id).filter(|ring| ring.len == self.keep)?;
        Some(ring.done - self.at(ring, 0).sent())
    }

    /// How many more admissions there must have been for a denial in `span` to be right, if `need` of them deny a request until `back`
    /// later: 0 if it may be right as it is.
    pub(super) fn room(&self, id: u32, span: Span, need: u32, back: u64) -> u32 {
        let Some(ring) = self.rings.peek(id) else { return need };
        let cut = span.sent.checked_sub(back);
        let is_out = |entry: Packed| cut.is_some_and(|cut| entry.done() <= cut);
        if ring.maybes == u16::MAX || cut.is_none_or(|cut| ring.forgotten > cut) && ring.forgotten > 0 {
            return 0;
        }
        // The usual denial, without looking at all of them: the last `need` were sent within the window.
        let is_in = |entry: Packed| cut.is_none_or(|cut| entry.sent() > cut);
        if ring.len >= need && is_in(self.at(ring, ring.len - need)) && self.at(ring, ring.len - 1).sent() <= span.done
        {
            return 0;
        }
        let possible = self.entries(id).filter(|entry| entry.sent() <= span.done && !is_out(*entry)).count();
        need.saturating_sub(u32::from(ring.maybes) + possible as u32)
    }

    /// One more. Of the client's others, those that were done by `cut` needn't be remembered.
    /// `false` if it took too long to be remembered itself: then it counts as a *maybe*.
    pub(super) fn add(&mut self, id: u32, span: Span, denied: bool, cut: u64) -> bool {
        let Some(entry) = Packed::new(span, denied) else {
            self.maybe(id);
            return false;
        };
        let mut ring = *self.rings.of(id);
        ring.done = ring.done.max(span.done);
        if ring.len > 0 && ring.len == self.room_of(ring.class) {
            let oldest = self.at(&ring, 0);
            if ring.len == self.keep && entry < oldest {
                ring.forgotten = ring.forgotten.max(entry.done());
                *self.rings.of(id) = ring;
                return true;
            }
            if ring.len == self.keep || oldest.done() <= cut {
                ring.forgotten = ring.forgotten.max(oldest.done());
                ring.head = self.wrap(&ring, 1);
                ring.len -= 1;
            }
        }
        if ring.len == self.room_of(ring.class) {
            self.grow(&mut ring);
        }
        self.insert(&ring, entry);
        ring.len += 1;
        *self.rings.of(id) = ring;
        true
    }

    /// A request that may have been admitted, and may yet be.
    pub(super) fn maybe(&mut self, id: u32) {
        let ring = self.rings.of(id);
        ring.maybes = ring.maybes.saturating_add(1);
    }

    /// Whether anything of the client may have been admitted without our knowing.
    pub(super) fn has_maybes(&self, id: u32) -> bool {
        self.rings.peek(id).is_some_and(|ring| ring.maybes > 0)
    }

    /// When the last of a client's admissions was done; 0 before there was one.
    pub(super) fn done(&self, id: u32) -> u64 {
        self.rings.peek(id).map_or(0, |ring| ring.done)
    }

    /// What is remembered of a client, in the order of *sent*.
    pub(super) fn entries(&self, id: u32) -> impl DoubleEndedIterator<Item = Packed> {
        let ring = self.rings.peek(id);
        (0..ring.map_or(0, |ring| ring.len)).filter_map(move |place| Some(self.at(ring?, place)))
    }

    /// Brings what is remembered of these clients into the cache.
    pub(super) fn fetch(&self, ids: impl Iterator<Item = u32> + Clone) {
        let rings = ids.filter_map(|id| self.rings.peek(id));
        // The first look has all rings on their way, the second what they point to.
        rings.clone().for_each(|ring| _ = black_box(ring.start));
        rings.filter(|ring| ring.len > 0).for_each(|ring| {
            _ = black_box((self.at(ring, 0), self.at(ring, ring.len - 1)));
        });
    }

    /// Bytes taken.
    pub(super) fn memory(&self) -> usize {
        let free: usize = self.free.iter().map(|starts| starts.capacity() * size_of::<u32>()).sum();
        self.rings.memory() + self.words.len() * size_of::<Packed>() + free
    }

    fn insert(&mut self, ring: &Ring, entry: Packed) {
        let mut place = ring.len;
        while place > 0 && self.at(ring, place - 1) > entry {
            let (to, from) = (self.index(ring, place), self.index(ring, place - 1));
            self.words[to] = self.words[from];
            place -= 1;
        }
        let index = self.index(ring, place);
        self.words[index] = entry;
    }

    /// Moves the ring to twice the room.
    fn grow(&mut self, ring: &mut Ring) {
        let class = ring.class + 1;
        let room = self.room_of(class);
        let start = self.free[class as usize].pop().unwrap_or_else(|| {
            let start = u32::try_from(self.words.len()).expect("32 GiB of admissions at most");
            self.words
                .resize(self.words.len() + room as usize, Packed::new(Span { sent: 0, done: 0 }, false).expect("fits"));
            start
        });
        for place in 0..ring.len {
            self.words[start as usize + place as usize] = self.at(ring, place);
        }
        if ring.class > 0 {
            self.free[ring.class as usize].push(ring.start);
        }
        *ring = Ring { start, head: 0, class, ..*ring };
    }

    /// Entries that a ring of this class has room for: 3, 6, 12 and so on up to all that are kept.
    const fn room_of(&self, class: u8) -> u32 {
        if class == 0 {
            return 0;
        }
        let room = (SMALLEST as u64) << (class - 1);
        if room < self.keep as u64 { room as u32 } else { self.keep }
    }

    fn at(&self, ring: &Ring, place: u32) -> Packed {
        self.words[self.index(ring, place)]
    }

    fn index(&self, ring: &Ring, place: u32) -> usize {
        ring.start as usize + self.wrap(ring, place) as usize
    }

    fn wrap(&self, ring: &Ring, place: u32) -> u32 {
        let (place, room) = (ring.head + place, self.room_of(ring.class));
        if place < room { place } else { place - room }
    }
}

/// Room for a new client's admissions.
const SMALLEST: u32 = 3;
/// The last has room for more than 2³² entries.
const CLASSES: usize = 33;
