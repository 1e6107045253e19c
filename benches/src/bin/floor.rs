//! The floor: the least that a server on epoll does per request — wait, receive, send a constant.
//!
//! No limit, no parser, no deadline: it counts the empty lines that end the heads it received and answers each with the same
//! bytes. What a server costs above this is its own. A blank line cut in two by a read is not counted, so it is a measure for
//! clients on the loopback that send whole requests (wrk does), not a server.

use std::fs::File;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};

use memchr::memmem;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
const LISTENER: u64 = u64::MAX;
const EVENTS: usize = 512;
const RECEIVE_BYTES: usize = 16 * 1024;
/// More than the shortest requests that fit one receive: the answers to a receive always fit one send.
const MOST_ANSWERS: usize = RECEIVE_BYTES / 16;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    sockopt::set_tcp_nodelay(&listener, true)?;
    println!("listening on http://{}", listener.local_addr()?);
    io::stdout().flush()?;

    let poll = File::from(epoll::create(epoll::CreateFlags::CLOEXEC)?);
    epoll::add(&poll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;

    let answers = ANSWER.repeat(MOST_ANSWERS);
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS);
    let mut received = vec![0; RECEIVE_BYTES];
    loop {
        match epoll::wait(&poll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            let token = event.data.u64();
            if token == LISTENER {
                let (stream, _) = listener.accept()?;
                epoll::add(&poll, &stream, epoll::EventData::new_u64(connections.len() as u64), epoll::EventFlags::IN)?;
                connections.push(Some(stream));
                continue;
            }
            let slot = &mut connections[token as usize];
            if slot.as_ref().is_some_and(|stream| !answer(stream, &mut received, &answers)) {
                *slot = None;
            }
        }
    }
}

/// Receives once and answers whatever arrived; false when the connection is over.
fn answer(stream: &TcpStream, received: &mut [u8], answers: &[u8]) -> bool {
    let Ok((_, count @ 1..)) = recv(stream, &mut *received, RecvFlags::empty()) else {
        return false;
    };
    let requests = memmem::find_iter(&received[..count], b"\r\n\r\n").count();
    let bytes = &answers[..requests * ANSWER.len()];
    send(stream, bytes, SendFlags::NOSIGNAL) == Ok(bytes.len())
}
