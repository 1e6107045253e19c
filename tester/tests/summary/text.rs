//! `test_summary.txt` as it is read.

use std::collections::BTreeMap;

use tollgate_client::report::Validity;
use tollgate_tester::summary::{Files, Kind, Summary};

use crate::example::{entry, header};

#[test]
fn the_summary_of_twenty_trials_is_this() {
    let mut summary = Summary::new(header(), &Files::default());
    for n in 1..=20 {
        summary.add(&entry(n)).unwrap();
    }
    let (text, golden) = (summary.text(), include_str!("golden.txt"));
    for (line, (shown, meant)) in (1..).zip(text.lines().zip(golden.lines())) {
        assert_eq!(shown, meant, "line {line} of\n{text}");
    }
    assert_eq!(text, golden);
}

#[test]
fn a_summary_before_the_first_trial_is_whole() {
    let text = Summary::new(header(), &Files::default()).text();
    assert!(text.contains("\ntrials                   0\n") && text.contains("\nFAILURES: none\n"), "{text}");
    assert!(text.ends_with("\nend of summary\n"), "{text}");
}

#[test]
fn the_text_stays_small_for_weeks_and_the_totals_count_everything() {
    let mut summary = Summary::new(header(), &Files::default());
    let (good, bad) = (entry(1), entry(9));
    for trial in 1..=20_000 {
        let mut entry = if trial % 5 == 0 { bad.clone() } else { good.clone() };
        entry.trial = trial;
        summary.add(&entry).unwrap();
    }
    let text = summary.text();
    let totals = totals(&text);
    assert_eq!([&totals["trials"], &totals["failed"], &totals["violations"]], ["20000", "4000", "12000"]);
    let requests = 16_000 * good.ledger.sent + 4_000 * bad.ledger.sent;
    assert_eq!(totals["requests"], requests.to_string());
    assert!(text.contains("\n... 18000 trials left out ...\n"));
    assert!(text.contains("\nand 3000 later ones: counted above and not shown\n"));
    let shown = |trial: u64| text.lines().any(|line| line.trim_start().starts_with(&format!("{trial}  ")));
    assert_eq!([1, 1_000, 1_001, 19_000, 19_001, 20_000].map(shown), [true, true, false, false, true, true]);
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
}

#[test]
fn hostile_texts_end_no_line_and_fill_no_disk() {
    let mut entry = entry(18);
    let nasty = format!("\x1b[31m\nend of summary\n{}", "x".repeat(30_000));
    entry.scenario = nasty.clone();
    entry.parameters = vec![("a b\n".to_owned(), nasty.clone())];
    entry.failures[0].text = nasty.clone();
    entry.failures[0].lines = vec![nasty; 100];
    let mut summary = Summary::new(header(), &Files::default());
    summary.add(&entry).unwrap();
    let text = summary.text();
    assert_eq!(text.lines().filter(|line| *line == "end of summary").count(), 1);
    assert!(!text.contains('\x1b') && text.len() < 20_000, "{} bytes", text.len());
}

#[test]
fn what_an_entry_tells_by_itself_needs_no_naming() {
    let cases = [(1, &[][..]), (9, &[Kind::Violation]), (18, &[Kind::Crash]), (54, &[Kind::Unbalanced])];
    for (n, kinds) in cases {
        let entry = entry(n);
        let told: Vec<Kind> = entry.all_failures().iter().map(|failure| failure.kind).collect();
        assert_eq!((&told[..], entry.has_failed()), (kinds, !kinds.is_empty()), "trial {n}");
    }
    let doubtful = entry(3);
    assert_eq!((doubtful.validity, doubtful.has_failed()), (Validity::Suspect, false));
}

/// The lines of the first block.
pub fn totals(text: &str) -> BTreeMap<String, String> {
    let block = text.lines().skip(2).take_while(|line| !line.is_empty());
    block
        .filter_map(|line| line.split_once(' '))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}
