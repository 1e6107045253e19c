//! The one place that reads clocks.

use std::time::SystemTime;

use tollgate_client::Nanos;

/// Nanoseconds since 1970, for names and headings: nothing is measured with it.
#[allow(clippy::disallowed_methods, reason = "the one place")]
pub fn wall() -> Nanos {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().into()
}
