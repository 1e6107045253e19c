//! Which model explains the answers? Each is replayed over all that was asked, with every plausible span, and the fewest misses win.
//!
//! The spans that explain equally much are the error bar of the winner, and how much less the next algorithm explains is the confidence.
//!
//! Rejected: to read the algorithm off single measurements (*did all of it come back at once?*). Each such rule is simple, but each has a limiter
//! or a slow network that fools it, and a dozen of them contradict one another. A replay weighs everything that was seen.

use tollgate_client::Nanos;

use super::experiment::Sample;
use super::model::{Algorithm, Model, Used};
use super::windows::Windows;

/// A model, and how well it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    pub model: Model,
    /// Answers that it doesn't explain, or more if it is hopeless.
    pub misses: u32,
    /// All spans between these explain about as much.
    pub shortest: Nanos,
    pub longest: Nanos,
}

/// What was seen: for each quota its requests, in the order of their sending.
#[derive(Debug)]
pub(super) struct Evidence {
    pub quotas: Vec<Vec<Sample>>,
    /// How many a fresh quota admits at once.
    pub capacity: u32,
    /// The time in which it did: a bucket refills meanwhile.
    pub emptied_in: Nanos,
    /// How many each fresh id was admitted at once.
    pub bursts: Vec<u32>,
    /// No span is shorter or longer than these.
    pub spans: (Nanos, Nanos),
}

/// The best model of each algorithm, with and without charging denials where that makes a difference; the best first.
pub(super) fn fits(evidence: &Evidence) -> Vec<Fit> {
    let algorithms = [
        Algorithm::SlidingWindow,
        Algorithm::FixedWindow,
        Algorithm::Bucket,
        Algorithm::SlidingCounter,
        Algorithm::AlignedWindow,
    ];
    let mut fits: Vec<Fit> = Vec::new();
    let mut enough = u32::MAX;
    for charges_denials in [false, true] {
        for algorithm in algorithms.into_iter().filter(|algorithm| !charges_denials || algorithm.can_charge_denials()) {
            fits.extend(best(evidence, algorithm, charges_denials, &mut enough));
        }
    }
    fits.sort_by_key(|fit| fit.misses);
    fits
}

/// The best limit, span and phase for an algorithm.
fn best(evidence: &Evidence, algorithm: Algorithm, charges_denials: bool, enough: &mut u32) -> Option<Fit> {
    let edges = if algorithm == Algorithm::AlignedWindow { evidence.edges() } else { vec![Nanos::ZERO] };
    let mut fit: Option<Fit> = None;
    for phase in edges {
        // Whether a last unit came back while a bucket was emptied can't be told.
        let limits = if algorithm == Algorithm::Bucket { -1..=1 } else { 0..=0 };
        for more in limits {
            let Some(limit) = evidence.capacity.checked_add_signed(more).filter(|limit| *limit > 0) else { continue };
            let model = Model { algorithm, limit, span: evidence.spans.0, phase, charges_denials };
            fit = Some(evidence.scan(model, enough).or(fit));
        }
    }
    fit
}

impl Fit {
    /// The better one; if they are as good, this one, and the spans of both.
    fn or(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.misses == self.misses => {
                Self { shortest: self.shortest.min(other.shortest), longest: self.longest.max(other.longest), ..self }
            }
            Some(other) if other.misses < self.misses => other,
            _ => self,
        }
    }
}

impl Evidence {
    /// How many answers there are.
    pub fn answers(&self) -> usize {
        self.quotas.iter().map(Vec::len).sum()
    }

    /// The best span for this model: coarse steps over the whole range, then fine ones around the best. If it leaves more than `enough` unexplained,
    /// they are not counted out.
    fn scan(&self, model: Model, enough: &mut u32) -> Fit {
        let mut counted = |span: f64| {
            let misses = self.misses(model, span, *enough);
            *enough = (*enough).min(misses.saturating_mul(2).saturating_add(HOPELESS));
            (misses, span)
        };
        let (from, to) = (self.spans.0.as_secs_f64(), self.spans.1.as_secs_f64());
        let steps = ((to / from).ln() / COARSE).ceil() as u32;
        let mut coarse: Vec<_> = (0..=steps).map(|step| counted(from * (COARSE * f64::from(step)).exp())).collect();
        coarse.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
        let around = |span: f64| (-REFINEMENT..=REFINEMENT).map(move |step| span * (1.0 + FINE * f64::from(step)));
        let fine: Vec<_> = promising(&coarse).into_iter().flat_map(|(_, span)| around(span)).map(counted).collect();
        let misses = fine.iter().map(|fine| fine.0).min().unwrap_or(u32::MAX);
        // An answer more or less is no reason to be sure of a span, unless all of them are explained.
        let equal = || {
            let all = fine.iter().chain(&coarse);
            all.filter(|one| one.0 <= misses + misses.div_ceil(2)).map(|one| one.1)
        };
        let (shortest, longest) = (equal().fold(f64::MAX, f64::min), equal().fold(0.0, f64::max));
        let model = self.with_span(model, (shortest + longest) / 2.0);
        Fit { model, misses, shortest: nanos(shortest), longest: nanos(longest) }
    }

