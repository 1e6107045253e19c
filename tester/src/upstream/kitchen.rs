//! What becomes of a request, and when: no sockets, no clock.

use tollgate_client::Nanos;

/// What a service is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It answers at once; below `/slow`, after 3 s.
    #[default]
    Well,
    /// It answers 500.
    Failing,
    /// It takes requests, and closes the connection.
    HangingUp,
    /// Nobody is there: connections are refused, and those that were open are closed.
    Gone,
    /// It answers one request after the other, so many per second; the others wait.
    Busy {
        /// So many; at least one.
        per_second: u32,
    },
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It is answered with 200 then.
    Well(Nanos),
    /// It is answered with 500 then.
    Failed(Nanos),
    /// The connection is closed.
    HungUp,
}

/// What there is to do.
#[derive(Debug, Default)]
pub struct Kitchen {
    /// Until when one that is busy has enough to do.
    busy_until: Nanos,
}

impl Kitchen {
    /// What becomes of a request for this path that came now.
    pub fn serve(&mut self, path: &[u8], mood: Mood, now: Nanos) -> Served {
        match mood {
            Mood::Well if path.starts_with(SLOW.as_bytes()) => Served::Well(now + SLOW_TAKES),
            Mood::Well => {
                self.busy_until = now;
                Served::Well(now)
            }
            Mood::Failing => Served::Failed(now),
            Mood::HangingUp | Mood::Gone => Served::HungUp,
            Mood::Busy { per_second } => {
                let takes = Nanos::new(1_000_000_000 / u64::from(per_second.max(1)));
                self.busy_until = self.busy_until.max(now) + takes;
                Served::Well(self.busy_until)
            }
        }
    }
}

/// What is below this path takes its time.
pub(crate) const SLOW: &str = "/slow";
/// Long enough to be told from a machine that is busy, short enough for every time-out.
pub(crate) const SLOW_TAKES: Nanos = Nanos::from_secs(3);
