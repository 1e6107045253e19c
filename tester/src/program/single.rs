//! One trial of a loop again: as it was, or with less and less.

use tollgate_client::Control;
use tollgate_client::engine::Stage;

use super::exit::Exit;
use super::failure::Failure;
use super::looping::Loop;
use super::meant::Meant;
use super::tell::say;
use crate::summary::Kind;
use crate::trial::{self, Load, Setting, Trial};

/// Runs a trial again.
///
/// # Errors
///
/// As the loop.
pub fn repro(number: u64, meant: &Meant, control: &Control) -> Result<Exit, Failure> {
    let mut again = Loop::start(meant, control)?;
    again.trial(&meant.trial(number))?;
    Ok(again.exit())
}

/// Runs a trial again and again with less, until less doesn't fail as it did, and says how the smallest is repeated.
///
/// # Errors
///
/// As the loop, and [`Failure::Passes`].
pub fn shrink(number: u64, meant: &Meant, control: &Control) -> Result<Exit, Failure> {
    let mut again = Loop::start(meant, control)?;
    let drawn = meant.trial(number);
    let kinds = again.trial(&drawn)?;
    if kinds.is_empty() {
        return Err(Failure::Passes(number));
    }
    let mut broken = None;
    let smallest = trial::shrink(&drawn.load, TRIES, |load| {
        if broken.is_some() || control.stage() != Stage::Running {
            return false;
        }
        let smaller = Trial { load: load.clone(), ..drawn.clone() };
        again.trial(&smaller).map_or_else(
            |failure| {
                broken = Some(failure);
                false
            },
            |found| found.iter().any(|kind| kinds.contains(kind)),
        )
    });
    broken.map_or(Ok(()), Err)?;
    say(format_args!("smallest that fails: {}", meant.command(number, &changed(&drawn.load, &smallest))));
    Ok(Exit::after(kinds.into_iter().collect::<Vec<Kind>>()))
}

fn changed(drawn: &Load, smallest: &Load) -> Vec<Setting> {
    let pairs = drawn.settings().into_iter().zip(smallest.settings());
    pairs.filter(|(before, after)| before != after).map(|(_, after)| after).collect()
}

/// Trials, at most: with each taking half as long as the one before, most are short.
const TRIES: u32 = 60;
