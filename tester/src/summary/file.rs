//! How files are written: whole, or a line more.
//!
//! A file that is replaced is written beside its place under another name, made durable, and renamed: whoever looks sees the old one or
//! the new one, whole, also after `kill -9` or a power cut. (To write in place is shorter, and leaves half a file at the worst moment;
//! to append alone leaves the totals to whoever reads it.) What was left beside it by a tester that was killed is swept up by the next one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A file of which each version replaces the one before.
#[derive(Debug)]
pub(super) struct Replaced {
    path: PathBuf,
}

impl Replaced {
    /// Sweeps up what was left beside it.
    pub(super) fn new(path: &Path) -> Self {
        // The link stays and its target is replaced.
        let replaced = Self { path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()) };
        let (prefix, left) = (replaced.prefix(), fs::read_dir(replaced.folder()));
        for file in left.into_iter().flatten().flatten() {
            let name = file.file_name();
            if name.as_encoded_bytes().starts_with(prefix.as_bytes())
                && name.as_encoded_bytes().ends_with(SUFFIX.as_bytes())
            {
                let _ = fs::remove_file(file.path());
            }
        }
        replaced
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next version.
    pub(super) fn write(&self, text: &str) -> io::Result<()> {
        // A pipe, a terminal or /dev/null is written to: nothing is put in its place.
        if fs::metadata(&self.path).is_ok_and(|found| !found.is_file()) {
            return OpenOptions::new().write(true).open(&self.path)?.write_all(text.as_bytes());
        }
        let folder = self.folder();
        let mut beside = tempfile::Builder::new()
            .prefix(&self.prefix())
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        beside.write_all(text.as_bytes())?;
        beside.as_file().sync_all()?;
        beside.persist(&self.path)?;
        // Or the new name may be gone after a power cut.
        File::open(folder)?.sync_all()
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    fn prefix(&self) -> String {
        format!(".{}.", self.path.file_name().unwrap_or_default().to_string_lossy())
    }
}

/// A file to which lines are added.
#[derive(Debug)]
pub(super) struct Appended {
    path: PathBuf,
    /// Lines that it didn't take yet.
    waiting: String,
    /// Lines that it will never have.
    lost: u64,
}

impl Appended {
    /// Goes on after the last whole line of it; a line that was cut off by a kill is cut off altogether.
    pub(super) fn new(path: &Path) -> Self {
        // If it can't be read now, it can't be written later, and that will be told.
        let _ = cut_half_line(path);
        Self { path: path.to_owned(), waiting: String::new(), lost: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// One line more, after those that it didn't take before: all of them, or nothing.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        if self.waiting.len() + line.len() < MOST_WAITING {
            self.waiting.push_str(line);
            self.waiting.push('\n');
        } else {
            self.lost += 1;
        }
        self.flush()
    }

    /// Lines that it will never have, because it didn't take any for too long.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Makes it, if it isn't there, and adds what waits.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        let length = file.metadata()?.len();
        if let Err(error) = file.write_all(self.waiting.as_bytes()) {
            // No half line. A pipe has no length to go back to.
            let _ = file.set_len(length);
            return Err(error);
        }
        self.waiting.clear();
        Ok(())
    }
}

/// If the file ends within a line that one of us began, ends it before that.
fn cut_half_line(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(());
    }
    let start = metadata.len().saturating_sub(MOST_WAITING as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if tail[whole..].starts_with(BEGINNING.as_bytes()) {
        file.set_len(start + whole as u64)?;
    }
    Ok(())
}

/// How our lines begin: nothing else is cut.
const BEGINNING: &str = "{\"schema\":\"tollgate-";
const SUFFIX: &str = ".new";
/// Bytes of lines that wait for a disk to have room again.
const MOST_WAITING: usize = 4_000_000;
