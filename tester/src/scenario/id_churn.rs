//! Never the same id twice: a table that keeps what it saw grows or forgets.

use tollgate_client::plan::Pick;

use super::{Around, Broken, Needs, Scenario, Work, rule};
use crate::trial::{Load, Seen};

pub(crate) const ID_CHURN: Scenario =
    Scenario { name: "id-churn", about: "never the same id twice", beside: None, needs: Needs::Nothing, work, rule };

fn work(load: &Load, _: &Around<'_>) -> Work {
    // Twice what is due on average: arrivals by chance may be more.
    let clients = (load.rate as f64 * load.duration.as_secs_f64() * 2.0).clamp(1.0, 1e9) as u32;
    Work::plain(Load { clients, pick: Pick::Seq(None), ..load.clone() })
}

fn rule(seen: &Seen) -> Result<(), Broken> {
    rule::answered(seen)?;
    match seen.summary.total.denied.latency.len() {
        0 => Ok(()),
        denied => Err(Broken::DeniedNewcomers { denied }),
    }
}
