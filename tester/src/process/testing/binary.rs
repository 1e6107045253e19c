//! Our own server's binary. Cargo builds a binary for the tests of its own package only, so it is asked to, once a process.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where the binary is, in the profile of these tests.
pub fn binary() -> &'static PathBuf {
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
