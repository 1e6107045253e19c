//! Limiters that hold requests back instead of denying them: only many connections at once fill their queue.

use tollgate_client::Nanos;

use super::error::{ProbeError, show};
use super::experiment::{SLOW_IN_A_ROW, Sample, Trace};
use super::finding::{Confidence, Denials, Finding, Judged, Quota};
use super::inquiry::{Bench, Inquiry};
use super::model::Algorithm;
use super::plan::{self, times};
use super::roundest;
use super::scope::Scope;

/// What a herd has met with.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Queue {
    /// How many were let in, at once or later.
    admitted: u32,
    denied: u32,
    /// The shortest and the longest that the pace between those held back can be: the later some are, the less is known of it.
    pace: (Nanos, Nanos),
}

/// What it is, if answers come at an even pace; otherwise it doesn't hold requests back. `burst` came late in the end, one after the other.
///
/// A machine that lets everybody wait now and then makes a pace too, but not the same one thrice: for the burst, for one herd, and for the next.
pub(super) fn inquire(inquiry: &mut Inquiry<'_, impl Bench>, burst: &Trace) -> Result<Option<Finding>, ProbeError> {
    let mut queue = None;
    for connections in HERDS {
        let experiment = plan::herd(&inquiry.ids, connections, None, inquiry.part_of_time(0.5));
        let mut traces = inquiry.bench.carry_out(&experiment)?;
        traces.pop();
        queue = Queue::of(&traces).or(queue);
        if queue.as_ref().is_some_and(|queue| queue.denied > 0) {
            break;
        }
    }
    let Some(queue) = queue.filter(|queue| queue.is_pace_of(burst)) else { return Ok(None) };
    let again = times(queue.pace.0, 2.6);
    let experiment = plan::herd(&inquiry.ids, 2 * queue.admitted + 4, Some(again), inquiry.part_of_time(0.9));
    let mut traces = inquiry.bench.carry_out(&experiment)?;
    let newcomer = traces.pop().unwrap_or_default();
    let Some(second) = Queue::of(&traces).filter(|second| queue.is_as_fast_as(second)) else { return Ok(None) };
    let queue = Queue { pace: (queue.pace.0.min(second.pace.0), queue.pace.1.max(second.pace.1)), ..queue };
    Ok(Some(finding(&queue, &traces, &newcomer, again)))
}

fn finding(queue: &Queue, herd: &[Trace], newcomer: &Trace, again: Nanos) -> Finding {
    let Queue { admitted, denied, pace: (shortest, longest) } = *queue;
    let (limit, window) = roundest::rate(shortest, longest);
    let precision = longest.as_u64() as f64 / shortest.as_u64().max(1) as f64 - 1.0;
    let paced = format!("answers {} to {} apart", show(shortest), show(longest));
    let bounded = if denied > 0 { Confidence::High } else { Confidence::Low };

    // Those that were denied at first ask again when two places are free.
    let second =
        herd.iter().filter_map(|trace| trace.get(1).filter(|ask| ask.sent < trace[0].sent + times(again, 1.1)));
    let (asked, let_in) = second.fold((0, 0), |(asked, let_in), ask| (asked + 1, let_in + u32::from(ask.admitted)));
    let denials = match (asked, let_in) {
        (0, _) => Judged::new(Denials::Free, Confidence::Low, "nobody was denied"),
        (_, 0) => Judged::new(Denials::Charged, Confidence::Fair, "after many denials no place was free in time"),
        _ => Judged::new(
            Denials::Free,
            Confidence::High,
            format!("{let_in} places were free in time after {denied} denials"),
        ),
    };

    // In the herd's queue it would be the last of all.
    let behind = times(shortest, f64::from(admitted.saturating_sub(1).max(1)) / 2.0);
    let own = newcomer.first().filter(|ask| ask.admitted && ask.done - ask.sent < behind);
    let herd_scope = format!("one id over {} connections shared {admitted} places", herd.len());
    let scope = match own {
        Some(_) => Judged::new(Scope::Id, bounded, format!("{herd_scope}; another id didn't wait")),
        None => Judged::new(Scope::Everyone, Confidence::Fair, format!("{herd_scope}; another id had to wait too")),
    };
    Finding {
        quota: Judged::new(Quota { limit, window }, Confidence::from(-precision, -0.1, -0.03), paced.clone()),
        burst: Judged::new(
            admitted,
            bounded,
            format!("of {} at once {admitted} were let in, the last ones late", admitted + denied),
        ),
        algorithm: Judged::new(Algorithm::Shaper, Confidence::High, paced),
        denials,
        scope,
        requests: 0,
        took: Nanos::ZERO,
    }
}

