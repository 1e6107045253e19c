use super::Promise;

#[test]
fn a_promise_is_read_as_it_is_printed() {
    let cases = [
        ("5/5s", "sliding-window", "5/5s by sliding-window"),
        ("1k/60s", "fixed-window", "1000/1m by fixed-window"),
        ("5/5s", "token-bucket", "5/5s by token-bucket:5"),
        ("5/5s", "token-bucket:20", "5/5s by token-bucket:20"),
        ("5/5s", "leaky-bucket", "5/5s by leaky-bucket:5s"),
        ("5/5s", "leaky-bucket:0", "5/5s by leaky-bucket:0s"),
    ];
    for (limit, algorithm, printed) in cases {
        assert_eq!(Promise::parse(limit, algorithm).unwrap().to_string(), printed);
    }
}

#[test]
fn nonsense_is_refused_with_its_flag_and_the_cure() {
    let cases = [
        ("5", "sliding-window", "--limit \"5\": write requests per time, like 5/5s or 100/1m"),
        ("0/5s", "sliding-window", "--limit \"0\": must be between 1 and 1M"),
        ("5/0s", "sliding-window", "--limit \"0s\": must be between 1us and 8760h"),
        ("5/1us", "token-bucket:0", "--algorithm \"0\": must be between 1 and 1M"),
        ("1M/1us", "token-bucket", "--limit: a bucket can't refill by more than one unit per nanosecond"),
    ];
    for (limit, algorithm, line) in cases {
        assert_eq!(Promise::parse(limit, algorithm).unwrap_err().to_string(), line);
    }
    for algorithm in ["", "sliding", "sliding-window:5", "token-bucket:", "gcra"] {
        let line = Promise::parse("5/5s", algorithm).unwrap_err().to_string();
        assert!(line.starts_with("--algorithm"), "{line}");
    }
}
