//! Options that are right by themselves and not together.

use std::fmt;
use std::num::NonZeroU32;
use std::path::{self, Path, PathBuf};

use crate::cli::Args;

/// What contradicts what. One line when printed: both flags, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Both say when requests are due.
    TwoSchedules(&'static str, &'static str),
    /// It shapes a rate, and there is none.
    NoRate,
    /// Nothing is ever late in a closed loop.
    NothingLate,
    /// The stages say how long.
    TwoEnds,
    /// Each thread needs a connection.
    FewConnections {
        /// As typed, or by default.
        connections: NonZeroU32,
        /// As typed.
        threads: NonZeroU32,
    },
    /// Each thread needs a CPU of its own.
    FewCpus {
        /// As typed.
        threads: NonZeroU32,
        /// As many as this process may use.
        cpus: u32,
    },
    /// Two outputs would write over each other.
    SameFile(&'static str, &'static str, PathBuf),
    /// Only the JSON report goes to stdout.
    NotStdout(&'static str),
}

impl Conflict {
    /// The first contradiction of the command line.
    ///
    /// # Errors
    ///
    /// That one.
    pub fn check(args: &Args, cpus: u32) -> Result<(), Self> {
        schedules(args)?;
        match args.threads {
            Some(threads) if args.connections < threads => {
                Err(Self::FewConnections { connections: args.connections, threads })
            }
            Some(threads) if args.pin && cpus < threads.get() => Err(Self::FewCpus { threads, cpus }),
            _ => outputs(args),
        }
    }
}

fn schedules(args: &Args) -> Result<(), Conflict> {
    let given = [("-R", args.rate.is_some()), ("--stages", args.stages.is_some()), ("--think", args.think.is_some())];
    let given: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
    match given[..] {
        [one, other, ..] => return Err(Conflict::TwoSchedules(one, other)),
        [] if args.deadline.is_some() => return Err(Conflict::NothingLate),
        _ => {}
    }
    if args.arrival.is_some() && args.rate.is_none() && args.stages.is_none() {
        return Err(Conflict::NoRate);
    }
    if args.stages.is_some() && args.duration.is_some() {
        return Err(Conflict::TwoEnds);
    }
    Ok(())
}

fn outputs(args: &Args) -> Result<(), Conflict> {
    let files = [("--json", &args.json), ("--series", &args.series), ("--hgrm", &args.hgrm)];
    let files: Vec<(&str, &PathBuf)> = files.iter().filter_map(|(flag, path)| Some((*flag, path.as_ref()?))).collect();
    let mut places = Vec::new();
    for (flag, path) in files {
        match (flag, path == Path::new("-")) {
            ("--json", true) => continue,
            (_, true) => return Err(Conflict::NotStdout(flag)),
            _ => {}
        }
        let place = place(path);
        if let Some((other, _)) = places.iter().find(|(_, earlier): &&(&str, PathBuf)| *earlier == place) {
            return Err(Conflict::SameFile(other, flag, path.clone()));
        }
        places.push((flag, place));
    }
    Ok(())
}

/// What a path leads to, however it is written and whether it is there already.
fn place(path: &Path) -> PathBuf {
    let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let in_folder = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(in_folder).unwrap_or(path)
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoSchedules(one, other) => write!(f, "{one} and {other} both say when requests are due: drop one of them"),
            Self::NoRate => f.write_str("--arrival shapes the rate of -R or --stages: add one of them, or drop --arrival"),
            Self::NothingLate => f.write_str(
                "--deadline needs a schedule to be behind, and a closed loop has none: add -R, --stages or --think, or drop --deadline",
            ),
            Self::TwoEnds => f.write_str("--stages and -d both say how long: drop -d"),
            Self::FewConnections { connections, threads } => {
                write!(f, "-c {connections} is less than -t {threads}: each thread needs a connection, raise -c or lower -t")
            }
            Self::FewCpus { threads, cpus } => {
                write!(f, "--pin gives each thread a CPU of its own, and -t {threads} is more than the {cpus} there are: lower -t or drop --pin")
            }
            Self::SameFile(one, other, path) => {
                write!(f, "{one} and {other} both write {}: give them files of their own", path.display())
            }
            Self::NotStdout(flag) => write!(f, "{flag} - is not taken, only --json - goes to stdout: name a file"),
        }
    }
}

impl std::error::Error for Conflict {}
