//! The `tollgate-client` binary. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tollgate_client::program::run(std::env::args_os())
}
