//! The limiter's memory, one shard per core, each first touched by the core it belongs to: that is when the kernel decides which memory
//! bank a page comes from.

use std::io;
use std::thread;

use rustix::thread::{CpuSet, sched_setaffinity};
use tollgate_limiter::{Limiter, Settings, SettingsError, ShardParts, ShardPlan};

/// Builds the limiter with one shard per entry of `cores`.
///
/// # Errors
///
/// When the settings contradict each other or the memory isn't to be had.
pub fn build(settings: &Settings, cores: &[usize]) -> Result<Limiter, SettingsError> {
    let plan = Limiter::plan(settings)?;
    let parts: Result<Vec<_>, _> = thread::scope(|scope| {
        let builders: Vec<_> = cores.iter().map(|core| scope.spawn(|| build_on(*core, &plan))).collect();
        builders.into_iter().map(|builder| builder.join().expect("building a shard does not panic")).collect()
    });
    Ok(plan.assemble(parts?))
}

/// A shard built elsewhere is only slower to reach, so a core that cannot be pinned to is no error here.
fn build_on(core: usize, plan: &ShardPlan) -> Result<ShardParts, SettingsError> {
    if let Err(error) = pin_to(core) {
        tracing::debug!("shard of core {core} built unpinned: {error}");
    }
    plan.build()
}

fn pin_to(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}