    /// The answers that the model with this span doesn't explain; any number above `enough` is as good as another.
    fn misses(&self, model: Model, span: f64, enough: u32) -> u32 {
        let model = self.with_span(model, span);
        let mut misses = 0;
        for quota in &self.quotas {
            misses += replay(&model, quota, enough - misses);
            if misses > enough {
                break;
            }
        }
        misses
    }

    fn with_span(&self, model: Model, seconds: f64) -> Model {
        let span = nanos(seconds);
        let refilled = match model.algorithm {
            Algorithm::Bucket => self.emptied_in.as_u64() / span.as_u64().max(1),
            _ => 0,
        };
        Model { span, limit: model.limit.saturating_sub(refilled as u32).max(1), ..model }
    }

    /// Where something came back, known to within two percent: where windows of the clock may open.
    fn edges(&self) -> Vec<Nanos> {
        let mut edges = Vec::new();
        for quota in &self.quotas {
            for pair in quota.windows(2) {
                let (before, after) = (pair[0], pair[1]);
                let since = (after.done - quota[0].sent).as_u64();
                if !before.admitted && after.admitted && (after.done - before.sent).as_u64() < since / 50 {
                    edges.extend([before.sent, after.done]);
                }
            }
        }
        edges.truncate(MOST_EDGES);
        edges
    }
}

/// The answers of one quota that the model can't explain, whenever within its exchange each was decided.
fn replay(model: &Model, quota: &[Sample], enough: u32) -> u32 {
    let slack = Nanos::new(TICK.as_u64().min(model.span.as_u64() / 8) + model.span.as_u64() / 1_000);
    if model.algorithm.has_windows() {
        let mut windows = Windows::default();
        count(quota, enough, |sample| !windows.follow(model, sample, slack))
    } else {
        let mut bounds = Bounds::default();
        count(quota, enough, |sample| !bounds.follow(model, sample, slack))
    }
}

/// How many of these are misses, or more than `enough`.
fn count(quota: &[Sample], enough: u32, mut is_miss: impl FnMut(&Sample) -> bool) -> u32 {
    let mut misses = 0;
    for sample in quota {
        misses += u32::from(is_miss(sample));
        if misses > enough {
            break;
        }
    }
    misses
}

/// Two states that bracket what is used up: as if all had been decided as early as possible, and as late as possible.
#[derive(Debug, Default)]
struct Bounds {
    least: Used,
    most: Used,
}

impl Bounds {
    /// Goes on to what is used up after this answer. Whether the model can have given it.
    fn follow(&mut self, model: &Model, sample: &Sample, slack: Nanos) -> bool {
        let Self { least, most } = self;
        let (earliest, latest) = (sample.sent - slack, sample.done + slack);
        let is_possible = if sample.admitted { least.admits(model, latest) } else { !most.admits(model, earliest) };
        if sample.admitted || model.charges_denials {
            let room = !sample.admitted || least.admits(model, sample.sent);
            least.charge(model, if room { sample.sent } else { latest });
            most.charge(model, sample.done);
        }
        is_possible
    }
}

/// Which spans to look around, of those that are sorted by their misses: the best, and if too many are as good as one another, those at both ends.
fn promising(sorted: &[(u32, f64)]) -> Vec<(u32, f64)> {
    let best = sorted.iter().take_while(|one| one.0 == sorted[0].0).count();
    if best <= REFINED {
        return sorted.iter().take(REFINED).copied().collect();
    }
    let half = REFINED / 2;
    [&sorted[..half], &sorted[best - (REFINED - half)..best]].concat()
}

fn nanos(seconds: f64) -> Nanos {
    Nanos::new((seconds * 1e9) as u64)
}

/// Steps of the first scan, and of the second: relative.
const COARSE: f64 = 0.02;
const FINE: f64 = 0.001;
/// The second scan goes so many of its steps to both sides of so many of the best of the first.
const REFINEMENT: i32 = 12;
const REFINED: usize = 5;
/// Beyond twice the misses of the best model so far, and this, further ones are not worth counting: it is hopeless.
const HOPELESS: u32 = 20;
/// Servers look at the clock once in a while, nginx and HAProxy in whole milliseconds.
const TICK: Nanos = Nanos::from_millis(2);
const MOST_EDGES: usize = 6;
