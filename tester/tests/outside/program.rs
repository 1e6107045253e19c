//! The program, as people and scripts use it: against our gate, a limiter with a fault, and servers that come to grief.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tollgate_client::Nanos;

use crate::faulty::{Algorithm, Fault, Faulty, Quota};
use crate::support;

/// A folder for results, and the tester in it.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn tester(&self, words: &[&str]) -> Command {
        let mut tester = Command::new(env!("CARGO_BIN_EXE_tollgate-tester"));
        tester.args(words).current_dir(self.path()).stdin(Stdio::null());
        tester
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.tester(words).output().expect("the tester")
    }

    /// Starts it; what it says, line by line.
    pub fn start(&self, words: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
        let mut tester = self.tester(words).stderr(Stdio::piped()).spawn().expect("the tester");
        let lines = BufReader::new(tester.stderr.take().expect("piped")).lines().map_while(Result::ok);
        (tester, lines)
    }

    /// Runs a line that was told, as people paste it.
    pub fn shell(&self, line: &str) -> Output {
        Command::new("sh").args(["-c", line]).current_dir(self.path()).stdin(Stdio::null()).output().expect("a shell")
    }

    /// Writes a file; its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    /// What is in a file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn summary(&self) -> String {
        self.read("test_summary.txt")
    }

    /// A line of the summary's totals.
    pub fn total(&self, name: &str) -> u64 {
        let summary = self.summary();
        let line = summary.lines().find(|line| line.split_whitespace().next() == Some(name));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {summary}"))
    }
}

