//! Whose quota it is, from what one id got over several connections and another one after it.

use super::experiment::Sample;
use super::plan::SCOPE_CONNECTIONS;

/// Whose quota it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// An id has it, over whichever connections.
    Id,
    /// An id has it several times: once on each of (at least) so many parts of the server that don't know of one another.
    Parts(u32),
    /// An id has it on each connection.
    IdAndConnection,
    /// A connection has it, whatever the ids.
    Connection,
    /// All share it: ids don't matter.
    Everyone,
}

impl Scope {
    /// What the admissions of each phase of the experiment say, if a fresh id on a fresh connection is admitted `capacity` times.
    pub(super) fn of(trace: &[Sample], capacity: u32) -> Option<(Self, Vec<u32>)> {
        let phases = SCOPE_CONNECTIONS as usize + 1;
        // Cut short if the last one didn't go on until it was denied.
        trace.last().filter(|last| last.phase + 1 == phases && !last.admitted)?;
        let mut got = vec![0; phases];
        for sample in trace.iter().filter(|sample| sample.admitted) {
            got[sample.phase] += 1;
        }
        // Half of it: a little may have come back in the meantime.
        let whole = |admitted: u32| 2 * admitted >= capacity.max(1);
        let parts = got[..phases - 1].iter().filter(|&&admitted| whole(admitted)).count() as u32;
        let scope = match (parts, whole(got[phases - 1])) {
            (0, _) => Self::Everyone,
            (1, true) => Self::Id,
            (1, false) => Self::Everyone,
            (SCOPE_CONNECTIONS, true) => Self::IdAndConnection,
            (_, false) => Self::Connection,
            (parts, true) => Self::Parts(parts),
        };
        Some((scope, got))
    }

    /// In words.
    pub fn name(self) -> String {
        match self {
            Self::Id => "per id, over all connections".to_owned(),
            Self::Parts(parts) => {
                format!("per id, but {parts} times over: once on each of so many parts of the server")
            }
            Self::IdAndConnection => "per id and connection".to_owned(),
            Self::Connection => "per connection: ids don't matter".to_owned(),
            Self::Everyone => "of everybody: ids don't matter".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_client::Nanos;

    /// So many admissions in each phase, and then a denial.
    fn trace(got: &[u32]) -> Vec<Sample> {
        let (sent, done) = (Nanos::ZERO, Nanos::ZERO);
        let phase = |(phase, admitted): (usize, &u32)| {
            (0..=*admitted)
                .map(move |place| Sample { phase, sent, done, admitted: place < *admitted })
                .collect::<Vec<_>>()
        };
        got.iter().enumerate().flat_map(phase).collect()
    }

    #[test]
    fn whose_quota_it_is_shows_in_what_further_connections_and_another_id_get() {
        let cases = [
            ([5, 0, 0, 0, 0, 0, 0, 0, 5], Scope::Id),
            ([5, 0, 1, 0, 0, 1, 0, 0, 5], Scope::Id),
            ([5, 5, 5, 5, 5, 5, 5, 5, 5], Scope::IdAndConnection),
            ([5, 5, 5, 5, 5, 5, 5, 5, 0], Scope::Connection),
            ([5, 0, 5, 0, 0, 5, 0, 0, 5], Scope::Parts(3)),
            ([5, 0, 0, 0, 0, 0, 0, 0, 0], Scope::Everyone),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0], Scope::Everyone),
        ];
        for (got, scope) in cases {
            assert_eq!(Scope::of(&trace(&got), 5), Some((scope, got.to_vec())));
            assert_eq!(Scope::of(&trace(&got[..8]), 5), None, "cut short");
        }
    }
}
