//! The command line as scripts see it: what goes to stdout, what to stderr, and the exit code.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn tollgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).stdin(Stdio::null()).output().expect("the binary starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A directory of one test, removed afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Arguments, and what the one line on stderr must contain.
const BROKEN: &[(&[&str], &str)] = &[
    (&["--limit", "0/5s"], "--limit 0/5s: a quota of 0 lets nobody pass: use at least 1"),
    (&["--limit", "5/0s"], "--limit 5/0s: a period of 0s is out of range"),
    (&["--limit", "5"], "--limit 5: `5` is not a quota: write N/PERIOD"),
    (&["--limit", ""], "--limit : `` is not a quota: write N/PERIOD"),
    (&["--limit=-5/5s"], "--limit -5/5s: `-5/5s` is not a quota"),
    (&["--limit", "99999999999/5s"], "--limit 99999999999/5s: `99999999999/5s` is not a quota"),
    (&["--limit", "500/1m"], "--limit 500/1m: sliding-window remembers at most"),
    (&["--limit", "5/5s,slide"], "\"slide\" is no option of a quota"),
    (&["--limit", "5/5s,burst=9"], "sliding-window has no burst: drop it, or use token-bucket"),
    (&["--limit", "5/5s", "--limit", "0/1m"], "--limit 0/1m: a quota of 0"),
    (&["--algorithm", "gcra"], "`gcra` is not an algorithm: use sliding-window"),
    (&["--max-clients", "0"], "room for 0 clients: use 1 to"),
    (&["--max-clients", "1G"], "not a number: write a whole number, with k or M"),
    (&["--max-clients=-1"], "must not be negative"),
    (&["--max-clients", "4000M"], "tollgate: --max-clients 4000M: needs "),
    (&["--when-full", "panic"], "`panic` is no rule for a full table"),
    (&["--client-id", "cookies:id"], "use query:NAME, header:NAME, cookie:NAME, peer-ip, x-forwarded-for or forwarded"),
    (&["--client-id", "cookie:a b"], "cookie:a b does not name a cookie: use e.g. cookie:session"),
    (&["--trusted-proxies", "proxy.example.org"], "not a network: write an address or a CIDR, like 192.0.2.7"),
    (&["--trusted-proxies", "10.0.0.0/8,10.1.2.3/8"], "has bits behind its prefix: write 10.0.0.0/8"),
    (&["--proxy-protocol", "v1"], "write on or off"),
    (&["--max-ids-per-peer", "many"], "`many` is not a quota: write N/PERIOD"),
    (&["--max-ids-per-peer", "5/1m,query:x"], "\"query:x\" is no address of a peer: behind N/PERIOD may stand"),
    (
        &["--max-ids-per-peer", "5/1m,peer-ip", "--client-id", "x-forwarded-for"],
        "--max-ids-per-peer 5/1m,peer-ip: with client-id = x-forwarded-for an address is its only id: drop it",
    ),
    (&["--trusted-proxies", ""], "not a network"),
    (&["--client-id", "query:a\r\nX: y"], "leave out the control characters"),
    (&["--limit", "5/5s,burst=3,burst=40"], "burst is given twice: drop one of them"),
    (&["--limited-status", "500"], "429 or 503"),
    (&["--ratelimit-headers", "maybe"], "write on or off"),
    (&["--decide", "maybe"], "write on or off"),
    (&["--decide"], "a value is required for '--decide <on|off>'"),
    (&["--listen", "8080"], "not an address: write IP:PORT"),
    (&["--listen", "127.0.0.1:99999"], "not an address: write IP:PORT"),
    (&["--cores", "0"], "at least one core is needed"),
    (&["--cores", "3-0"], "the range runs backwards: write 0-3"),
    (&["--cores", "1023-1023"], "tollgate: --cores 1023-1023: core 1023 is not allowed to this process, only "),
    (&["--cores", "1024"], "tollgate: --cores 1024: 1024 cores asked for, "),
    (&["--upstream", "127.0.0.1:9", "--decide", "on"], "decide = on: then nothing is forwarded"),
    (&["--upstream", "app"], "not a server: write HOST:PORT, like 127.0.0.1:9000"),
    (&["--upstream", "http://app:80"], "not a server: write HOST:PORT"),
    (
        &["--upstream", "no-such-name.invalid:80"],
        "upstream server no-such-name.invalid:80: its name cannot be looked up",
    ),
    (&["--io", "epoll"], "invalid value 'epoll' for '--io"),
    (&["--max-connections", "0"], "must be between 1 and 10M"),
    (&["--drain-timeout", "soon"], "not a duration: write a whole number and us, ms, s, m, h or d"),
    (&["--drain-timeout", "99h"], "must be between 0s and 24h"),
    (&["--log", "loud"], "write error, warn, info or debug"),
    (&["--limt", "5/5s"], "unexpected argument '--limt' found"),
    (&["--limit"], "a value is required for '--limit <QUOTA>'"),
    (&["--check", "--print-config"], "'--check' cannot be used with '--print-config'"),
    (&["--drain-timeout", "-1"], "must not be negative"),
    (&["--max-clients", "-1"], "must not be negative"),
    (&["--limit", "-5/5s"], "--limit -5/5s: `-5/5s` is not a quota"),
    (&["--cores", "0-99"], "is not allowed to this process, only "),
    (&["--listen", "x\ny\u{1b}[2J"], "not an address"),
    (&["--config", ""], "no file is named: write its path, or drop --config"),
    (&["--config="], "no file is named"),
    (&["serve"], "unexpected argument 'serve' found"),
    (&["--config", "/no/such/file.toml"], "tollgate: /no/such/file.toml: no such file: check the path after --config"),
    (&["--config", "/"], "tollgate: /: is a directory: name the file in it"),
    (&["--config", "/dev/zero"], "tollgate: /dev/zero: longer than 4MiB: is it a configuration file?"),
    (&["--config", "/dev/null"], "tollgate: /dev/null:1: empty: the file sets nothing"),
];

