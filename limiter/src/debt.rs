//! The debt sketch: what is still held against clients that were displaced from a full table.
//!
//! Four rows of cells, each the latest expiry of any debt that hashes to it. A client's estimate is the least of its four cells: at least
//! the true value, since a cell only ever grows, so a displaced client is never let in early. Nothing has to be swept: a cell whose
//! expiry has passed says nothing. Clients that share all four cells share the larger debt, and may be denied too long.
//!
//! `until` is the latest debt of all, so that in the ordinary case, nobody displaced, a look at the sketch is one load.

use crate::sync::{AtomicU64, Ordering};
use crate::table::reserved;
use crate::{Nanos, SettingsError};

#[derive(Debug)]
pub(crate) struct DebtSketch {
    rows: [Box<[AtomicU64]>; ROWS],
    until: AtomicU64,
}

impl DebtSketch {
    pub(crate) fn new(cells_per_row: usize) -> Result<Self, SettingsError> {
        let row = || reserved(cells_per_row, || AtomicU64::new(0));
        Ok(Self { rows: [row()?, row()?, row()?, row()?], until: AtomicU64::new(0) })
    }

    /// Remembers that `owner` is in debt until `expiry`. The caller swaps the owner's slot away *afterwards*.
    pub(crate) fn record(&self, owner: u64, expiry: Nanos) {
        raise(&self.until, expiry.as_u64());
        for cell in self.cells(owner) {
            raise(cell, expiry.as_u64());
        }
    }

    /// Until when `owner` may be in debt, if that is after `now`. The caller has looked for a slot of the owner *before*.
    pub(crate) fn owed(&self, owner: u64, now: Nanos) -> Option<Nanos> {
        if self.until.load(Ordering::Acquire) <= now.as_u64() {
            return None;
        }
        let owed = self.cells(owner).map(|cell| cell.load(Ordering::Acquire)).min().unwrap_or(0);
        (owed > now.as_u64()).then(|| Nanos::new(owed))
    }

    /// [`DebtSketch::owed`], as it would be with one more debt recorded.
    pub(crate) fn owed_with(&self, owner: u64, (debtor, expiry): (u64, Nanos), now: Nanos) -> Option<Nanos> {
        let cells = self.cells(owner).zip(self.cells(debtor)).map(|(cell, other)| {
            let shared = if core::ptr::eq(cell, other) { expiry.as_u64() } else { 0 };
            cell.load(Ordering::Acquire).max(shared)
        });
        let owed = cells.min().unwrap_or(0);
        (owed > now.as_u64()).then(|| Nanos::new(owed))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.rows.iter().map(|row| size_of_val(&**row)).sum()
    }

    fn cells(&self, owner: u64) -> impl Iterator<Item = &AtomicU64> {
        self.rows.iter().zip(ROW_FACTORS).map(move |(row, factor)| {
            let hash = owner.wrapping_mul(factor) >> 32;
            &row[(hash as usize * row.len()) >> 32]
        })
    }
}

/// Grows `cell` to at least `value`. Most of the time it is there already, and a load leaves the line shared.
pub(crate) fn raise(cell: &AtomicU64, value: u64) {
    if cell.load(Ordering::Acquire) < value {
        cell.fetch_max(value, Ordering::AcqRel);
    }
}

pub(crate) const ROWS: usize = 4;
/// Odd, and far apart: the rows must disagree on who shares a cell.
const ROW_FACTORS: [u64; ROWS] =
    [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0xff51_afd7_ed55_8ccd];
