//! What a script sees: the exit code, one line on stderr, and the report on stdout.

use std::process::{Command, Output, Stdio};

mod common;

fn client(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate-client"));
    command.args(line.split_whitespace()).stdin(Stdio::null()).output().unwrap()
}

fn told(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn whatever_is_wrong_is_one_line_and_a_code() {
    let address = common::server();
    let directory = env!("CARGO_TARGET_TMPDIR");
    let cases = [
        ("-n 0", 2, "tollgate-client: -n \"0\": "),
        ("--think exp:1s -R 5", 2, "tollgate-client: -R and --think "),
        ("--frobnicate", 2, "tollgate-client: unexpected argument '--frobnicate' found"),
        ("https://127.0.0.1/", 2, "tollgate-client: URL \"https://127.0.0.1/\": "),
        ("--pick file:/nowhere/ids", 2, "tollgate-client: --pick \"file:/nowhere/ids\": "),
        ("-b @/nowhere/body", 2, "tollgate-client: -b \"@/nowhere/body\": "),
        ("-H nonsense", 2, "tollgate-client: -H \"nonsense\": "),
        ("--fail-if frobs>5", 2, "tollgate-client: --fail-if"),
        ("-R 5:50", 2, "tollgate-client: -R \"5:50\": a ramp needs an end"),
        (&format!("http://{address}/ --json /nowhere/x"), 1, "tollgate-client: --json /nowhere/x: cannot write "),
        (&format!("http://{address}/ --series {directory}"), 1, "tollgate-client: --series "),
        ("http://no-such-host.invalid/", 1, "tollgate-client: the URL's host \"no-such-host.invalid\" "),
        (&format!("http://{address}/ --sources 192.0.2.1"), 1, "tollgate-client: --sources 192.0.2.1: "),
    ];
    for (line, code, start) in cases {
        let output = client(line);
        let stderr = told(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
        assert!(stderr.starts_with(start) && stderr.lines().count() == 1, "{line}: {stderr}");
        assert_eq!(output.stdout, b"", "{line}");
    }
}

#[test]
fn a_script_is_asked_nothing_and_gets_its_report_on_stdout_and_lines_on_stderr() {
    let output = client(&format!("http://{}/ -d 300ms --interval 100ms --seed 7", common::server()));
    let (stdout, stderr) = (told(&output.stdout), told(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("--seed 7"), "{stdout}");
    assert!(stderr.contains("seed 7") && stderr.contains("offered/s") && !stderr.contains("How many"), "{stderr}");
    assert!(!stderr.contains('\x1b'), "no terminal, no colours: {stderr}");
}

#[test]
fn json_on_stdout_is_alone_there() {
    let output = client(&format!("http://{}/ -d 200ms --json -", common::server()));
    let (stdout, stderr) = (told(&output.stdout), told(&output.stderr));
    assert!(stdout.starts_with('{') && stdout.trim_end().ends_with('}') && stdout.lines().count() == 1, "{stdout}");
    assert!(stderr.contains("--seed"), "the text report goes to stderr: {stderr}");
}

#[test]
fn a_broken_gate_is_exit_3() {
    let address = common::server();
    for (gate, code) in [("allowed>0", 3), ("allowed<1", 0)] {
        let output = client(&format!("http://{address}/ -d 200ms --fail-if {gate}"));
        assert_eq!(output.status.code(), Some(code), "{gate}: {}", told(&output.stdout));
        assert!(told(&output.stdout).contains(gate), "{}", told(&output.stdout));
    }
}

#[test]
fn a_gate_for_which_nothing_was_measured_is_exit_3() {
    let output = client(&format!("http://{}/ -n 50 --fail-if denied.p99>5ms", common::server()));
    let stdout = told(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert!(stdout.contains("--fail-if 'denied.p99>5ms' broke: nothing was measured for denied.p99"), "{stdout}");
}

#[test]
fn help_and_version_are_no_failures() {
    for flag in ["--help", "-h", "--version", "-V"] {
        let output = client(flag);
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{flag}");
        assert!(
            told(&output.stdout).contains("tollgate-client") || told(&output.stdout).contains("HTTP load client"),
            "{flag}"
        );
    }
}