#[test]
fn every_broken_command_line_exits_2_and_says_why_in_one_line() {
    for (args, message) in BROKEN {
        let output = tollgate(args);
        let said = stderr(&output);
        assert!(said.contains(message), "{args:?}\n said: {said}\n want: {message}");
        assert!(said.starts_with("tollgate: ") && said.lines().count() == 1, "{args:?}\n said: {said}");
        assert!(!said.trim_end().contains(char::is_control), "{args:?}\n said: {said:?}");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
    }
}

#[test]
fn broken_files_exit_2_with_file_line_and_key() {
    let scratch = Scratch::new("broken-files");
    let cases: &[(&str, &[u8], &str)] = &[
        ("binary.toml", b"\x7fELF\x02\x01\x01\x00\xff\xfe", ":1: not text: the file must be UTF-8"),
        ("latin1.toml", b"limit = \"5/5s\"\n# caf\xe9\n", ":2: not text: the file must be UTF-8"),
        ("cut.toml", b"limit = \"5/5s\"\n[timeouts]\nhead = \"5", ":3: syntax: "),
        ("key.toml", b"limit = \"5/5s\"\nmax_clients = 5\n", ":2: max_clients: no such key, did you mean max-clients?"),
    ];
    for (name, content, message) in cases {
        let path = scratch.file(name, content);
        for check in [&["--config", &path, "--check"][..], &["--config", &path]] {
            let output = tollgate(check);
            let said = stderr(&output);
            assert!(said.starts_with(&format!("tollgate: {path}{message}")), "{said}");
            assert_eq!((said.lines().count(), output.status.code()), (1, Some(2)), "{said}");
        }
    }
}

