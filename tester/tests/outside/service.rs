//! A gate in front of a service of the tester's own: ours stands by it, and such as don't are found out.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::program::{Desk, FINE, gate, said};

const LOAD: [&str; 8] = ["--rate", "100:2k", "--clients", "1:1k", "--connections", "10:50", "--trials", "1"];

/// What the tester says of a scenario with this server: its exit code, its lines, and how many trials failed.
fn tried(desk: &Desk, server: &str, scenario: &str) -> (i32, String, u64) {
    let words = ["--server", server, "--limit", "5/1s", "--scenarios", scenario, "--retries", "0", "--seed", "1"];
    let (code, told) = said(&desk.run(&[&words[..], &LOAD].concat()));
    (code, told, desk.total("failed"))
}

/// It takes as long as a circuit breaker may: some fifteen seconds.
fn our_gate_passes(scenario: &str) {
    let (desk, server) = (Desk::new(), format!("{} --upstream {{upstream}}", gate("5/1s")));
    let (code, told, failed) = tried(&desk, &server, scenario);
    assert!(failed == 0 && FINE.contains(&code), "{told}");
    assert!(desk.total("allowed") > 100, "the service was asked: {told}");
}

#[test]
fn our_gate_gets_over_a_service_that_is_sick() {
    our_gate_passes("sick-upstream");
}

#[test]
fn our_gate_gets_over_a_service_that_is_restarted() {
    our_gate_passes("upstream-restart");
}

#[test]
fn our_gate_gets_over_an_overload() {
    our_gate_passes("overload");
}

#[test]
fn our_gate_lets_nobody_wait_for_the_slow_answers_of_others() {
    our_gate_passes("slow-among-fast");
}

#[test]
fn a_gate_that_lets_some_wait_for_the_slow_answers_of_others_is_found_out() {
    let (code, told, gate) = with_faulty_gate(Fault::FewLanes, "slow-among-fast");
    assert_eq!(code, 3, "{told}");
    // Whom it held up, and by what, in one line; how long they took depends on the machine.
    let broken = told.lines().find_map(|line| line.split_once("the allowed took "));
    let told_by = broken
        .is_some_and(|(_, rest)| rest.ends_with(" ms (p90) since they were sent, while another path took 3000 ms"));
    assert!(told_by, "{told}");
    // Or a gate's limit for the ones would hold for the others.
    let [slow, others] = &*gate.asked.lock().expect("nobody panics with it");
    assert!(slow.len() == 1 && !others.is_empty() && slow.is_disjoint(others), "{slow:?} and {others:?}");
}

#[test]
fn a_gate_that_gives_its_service_up_for_ever_is_found_out() {
    let (code, told, _) = with_faulty_gate(Fault::GivesUp, "upstream-restart");
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("the service was well again"), "{told}");
}

/// What is wrong with a gate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Connections share a few lanes, and in each there is one request at a time.
    FewLanes,
    /// What has failed once isn't asked again.
    GivesUp,
}

/// A gate without a limit in front of the service whose address is in a file.
struct Gate {
    fault: Fault,
    service: PathBuf,
    lanes: [Mutex<()>; 32],
    has_failed: AtomicBool,
    /// What stands before the numbers of those who asked for what is slow, and of those who asked for anything else.
    asked: Mutex<[HashSet<String>; 2]>,
}

fn with_faulty_gate(fault: Fault, scenario: &str) -> (i32, String, Arc<Gate>) {
    let desk = Desk::new();
    let service = PathBuf::from(desk.write("service", ""));
    let (lanes, has_failed, asked) = (Default::default(), AtomicBool::new(false), Mutex::default());
    let gate = Arc::new(Gate { fault, service, lanes, has_failed, asked });
    let address = Arc::clone(&gate).open();
    let server = format!("sh -c 'echo {{upstream}} > service; echo listening on {address}; exec sleep 1000'");
    let words = ["--lag", "never", "--limit", "1k/1ms"];
    let (server, load) = (["--server", &server], ["--scenarios", scenario, "--retries", "0", "--seed", "1"]);
    let (code, told) = said(&desk.run(&[&server[..], &words, &load, &LOAD].concat()));
    (code, told, gate)
}

impl Gate {
    /// Serves whoever comes, until the tests are over.
    fn open(self: Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let gate = Arc::clone(&self);
                thread::spawn(move || gate.serve(stream, number));
            }
        });
        address
    }

    fn serve(&self, mut stream: TcpStream, number: usize) {
        let mut input = BufReader::new(stream.try_clone().expect("another end"));
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if !input.read_line(&mut head).is_ok_and(|read| read > 0) {
                    return;
                }
            }
            let answer = self.answer(&head, number);
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }

    /// The service's answer, which comes in one piece; or that there is none.
    fn answer(&self, head: &str, number: usize) -> Vec<u8> {
        if head.contains("Connection: close") {
            // The question whether it is there.
            return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
        }
        let id = head.split_once("clientId=").and_then(|(_, rest)| rest.split([' ', '&']).next());
        let is_slow = head.starts_with("GET /slow");
        let family = id.map(|id| id.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
        self.asked.lock().expect("nobody panics with it")[usize::from(!is_slow)].extend(family);
        let lane = &self.lanes[number % self.lanes.len()];
        let _turn = (self.fault == Fault::FewLanes).then(|| lane.lock().expect("nobody panics with it"));
        let gives_up = || self.fault == Fault::GivesUp && self.has_failed.load(Ordering::Relaxed);
        let answer = if gives_up() { None } else { self.forward(head) };
        answer.unwrap_or_else(|| {
            self.has_failed.store(true, Ordering::Relaxed);
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".to_vec()
        })
    }

    fn forward(&self, head: &str) -> Option<Vec<u8>> {
        let service: SocketAddr = std::fs::read_to_string(&self.service).ok()?.trim().parse().ok()?;
        let mut stream = TcpStream::connect(service).ok()?;
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).ok().filter(|read| *read > 0)?;
        answer.truncate(read);
        Some(answer)
    }
}
