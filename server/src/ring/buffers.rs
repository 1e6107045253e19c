//! The receive buffers all connections of a core share.
//!
//! The kernel takes a buffer out of the group when bytes arrive, not when somebody starts to wait for them, so ten thousand idle
//! connections own none. A received buffer is read where it lies and goes straight back.
//!
//! Buffers of one connection that nobody has read yet are chained through `links`, so a queue of them needs no memory of
//! its own and a connection's slot holds only the two ends.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

use super::uring::Uring;

/// The buffers of a ring: many small ones for requests, a few large ones for content. Their ids follow each other, so that a queue may hold both.
pub(super) struct Buffers {
    small: Lot,
    large: Lot,
    /// Per buffer: bytes received, and the next buffer of the same connection.
    links: Box<[Link]>,
}

/// How many buffers a group has, a power of two, and of what size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub count: u16,
    pub size: usize,
}

/// A group of equal buffers, lent to the kernel.
struct Lot {
    /// The descriptors the kernel reads; page-aligned as it demands.
    ring: NonNull<BufRingEntry>,
    /// The buffers themselves, by address only: the kernel writes here while we look elsewhere.
    memory: NonNull<u8>,
    shape: Shape,
    /// The id of its first buffer.
    first: u16,
    tail: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    len: u32,
    next: u16,
}

/// A connection's received but unread buffers, oldest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    first: u16,
    last: u16,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain { first: NONE, last: NONE }
    }
}

impl Chain {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first == NONE
    }
}

/// The group of small buffers.
pub(super) const SMALL: u16 = 0;
/// The group of large ones.
pub(super) const LARGE: u16 = 1;
/// No buffer: above the largest id.
const NONE: u16 = u16::MAX;
const PAGE: usize = 4096;
/// Buffers start one cache line apart modulo the page. Without it the first line of every buffer, the only one a short
/// request touches, would fall into the same few sets of the cache.
const STAGGER: usize = 64;

impl Buffers {
    /// Allocates the buffers and lends them to `uring`. While a receive is under way there, they must not be dropped but left behind.
    pub fn register(uring: &mut Uring, small: Shape, large: Shape) -> io::Result<Buffers> {
        let count = small.count + large.count;
        Ok(Buffers {
            small: Lot::register(uring, SMALL, small, 0)?,
            large: Lot::register(uring, LARGE, large, small.count)?,
            links: vec![Link::default(); usize::from(count)].into_boxed_slice(),
        })
    }

    /// The buffer `id` that a completion named, with `len` bytes in it.
    ///
    /// # Safety
    /// The kernel has just handed it over, and it is taken from that completion once.
    #[inline]
    pub unsafe fn received(&self, id: u16, len: u32) -> Filled {
        let lot = if id < self.large.first { &self.small } else { &self.large };
        let len = (len as usize).min(lot.shape.size);
        Filled { id, bytes: NonNull::slice_from_raw_parts(lot.buffer(id), len) }
    }

    /// Adds a buffer to the end of `chain`.
    #[inline]
    pub fn append(&mut self, chain: &mut Chain, filled: Filled) {
        let (id, len) = filled.end();
        self.links[usize::from(id)] = Link { len, next: NONE };
        if chain.is_empty() {
            chain.first = id;
        } else {
            self.links[usize::from(chain.last)].next = id;
        }
        chain.last = id;
    }

    /// Takes the oldest buffer off `chain`. Give it back when its bytes are read.
    #[inline]
    pub fn pop(&mut self, chain: &mut Chain) -> Option<Filled> {
        if chain.is_empty() {
            return None;
        }
        let id = chain.first;
        let Link { len, next } = self.links[usize::from(id)];
        chain.first = next;
        // SAFETY: `append` swallowed the `Filled` of this buffer, and it is off the chain now.
        Some(unsafe { self.received(id, len) })
    }

