//! A service of known capacity: so many workers, and every request keeps one of them for so long.
//!
//!     service ADDRESS WORKERS MILLISECONDS
//!
//! Requests beyond that wait, first come, first served, as they would for a database; whoever sends more than WORKERS × 1000 / MILLISECONDS
//! a second waits ever longer. It sleeps instead of computing, so that what is measured beside it has the CPU. It takes requests without
//! content, one at a time on a connection.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next =
        |what| arguments.next().with_context(|| format!("{what} is missing: service ADDRESS WORKERS MILLISECONDS"));
    let listener = TcpListener::bind(next("ADDRESS")?)?;
    let workers: usize = next("WORKERS")?.parse()?;
    let span = Duration::from_millis(next("MILLISECONDS")?.parse()?);
    println!("listening on http://{}", listener.local_addr()?);
    io::stdout().flush()?;

    let (to_workers, work) = channel();
    let work = Arc::new(Mutex::new(work));
    for _ in 0..workers {
        let work = Arc::clone(&work);
        thread::spawn(move || serve(&work, span));
    }
    for stream in listener.incoming() {
        let (stream, to_workers) = (stream?, to_workers.clone());
        stream.set_nodelay(true)?;
        thread::spawn(move || take(&stream, &to_workers));
    }
    Ok(())
}

/// Does one request after the other; whoever waits for its end hears of it.
fn serve(work: &Mutex<Receiver<Sender<()>>>, span: Duration) {
    loop {
        // In a statement of its own, or the lock would be held while it works.
        let Ok(done) = work.lock().expect("no worker panics").recv() else { return };
        thread::sleep(span);
        // A client that has gone doesn't wait any more.
        let _ = done.send(());
    }
}

/// Reads requests off a connection until it ends.
fn take(stream: &TcpStream, to_workers: &Sender<Sender<()>>) {
    let (done, waiting) = channel();
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(line)) = lines.next() {
        if !line.is_empty() {
            continue;
        }
        let worked = to_workers.send(done.clone()).is_ok() && waiting.recv().is_ok();
        if !worked || { stream }.write_all(ANSWER).is_err() {
            return;
        }
    }
}
