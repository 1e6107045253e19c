//! For a moment, ten times as much is asked for as the service behind the gate can answer.
//!
//! ```text
//!   requests per second   5000        ┌┐
//!                          500 ·······││··························  what the service can do
//!                          250 ───────┘│                   ┌──────
//!                            0         └───────────────────┘
//! ```
//!
//! A gate may let them wait, or turn some away; either way it has to say so, and what comes when it is over is answered as ever.

use tollgate_client::Nanos;
use tollgate_client::plan::Stage;

use super::service;
use super::{Around, Broken, Needs, Scenario, Shape, Work, bursts};
use crate::trial::{Load, Seen};
use crate::upstream::{Change, Mood};

pub(super) const OVERLOAD: Scenario = Scenario {
    name: "overload",
    about: "ten times what the service behind the gate can answer, for a moment",
    beside: None,
    needs: Needs::Service,
    work,
    rule,
};

fn work(load: &Load, around: &Around<'_>) -> Work {
    let per_second = (around.space.rate.most() / TIMES).clamp(2, CAPACITY);
    let calm = |span| Stage { span, from: per_second / 2, to: per_second / 2 };
    let flood = Stage { span: FLOOD, from: TIMES * per_second, to: TIMES * per_second };
    Work {
        shape: Shape::Stages(vec![calm(BEFORE), flood, bursts::pause(PAUSE), calm(AFTER)]),
        upstream: vec![
            Change { at: Nanos::ZERO, mood: Mood::Busy { per_second: per_second as u32 } },
            Change { at: BEFORE + FLOOD + PAUSE, mood: Mood::Well },
        ],
        ..service::work(Load { rate: TIMES * per_second, ..service::load(load, BEFORE + FLOOD + PAUSE + AFTER) })
    }
}

fn rule(seen: &Seen) -> Result<(), Broken> {
    service::answered(seen)?;
    service::allowed_from(seen, BEFORE + FLOOD + PAUSE)
}

/// Answers per second: so few that the gate isn't what is overloaded.
const CAPACITY: u64 = 500;
const TIMES: u64 = 10;
const BEFORE: Nanos = Nanos::from_secs(1);
/// So that the last of them waits for two seconds, which is no hang.
const FLOOD: Nanos = Nanos::from_millis(200);
/// Longer than the service takes for all of the flood.
const PAUSE: Nanos = Nanos::from_secs(4);
const AFTER: Nanos = Nanos::from_secs(3);
