//! Asks a server a few questions by hand, so that no figure is of the wrong branch.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The statuses of `count` requests of one client, one after the other on one connection.
pub fn statuses(server: SocketAddr, id: &str, count: usize) -> Result<Vec<u16>> {
    let stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let mut answers = BufReader::new(&stream);
    let request = format!("GET /?clientId={id} HTTP/1.1\r\nHost: {server}\r\n\r\n");
    (0..count)
        .map(|_| {
            (&stream).write_all(request.as_bytes())?;
            read_answer(&mut answers)
        })
        .collect()
}

/// Reads one answer with its body; the status.
fn read_answer(from: &mut impl BufRead) -> Result<u16> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("not a status line: {line:?}"))?;
    let mut length = None;
    loop {
        line.clear();
        ensure!(from.read_line(&mut line)? > 0, "the server closed within a head");
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse()?);
        }
    }
    let length = length.context("an answer without Content-Length")?;
    std::io::copy(&mut from.take(length), &mut std::io::sink())?;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_one_by_one() {
        let mut bytes: &[u8] =
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOKHTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read_answer(&mut bytes).unwrap(), 200);
        assert_eq!(read_answer(&mut bytes).unwrap(), 503);
        assert!(bytes.is_empty());
    }
}
