//! Real processes: shells, this test binary as an impostor, and Tollgate.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};

use procfs::process::Process as Proc;

use super::testing::{impostor, tollgate, wait_until};
use super::*;

fn launch(line: &str) -> Launch {
    Launch::parse(line).expect("a command line")
}

fn start(line: &str) -> Result<Server, StartError> {
    Server::start(&launch(line), &Question::default(), Clock::start())
}

/// A shell that says that it listens where we do, and that is killed soon after it was told to stop.
fn shell(script: &str) -> (Server, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let mut launch = launch(&format!("sh -c 'echo listening on {address}; {script}'"));
    launch.stop_within = STOP_WITHIN;
    let server = Server::start(&launch, &Question::default(), Clock::start());
    (server.unwrap_or_else(|error| panic!("{error}")), listener)
}

const STOP_WITHIN: Nanos = Nanos::from_secs(1);

fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn is_running(pid: i32) -> bool {
    Proc::new(pid).and_then(|process| process.stat()).is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// The number in the last line that a server said.
fn number_in(server: &Server) -> i32 {
    wait_until("it said a number", || server.last_lines().len() >= 2);
    server.last_lines()[1].trim().parse().expect("a number")
}

#[test]
fn tollgate_is_ready_answers_is_watched_and_drains_when_it_is_told_to() {
    let mut server = tollgate("--cores 1");
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    stream.write_all(b"GET /?clientId=7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let vitals = server.vitals().expect("it runs");
    assert!(vitals.rss > 1 << 20 && vitals.files.is_some_and(|files| files > 5) && vitals.threads >= 1, "{vitals:?}");
    wait_until("it was asked and looked at twice", || server.pulse().answered >= 2 && server.history().len() >= 2);
    assert_eq!((server.condition(), server.stop()), (Condition::Alive, Condition::Exited(0)));
    assert!(server.last_lines().last().is_some_and(|line| line.contains("drained")), "{:#?}", server.last_lines());
    assert_eq!((server.stop(), server.vitals()), (Condition::Exited(0), None), "it has ended");
}

#[test]
fn what_can_not_be_started_says_why_and_what_to_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().display();
    for (line, advice) in [
        ("tollgate-which-nobody-has".to_owned(), "it is in no folder of PATH"),
        ("./no/such/file".to_owned(), "is the path right"),
        (format!("'{folder}'"), "chmod +x"),
        (
            "sh -c 'echo cannot read tollgate.toml >&2; exit 2'".to_owned(),
            "exited with code 2 before it listened; its last lines:\n  cannot read",
        ),
        (
            "sh -c 'kill -KILL $$'".to_owned(),
            "was killed by SIGKILL before it listened; its last lines: (it said nothing)",
        ),
    ] {
        let said = start(&line).expect_err("no server").to_string();
        assert!(said.contains(advice), "{line}: {said}");
    }
}

#[test]
fn a_server_that_never_listens_is_given_up_and_ended() {
    let mut silent = launch("sh -c 'echo $$; exec sleep 1000'");
    silent.ready_within = Nanos::from_millis(300);
    for (launch, expected) in
        [(silent.clone(), "has not said where it listens"), (silent.at(closed_port()), "nobody could connect")]
    {
        let error = Server::start(&launch, &Question::default(), Clock::start()).expect_err("no server");
        assert!(error.to_string().contains(expected), "{error}");
        let (StartError::Unannounced { last_lines, .. } | StartError::Unreachable { last_lines, .. }) = error else {
            panic!("{error}")
        };
        assert!(!is_running(last_lines[0].parse().expect("its number")));
    }
}

#[test]
fn a_port_that_somebody_else_has_is_not_taken_for_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let launch = launch("sleep 1000").at(listener.local_addr().expect("bound"));
    let error = Server::start(&launch, &Question::default(), Clock::start()).expect_err("it is taken");
    assert!(matches!(error, StartError::Taken(_)), "{error}");
}

