//! The `tollgate` binary. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tollgate::run(std::env::args_os())
}
