//! The loop: trials until something stops it.

use std::collections::BTreeSet;

use tollgate_client::Control;
use tollgate_client::engine::Stage;
use tollgate_client::report::{Validity, Verdict};

use super::entry;
use super::exit::Exit;
use super::failure::Failure;
use super::meant::Meant;
use super::tell::Teller;
use crate::clock;
use crate::process::{Allowance, Condition};
use crate::summary::{Again, Kind, Summary};
use crate::trial::{self, Bench, Trial, judge};

/// A loop that goes on.
#[derive(Debug)]
pub struct Loop<'a> {
    meant: &'a Meant,
    bench: Bench<'a>,
    summary: Summary,
    teller: Teller,
    found: BTreeSet<Kind>,
    /// Whether any trial went to its end, and whether one of those can be believed.
    ended: bool,
    valid: bool,
}

impl<'a> Loop<'a> {
    /// Starts the server, warms it up, and writes the first summary.
    ///
    /// # Errors
    ///
    /// When there is no server, or a file can't be written: better now than after hours.
    pub fn start(meant: &'a Meant, control: &Control) -> Result<Self, Failure> {
        let bench = meant.bench(control)?;
        let mut summary = Summary::new(entry::header(meant), &meant.files());
        summary.write()?;
        let teller = Teller::default();
        teller.begin(meant, &bench);
        let mut this = Self { meant, bench, summary, teller, found: BTreeSet::new(), ended: false, valid: false };
        this.warm_up()?;
        Ok(this)
    }

    /// Trials until a key, a signal, `--trials`, `--for` or `--stop-on` ends it.
    ///
    /// # Errors
    ///
    /// When a trial can't be carried out, or the server can't be started again.
    pub fn run(mut self) -> Result<Exit, Failure> {
        let options = &self.meant.options;
        let (most, deadline) =
            (options.trials.unwrap_or(u64::MAX), options.span.map(|span| self.bench.clock.now() + span));
        for number in 1..=most {
            let is_over = deadline.is_some_and(|deadline| self.bench.clock.now() >= deadline);
            if is_over || self.bench.control.stage() != Stage::Running {
                break;
            }
            let kinds = self.trial(&self.meant.trial(number))?;
            if kinds.iter().any(|kind| options.stop_on.contains(kind)) {
                break;
            }
        }
        self.teller.end(&self.summary);
        Ok(self.exit())
    }

    /// What the trials so far come to.
    pub fn exit(&self) -> Exit {
        match Exit::after(self.found.iter().copied()) {
            Exit::Passed if self.teller.is_unwritten() => Exit::CouldNotRun,
            Exit::Passed if self.ended && !self.valid => Exit::NotValid,
            exit => exit,
        }
    }

    /// One trial, and what comes of it. The kinds of its failures.
    ///
    /// # Errors
    ///
    /// As [`Loop::run`].
    pub fn trial(&mut self, trial: &Trial) -> Result<Vec<Kind>, Failure> {
        let started = clock::wall();
        self.teller.trial(trial, &trial.work(&self.bench.around).load);
        let seen = trial::run(trial, &mut self.bench)?;
        let mut failures = judge(trial, &seen, self.bench.baseline.as_ref(), &Allowance::default());
        let ended = failures.iter().any(|failure| matches!(failure.kind, Kind::Crash | Kind::Hang));
        if ended {
            match self.again(trial, seen.condition, &failures.iter().map(|failure| failure.kind).collect()) {
                Ok(again) => failures.iter_mut().for_each(|failure| failure.again = again),
                Err(failure) => {
                    // Without a server the loop is over; what ended this one is told all the same.
                    failure.tell();
                    self.bench.control.stop();
                }
            }
        }
        if failures.iter().any(|failure| failure.kind == Kind::Growth) {
            // It is told once; what grows on from here is told again.
            self.bench.baseline = seen.vitals;
        }
        self.ended |= !seen.summary.interrupted;
        self.valid |= Verdict::of(&seen.summary).validity() != Validity::Invalid;
        let entry = entry::entry(trial, &seen, failures, started, self.meant, ended);
        let kinds: Vec<Kind> = entry.all_failures().iter().map(|failure| failure.kind).collect();
        self.found.extend(&kinds);
        self.teller.written(self.summary.add(&entry));
        self.teller.trial_ended(&entry);
        Ok(kinds)
    }

    /// Starts the server again, whatever had become of it, and tries whether it fails the same way.
    fn again(&mut self, trial: &Trial, condition: Condition, kinds: &BTreeSet<Kind>) -> Result<Again, Failure> {
        let mut again = Again::Untried;
        if self.meant.options.server.is_none() {
            if condition != Condition::Alive {
                // Somebody else's: only they can start it again.
                self.bench.control.stop();
            }
            return Ok(again);
        }
        self.bench.server.restart()?;
        for attempt in 1..=self.meant.options.retries {
            if self.bench.control.stage() != Stage::Running {
                break;
            }
            self.teller.again(trial, attempt);
            let seen = trial::run(trial, &mut self.bench)?;
            let same =
                judge(trial, &seen, None, &Allowance::default()).iter().any(|failure| kinds.contains(&failure.kind));
            if seen.condition.is_over() || matches!(seen.condition, Condition::Hung(_)) {
                self.bench.server.restart()?;
            }
            again = if same { Again::Repeats } else { Again::Flaky };
            if same {
                break;
            }
        }
        self.warm_up()?;
        Ok(again)
    }

    /// Touches what the server will keep anyway, so that what it takes later is growth.
    fn warm_up(&mut self) -> Result<(), Failure> {
        self.bench.baseline = trial::warm_up(&mut self.bench)?;
        Ok(())
    }
}