impl Queue {
    /// None if the answers don't come at an even pace.
    fn of(herd: &[Trace]) -> Option<Self> {
        let samples = || herd.iter().filter_map(|trace| trace.first());
        let mut times: Vec<Nanos> = samples().filter(|sample| sample.admitted).map(|sample| sample.done).collect();
        times.sort_unstable();
        let gaps = |place: usize| times[place + 1] - times[place];
        // Some are let go at once before the others have to wait.
        let first = (0..times.len().saturating_sub(1)).find(|&place| gaps(place) > HELD_BACK)?;
        let held = &times[first..];
        let (pace, slopes) = pace(held)?;
        // How far each is off the straight line: a late answer leaves it, and doesn't delay the ones after it.
        let mut off: Vec<f64> =
            held.iter().zip(0u32..).map(|(done, place)| done.as_secs_f64() - pace * f64::from(place)).collect();
        let line = median(&mut off);
        // Answers half of them apart, each as late as others are.
        let late = (off[(off.len() - 1) * 3 / 4] - off[(off.len() - 1) / 4]).max(JITTER.as_secs_f64());
        let error = late / (held.len() / 2) as f64 + CLOCKS * pace;
        let near = off.iter().filter(|off| (**off - line).abs() < 0.75 * pace).count();
        let even = pace > HELD_BACK.as_secs_f64() && 4 * near >= 3 * held.len();
        // What was sent so much later than the others found places that had become free again.
        let sent = || samples().filter(|sample| sample.admitted).map(|sample| sample.sent);
        let freed = (sent().max()? - sent().min()?).as_secs_f64() / pace;
        even.then(|| Self {
            admitted: (times.len() as u32).saturating_sub(freed as u32),
            denied: samples().filter(|sample| !sample.admitted).count() as u32,
            pace: (seconds(slopes.0 - error), seconds(slopes.1 + error)),
        })
    }
}

impl Queue {
    /// Whether the last of these answers, each of which was waited for before the next was asked for, took as long as this pace says: all
    /// together, since one that came late is followed by one that comes the sooner.
    fn is_pace_of(&self, burst: &[Sample]) -> bool {
        let late = &burst[burst.len().saturating_sub(SLOW_IN_A_ROW)..];
        let (Some(first), Some(last)) = (late.first(), late.last()) else { return false };
        let each = Nanos::new((last.done - first.sent).as_u64() / late.len() as u64);
        (times(self.pace.0, 0.7).saturating_sub(JITTER)..=times(self.pace.1, 1.4) + JITTER).contains(&each)
    }

    /// Whether both have the same pace, as far as it is known.
    fn is_as_fast_as(&self, other: &Self) -> bool {
        let reaches = |one: &Self, other: &Self| times(one.pace.1, 1.1) >= other.pace.0;
        reaches(self, other) && reaches(other, self)
    }
}

/// The pace of these answers, in seconds, and the middle half of the slopes between answers half of them apart.
fn pace(done: &[Nanos]) -> Option<(f64, (f64, f64))> {
    let apart = done.len() / 2;
    if done.len() < FEWEST {
        return None;
    }
    let slope = |(from, to): (&Nanos, &Nanos)| (*to - *from).as_secs_f64() / apart as f64;
    let mut slopes: Vec<f64> = done.iter().zip(&done[apart..]).map(slope).collect();
    let pace = median(&mut slopes);
    let quartile = |part: usize| slopes[(slopes.len() - 1) * part / 4];
    Some((pace, (quartile(1), quartile(3))))
}

fn seconds(seconds: f64) -> Nanos {
    Nanos::new((seconds.max(0.0) * 1e9) as u64)
}

