//! Whoever looks at the summary sees a whole one, also when its writer is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use tollgate_tester::summary::{Files, Summary};

use crate::example::{entry, header};
use crate::text::totals;

#[test]
fn the_files_are_whole_at_any_moment_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..50 {
        let mut writer = Writer::start(folder.path());
        // Any moment will do, from before its first file to after many.
        for look in 0..4 {
            thread::sleep(Duration::from_micros(700 + 1_900 * (n * 7 + look * 3) % 13_000));
            assert_whole(folder.path());
        }
        writer.kill();
        assert_whole(folder.path());
    }
    // What a kill leaves if it comes between the writing and the renaming.
    fs::write(folder.path().join(".test_summary.txt.killed.new"), "half").unwrap();
    let mut summary = Summary::new(header(), &files(folder.path()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "it is swept up");
    summary.add(&entry(1)).unwrap();
    assert_whole(folder.path());
}

/// Not a test by itself: rewrites for ever, until it is killed.
#[test]
fn a_writer() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let mut summary = Summary::new(header(), &files(&folder));
    for n in 1.. {
        summary.add(&entry(n)).unwrap();
    }
}

fn files(folder: &Path) -> Files {
    let file = |name| Some(folder.join(name));
    Files { text: file("test_summary.txt"), json: file("trials.json"), html: file("page.html") }
}

fn assert_whole(folder: &Path) {
    let Files { text, html, .. } = files(folder);
    // Before the first one has been written, there is none.
    if let Ok(text) = fs::read_to_string(text.unwrap()) {
        let rows = text.lines().filter(|line| line.contains(" pass ") || line.contains(" FAIL ")).count();
        assert_eq!(totals(&text)["trials"], rows.to_string());
        assert!(text.ends_with("\nend of summary\n"));
    }
    if let Ok(page) = fs::read_to_string(html.unwrap()) {
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    }
}

/// This program, once more, as [`a_writer`].
struct Writer(Child);

impl Writer {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "killed::a_writer", "--nocapture"]).env(FOLDER, folder);
        Self(command.stdout(Stdio::null()).spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const FOLDER: &str = "TOLLGATE_TEST_WRITER";
