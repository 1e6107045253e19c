//! What only the machine can answer: may this process use those cores, and is there that much memory?

use std::fs;
use std::path::Path;

use super::{Config, ConfigError, Problem, units};
use crate::preflight;
use crate::screen::mib;

/// What a configuration comes to on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The CPUs to run on.
    pub cores: Vec<usize>,
    /// How many this process may use.
    pub cores_allowed: usize,
    /// What the limiter will reserve.
    pub memory_bytes: u64,
}

/// Which settings were typed as flags, so that they can be named as they were typed.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineFlags {
    /// `--cores`.
    pub cores: bool,
    /// `--max-clients`.
    pub max_clients: bool,
}

impl Machine {
    /// Asks the machine for everything that `config` needs.
    ///
    /// # Errors
    ///
    /// All that it cannot give.
    pub fn ask(config: &Config, flags: MachineFlags) -> Result<Machine, ConfigError> {
        let allowed = preflight::allowed_cpus().map_err(|error| Problem::with_flags("cores", error));
        let resolve = |allowed: Vec<usize>| {
            let subject = || match flags.cores {
                true => format!("--cores {}", config.cores),
                false => format!("cores = {:?}", config.cores.to_string()),
            };
            let cores = config.cores.resolve(&allowed).map_err(|error| Problem::with_flags(subject(), error))?;
            Ok((cores, allowed.len()))
        };
        let cores = allowed.and_then(resolve);
        let shards = cores.as_ref().map_or(1, |(cores, _)| cores.len());
        let memory_bytes = config.memory_bytes(shards);
        let clients = units::show_count(config.max_clients.count());
        let clients =
            if flags.max_clients { format!("--max-clients {clients}") } else { format!("max-clients = {clients}") };
        match (cores, memory(clients, memory_bytes)) {
            (Ok((cores, cores_allowed)), Ok(())) => Ok(Machine { cores, cores_allowed, memory_bytes }),
            (cores, memory) => {
                let problems = [cores.err(), memory.err()].into_iter().flatten().collect();
                Err(ConfigError::Wrong { path: None, problems })
            }
        }
    }
}

/// Refuses a table of `bytes` that would leave this machine, or this process's control group, without memory.
///
/// The kernel promises more than it has and kills whoever touches it, so a reservation that succeeds proves little; what is available
/// is asked first, and then the address space (`ulimit -v`).
fn memory(subject: String, bytes: u64) -> Result<(), Problem> {
    let needed = mib(bytes);
    if let Some(available) = available_memory()
        && bytes > available
    {
        let what = format!("needs {needed} of memory, {} are available: ask for fewer clients", mib(available));
        return Err(Problem::with_flags(subject, what));
    }
    let mut probe: Vec<u8> = Vec::new();
    if usize::try_from(bytes).is_ok_and(|bytes| probe.try_reserve_exact(bytes).is_ok()) {
        return Ok(());
    }
    let what = format!("{needed} of memory cannot be reserved: ask for fewer clients, or raise ulimit -v");
    Err(Problem::with_flags(subject, what))
}

/// What this process could still take: the least of the machine's available memory and the room in its control groups.
fn available_memory() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| mem_available(&text));
    let group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| group_of(&text).and_then(room_in_groups));
    [machine, group].into_iter().flatten().min()
}

/// `MemAvailable` out of `/proc/meminfo`, in bytes.
fn mem_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The unified control group out of `/proc/self/cgroup`.
fn group_of(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The least room in a control group and those above it.
fn room_in_groups(group: &str) -> Option<u64> {
    let root = Path::new("/sys/fs/cgroup");
    let read = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok(); // `max` is no bound
    let room = |dir: &Path| Some(read(&dir.join("memory.max"))?.saturating_sub(read(&dir.join("memory.current"))?));
    let dir = root.join(group.trim_start_matches('/'));
    dir.ancestors().take_while(|dir| dir.starts_with(root)).filter_map(room).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_from_the_kernels_own_words() {
        let text = "MemTotal:        8000000 kB\nMemFree:          100 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(mem_available(text), Some(2 << 20));
        assert_eq!(mem_available("MemTotal: 5 kB\n"), None);
        assert_eq!(group_of("12:memory:/x\n0::/user.slice/a\n"), Some("/user.slice/a"));
    }

    #[test]
    fn this_machine_says_how_much_memory_it_has() {
        let available = available_memory().expect("Linux has /proc/meminfo");
        assert!((1 << 20..1 << 60).contains(&available), "{available}");
    }

    #[test]
    fn more_memory_than_there_is_is_a_problem_that_says_so() {
        let subject = || "max-clients = 1M".to_owned();
        assert_eq!(memory(subject(), 1 << 20), Ok(()));
        let problem = memory(subject(), 1 << 50).unwrap_err();
        assert_eq!(problem.subject, "max-clients = 1M");
        assert!(problem.what.starts_with("needs 1073741824 MiB of memory"), "{}", problem.what);
    }
}
