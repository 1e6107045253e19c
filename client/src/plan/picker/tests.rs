use super::{Pick, Picker};
use crate::plan::random::Stream;
use crate::plan::testing::{TempFile, assert_follows};

const STREAM: Stream = Stream::new(5, Stream::PICK);

fn picker(text: &str, clients: u32) -> Picker {
    text.parse::<Pick>().unwrap().load(clients).unwrap()
}

#[test]
fn each_picker_has_the_distribution_that_it_claims() {
    let flat = |weight: f64, ids: usize| vec![weight; ids];
    let cases = [
        ("uniform", flat(1.0, 50)),
        ("rr", flat(1.0, 50)),
        ("seq", flat(1.0, 50)),
        ("zipf:1.1", (1..=50).map(|rank| f64::from(rank).powf(-1.1)).collect()),
        ("hot:0.2:0.8", [flat(0.8 / 10.0, 10), flat(0.2 / 40.0, 40)].concat()),
        ("hot:0.01:0.5", [flat(0.5, 1), flat(0.5 / 49.0, 49)].concat()),
        ("hot:0.2:1", [flat(0.1, 10), flat(0.0, 40)].concat()),
        ("hot:1:0.3", flat(1.0, 50)),
        ("tail:0.1", [flat(0.1 / 45.0, 45), flat(0.9 / 5.0, 5)].concat()),
        ("tail:0.1:0.5", [flat(0.5 / 45.0, 45), flat(0.5 / 5.0, 5)].concat()),
        ("tail:0.1:0", [flat(1.0, 45), flat(0.0, 5)].concat()),
    ];
    for (text, weights) in cases {
        let picker = picker(text, 50);
        assert_eq!(picker.ids(), 50);
        assert_follows(&weights, (0..100_000).map(|n| picker.pick(STREAM, n) as usize), text);
    }
}

#[test]
fn a_file_is_weighted_by_repetition() {
    let file = TempFile::new("milk\nbread\nmilk\nmilk\ncaviar\n");
    let picker = picker(&format!("file:{}", file.path().display()), 1_000);
    assert_eq!(picker.ids(), 3, "ids are the file's, whatever --clients says");
    assert_eq!(picker.texts().unwrap().text(2), b"caviar");
    assert_follows(&[3.0, 1.0, 1.0], (0..50_000).map(|n| picker.pick(STREAM, n) as usize), "file");
}

#[test]
fn a_sequence_repeats_no_id_until_all_were_used() {
    let seq = picker("seq", 10);
    assert!((0..20).map(|n| seq.pick(STREAM, n)).eq((0..10).chain(0..10)));
    let churn = picker("seq:4294967296", 10);
    assert_eq!(churn.pick(STREAM, u64::from(u32::MAX)), u32::MAX);
    assert_eq!(churn.pick(STREAM, 1 << 32), 0);
}

#[test]
fn the_hot_ids_dont_move_with_the_seed() {
    let zipf = picker("zipf:1.1", 1_000);
    for seed in 0..20 {
        let stream = Stream::new(seed, Stream::PICK);
        let hottest = (0..2_000).filter(|&n| zipf.pick(stream, n) == 0).count();
        assert!((300..600).contains(&hottest), "id 0 has a fifth of the requests, not {hottest} of 2000");
    }
}

#[test]
fn a_worker_without_ids_is_known_before_it_searches() {
    let cases = [
        ("uniform", 3, 2, true),
        ("uniform", 3, 3, false),
        ("hot:0.1:1", 10, 0, true),
        ("hot:0.1:1", 10, 1, false),
        ("hot:0.1:0.5", 10, 1, true),
        ("tail:0.1:1", 10, 1, true),
        ("tail:0.1:1", 10, 2, false),
        ("tail:0.1:0", 10, 3, true),
    ];
    for (text, clients, worker, reached) in cases {
        assert_eq!(picker(text, clients).reaches(worker, 4), reached, "{text} of {clients}, worker {worker} of 4");
    }
}

#[test]
fn a_picker_prints_as_it_is_read_and_refuses_nonsense() {
    for text in ["uniform", "rr", "zipf:1.1", "zipf:0", "hot:0.2:0.8", "tail:0.1:0.9", "seq", "seq:2M", "file:a:b"] {
        assert_eq!(text.parse::<Pick>().unwrap().to_string(), text);
    }
    assert_eq!("tail:0.1".parse(), "tail:0.1:0.9".parse::<Pick>());
    let cases = [
        ("", "unknown: write uniform, rr, zipf:1.1"),
        ("zipf", "unknown"),
        ("file:", "unknown"),
        ("zipf:-1", "not a number"),
        ("zipf:9", "must be between 0 and 4"),
        ("hot:0:0.5", "must be between 0.000001 and 1"),
        ("hot:0.5:1.5", "must be between 0 and 1"),
        ("seq:0", "must be between 1 and"),
    ];
    for (text, problem) in cases {
        let error = text.parse::<Pick>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("--pick \"{text}\": {problem}")), "{error}");
    }
    let error = Pick::File("/nonexistent".into()).load(1).unwrap_err().to_string();
    assert!(error.starts_with("--pick \"file:/nonexistent\": cannot read /nonexistent: "), "{error}");
}
