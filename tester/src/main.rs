//! The `tollgate-tester` binary. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tollgate_tester::program::run(std::env::args_os())
}
