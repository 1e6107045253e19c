//! Disks that are full and folders that can't be written.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use tollgate_tester::summary::{Files, Summary};

use crate::example::{entry, header};
use crate::text::totals;

#[test]
fn a_folder_that_cannot_be_written_is_told_and_the_next_trial_tries_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("results");
    // A file where a folder should be: nobody can write below it, not even root.
    fs::write(&place, "").unwrap();
    let path = place.join("test_summary.txt");
    let json = place.join("trials.json");
    let files = Files { text: Some(path.clone()), json: Some(json.clone()), html: None };
    let mut summary = Summary::new(header(), &files);
    for told in [summary.write(), summary.add(&entry(1))] {
        let text = told.unwrap_err().to_string();
        for part in ["--summary", "--json", path.to_str().unwrap(), "name a place that can be written"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    fs::remove_file(&place).unwrap();
    assert!(summary.write().unwrap_err().to_string().contains("make the folder"));
    fs::create_dir(&place).unwrap();
    summary.add(&entry(2)).unwrap();
    assert_eq!(totals(&fs::read_to_string(path).unwrap())["trials"], "2");
    assert_eq!(fs::read_to_string(json).unwrap().lines().count(), 2, "lines wait");
}

#[test]
fn a_full_device_is_told() {
    let full = Some(PathBuf::from("/dev/full"));
    let mut summary = Summary::new(header(), &Files { text: full.clone(), json: full.clone(), html: full });
    let told = summary.add(&entry(1)).unwrap_err();
    assert_eq!(told.files.iter().map(|file| file.flag).collect::<Vec<_>>(), ["--json", "--summary", "--html"]);
    for file in told.files {
        assert_eq!(file.error.kind(), io::ErrorKind::StorageFull);
        assert!(
            file.to_string().contains("/dev/full: cannot write") && file.to_string().contains("make room"),
            "{file}"
        );
    }
}

#[test]
fn a_disk_that_fills_up_leaves_the_last_whole_summary_and_nothing_beside_it() {
    // A file may not grow past 40 × 512 bytes; a disk of its own, where this user may mount one.
    let ways = [
        ("trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"", &["sh", "-c"][..], "raise ulimit -f"),
        (
            "mount -t tmpfs -o size=40k none \"$TOLLGATE_TEST_DISK\" && exec \"$0\" \"$@\"",
            &["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"],
            "make room",
        ),
    ];
    for (script, shell, advice) in ways {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path();
        if shell[0] == "unshare" && !may_mount(disk) {
            continue;
        }
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(script).arg(env::current_exe().unwrap());
        command.args(["--exact", "disk::a_disk_that_fills_up", "--nocapture"]);
        let output = command.env(DISK, disk).env(ADVICE, advice).output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && told.contains("1 passed"), "{script}: {told}");
    }
}

/// Not a test by itself: fills the disk that it is given.
#[test]
fn a_disk_that_fills_up() {
    let Some(disk) = env::var_os(DISK).map(PathBuf::from) else { return };
    let files = Files { text: Some(disk.join("test_summary.txt")), json: Some(disk.join("trials.json")), html: None };
    let mut summary = Summary::new(header(), &files);
    let mut n = 0;
    let told = loop {
        n += 1;
        assert!(n < 500, "it never fills up");
        if let Err(told) = summary.add(&entry(n)) {
            break told;
        }
    };
    let advice = env::var(ADVICE).unwrap();
    assert!(told.to_string().contains(&advice), "{told}");
    assert_whole(&disk, n);
    if advice == "make room" {
        fs::remove_file(disk.join("trials.json")).unwrap();
        fs::write(disk.join("trials.json"), "").unwrap();
        summary.write().unwrap();
        assert_eq!(totals(&fs::read_to_string(disk.join("test_summary.txt")).unwrap())["trials"], n.to_string());
    }
}

fn assert_whole(disk: &Path, trials: u64) {
    let text = fs::read_to_string(disk.join("test_summary.txt")).unwrap();
    assert!(text.ends_with("\nend of summary\n"));
    let shown: u64 = totals(&text)["trials"].parse().unwrap();
    assert!(shown == trials || shown == trials - 1);
    let lines = fs::read_to_string(disk.join("trials.json")).unwrap();
    assert!(lines.is_empty() || lines.ends_with("}\n"), "no half line");
    assert_eq!(fs::read_dir(disk).unwrap().count(), 2, "nothing beside them");
}

fn may_mount(place: &Path) -> bool {
    let mount = ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none"];
    Command::new("unshare").args(mount).arg(place).output().is_ok_and(|output| output.status.success())
}

const DISK: &str = "TOLLGATE_TEST_DISK";
const ADVICE: &str = "TOLLGATE_TEST_ADVICE";
