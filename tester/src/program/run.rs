//! The recipe: read, and do what is asked for.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use tollgate_client::Control;
use tollgate_client::program::{Answer, Guard, Listener, Seats};

use super::exit::Exit;
use super::failure::Failure;
use super::looping::Loop;
use super::meant::Meant;
use super::{single, verify};
use crate::cli::{Command, Line, Options};
use crate::scenario;

/// Does what the command line says; its first word is the program.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let exit = obey(&args).unwrap_or_else(|failure| {
        failure.tell();
        failure.exit()
    });
    exit.into()
}

fn obey(args: &[OsString]) -> Result<Exit, Failure> {
    let line = Line::try_parse_from(args).map_err(Answer::from)?;
    match line.command {
        None => endless(line.options, args),
        Some(Command::Repro { trial, options }) => {
            with_keys(|control| single::repro(trial, &Meant::of(options.beside("repro", trial), args)?, control))
        }
        Some(Command::Shrink { trial, options }) => {
            with_keys(|control| single::shrink(trial, &Meant::of(options.beside("shrink", trial), args)?, control))
        }
        Some(Command::Verify { log, promised }) => verify::verify(&log, &promised),
        Some(Command::Probe { url, id, most }) => verify::probe(&url, &id, most),
        Some(Command::List) => {
            for scenario in scenario::all() {
                println!("{:<18}{}", scenario.name, scenario.about);
            }
            Ok(Exit::Passed)
        }
    }
}

fn endless(options: Options, args: &[OsString]) -> Result<Exit, Failure> {
    let meant = Meant::of(options, args)?;
    with_keys(|control| Loop::start(&meant, control)?.run())
}

/// With ears for keys and signals.
fn with_keys(work: impl FnOnce(&Control) -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    let control = Control::default();
    let seats = Seats::look();
    let _terminal = Guard::enter(seats.hands, false).map_err(Failure::System)?;
    let _listener = Listener::start(&control, seats.hands).map_err(Failure::System)?;
    work(&control)
}
