use tollgate_client::{Exchange, Nanos, Observer, Outcome};

use super::{BATCH, MOST_BATCHES, Watch};
use crate::oracle::{History, Promise, Verdict};

fn allowed(n: u64, millis: u64) -> Exchange {
    let at = Nanos::from_millis(1_000 + millis);
    let (outcome, status) = (Outcome::Allowed, Some(200));
    Exchange { n, id: 7, connection: 3, due: at, sent: at, done: at, outcome, status }
}

fn watch() -> Watch {
    Watch::start(Promise::parse("2/1s", "sliding-window").unwrap(), History::Unused).unwrap()
}

#[test]
fn what_several_threads_saw_is_judged_together() {
    let watch = watch();
    let mut taps = [watch.tap(), watch.tap(), watch.tap()];
    (0..).zip(&mut taps).for_each(|(n, tap)| tap.exchange(&allowed(n, n)));
    let report = watch.finish(taps.into());
    assert!(matches!(report.verdict, Verdict::Violation(_)), "{report}");
    assert_eq!((report.counters.exchanges, report.counters.too_many), (3, 1));
}

#[test]
fn nothing_is_lost_however_much_there_is() {
    let watch = watch();
    let exchanges = (3 * BATCH * MOST_BATCHES) as u64 + 17;
    let tap = std::thread::scope(|scope| {
        let mut tap = watch.tap();
        let work = move || {
            (0..exchanges).for_each(|n| tap.exchange(&allowed(n, n * 600)));
            tap
        };
        scope.spawn(work).join().unwrap()
    });
    let report = watch.finish(vec![tap]);
    assert_eq!(report.counters.exchanges, exchanges);
    assert_eq!(report.verdict, Verdict::Conforms);
}

#[test]
fn a_restart_is_known_before_what_ends_after_it() {
    let watch = watch();
    let mut tap = watch.tap();
    tap.exchange(&allowed(0, 0));
    tap.exchange(&allowed(1, 1));
    watch.restarted(Nanos::from_millis(1_001), Nanos::from_millis(1_002));
    tap.exchange(&allowed(2, 2));
    tap.exchange(&allowed(3, 3));
    let report = watch.finish(vec![tap]);
    assert_eq!((report.counters.exchanges, report.counters.too_many), (4, 0), "{report}");
}

#[test]
fn what_was_judged_so_far_can_be_seen() {
    let watch = watch();
    let mut tap = watch.tap();
    // The second is so much later that the first doesn't wait for more.
    tap.exchange(&allowed(0, 0));
    tap.exchange(&allowed(1, 5_000));
    while watch.counters().admissions < 2 {
        std::thread::yield_now();
    }
    assert_eq!(watch.finish(vec![tap]).counters.exchanges, 2);
}
