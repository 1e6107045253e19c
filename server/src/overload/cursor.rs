//! Who gets as far as the queue when not all can: a line through all priorities, which moves with the load. WeChat's DAGOR (SoCC 2018).
//!
//! ```text
//!   class      critical_plus     critical      sheddable_plus   sheddable
//!   user       0 ···· 127       0 ···· 127       0 ···· 127     0 ···· 127
//!   level      0 ···· 127     128 ···· 255     256 ···· 383   384 ···· 511
//!              ├──────── admitted ────────┤ cursor ├───── shed ───────────┤
//! ```
//!
//! A queue can only choose among those who are in it; under a flood, most of the work is to refuse the others. The cursor needs no queue: it counts, in
//! windows ([`Window`]), how many came at which level, and from that takes the level up to which the next window's admissions should
//! add up to a little less than now, when the service is overloaded, or a little more, when it isn't. Admission is one comparison.
//!
//! Within a class, users are ranked by a hash that changes every hour: so a user is either in or out, for a while (a page needs all of its
//! requests), and nobody is out for ever. What the hash is of can't be chosen from outside: keys are made with a secret of the process.
//!
//! Three things are ours. The shares double after three windows of the same kind in a row (5 → 40 % down, 1 → 32 % up): a load that is ten times
//! too high, or over, is met in about a second. The level at the cursor is admitted up to what its target leaves room for, since with
//! few users, or one, a whole level is too coarse. And one request of each class and window is let through: no class starves, and something tells when
//! the service is back.

use std::hash::{DefaultHasher, Hash, Hasher};

use tollgate_limiter::Nanos;

use super::class::Class;

/// What a request is ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// First by this.
    pub class: Class,
    /// Then by this: 0 to 127.
    user: u8,
}

impl Priority {
    /// Of a request that came at `now` from the client with this `key`.
    pub fn new(class: Class, key: impl Hash, now: Nanos) -> Priority {
        let mut hasher = DefaultHasher::new();
        (key, now.as_u64() / HOUR.as_u64()).hash(&mut hasher);
        Priority { class, user: (hasher.finish() % USERS as u64) as u8 }
    }

    fn level(self) -> usize {
        self.class.index() * USERS + usize::from(self.user)
    }
}

/// How far down the cursor lets requests through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Everyone,
    /// Those of class `critical`, and perhaps some below.
    Critical,
    /// Not even all of those.
    PartOfCritical,
}

/// How long the cursor stays where it is: so long, or for so many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// So long.
    pub span: Nanos,
    /// So many.
    pub requests: u32,
}

/// The cursor of one core, for one upstream or for itself.
#[derive(Debug)]
pub struct Cursor {
    window: Window,
    /// Requests of this window at each level.
    seen: Box<[u32; LEVELS]>,
    arrived: u32,
    admitted: u32,
    /// Levels below this are admitted; [`LEVELS`] lets everybody in.
    at: usize,
    /// So many of level `at`, too.
    spare: u32,
    /// Classes of which one was let through in this window, whatever its level.
    tried: [bool; Class::ALL.len()],
    ends: Nanos,
    /// Windows of the same kind in a row: overloaded, or not.
    overloaded: bool,
    in_a_row: u32,
}

impl Default for Window {
    fn default() -> Window {
        Window { span: WINDOW, requests: WINDOW_REQUESTS }
    }
}

impl Default for Cursor {
    fn default() -> Cursor {
        Cursor::new(Window::default())
    }
}

impl Cursor {
    /// Lets everybody in.
    pub fn new(window: Window) -> Cursor {
        Cursor {
            window,
            seen: Box::new([0; LEVELS]),
            arrived: 0,
            admitted: 0,
            at: LEVELS,
            spare: 0,
            tried: [false; Class::ALL.len()],
            ends: Nanos::ZERO,
            overloaded: false,
            in_a_row: 0,
        }
    }

    /// Whether the window is over, so that [`Cursor::turn`] is due.
    pub fn is_due(&self, now: Nanos) -> bool {
        now >= self.ends || self.arrived >= self.window.requests
    }

    /// Begins the next window, after one in which the service was `overloaded` or not.
    pub fn turn(&mut self, overloaded: bool, now: Nanos) {
        self.in_a_row = if overloaded == self.overloaded { self.in_a_row.saturating_add(1) } else { 1 };
        self.overloaded = overloaded;
        let nobody_came = now.saturating_sub(self.ends) >= self.window.span;
        if overloaded {
            let less = share(self.admitted, ALPHA_PERCENT, ALPHA_MAX_PERCENT, self.in_a_row);
            self.place(self.admitted.saturating_sub(less));
        } else if self.admitted == self.arrived || nobody_came {
            self.at = LEVELS;
        } else {
            let more = share(self.arrived, BETA_PERCENT, BETA_MAX_PERCENT, self.in_a_row);
            self.place(self.admitted + more);
        }
        self.seen.fill(0);
        (self.arrived, self.admitted, self.tried) = (0, 0, Default::default());
        self.ends = now.saturating_add(self.window.span);
    }

    /// Counts a request, and says whether it may go on.
    pub fn admit(&mut self, priority: Priority) -> bool {
        let level = priority.level();
        self.seen[level] += 1;
        self.arrived += 1;
        let spared = level == self.at && self.spare > 0;
        self.spare -= u32::from(spared);
        let first = !std::mem::replace(&mut self.tried[priority.class.index()], true);
        let admitted = level < self.at || spared || first;
        self.admitted += u32::from(admitted);
        admitted
    }

    /// How far down it lets requests through.
    pub fn reach(&self) -> Reach {
        match self.at {
            LEVELS => Reach::Everyone,
            at if at >= END_OF_CRITICAL => Reach::Critical,
            _ => Reach::PartOfCritical,
        }
    }