#[test]
fn check_reports_every_mistake_of_a_file_at_once() {
    let scratch = Scratch::new("every-mistake");
    let path = scratch.file("gate.toml", "listen = 1\nbacklog = -1\n[timeouts]\nhaed = 5\n");
    let output = tollgate(&["--config", &path, "--check"]);
    let said = stderr(&output);
    let lines: Vec<&str> = said.lines().map(|line| line.split(':').nth(2).unwrap()).collect();
    assert_eq!(lines, ["1", "2", "4"], "{said}");
}

#[test]
fn a_file_that_is_right_passes_the_check() {
    let scratch = Scratch::new("right");
    let path = scratch.file("gate.toml", "limit = [\"10/s\", \"19/1m\"]\nmax-clients = \"10k\"\ncores = 1\n");
    let output = tollgate(&["--config", &path, "--check"]);
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with(&format!("{path}: ok, needs 1 MiB on 1 core\n")), "{}", stdout(&output));
}

#[test]
fn a_file_has_room_for_a_hundred_thousand_clients_with_quotas_of_their_own() {
    let scratch = Scratch::new("many-clients");
    let ids: Vec<String> = (0..100_000).map(|id| format!("\"client-number-{id:08}\",\n")).collect();
    let path = scratch.file("gate.toml", format!("[[override]]\nclients = [\n{}]\nlimit = \"9/s\"\n", ids.concat()));
    let output = tollgate(&["--config", &path, "--check"]);
    assert_eq!((stderr(&output).as_str(), output.status.code()), ("", Some(0)));
}

#[test]
fn a_file_may_come_through_a_pipe() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["--config", "/dev/stdin", "--print-config"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"backlog = 77\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("\nbacklog = 77\n"), "{}", stdout(&output));
}

#[test]
fn it_says_where_it_listens_and_exits_0_when_drained() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["--listen", "127.0.0.1:0", "--max-clients", "1k", "--cores", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address =
        lines.find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned)).expect("it starts");
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"GET /?clientId=7 HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn an_address_that_is_taken_exits_1_with_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = tollgate(&["--listen", &address, "--max-clients", "1k"]);
    let said = stderr(&output);
    assert!(said.starts_with(&format!("tollgate: {address} is in use")), "{said}");
    assert_eq!((said.lines().count(), output.status.code()), (1, Some(1)));
}

#[test]
fn flags_win_over_the_file_and_the_rest_of_it_stays() {
    let scratch = Scratch::new("flags-win");
    let path = scratch.file(
        "gate.toml",
        "limit = [\"10/s\", \"19/1m\"]\nlisten = \"127.0.0.1:1\"\nbacklog = 77\n[timeouts]\nhead = \"3s\"\ndrain = \"9s\"\n",
    );
    let args = [
        "--config",
        &path,
        "--limit",
        "7/1m",
        "--drain-timeout",
        "2m",
        "--algorithm",
        "fixed-window",
        "--print-config",
    ];
    let printed = stdout(&tollgate(&args));
    for line in [
        "limit = [\"7/1m,fixed-window\"]",
        "listen = \"127.0.0.1:1\"",
        "backlog = 77",
        "head = \"3s\"",
        "drain = \"2m\"",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line:?} is not in\n{printed}");
    }
}

#[test]
fn a_printed_configuration_is_a_file_that_prints_the_same() {
    let scratch = Scratch::new("print");
    let args = [
        "--limit",
        "10/s,token-bucket,burst=50",
        "--limit",
        "600/1h,fixed-window,shadow",
        "--client-id",
        "header:X-Key",
    ];
    let first = tollgate(&[&args[..], &["--print-config"]].concat());
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let path = scratch.file("gate.toml", &first.stdout);
    assert_eq!(stdout(&tollgate(&["--config", &path, "--print-config"])), stdout(&first));
}