/// Sorts them.
fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Fewer answers that came late show no pace.
const FEWEST: usize = 4;
/// Connections at once: more if all are let in.
const HERDS: [u32; 3] = [16, 64, 256];
/// A wider gap between two answers is made on purpose.
const HELD_BACK: Nanos = Nanos::from_millis(2);
/// Clocks tick and drift by this part.
const CLOCKS: f64 = 0.005;
/// Of the first and the last answer of a herd, at least.
const JITTER: Nanos = Nanos::from_millis(4);

#[cfg(test)]
mod tests {
    use super::*;

    fn herd(answers: &[(u64, bool)]) -> Vec<Trace> {
        let sample =
            |&(millis, admitted)| Sample { phase: 0, sent: Nanos::ZERO, done: Nanos::from_millis(millis), admitted };
        answers.iter().map(|answer| vec![sample(answer)]).collect()
    }

    #[test]
    fn answers_at_an_even_pace_are_a_queue() {
        let let_in = [1, 1, 1, 201, 400, 602, 801].map(|millis| (millis, true));
        let herd = herd(&[&let_in[..], &[(1, false); 3]].concat());
        let queue = Queue::of(&herd).expect("a queue");
        assert_eq!((queue.admitted, queue.denied), (7, 3));
        assert!(queue.pace.0 >= Nanos::from_millis(195) && queue.pace.1 <= Nanos::from_millis(205), "{queue:?}");
    }

    #[test]
    fn a_pace_is_that_of_answers_that_take_as_long() {
        let queue = Queue { admitted: 7, denied: 0, pace: (Nanos::from_millis(198), Nanos::from_millis(202)) };
        let burst = |done: [u64; 4]| -> Trace {
            let sample = |(sent, done)| Sample { phase: 0, sent, done, admitted: true };
            let done = done.map(Nanos::from_millis);
            [Nanos::ZERO].into_iter().chain(done).zip(done).map(sample).collect()
        };
        for (done, is) in [
            ([1, 201, 400, 601], true),
            // One came late, and the next on time.
            ([1, 290, 401, 630], true),
            ([1, 31, 231, 350], false),
            ([1, 201, 600, 1_000], false),
        ] {
            assert_eq!(queue.is_pace_of(&burst(done)), is, "{done:?}");
        }
        let other = |from, to| Queue { pace: (Nanos::from_millis(from), Nanos::from_millis(to)), ..queue };
        assert!(queue.is_as_fast_as(&other(203, 210)) && queue.is_as_fast_as(&other(190, 197)));
        assert!(!queue.is_as_fast_as(&other(250, 260)) && !queue.is_as_fast_as(&other(100, 150)));
    }

    #[test]
    fn answers_that_come_late_leave_the_pace_open_by_as_much() {
        // As on a busy machine: each some milliseconds late, the first ones less so.
        let let_in = [1, 1, 201, 403, 606, 809, 1_012].map(|millis| (millis, true));
        let queue = Queue::of(&herd(&let_in)).expect("a queue");
        assert!(queue.pace.0 <= Nanos::from_millis(200) && queue.pace.1 <= Nanos::from_millis(207), "{queue:?}");
    }

    #[test]
    fn another_id_that_is_late_has_not_waited_in_the_queue_unless_it_was_the_last_of_all() {
        let queue = Queue { admitted: 6, denied: 10, pace: (Nanos::from_millis(198), Nanos::from_millis(202)) };
        for (took, scope) in [(1, Scope::Id), (120, Scope::Id), (1_000, Scope::Everyone)] {
            let newcomer = vec![Sample { phase: 0, sent: Nanos::ZERO, done: Nanos::from_millis(took), admitted: true }];
            let finding = finding(&queue, &[], &newcomer, Nanos::from_millis(500));
            assert_eq!(finding.scope.value, scope, "after {took} ms");
        }
    }

    #[test]
    fn answers_that_come_at_once_or_as_they_like_are_none() {
        for late in [
            [1, 1, 1, 1, 1, 1],
            [1, 2, 3, 4, 5, 6],
            [1, 30, 35, 40, 180, 181],
            [1, 1, 1, 1, 201, 401],
            [1, 9, 9, 9, 10, 10],
        ] {
            assert_eq!(Queue::of(&herd(&late.map(|millis| (millis, true)))), None, "{late:?}");
        }
    }
}
