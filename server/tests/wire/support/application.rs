//! An application behind a proxy: answers every request with 200 and counts it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Serves until the process ends.
#[derive(Debug)]
pub struct Application {
    pub address: SocketAddr,
    touched: Arc<AtomicUsize>,
}

impl Application {
    pub fn start() -> Application {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let touched = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&touched);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let count = Arc::clone(&count);
                thread::spawn(move || serve(&stream, &count));
            }
        });
        Application { address, touched }
    }

    /// How many requests have reached it.
    pub fn touched(&self) -> usize {
        self.touched.load(Ordering::SeqCst)
    }
}

/// `/forbidden` is answered with a 403 of the application's own.
fn serve(mut stream: &TcpStream, touched: &AtomicUsize) -> Option<()> {
    let mut input = BufReader::new(stream);
    loop {
        let request_line = line(&mut input)?;
        touched.fetch_add(1, Ordering::SeqCst);
        let mut length = 0;
        let mut chunked = false;
        loop {
            let field = line(&mut input)?.to_ascii_lowercase();
            match field.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().ok()?,
                Some(("transfer-encoding", _)) => chunked = true,
                Some(_) => {}
                None => break,
            }
        }
        input.read_exact(&mut vec![0; length]).ok()?;
        while chunked && line(&mut input)? != "0" {}
        if chunked {
            line(&mut input)?;
        }
        let status = if request_line.contains(" /forbidden") { "403 Forbidden" } else { "200 OK" };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 12\r\n\r\napplication\n").ok()?;
    }
}

fn line(input: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|length| *length > 0)?;
    Some(line.trim_end().to_owned())
}
