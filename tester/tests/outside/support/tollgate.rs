//! Our own server.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::binary;
use super::peer::Peer;

/// Starts `tollgate` with these arguments, separated by spaces, on a free port, and waits until it listens.
pub fn tollgate(arguments: &str) -> Peer {
    let mut command = Command::new(binary());
    command.args(["--listen", "127.0.0.1:0", "--max-clients", "10k"]).args(arguments.split_whitespace());
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut screen = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let address =
        screen.find_map(|line| line.strip_prefix("listening on http://").and_then(|address| address.parse().ok()));
    match address {
        Some(address) => Peer::listening(process, address),
        None => panic!("tollgate {arguments} doesn't listen: {:?}", process.wait()),
    }
}