    /// Lends a buffer that has been read to the kernel again.
    #[inline]
    pub fn give_back(&mut self, filled: Filled) {
        let (id, _) = filled.end();
        let lot = if id < self.large.first { &mut self.small } else { &mut self.large };
        lot.lend(id);
    }
}

impl Lot {
    fn register(uring: &mut Uring, group: u16, shape: Shape, first: u16) -> io::Result<Lot> {
        assert!(shape.count.is_power_of_two() && shape.count < 1 << 15, "the kernel takes powers of two up to 2^15");
        let (ring_layout, memory_layout) = Lot::layouts(shape);
        let allocate = |layout| {
            // SAFETY: neither layout's size is zero.
            NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
        };
        let ring = allocate(ring_layout).cast();
        let mut lot = Lot { ring, memory: allocate(memory_layout), shape, first, tail: 0 };
        // SAFETY: the kernel touches the memory for a receive only, and both owners, the driver and the probe, drop it only when they have
        // seen the last one complete; otherwise they forget it.
        unsafe { uring.register_buffers(ring.as_ptr() as u64, shape.count, group)? };
        for id in first..first + shape.count {
            lot.lend(id);
        }
        Ok(lot)
    }

    /// Lends buffer `id` to the kernel.
    #[inline]
    fn lend(&mut self, id: u16) {
        let address = self.buffer(id).as_ptr() as u64;
        let mask = self.shape.count - 1;
        // SAFETY: the index is masked by the ring's size, and the kernel does not read entries at or beyond the tail.
        let entry = unsafe { &mut *self.ring.as_ptr().add(usize::from(self.tail & mask)) };
        entry.set_addr(address);
        entry.set_len(self.shape.size as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `ring` is the first entry of a registered, page-aligned ring; the tail is the kernel's to read and ours
        // to write, both atomically. Release: the entry must be visible before the tail that covers it.
        unsafe { (*BufRingEntry::tail(self.ring.as_ptr()).cast::<AtomicU16>()).store(self.tail, Ordering::Release) };
    }

    #[inline]
    fn buffer(&self, id: u16) -> NonNull<u8> {
        let place = id.wrapping_sub(self.first);
        assert!(place < self.shape.count, "the kernel names only buffers it was lent");
        // SAFETY: the place is in range, so the offset stays inside the allocation.
        unsafe { self.memory.add(usize::from(place) * (self.shape.size + STAGGER)) }
    }

    fn layouts(Shape { count, size }: Shape) -> (Layout, Layout) {
        let ring = Layout::array::<BufRingEntry>(usize::from(count)).and_then(|layout| layout.align_to(PAGE));
        let memory =
            Layout::array::<u8>(usize::from(count) * (size + STAGGER)).and_then(|layout| layout.align_to(STAGGER));
        (ring.expect("at most 2^15 × 16 bytes"), memory.expect("a few MiB"))
    }
}

impl Drop for Lot {
    fn drop(&mut self) {
        let (ring, memory) = Lot::layouts(self.shape);
        // SAFETY: allocated with these layouts in `register`; whoever drops this has seen every receive end.
        unsafe {
            dealloc(self.ring.as_ptr().cast(), ring);
            dealloc(self.memory.as_ptr(), memory);
        }
    }
}

/// A buffer with bytes in it, in our hands until it is given back. There is one of these per buffer at most, so none is lent while it is
/// read.
#[must_use = "a buffer that is not given back is lost"]
pub(super) struct Filled {
    id: u16,
    bytes: NonNull<[u8]>,
}

impl Filled {
    /// Nobody reads it any more: its buffer, and how many bytes are in it.
    #[inline]
    fn end(self) -> (u16, u32) {
        (self.id, self.bytes.len() as u32)
    }

    /// The bytes received.
    ///
    /// # Safety
    /// Its `Buffers` still exists.
    #[inline]
    pub unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: until `give_back` consumes this, neither the kernel nor we write to the buffer.
        unsafe { self.bytes.as_ref() }
    }
}
