//! The one place where the benchmarks read the OS clock.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A stopwatch that runs from its creation.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the benchmarks' clock.rs")]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The CPU time of one thread, from its creation on that thread: what other processes take away in between is not in it.
#[derive(Clone, Copy, Debug)]
pub struct CpuStopwatch(Duration);

impl CpuStopwatch {
    /// Starts now, for the calling thread.
    pub fn start() -> CpuStopwatch {
        CpuStopwatch(thread_cpu_time())
    }

    /// The CPU time of the calling thread since the start.
    pub fn elapsed(&self) -> Duration {
        thread_cpu_time().saturating_sub(self.0)
    }
}

fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