    /// Moves to where a window like this one would admit `target`.
    fn place(&mut self, target: u32) {
        let mut sum = 0;
        let beyond = self.seen.iter().position(|&seen| {
            sum += seen;
            sum > target
        });
        self.at = beyond.unwrap_or(LEVELS);
        self.spare = beyond.map_or(0, |level| target + self.seen[level] - sum);
    }
}

/// So many percent of `count`, doubled for each window after the third in a row; at least 1.
fn share(count: u32, percent: u32, most: u32, in_a_row: u32) -> u32 {
    let doublings = in_a_row.saturating_sub(STEADY_WINDOWS).min(8);
    let percent = (percent << doublings).min(most);
    (count * percent).div_ceil(100).max(1)
}

/// Users of a class, and so how finely it can be divided; DAGOR's number.
const USERS: usize = 128;
const LEVELS: usize = Class::ALL.len() * USERS;
const END_OF_CRITICAL: usize = (Class::Critical.index() + 1) * USERS;
/// How long a user keeps its rank; DAGOR's number.
const HOUR: Nanos = Nanos::from_secs(3600);
/// A window ends after this, or so many requests. DAGOR's is ten times as long, for far fewer requests.
const WINDOW: Nanos = Nanos::from_millis(100);
const WINDOW_REQUESTS: u32 = 2000;
/// By how much admissions are cut down.
const ALPHA_PERCENT: u32 = 5;
const ALPHA_MAX_PERCENT: u32 = 40;
/// By how much of what came they grow.
const BETA_PERCENT: u32 = 1;
const BETA_MAX_PERCENT: u32 = 32;
/// From here on the shares double.
const STEADY_WINDOWS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Nanos = Nanos::from_secs(1);

    fn at(level: usize) -> Priority {
        Priority { class: Class::ALL[level / USERS], user: (level % USERS) as u8 }
    }

    /// A window in which one request comes at each level; says how many were admitted.
    fn window(cursor: &mut Cursor, overloaded: bool) -> usize {
        let admitted = (0..LEVELS).filter(|&level| cursor.admit(at(level))).count();
        cursor.turn(overloaded, NOW);
        admitted
    }

    #[test]
    fn it_cuts_by_five_percent_and_faster_from_the_fourth_window_on() {
        let mut cursor = Cursor::default();
        let admitted: Vec<usize> = (0..9).map(|_| window(&mut cursor, true)).collect();
        assert_eq!(admitted, [512, 486, 461, 437, 393, 315, 191, 117, 73]);
    }

    #[test]
    fn it_gives_way_by_one_percent_and_faster_from_the_fourth_window_on() {
        let mut cursor = Cursor::default();
        for _ in 0..9 {
            window(&mut cursor, true);
        }
        let admitted: Vec<usize> = (0..12).map(|_| window(&mut cursor, false)).collect();
        assert_eq!(admitted, [46, 55, 64, 73, 87, 111, 154, 238, 402, 512, 512, 512]);
        assert_eq!(cursor.reach(), Reach::Everyone);
    }

    #[test]
    fn the_least_important_go_first_and_the_reach_says_how_far_it_went() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.reach(), Reach::Everyone);
        window(&mut cursor, true);
        assert!(cursor.admit(at(0)) && cursor.admit(at(485)) && !cursor.admit(at(486)));
        assert_eq!(cursor.reach(), Reach::Critical);
        for _ in 0..7 {
            window(&mut cursor, true);
        }
        assert_eq!(cursor.reach(), Reach::PartOfCritical);
    }

    #[test]
    fn a_single_user_is_thinned_out_and_never_shut_out() {
        let mut cursor = Cursor::default();
        let mut window = |overloaded| {
            let admitted = (0..100).filter(|_| cursor.admit(at(200))).count();
            cursor.turn(overloaded, NOW);
            admitted
        };
        assert_eq!([window(true), window(true), window(true)], [100, 95, 90]);
        let least = (0..40).map(|_| window(true)).last();
        assert_eq!(least, Some(1));
        assert_eq!([window(false), window(false), window(false)], [1, 2, 3]);
    }

    #[test]
    fn when_all_that_came_was_admitted_it_opens() {
        let mut cursor = Cursor::default();
        window(&mut cursor, true);
        for level in 0..100 {
            assert!(cursor.admit(at(level)));
        }
        cursor.turn(false, NOW);
        assert_eq!(cursor.reach(), Reach::Everyone);
        window(&mut cursor, true);
        window(&mut cursor, true);
        cursor.turn(false, NOW.saturating_add(WINDOW).saturating_add(WINDOW));
        assert_eq!(cursor.reach(), Reach::Everyone, "a window without anybody");
    }

    #[test]
    fn a_window_ends_after_a_while_or_so_many_requests() {
        let mut cursor = Cursor::default();
        cursor.turn(false, NOW);
        assert!(!cursor.is_due(Nanos::from_millis(1_099)) && cursor.is_due(Nanos::from_millis(1_100)));
        for _ in 0..2000 {
            assert!(!cursor.is_due(NOW));
            cursor.admit(at(7));
        }
        assert!(cursor.is_due(NOW));
    }

    #[test]
    fn a_user_keeps_its_rank_for_an_hour() {
        let ranks = |hour: u64| -> Vec<u8> {
            let rank = |user: u64| Priority::new(Class::Critical, user, Nanos::from_secs(hour * 3600 + user)).user;
            (0..1000).map(rank).collect()
        };
        let same = ranks(5).iter().zip(ranks(6)).filter(|(a, b)| **a == *b).count();
        assert_eq!(ranks(5), ranks(5));
        assert!(same < 50, "{same} of 1000 keep their rank");
        assert!(ranks(5).iter().all(|rank| *rank < 128));
    }
}
