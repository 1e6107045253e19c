//! What the generator itself costs and suffers, read from the kernel's files.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::Nanos;
use crate::summary::ThreadHealth;

/// Of the thread that starts it.
#[derive(Debug)]
pub(super) struct ThreadMeter {
    cpu: Nanos,
    switches: u64,
    waited: Nanos,
}

impl ThreadMeter {
    pub(super) fn start() -> Self {
        Self { cpu: cpu_time(ClockId::ThreadCPUTime), switches: involuntary_switches(), waited: waited() }
    }

    /// What has come together since, of `elapsed` at work for `busy`.
    pub(super) fn stop(self, busy: Nanos, elapsed: Nanos) -> ThreadHealth {
        ThreadHealth {
            utilisation: busy.as_secs_f64() / elapsed.as_secs_f64().max(1e-9),
            cpu: cpu_time(ClockId::ThreadCPUTime) - self.cpu,
            involuntary_switches: involuntary_switches() - self.switches,
            waited: waited() - self.waited,
        }
    }
}

/// CPU time of the whole process so far.
pub(super) fn process_cpu() -> Nanos {
    cpu_time(ClockId::ProcessCPUTime)
}

/// How many CPUs are busy with something else, looked at for [`LOOK`]; each of them counts 1. `None` where the kernel doesn't say.
pub(super) fn busy_cpus() -> Option<f64> {
    let (busy_before, all_before) = cpu_ticks()?;
    thread::sleep(LOOK);
    let (busy, all) = cpu_ticks()?;
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    Some((busy - busy_before) as f64 / ((all - all_before) as f64).max(1.0) * cpus as f64)
}

fn cpu_time(clock: ClockId) -> Nanos {
    let time = clock_gettime(clock);
    Nanos::from_secs(time.tv_sec as u64) + Nanos::new(time.tv_nsec as u64)
}

/// How often the kernel took the CPU away from this thread.
fn involuntary_switches() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// How long this thread was ready to run and didn't, from `running waiting slices`.
fn waited() -> Nanos {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok()).map_or(Nanos::ZERO, Nanos::new)
}

/// Busy and all ticks of all CPUs, from `cpu  user nice system idle iowait irq softirq steal …`.
fn cpu_ticks() -> Option<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> =
        stat.lines().next()?.split_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
    let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
    let busy = user + nice + system + irq + softirq + steal;
    Some((busy, busy + idle + iowait))
}

/// Long enough for some ticks of a hundredth of a second, short enough for nobody to notice.
const LOOK: Duration = Duration::from_millis(100);
