use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq, proptest};
use tollgate_client::{Exchange, Nanos, Outcome};

use super::{LogError, Problem, Writer, read, verify};
use crate::oracle::{History, Promise, Verdict, Why};

const HEAD: &str = "tollgate exchanges 1\nn,id,connection,due,sent,done,outcome,status\n";

fn log(exchanges: &[Exchange]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    exchanges.iter().for_each(|exchange| writer.write(exchange).unwrap());
    writer.finish().unwrap()
}

fn allowed(n: u64) -> Exchange {
    let at = Nanos::from_millis(1_000 + n);
    let (outcome, status) = (Outcome::Allowed, Some(200));
    Exchange { n, id: 7, connection: 3, due: at, sent: at, done: at, outcome, status }
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        numbers in vec((any::<[u64; 4]>(), 0..100_000_000_u32, any::<u32>(), 0..11_usize, any::<Option<u16>>()), 0..20),
    ) {
        let exchanges: Vec<_> = numbers.into_iter().map(|([n, due, sent, flight], id, connection, outcome, status)| {
            let (due, sent, done) = (Nanos::new(due), Nanos::new(sent), Nanos::new(sent).saturating_add(Nanos::new(flight)));
            Exchange { n, id, connection, due, sent, done, outcome: Outcome::ALL[outcome], status }
        }).collect();
        let mut seen = Vec::new();
        let is_whole = read(log(&exchanges).as_slice(), |exchange| seen.push(*exchange)).unwrap();
        prop_assert_eq!((is_whole, seen), (true, exchanges));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = read([HEAD.as_bytes(), &bytes].concat().as_slice(), |_| ());
    }
}

#[test]
fn a_log_reads_as_the_front_page_says() {
    let shed = Exchange { n: 1, connection: u32::MAX, outcome: Outcome::Shed, status: None, ..allowed(0) };
    let text = String::from_utf8(log(&[allowed(0), shed])).unwrap();
    let lines =
        "0,7,3,1000000000,1000000000,1000000000,allowed,200\n1,7,,1000000000,1000000000,1000000000,shed,\nend,2\n";
    assert_eq!(text, format!("{HEAD}{lines}"));
}

#[test]
fn what_is_no_log_is_refused_with_its_place() {
    let cases = [
        ("0,7,3,1,1,2,allowed", 3, Problem::Columns),
        ("0,7,3,1,1,2,allowed,200,", 3, Problem::Columns),
        ("0,7,3,1,1,2,allowed,200\n\nend,1", 4, Problem::Columns),
        ("-1,7,3,1,1,2,allowed,200", 3, Problem::Column("n")),
        ("0,100000000,3,1,1,2,allowed,200", 3, Problem::Column("id")),
        ("0,7,x,1,1,2,allowed,200", 3, Problem::Column("connection")),
        ("0,7,3,1,+1,2,allowed,200", 3, Problem::Column("sent")),
        ("0,7,3,1,1,18446744073709551616,allowed,200", 3, Problem::Column("done")),
        ("0,7,3,1,1,2,Allowed,200", 3, Problem::Column("outcome")),
        ("0,7,3,1,1,2,allowed,70000", 3, Problem::Column("status")),
        ("0,7,3,1,2,1,allowed,200", 3, Problem::Backwards),
        ("end,1", 3, Problem::Count),
        ("end,x", 3, Problem::Count),
        ("end,0\n0,7,3,1,1,2,allowed,200", 4, Problem::AfterEnd),
    ];
    for (lines, place, problem) in cases {
        let Err(LogError::Line { line, problem: found }) = read(format!("{HEAD}{lines}\n").as_bytes(), |_| ()) else {
            panic!("{lines:?} is read");
        };
        assert_eq!((line, found), (place, problem), "{lines:?}");
    }
    let long = format!("{HEAD}0,{}", "0".repeat(100_000));
    assert!(matches!(read(long.as_bytes(), |_| ()), Err(LogError::Line { line: 3, problem: Problem::TooLong })));
    let not_text = [HEAD.as_bytes(), b"\xff\n"].concat();
    assert!(matches!(read(not_text.as_slice(), |_| ()), Err(LogError::Line { line: 3, problem: Problem::NotText })));
    for text in ["", "tollgate exchanges 2\n", "tollgate exchanges 1\nn,id\n"] {
        assert!(matches!(read(text.as_bytes(), |_| ()), Err(LogError::NotALog)), "{text:?}");
    }
    let error = LogError::Line { line: 3, problem: Problem::Column("sent") };
    assert_eq!(error.to_string(), "line 3 of the log: sent must be a whole number in its range");
}

#[test]
fn a_log_that_was_cut_off_still_proves_what_it_holds() {
    let promise = Promise::parse("2/5s", "sliding-window").unwrap();
    let judged = |log: &[u8]| verify(log, promise, History::Unused).unwrap().verdict;
    let two = log(&[allowed(0), allowed(1)]);
    assert_eq!(judged(&two), Verdict::Conforms);
    for end in 1..=two.len() - HEAD.len() {
        assert_eq!(judged(&two[..two.len() - end]), Verdict::Inconclusive(Why::CutOff), "{end} bytes less");
    }
    let three = log(&[allowed(0), allowed(1), allowed(2)]);
    assert!(matches!(judged(&three[..three.len() - 3]), Verdict::Violation(_)));
    // Who knows what else was under way.
    let denied = log(&[Exchange { outcome: Outcome::Denied, ..allowed(9) }]);
    assert!(matches!(judged(&denied), Verdict::Violation(_)));
    assert_eq!(judged(&denied[..denied.len() - 3]), Verdict::Inconclusive(Why::CutOff));
}
