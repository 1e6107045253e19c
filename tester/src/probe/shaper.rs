//! Limiters that hold requests back instead of denying them: only many connections at once fill their queue.

use tollgate_client::Nanos;

use super::error::{ProbeError, show};
use super::experiment::{Sample, Trace};
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

/// What it is, if answers come at an even pace; otherwise it doesn't hold requests back.
///
/// A machine that lets everybody wait now and then makes a pace too, but it doesn't keep it up: not for one who asks, waits and asks again.
pub(super) fn inquire(inquiry: &mut Inquiry<'_, impl Bench>) -> Result<Option<Finding>, ProbeError> {
    let mut queue = None;
    for connections in HERDS {
        let experiment = plan::herd(&inquiry.ids, connections, None, inquiry.part_of_time(0.5));
        let mut traces = inquiry.bench.carry_out(&experiment)?;
        traces.truncate(traces.len().saturating_sub(plan::NEWCOMERS));
        queue = Queue::of(&traces).or(queue);
        if queue.as_ref().is_some_and(|queue| queue.denied > 0) {
            break;
        }
    }
    let Some(queue) = queue else { return Ok(None) };
    let experiment = plan::one_by_one(&inquiry.ids, queue.admitted, ONE_BY_ONE, inquiry.part_of_time(0.3));
    if !queue.is_kept_up(&inquiry.bench.carry_out(&experiment)?.remove(0)) {
        return Ok(None);
    }
    let again = times(queue.pace.0, 2.6);
    let experiment = plan::herd(&inquiry.ids, 2 * queue.admitted + 4, Some(again), inquiry.part_of_time(0.9));
    let mut traces = inquiry.bench.carry_out(&experiment)?;
    let newcomers = traces.split_off(traces.len().saturating_sub(plan::NEWCOMERS));
    Ok(Some(finding(&queue, &traces, &newcomers, again)))
}

fn finding(queue: &Queue, herd: &[Trace], newcomers: &[Trace], again: Nanos) -> Finding {
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

    // In the herd's queue each of them would be behind all others.
    let behind = times(shortest, f64::from(admitted.saturating_sub(1).max(1)) / 2.0);
    let has_own = newcomers.iter().flatten().any(|ask| ask.admitted && ask.done - ask.sent < behind);
    let herd_scope = format!("one id over {} connections shared {admitted} places", herd.len());
    let scope = if has_own {
        Judged::new(Scope::Id, bounded, format!("{herd_scope}; another id didn't wait"))
    } else {
        Judged::new(Scope::Everyone, Confidence::Fair, format!("{herd_scope}; other ids had to wait too"))
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
        // Of answers half of them apart, one may be on time and the other as late as all but a few are.
        let few = (off.len() - 1) / 10;
        let late = (off[off.len() - 1 - few] - off[few]).max(JITTER.as_secs_f64());
        let error = late / (held.len() / 2) as f64 + SLIP * pace;
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
    /// Whether those who asked one by one, after they had been slowed down, waited for half this pace at least; but for one, which may have come
    /// late itself and so waited less.
    fn is_kept_up(&self, one_by_one: &[Sample]) -> bool {
        let half = times(self.pace.0, 0.5);
        let slowed: Vec<_> = one_by_one.iter().filter(|sample| sample.phase > 0).collect();
        let waited = slowed.iter().filter(|sample| sample.admitted && sample.done - sample.sent >= half).count();
        waited >= 2 && waited + 1 >= slowed.len()
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
/// Requests, each sent when the one before it is answered: a chance of one in three that a machine holds one up is one in 60 for all but one of them.
const ONE_BY_ONE: u32 = 6;
/// By this part a pace may be off, because answers come later and later while a herd is at work.
const SLIP: f64 = 0.02;
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
        assert!(queue.pace.0 >= Nanos::from_millis(190) && queue.pace.1 <= Nanos::from_millis(210), "{queue:?}");
    }

    #[test]
    fn a_pace_is_kept_up_if_all_but_one_have_to_wait_for_it() {
        let queue = Queue { admitted: 7, denied: 0, pace: (Nanos::from_millis(198), Nanos::from_millis(202)) };
        for (took, is) in [
            (&[200, 199, 201, 200, 200, 200][..], true),
            (&[200, 290, 20, 200, 200, 200], true),
            (&[200, 200, 20], true),
            (&[200, 200, 20, 200, 200, 1], false),
            (&[1, 1, 200, 1, 1, 200], false),
            (&[200], false),
        ] {
            let sample = |&took| Sample { phase: 1, sent: Nanos::ZERO, done: Nanos::from_millis(took), admitted: true };
            let one_by_one: Trace = took.iter().map(sample).collect();
            assert_eq!(queue.is_kept_up(&one_by_one), is, "{took:?}");
        }
    }

    #[test]
    fn answers_that_come_late_leave_the_pace_open_by_as_much() {
        // As on a busy machine: all late, but for the first one.
        for late in [[1, 203, 406, 609, 812, 1_013], [1, 212, 415, 618, 812, 1_024], [1, 205, 412, 615, 820, 1_022]] {
            let queue = Queue::of(&herd(&late.map(|millis| (millis, true)))).expect("a queue");
            let (limit, window) = roundest::rate(queue.pace.0, queue.pace.1);
            assert_eq!((limit, window), (5, Nanos::from_secs(1)), "{late:?}: {queue:?}");
        }
    }

    #[test]
    fn another_id_that_is_late_has_not_waited_in_the_queue_unless_it_was_the_last_of_all() {
        let queue = Queue { admitted: 6, denied: 10, pace: (Nanos::from_millis(198), Nanos::from_millis(202)) };
        for (took, scope) in [([1, 1], Scope::Id), ([120, 1_000], Scope::Id), ([1_000, 1_200], Scope::Everyone)] {
            let sample =
                |took| vec![Sample { phase: 0, sent: Nanos::ZERO, done: Nanos::from_millis(took), admitted: true }];
            let finding = finding(&queue, &[], &took.map(sample), Nanos::from_millis(500));
            assert_eq!(finding.scope.value, scope, "after {took:?} ms");
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
