//! The probe names real limiters for what they are.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use tollgate_client::plan::RequestSettings;
use tollgate_client::{Clock, Nanos};
use tollgate_tester::probe::{self, Algorithm, Denials, Finding, Limits, ProbeError, Quota, Scope, Target};

use crate::faulty::{Algorithm as Rule, Fault, Faulty};
use crate::support::{haproxy, nginx, tollgate};

fn probe(address: SocketAddr) -> Result<Finding, ProbeError> {
    probe_with(address, &Limits::default())
}

fn probe_with(address: SocketAddr, limits: &Limits) -> Result<Finding, ProbeError> {
    let request = RequestSettings { url: format!("http://{address}/"), ..RequestSettings::default() };
    probe::run(&Target::new(request)?, limits, &Clock::start())
}

fn finding(address: SocketAddr) -> Finding {
    let finding = probe(address).unwrap_or_else(|error| panic!("{error}"));
    println!("{finding}");
    finding
}

const SECOND: Nanos = Nanos::from_secs(1);
const FIVE_A_SECOND: Quota = Quota { limit: 5, window: SECOND };

#[test]
fn tollgate_in_all_four_algorithms() {
    let cases = [
        ("sliding-window", Algorithm::SlidingWindow, 5),
        ("fixed-window", Algorithm::FixedWindow, 5),
        ("token-bucket", Algorithm::Bucket, 5),
        // One leaves at once, and five wait.
        ("leaky-bucket", Algorithm::Shaper, 6),
    ];
    for (name, algorithm, burst) in cases {
        let server = tollgate(&format!("--limit 5/1s --algorithm {name}"));
        let finding = finding(server.address());
        let found = (finding.algorithm.value, finding.quota.value, finding.burst.value);
        assert_eq!(found, (algorithm, FIVE_A_SECOND, burst), "{name}:\n{finding}");
        assert_eq!((finding.denials.value, finding.scope.value), (Denials::Free, Scope::Id), "{name}:\n{finding}");
    }
}

#[test]
fn longer_queues_and_faster_buckets_are_recognised_too() {
    let shaper = tollgate("--limit 20/2s --algorithm leaky-bucket");
    let finding_of_shaper = finding(shaper.address());
    let bucket = nginx("100r/s", "burst=50 nodelay");
    let finding_of_bucket = finding(bucket.address());
    let cases = [(finding_of_shaper, Algorithm::Shaper, 10.0, 21), (finding_of_bucket, Algorithm::Bucket, 100.0, 51)];
    for (finding, algorithm, rate, burst) in cases {
        let Quota { limit, window } = finding.quota.value;
        let found = f64::from(limit) / window.as_secs_f64();
        assert!((found / rate - 1.0).abs() < 0.05, "{finding}");
        assert!(finding.burst.value.abs_diff(burst) <= 1, "{finding}");
        assert_eq!(finding.algorithm.value, algorithm, "{finding}");
    }
}

#[test]
fn nginx_is_a_bucket() {
    let cases =
        [("burst=9 nodelay", Algorithm::Bucket, 10), ("", Algorithm::OneAtATime, 1), ("burst=4", Algorithm::Shaper, 5)];
    for (burst, algorithm, admitted) in cases {
        let server = nginx("5r/s", burst);
        let finding = finding(server.address());
        assert_eq!((finding.algorithm.value, finding.burst.value), (algorithm, admitted), "{burst}:\n{finding}");
        let unit = finding.quota.value.window.as_u64() / u64::from(finding.quota.value.limit);
        assert_eq!(unit, 200_000_000, "{burst}:\n{finding}");
        assert_eq!((finding.denials.value, finding.scope.value), (Denials::Free, Scope::Id), "{burst}:\n{finding}");
    }
}

#[test]
fn haproxy_estimates_from_two_counters_and_charges_denials() {
    let server = haproxy(5, "1s");
    let finding = finding(server.address());
    assert_eq!(
        (finding.algorithm.value, finding.denials.value),
        (Algorithm::SlidingCounter, Denials::Charged),
        "{finding}"
    );
    assert_eq!(
        (finding.quota.value, finding.burst.value, finding.scope.value),
        (FIVE_A_SECOND, 5, Scope::Id),
        "{finding}"
    );
}

#[test]
fn a_quota_that_is_not_per_id_is_recognised() {
    let cases = [
        (None, Scope::Id),
        (Some(Fault::QuotaPerConnection), Scope::IdAndConnection),
        (Some(Fault::QuotaPerCore), Scope::Parts(2)),
        (Some(Fault::IgnoresTheId), Scope::Everyone),
    ];
    let quota = crate::faulty::Quota { limit: 5, window: Nanos::from_millis(400) };
    let expected = Quota { limit: 5, window: quota.window };
    for (fault, scope) in cases {
        let server = Faulty::start(quota, Rule::SlidingLog, fault);
        let finding = finding(server.address());
        assert_eq!((finding.scope.value, finding.quota.value), (scope, expected), "{fault:?}:\n{finding}");
        assert_eq!(finding.algorithm.value, Algorithm::SlidingWindow, "{fault:?}:\n{finding}");
    }
}

#[test]
fn what_cannot_be_probed_is_said_in_one_line() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a free port");
    let endless = Faulty::start(crate::faulty::Quota { limit: 1_000_000, window: SECOND }, Rule::FixedWindow, None);
    let for_ever =
        Faulty::start(crate::faulty::Quota { limit: 5, window: SECOND }, Rule::FixedWindow, Some(Fault::DeniesForEver));
    let nobody = Faulty::start(crate::faulty::Quota { limit: 0, window: SECOND }, Rule::FixedWindow, None);
    let limits = Limits { requests: 1_000, time: Nanos::from_secs(2), ..Limits::default() };
    let cases = [
        (gone, "cannot talk to"),
        (silent.local_addr().expect("bound"), "gave no answer within "),
        (endless.address(), "no limiter seen: 250 requests of one id"),
        (for_ever.address(), "5 admitted, and then nothing for"),
        (nobody.address(), "a fresh id is denied at its first request"),
    ];
    for (address, line) in cases {
        let said = probe_with(address, &limits).expect_err(line).to_string();
        assert!(said.contains(line) && !said.contains('\n'), "{said}");
    }
}

#[test]
fn answers_that_say_neither_yes_nor_no_are_refused_with_their_status() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    for (answer, line) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "an answer has status 404"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "sends what is no HTTP/1.x answer"),
        ("", "cannot talk to"),
    ] {
        let listener = &listener;
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().expect("the probe");
                let read = stream.read(&mut [0; 1024]).expect("a request");
                assert!(read > 0, "a request");
                stream.write_all(answer.as_bytes()).expect("sent");
            });
            let said = probe(address).expect_err(line).to_string();
            assert!(said.contains(line), "{said}");
        });
    }
}
