//! Trials that are run again: with less, and with a server that hangs.

use crate::faulty::{Algorithm, Fault, Faulty, Quota};
use crate::program::{Desk, gate, said};
use rustix::process::{Pid, Signal, kill_process};
use tollgate_client::Nanos;

#[test]
fn a_failing_trial_is_shrunk_to_what_it_needs() {
    let limiter =
        Faulty::start(Quota { limit: 5, window: Nanos::from_secs(1) }, Algorithm::SlidingLog, Some(Fault::OffByOne));
    let desk = Desk::new();
    let url = format!("http://{}/", limiter.address());
    let words = [url.as_str(), "--limit", "5/1s", "--scenarios", "steady", "--seed", "9"];
    let load = ["--clients", "64", "--connections", "16", "--rate", "2k", "--duration", "1s", "--pipeline", "8"];
    let (code, told) = said(&desk.run(&[&["shrink", "1"][..], &words, &load].concat()));
    assert_eq!(code, 4, "{told}");
    let smallest = told.lines().find_map(|line| line.strip_prefix("smallest that fails: ")).expect("the smallest");
    for part in ["--with 'pipeline=1'", "--with 'connections=1'"] {
        assert!(smallest.contains(part), "{part}: {smallest}");
    }
    let (code, told) = said(&desk.shell(smallest));
    assert_eq!(code, 4, "{told}");
}

#[test]
fn a_server_that_stops_answering_hangs() {
    let desk = Desk::new();
    let script = desk.write("server", &format!("{} & sleep 5; kill -STOP $!; sleep 60; kill -KILL $!", gate("5/1s")));
    let server = format!("sh {script}");
    let words = ["--server", &server, "--limit", "none", "--trials", "1", "--scenarios", "steady", "--retries", "0"];
    let (code, told) =
        said(&desk.run(&[&words[..], &["--rate", "200", "--duration", "12s", "--connections", "4"]].concat()));
    assert_eq!(code, 6, "{told}");
    assert!(told.contains("hang: the server has answered nothing for"), "{told}");
    assert_eq!(desk.total("hangs"), 1);
}

#[test]
fn a_server_that_answers_again_after_a_while_has_hung_all_the_same() {
    let desk = Desk::new();
    let script = desk.write("server", &format!("{} & echo $! > pid; wait $!", gate("5/1s")));
    let server = format!("sh {script}");
    let words = ["--server", &server, "--limit", "none", "--trials", "1", "--scenarios", "steady", "--retries", "0"];
    // A hang begins when nobody was answered for five seconds; the trial goes on when it is over.
    let load = ["--rate", "50", "--duration", "14s", "--connections", "2"];
    let (mut tester, mut lines) = desk.start(&[&words[..], &load].concat());
    lines.find(|line| line.contains("steady")).expect("the trial");
    let pid = desk.read("pid").trim().parse().ok().and_then(Pid::from_raw).expect("the gate's number");
    kill_process(pid, Signal::STOP).expect("it runs");
    std::thread::sleep(std::time::Duration::from_secs(7));
    kill_process(pid, Signal::CONT).expect("it runs");
    let told: Vec<String> = lines.collect();
    assert_eq!(tester.wait().expect("our child").code(), Some(6), "{told:?}");
    let hang = told.iter().find(|line| line.contains("hang: the server did not answer for "));
    assert!(hang.is_some_and(|hang| hang.contains(" s, then did")), "{told:#?}");
    assert_eq!(desk.total("hangs"), 1);
}
