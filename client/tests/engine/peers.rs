//! nginx and HAProxy count the same requests as we do, and one that is killed leaves none unaccounted for.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tollgate_client::engine::Stage;
use tollgate_client::plan::{Arrival, PlanSettings, Rate, Schedule, Stop};
use tollgate_client::{Control, EngineSettings, Nanos, Outcome};

use crate::{count, requests, run, run_with, scheduled, settings, some};

/// A peer that runs until it is dropped.
struct Peer {
    process: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Peer {
    /// Starts `program` with a configuration in which `{port}` and `{dir}` are filled in.
    fn start(program: &str, arguments: &[&str], configuration: &str) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let text = configuration
            .replace("{port}", &address.port().to_string())
            .replace("{dir}", &directory.path().display().to_string());
        let path = directory.path().join("configuration");
        std::fs::write(&path, text).expect("written");
        let mut command = Command::new(program);
        command.args(arguments).arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; install it, as .ci/run does"));
        let mut peer = Self { process, address, directory };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return peer;
            }
            assert!(peer.process.try_wait().expect("our child").is_none(), "{program} has ended");
            sleep(Duration::from_millis(20));
        }
        panic!("{program} doesn't listen");
    }

    /// nginx, with more in its main section.
    fn nginx(more: &str) -> Self {
        let configuration =
            "daemon off; worker_processes 1; error_log stderr crit; pid {dir}/pid; events {} http { access_log off;
         keepalive_requests 1000000; client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
         uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
         server { listen 127.0.0.1:{port}; location = /count { stub_status; } location / { return 200 OK; } } }";
        Self::start("nginx", &["-e", "stderr", "-c"], &format!("{more}{configuration}"))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.process.id() as i32) {
            let _ = kill_process(pid, signal);
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // nginx's master stops its worker only if it is asked.
        self.signal(Signal::TERM);
        let _ = self.process.wait();
    }
}

/// Three runs: a pipelined closed loop, an open loop, and one that is drained in the middle. Returns how many were answered.
fn load(target: SocketAddr) -> u64 {
    let usual = EngineSettings { connections: some(4), threads: some(2), ..settings(target) };
    let pipelined = EngineSettings { pipeline: some(4), ..usual.clone() };
    let closed = run(requests(target, 2_000), &pipelined);
    let span = Nanos::from_millis(300);
    let rate = Rate::Constant(2_000).over(Some(span)).expect("a rate");
    let open = run(scheduled(target, Schedule::Open { rate, arrival: Arrival::Poisson }, span), &usual);
    let control = Control::default();
    let endless = PlanSettings { stop: Stop::default(), ..requests(target, 0) };
    let drained = run_with(endless, &usual, &control, |interval| {
        if interval.record.ledger.answers() > 0 && control.stage() == Stage::Running {
            control.stop();
        }
    });
    let runs = [closed, open, drained];
    for run in &runs {
        // On a starved machine the last of a schedule may find no connection free, and is shed.
        assert_eq!(count(run, Outcome::Allowed), run.total.ledger.sent, "{:?}", run.total.ledger);
    }
    runs.iter().map(|run| run.total.ledger.sent).sum()
}

#[test]
fn nginx_has_answered_as_many_requests_as_the_client_has_seen_answered() {
    let nginx = Peer::nginx("");
    let answered = load(nginx.address);
    let mut stream = TcpStream::connect(nginx.address).expect("it listens");
    stream.write_all(b"GET /count HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").expect("sent");
    let status = std::io::read_to_string(stream).expect("an answer");
    let line = status.lines().skip_while(|line| !line.contains("requests")).nth(1).expect("a line of counts");
    let counted: u64 = line.split_whitespace().last().and_then(|count| count.parse().ok()).expect("a count");
    assert_eq!(counted, answered + 1, "this question included: {status}");
}

#[test]
fn haproxy_has_answered_as_many_requests_as_the_client_has_seen_answered() {
    let haproxy = Peer::start(
        "haproxy",
        &["-f"],
        "global\n stats socket {dir}/stats\ndefaults\n mode http\n option http-ignore-probes\n timeout client 1m\nfrontend gate\n \
         bind 127.0.0.1:{port}\n http-request return status 200 content-type text/plain string OK\n",
    );
    let answered = load(haproxy.address);
    let mut stream = UnixStream::connect(haproxy.path().join("stats")).expect("its socket");
    stream.write_all(b"show stat gate 1 -1 typed\n").expect("sent");
    let mut stats = String::new();
    stream.read_to_string(&mut stats).expect("an answer");
    let line = stats.lines().find(|line| line.contains(".req_tot.")).expect("a count of requests");
    let counted: u64 = line.rsplit(':').next().and_then(|count| count.parse().ok()).expect("a number");
    assert_eq!(counted, answered);
}

#[test]
fn a_server_that_is_killed_in_the_middle_leaves_no_request_unaccounted_for() {
    let span = Nanos::from_millis(600);
    let rate = Rate::Constant(5_000).over(Some(span)).expect("a rate");
    for schedule in [Schedule::Closed, Schedule::Open { rate, arrival: Arrival::Poisson }] {
        // One process, so that one signal ends all of it.
        let nginx = Peer::nginx("master_process off;");
        let pipelined =
            EngineSettings { connections: some(8), threads: some(2), pipeline: some(4), ..settings(nginx.address) };
        let plan = scheduled(nginx.address, schedule.clone(), span);
        let run = run_with(plan, &pipelined, &Control::default(), |interval| {
            if interval.record.ledger.answers() > 0 {
                nginx.signal(Signal::KILL);
            }
        });
        let ledger = &run.total.ledger;
        assert!(
            !run.interrupted && count(&run, Outcome::Allowed) > 0 && count(&run, Outcome::Refused) > 0,
            "{ledger:?}"
        );
        let broken = [Outcome::Refused, Outcome::ResetBefore, Outcome::ResetWithin, Outcome::EndOfFile, Outcome::Shed];
        let ended: u64 = broken.map(|outcome| count(&run, outcome)).iter().sum();
        assert_eq!(ledger.planned, count(&run, Outcome::Allowed) + ended, "{schedule}: {ledger:?}");
        assert!(run.total.connections.refused > 0, "{:?}", run.total.connections);
    }
}