/// What the tester said, and its exit code.
pub fn said(output: &Output) -> (i32, String) {
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

const SMALL: [&str; 8] = ["--clients", "1:200", "--rate", "200:1k", "--duration", "1s", "--connections", "2:20"];

/// Nothing is wrong; on a machine without time for the load perhaps because nothing can be said.
pub const FINE: [i32; 2] = [0, SAYS_NOTHING];
const SAYS_NOTHING: i32 = 5;

pub fn gate(limit: &str) -> String {
    format!("{} --listen 127.0.0.1:0 --max-clients 100k --limit {limit}", support::binary().display())
}

#[test]
fn trials_against_our_gate_pass_and_add_up() {
    let desk = Desk::new();
    let server = gate("5/1s");
    let scenarios = "steady,hot-id,window-edge,herd,id-churn,restart,broken-pipelines";
    let words = ["--server", &server, "--limit", "5/1s", "--trials", "7", "--seed", "3", "--scenarios", scenarios];
    let output = desk.run(&[&words[..], &SMALL, &["--json", "trials.json", "--html", "trials.html"]].concat());
    let (code, line) = said(&output);
    assert_eq!(code, 0, "{line}");
    assert_eq!(
        ["trials", "failed", "violations", "crashes", "ledger_residual"].map(|name| desk.total(name)),
        [7, 0, 0, 0, 0]
    );
    assert!(desk.total("requests") > 1_000 && desk.total("denied") > 0 && desk.total("allowed") > 0);
    let trials = fs::read_to_string(desk.path().join("trials.json")).expect("JSON lines");
    assert_eq!(trials.lines().count(), 7);
    assert!(fs::metadata(desk.path().join("trials.html")).expect("a page").len() > 10_000);
}

#[test]
fn a_limiter_that_admits_one_too_many_is_convicted_and_so_it_is_when_the_trial_is_repeated() {
    let quota = Quota { limit: 5, window: Nanos::from_secs(1) };
    let server = Faulty::start(quota, Algorithm::SlidingLog, Some(Fault::OffByOne));
    let desk = Desk::new();
    let url = format!("http://{}/", server.address());
    let words = [url.as_str(), "--limit", "5/1s", "--trials", "1", "--scenarios", "steady", "--with", "clients=10"];
    let output = desk.run(&[&words[..], &SMALL].concat());
    let (code, line) = said(&output);
    assert_eq!(code, 4, "{line}");
    assert!(line.contains("6 admitted within") && line.contains("at most 5 may be in any window"), "{line}");
    assert!(desk.total("violations") > 0);
    let again = line.lines().find_map(|line| line.trim().strip_prefix("again: ")).expect("how to repeat it").to_owned();
    assert!(desk.summary().contains(&again), "{again}");
    assert_eq!(said(&desk.shell(&again)).0, 4);
}

#[test]
fn a_log_of_what_was_seen_convicts_as_well() {
    let quota = Quota { limit: 5, window: Nanos::from_secs(1) };
    let server = Faulty::start(quota, Algorithm::SlidingLog, Some(Fault::OffByOne));
    let desk = Desk::new();
    let url = format!("http://{}/", server.address());
    let words = [
        url.as_str(),
        "--limit",
        "none",
        "--trials",
        "1",
        "--scenarios",
        "steady",
        "--with",
        "clients=10",
        "--log",
        "log",
    ];
    assert!(FINE.contains(&said(&desk.run(&[&words[..], &SMALL].concat())).0), "nobody said what to expect");
    for (limit, code) in [("5/1s", 4), ("6/1s", 0)] {
        let output = desk.run(&["verify", "log", "--limit", limit, "--lag", "never"]);
        assert_eq!(output.status.code(), Some(code), "{limit}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn a_server_that_crashes_is_started_again_and_tried_again() {
    let desk = Desk::new();
    let script = desk.write("server", &format!("{} & sleep 5; kill -ABRT $!; wait $!", gate("5/1s")));
    let server = format!("sh {script}");
    let words = ["--server", &server, "--limit", "none", "--trials", "1", "--scenarios", "steady", "--retries", "1"];
    let output = desk.run(&[&words[..], &["--rate", "500", "--duration", "8s"]].concat());
    let (code, line) = said(&output);
    assert_eq!(code, 6, "{line}");
    assert!(line.contains("crash: the server exited with code 134 (repeats)"), "{line}");
    assert_eq!(desk.total("crashes"), 1);
}

#[test]
fn a_signal_ends_the_trial_and_the_loop_and_leaves_no_server_behind() {
    let desk = Desk::new();
    let server = gate("5/1s");
    let words = ["--server", &server, "--limit", "5/1s", "--scenarios", "steady", "--rate", "300", "--duration", "60s"];
    let (mut tester, mut lines) = desk.start(&words);
    lines.find(|line| line.contains("steady")).expect("the first trial");
    kill_process(Pid::from_child(&tester), Signal::INT).expect("alive");
    assert_eq!(tester.wait().expect("our child").code(), Some(0));
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.contains("1 trials, 0 failed")), "{rest:?}");
    assert!(desk.summary().contains("trials                   1"));
}

#[test]
fn what_is_wrong_with_the_command_line_is_one_line_that_says_what_to_do() {
    let desk = Desk::new();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let nobody = format!("http://{free}/");
    let cases: [(&[&str], i32, &str); 15] = [
        (&["--limit", "5"], 2, "--limit"),
        (&["--limit", "5/5s", "--algorithm", "magic"], 2, "--algorithm"),
        (&["--scenarios", "rain"], 2, "write all or some of smoke"),
        (&["--clients", "9:3"], 2, "goes backwards"),
        (&["--with", "colour=red"], 2, "write NAME=VALUE"),
        (&["--stop-on", "boredom"], 2, "write some of crash, hang"),
        (&["repro", "0"], 2, "between 1 and"),
        (&["shrink", "0"], 2, "between 1 and"),
        (&["--server", ""], 1, "--server is empty"),
        (&["--server", "/no/such/program"], 1, "/no/such/program"),
        (&["--server", "sh -c 'echo no luck; exit 3'"], 1, "no luck"),
        (&[&nobody], 1, "cannot connect to"),
        (&["--scenarios", "overload", "--server", "tollgate"], 2, "--upstream {upstream}"),
        (&["verify", "/no/such/log"], 1, "/no/such/log"),
        (&["probe", &nobody], 1, "onnect"),
    ];
    for (words, code, part) in cases {
        let (exit, line) = said(&desk.run(words));
        assert_eq!(exit, code, "{words:?}: {line}");
        assert!(line.contains(part), "{words:?}: {line}");
        assert!(!line.contains("panicked"), "{line}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_the_first_trial() {
    let desk = Desk::new();
    let blocked: PathBuf = desk.path().join("file");
    fs::write(&blocked, "").expect("a file");
    let server = gate("5/1s");
    let words = ["--server", &server, "--trials", "1", "--dir", blocked.to_str().expect("text")];
    let (code, line) = said(&desk.run(&words));
    assert_eq!(code, 1, "{line}");
    assert!(line.contains("--summary") && line.contains("cannot write"), "{line}");
}

#[test]
fn a_crash_after_which_the_server_does_not_come_back_is_in_the_summary() {
    let desk = Desk::new();
    let script = desk.path().join("server");
    let once = "[ -e started ] && { echo no luck; exit 3; }; touch started";
    fs::write(&script, format!("{once}; {} & sleep 5; kill -ABRT $!; wait $!", gate("5/1s"))).expect("a script");
    let server = format!("sh {}", script.display());
    let words = ["--server", &server, "--limit", "none", "--trials", "3", "--scenarios", "steady"];
    let (code, line) = said(&desk.run(&[&words[..], &["--rate", "500", "--duration", "8s"]].concat()));
    assert_eq!(code, 6, "{line}");
    assert!(line.contains("no luck"), "{line}");
    assert_eq!(["trials", "crashes"].map(|name| desk.total(name)), [1, 1]);
}

#[test]
fn a_server_that_does_not_come_back_from_a_restart_has_crashed() {
    let desk = Desk::new();
    let script = desk.path().join("server");
    let once = "[ -e started ] && { echo no luck; exit 3; }; touch started";
    fs::write(&script, format!("{once}; exec {}", gate("5/1s"))).expect("a script");
    let server = format!("sh {}", script.display());
    let words = ["--server", &server, "--limit", "none", "--trials", "1", "--scenarios", "restart"];
    let (code, line) = said(&desk.run(&[&words[..], &SMALL].concat()));
    assert_eq!(code, 6, "{line}");
    assert!(line.contains("crash: ") && line.contains("no luck"), "{line}");
    assert_eq!(desk.total("crashes"), 1);
}

#[test]
fn a_server_of_somebody_else_is_not_restarted_and_the_loop_goes_on() {
    let server = support::tollgate("--limit 5/1s");
    let desk = Desk::new();
    let url = format!("http://{}/", server.address());
    let words = [url.as_str(), "--limit", "5/1s", "--trials", "2", "--scenarios", "restart,steady"];
    let (code, line) = said(&desk.run(&[&words[..], &SMALL].concat()));
    assert_eq!(code, 0, "{line}");
    assert_eq!(["trials", "failed"].map(|name| desk.total(name)), [2, 0]);
    assert!(!desk.summary().contains("restart "), "{}", desk.summary());
    let (code, line) = said(&desk.run(&[url.as_str(), "--scenarios", "restart"]));
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("--server"), "{line}");
}

#[test]
fn what_a_trial_is_shrunk_to_fails_by_itself() {
    let desk = Desk::new();
    let server = gate("3/1h");
    // Whoever asks as a client that an earlier try has used up is denied at once, and learns nothing.
    let words = ["shrink", "1", "--server", &server, "--limit", "2/1h", "--scenarios", "steady", "--seed", "3"];
    let load = ["--clients", "4", "--rate", "64", "--duration", "500ms", "--connections", "2", "--pipeline", "1"];
    let (code, line) = said(&desk.run(&[&words[..], &load].concat()));
    assert_eq!(code, 4, "{line}");
    let smallest = line.lines().find_map(|line| line.trim().strip_prefix("smallest that fails: ")).expect("a command");
    let repeat = || {
        let output = Command::new("sh").arg("-c").arg(smallest).current_dir(desk.path()).stdin(Stdio::null()).output();
        said(&output.expect("a shell"))
    };
    // A trial of a few requests in a quarter of a second says nothing while the machine is busy: it is run again then, as its user would.
    let told = (0..20).map(|_| repeat()).find(|(code, _)| *code != SAYS_NOTHING);
    let (code, line) = told.expect("a trial that says something");
    assert_eq!(code, 4, "{smallest}: {line}");
}

#[test]
fn a_trial_that_is_repeated_has_the_same_plan_and_leaves_the_results_of_the_loop_alone() {
    let desk = Desk::new();
    let server = gate("5/1s");
    let options =
        ["--server", &server, "--limit", "5/1s", "--seed", "3", "--scenarios", "steady", "--json", "all.json"];
    let loop_words = [&options[..], &["--trials", "2"], &SMALL].concat();
    assert!(FINE.contains(&said(&desk.run(&loop_words)).0));
    let (summary, lines) = (desk.summary(), fs::read_to_string(desk.path().join("all.json")).expect("JSON lines"));
    let (code, line) = said(&desk.run(&[&["repro", "2"], &options[..], &SMALL].concat()));
    assert!(FINE.contains(&code), "{line}");
    assert_eq!(desk.summary(), summary);
    assert_eq!(fs::read_to_string(desk.path().join("all.json")).expect("as before"), lines);
    let repeated = fs::read_to_string(desk.path().join("all.repro-2.json")).expect("its own");
    let hash = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["plan_hash"].clone();
    assert_eq!(lines.lines().nth(1).map(hash), repeated.lines().next().map(hash));
}

#[test]
fn a_trial_in_which_nobody_asked_for_anything_has_not_passed() {
    let desk = Desk::new();
    let server = gate("5/1s");
    // A request an hour, for a second.
    let words = ["--server", &server, "--limit", "5/1s", "--trials", "1", "--scenarios", "ramp", "--seed", "1"];
    let load = ["--rate", "1", "--duration", "100ms", "--clients", "1", "--connections", "1"];
    let (code, line) = said(&desk.run(&[&words[..], &load].concat()));
    assert_eq!(code, 5, "{line}");
    assert!(line.contains("invalid · 0 requests") && line.contains("says nothing: nothing was asked"), "{line}");
    assert_eq!(["trials", "passed", "failed", "invalid"].map(|name| desk.total(name)), [1, 0, 0, 1]);
}

#[test]
fn behind_a_leaky_bucket_only_a_wait_that_was_promised_excuses_a_missing_answer() {
    let server = forgetful();
    let url = format!("http://{server}/");
    // The client waits for two seconds.
    for (delay, is_excused) in [("100ms", false), ("3s", true)] {
        let desk = Desk::new();
        let algorithm = format!("leaky-bucket:{delay}");
        let words = [url.as_str(), "--limit", "1k/1ms", "--algorithm", &algorithm, "--lag", "never", "--trials", "1"];
        let load = ["--rate", "200", "--duration", "2s", "--pipeline", "1", "--connections", "100", "--churn", "0"];
        let (_, line) = said(&desk.run(&[&words[..], &["--scenarios", "steady"], &load].concat()));
        assert!(desk.total("timeouts") > 0, "{delay}: {line}");
        // A machine without time for the load says nothing.
        assert!(line.contains(" missing") != is_excused || desk.total("invalid") > 0, "{delay}: {line}");
    }
}

/// A server that forgets every fiftieth request of the load; its address. It ends with the tests.
fn forgetful() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let requests = Arc::<AtomicU32>::default();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let requests = Arc::clone(&requests);
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().expect("another end")).lines().map_while(Result::ok);
                loop {
                    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
                    if head.is_empty() {
                        return;
                    }
                    // Not the question whether it is there.
                    let counts = !head.iter().any(|line| line == "Connection: close");
                    let is_forgotten = counts && requests.fetch_add(1, Ordering::Relaxed) % 50 == 49;
                    if !is_forgotten && stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn results_that_are_nowhere_are_no_success() {
    let desk = Desk::new();
    let script = desk.path().join("server");
    fs::create_dir(desk.path().join("results")).expect("a folder");
    fs::write(&script, format!("(sleep 4; rm -r results) & exec {}", gate("5/1s"))).expect("a script");
    let server = format!("sh {}", script.display());
    let words = ["--server", &server, "--limit", "5/1s", "--trials", "1", "--scenarios", "steady", "--dir", "results"];
    let (code, line) = said(&desk.run(&[&words[..], &["--rate", "100", "--duration", "6s"]].concat()));
    assert!(line.contains("cannot write"), "{line}");
    assert_eq!(code, 1, "{line}");
}