#[test]
fn a_configuration_with_several_listeners_and_upstreams_prints_one_that_prints_the_same() {
    let scratch = Scratch::new("print-listeners");
    let path = scratch.file(
        "gate.toml",
        "listen = \"127.0.0.1:1\"\ndecide = true\n\
         [[listener]]\naddress = \"127.0.0.1:2\"\nmode = \"proxy\"\nupstream = \"b\"\n\
         [[listener]]\naddress = \"127.0.0.1:3\"\nmode = \"proxy\"\nupstream = \"a\"\nproxy-protocol = true\n\
         [[listener]]\naddress = \"127.0.0.1:4\"\nmode = \"answer\"\n\
         [upstream.b]\nservers = [\"127.0.0.1:9\"]\n[upstream.a]\nservers = [\"127.0.0.1:8\", \"127.0.0.1:7\"]\n",
    );
    let first = stdout(&tollgate(&["--config", &path, "--print-config"]));
    assert_eq!(first.lines().filter(|line| *line == "[[listener]]").count(), 4, "{first}");
    let path = scratch.file("again.toml", &first);
    assert_eq!(stdout(&tollgate(&["--config", &path, "--print-config"])), first);
}

#[test]
fn the_servers_of_several_upstreams_are_not_a_flag() {
    let scratch = Scratch::new("several-upstreams");
    let path = scratch.file(
        "gate.toml",
        "[upstream.a]\nservers = \"127.0.0.1:9\"\n[upstream.b]\nservers = \"127.0.0.1:9\"\n\
         [[listener]]\naddress = \"127.0.0.1:2\"\nmode = \"proxy\"\nupstream = \"a\"\n\
         [[listener]]\naddress = \"127.0.0.1:3\"\nmode = \"proxy\"\nupstream = \"b\"\n",
    );
    assert_eq!(tollgate(&["--config", &path, "--check"]).status.code(), Some(0));
    let output = tollgate(&["--config", &path, "--upstream", "127.0.0.1:8", "--check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--upstream: the file has several upstreams: write the servers of each there"));
}

#[test]
fn the_example_for_the_day_of_a_sale_is_right() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/sale-day.toml");
    let output = tollgate(&["--config", path, "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn help_is_grouped_has_examples_and_documents_the_exit_codes() {
    let output = tollgate(&["--help"]);
    let help = stdout(&output);
    assert_eq!(output.status.code(), Some(0));
    for part in ["Limits:", "Answers:", "Server:", "Configuration:", "Examples:", "Exit codes:", "could not run"] {
        assert!(help.contains(part), "{part:?} is not in\n{help}");
    }
    let flags = [
        "--listen",
        "--limit",
        "--algorithm",
        "--client-id",
        "--limited-status",
        "--max-clients",
        "--when-full",
        "--cores",
        "--io",
        "--config",
        "--check",
        "--print-config",
        "--ratelimit-headers",
        "--decide",
        "--trusted-proxies",
        "--proxy-protocol",
        "--drain-timeout",
        "--max-connections",
    ];
    for flag in flags {
        assert!(help.contains(flag), "{flag} is not in\n{help}");
    }
}

#[test]
fn the_examples_of_the_help_are_right() {
    let scratch = Scratch::new("examples");
    scratch.file("gate.toml", "limit = \"5/5s\"\n");
    let help = stdout(&tollgate(&["--help"]));
    let examples = help.split("Examples:").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut tried = 0;
    for line in examples.lines().map(str::trim).filter(|line| line.starts_with("tollgate")) {
        let command = line.split("  ").next().unwrap().split(" > ").next().unwrap();
        let mut args: Vec<&str> = command.split(' ').skip(1).collect();
        if !args.contains(&"--check") && !args.contains(&"--print-config") {
            args.push("--print-config"); // rather than serving
        }
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(&args).current_dir(&scratch.0).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
        tried += 1;
    }
    assert!(tried >= 5, "{examples}");
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(stdout(&tollgate(&["--version"])), concat!("tollgate ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    for args in [&["--help"][..], &["--print-config"], &["--check"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).stdout(writer).status().unwrap();
        assert_eq!(status.code(), Some(0), "{args:?}");
    }
}