#[test]
fn a_server_that_ignores_sigterm_is_killed_when_its_time_is_up() {
    let (mut server, _listener) = shell(r#"trap "" TERM; echo trapped; while :; do sleep 1; done"#);
    wait_until("it ignores SIGTERM", || server.last_lines().len() == 2);
    let clock = Clock::start();
    assert!(matches!(server.stop(), Condition::Killed { signal: 9, .. }));
    assert!(clock.now() >= STOP_WITHIN, "it had its time");
}

#[test]
fn the_server_of_a_shell_has_its_time_too_when_the_shell_is_gone_already() {
    let drains = r#"trap "sleep 0.2; echo drained; exit" TERM; echo ready; while :; do sleep 0.01; done"#;
    let (mut server, _listener) = shell(&format!("({drains}) & wait"));
    wait_until("it is ready", || server.last_lines().len() == 2);
    assert!(matches!(server.stop(), Condition::Killed { signal: 15, .. }), "the shell");
    assert_eq!(server.last_lines().last().map(String::as_str), Some("drained"));
}

#[test]
fn a_crash_is_told_from_an_exit_and_leaves_the_last_words() {
    for (script, expected) in [
        ("echo out of luck; kill -SEGV $$", Condition::Killed { signal: 11, core: false }),
        ("echo out of luck; kill -ABRT $$", Condition::Killed { signal: 6, core: false }),
        ("echo out of luck; exit 101", Condition::Exited(101)),
    ] {
        // It ends when it is told to: not before it was ready.
        let (server, _listener) =
            shell(&format!("ulimit -c 0; trap \"{script}\" USR1; echo armed; while :; do sleep 0.01; done"));
        wait_until("it is armed", || server.last_lines().len() == 2);
        assert_eq!(server.condition(), Condition::Alive);
        let pid = server.process.pid().expect("ours");
        rustix::process::kill_process(pid, rustix::process::Signal::USR1).expect("it runs");
        wait_until("it has ended", || server.condition().is_over());
        assert_eq!(server.condition(), expected);
        assert_eq!(server.condition(), expected, "to ask doesn't change it");
        wait_until("its last words are read", || server.last_lines().last().is_some_and(|line| line == "out of luck"));
    }
}

#[test]
fn a_server_that_is_restarted_takes_the_same_port_or_a_free_one() {
    for address in [closed_port().to_string(), "127.0.0.1:0".to_owned()] {
        let mut server = start(&impostor("answer", &address)).unwrap_or_else(|error| panic!("{error}"));
        let pid = server.pid();
        assert!(address.ends_with(":0") || server.address().to_string() == address);
        assert!(matches!(server.kill(), Condition::Killed { signal: 9, .. }));
        assert!(TcpStream::connect(server.address()).is_err());
        server.restart().unwrap_or_else(|error| panic!("{error}"));
        assert!(address.ends_with(":0") || server.address().to_string() == address);
        assert_ne!(server.pid(), pid);
        assert_eq!(server.condition(), Condition::Alive);
        TcpStream::connect(server.address()).expect("it listens");
    }
}

#[test]
fn a_server_that_listens_and_never_answers_is_hung_until_it_answers() {
    let question = Question { patience: Nanos::from_secs(1), ..Question::default() };
    let server = Server::start(&launch(&impostor("mute", "127.0.0.1:0")), &question, Clock::start()).expect("ready");
    assert_eq!(server.condition(), Condition::Alive, "it has not been asked");
    wait_until("it is hung", || matches!(server.condition(), Condition::Hung(_)));
    assert!(server.pulse().longest_silence <= Nanos::from_secs(20) && server.pulse().answered == 0);
    rustix::process::kill_process(server.process.pid().expect("ours"), rustix::process::Signal::KILL).expect("it runs");
    wait_until("it is dead, which isn't hung", || server.condition() == Condition::Killed { signal: 9, core: false });

    let server = Server::start(&launch(&impostor("answer", "127.0.0.1:0")), &question, Clock::start()).expect("ready");
    let pid = server.process.pid().expect("ours");
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("it runs");
    wait_until("it is hung", || matches!(server.condition(), Condition::Hung(_)));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("it runs");
    wait_until("it answers again", || server.condition() == Condition::Alive);
    assert!(server.pulse().longest_silence >= Nanos::from_secs(1));
    assert!(server.pulse().recovered.is_some_and(|recovered| recovered.after >= Nanos::from_secs(1)));
}

#[test]
fn the_question_whether_a_server_answers_has_no_limit_that_it_could_use_up() {
    // One client for ever would wait for a minute.
    let server = tollgate("--cores 1 --limit 60/1h --algorithm leaky-bucket");
    wait_until("three questions were answered", || server.pulse().answered >= 3);
    assert_eq!(server.condition(), Condition::Alive);
}

#[test]
fn a_leak_of_memory_and_descriptors_is_growth_and_a_load_without_one_is_not() {
    for (deed, grows) in [("leak", true), ("answer", false)] {
        let server = start(&impostor(deed, "127.0.0.1:0")).expect("ready");
        let before = server.at_rest(Nanos::from_secs(5)).expect("it runs");
        for _ in 0..40 {
            let mut stream = TcpStream::connect(server.address()).expect("it listens");
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("sent");
            stream.read_to_end(&mut Vec::new()).expect("an answer");
        }
        let after = server.at_rest(Nanos::from_secs(5)).expect("it runs");
        let growth = Growth::between(&before, &after, &Allowance::default());
        let is_expected = matches!(growth[..], [Growth::Memory { .. }, Growth::Files { .. }]) == grows;
        assert!(is_expected && growth.is_empty() != grows, "{deed}: {growth:?}");
    }
}

#[test]
fn a_flood_of_output_stops_neither_the_server_nor_us() {
    let (server, _listener) = shell("head -c 30000000 /dev/zero | tr \"\\0\" x; echo; yes flood");
    wait_until("the flood is there", || server.last_lines().len() == 100);
    wait_until("nothing else is", || server.last_lines()[1..99].iter().all(|line| line == "flood"));
    let before = server.vitals().expect("it runs");
    wait_until("it has gone on writing", || server.vitals().expect("it runs").cpu > before.cpu);
}

#[test]
fn what_a_shell_started_ends_with_it() {
    let stop = |mut server: Server| assert!(server.stop().is_over());
    let kill = |mut server: Server| assert!(server.kill().is_over());
    let crash = |server: Server| {
        assert!(catch_unwind(AssertUnwindSafe(|| panic!("with a server of pid {:?}", { server }.pid()))).is_err());
    };
    let vanish = |mut server: Server| {
        let Process::Ours(_, child) = &mut server.process else { panic!("it is ours") };
        child.vanish();
        wait_until("the guard has ended it", || server.condition().is_over());
    };
    let ways: [(&str, &dyn Fn(Server)); 5] =
        [("stop", &stop), ("kill", &kill), ("drop", &drop), ("panic", &crash), ("kill -9 of ours", &vanish)];
    for (way, end) in ways {
        for script in ["sleep 1000 & echo $!; wait", "trap \"\" TERM; sleep 1000 & echo $!; trap - TERM; wait"] {
            let (server, _listener) = shell(script);
            let grandchild = number_in(&server);
            assert!(is_running(grandchild), "{way}");
            end(server);
            wait_until(&format!("{way} has ended the child of a shell"), || !is_running(grandchild));
        }
    }
}

#[test]
fn what_a_shell_started_is_looked_at_with_it() {
    let (server, _listener) = shell("sleep 1000 & sleep 1000 & sh -c \"sleep 1000 & wait\" & echo; wait");
    wait_until("five processes run", || server.vitals().is_some_and(|vitals| vitals.threads == 5));
}

#[test]
fn a_server_of_somebody_else_is_watched_and_left_alone() {
    let mut sleeper = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
    let question = Question { patience: Nanos::from_millis(500), ..Question::default() };
    let mut server = Server::running(closed_port(), Some(sleeper.id()), &question, Clock::start()).expect("it runs");
    assert!(server.vitals().is_some_and(|vitals| vitals.threads == 1));
    wait_until("it is hung: nobody listens", || matches!(server.condition(), Condition::Hung(_)));
    assert!(matches!(server.restart(), Err(StartError::NotOurs)));
    server.stop();
    server.kill();
    assert!(is_running(sleeper.id() as i32));
    sleeper.kill().expect("it runs");
    wait_until("its end is seen", || server.condition() == Condition::Gone);
    sleeper.wait().expect("its end");
    assert_eq!((server.condition(), server.vitals()), (Condition::Gone, None));
    for pid in [sleeper.id(), 0, u32::MAX] {
        let error = Server::running(closed_port(), Some(pid), &question, Clock::start()).expect_err("it has ended");
        assert!(error.to_string().contains(&format!("--pid {pid}")), "{error}");
    }
}

#[test]
fn a_running_server_known_by_its_address_alone_is_asked_whether_it_answers() {
    let mut child = start(&impostor("answer", "127.0.0.1:0")).expect("ready");
    let question = Question { patience: Nanos::from_millis(500), ..Question::default() };
    let server = Server::running(child.address(), None, &question, Clock::start()).expect("it listens");
    wait_until("it answered", || server.pulse().answered > 0);
    assert_eq!((server.condition(), server.vitals(), server.pid()), (Condition::Alive, None, None));
    child.kill();
    wait_until("it is hung", || matches!(server.condition(), Condition::Hung(_)));
}
