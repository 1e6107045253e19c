//! Our own server. Cargo builds a binary for the tests of its own package only, so it is asked to, once a process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::peer::Peer;

/// Starts `tollgate` with these arguments, separated by spaces, on a free port, and waits until it listens.
pub fn tollgate(arguments: &str) -> Peer {
    let mut command = Command::new(binary());
    command.args(["--listen", "127.0.0.1:0", "--max-clients", "10k"]).args(arguments.split_whitespace());
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut screen = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let address =
        screen.find_map(|line| line.strip_prefix("listening on http://").and_then(|address| address.parse().ok()));
    match address {
        Some(address) => Peer::listening(process, address),
        None => panic!("tollgate {arguments} doesn't listen: {:?}", process.wait()),
    }
}

/// Where the binary is, in the profile of these tests.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "-p", "tollgate", "--bin", "tollgate", "--message-format=json"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit()).output().expect("cargo");
        assert!(built.status.success(), "tollgate doesn't build");
        let messages = serde_json::Deserializer::from_slice(&built.stdout).into_iter::<serde_json::Value>();
        let executables = messages.filter_map(|message| message.ok()?["executable"].as_str().map(PathBuf::from));
        executables.last().expect("the path of the binary")
    })
}
