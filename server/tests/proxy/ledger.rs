//! Raw bytes in, raw bytes out: the upstream hears exactly the requests that clients got answers for, each written anew, whatever else the
//! clients sent.

use std::collections::HashSet;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::dice::Dice;
use crate::gate;
use crate::got::{get, try_get};
use crate::smuggling::{AMBIGUOUS, SPOILT};
use crate::support::clock::PATIENCE;
use crate::support::peer::{Ending, Peer};
use crate::support::server::on_both_engines;
use crate::upstream::{Upstream, find};

/// What must never be heard as a request.
const HIDDEN: &str = "GET /evil?clientId=7 HTTP/1.1\r\nHost: h\r\n\r\n";

/// What is to come of a piece of what a client sends.
enum Fate {
    /// It is answered by the upstream, with its mark.
    Forwarded(String),
    /// The gate answers it, and the connection goes on.
    Own,
    /// The end of the connection: it is no request.
    Rejected,
    /// The same of content, when the upstream may have heard the head.
    Spoilt { mark: String, content: usize },
}

/// What a client sends, and what is to come of it.
fn stream(dice: &mut Dice, name: &str) -> (String, Vec<Fate>) {
    let (mut text, mut fates) = (String::new(), Vec::new());
    for number in 0..dice.below(6) {
        let mark = format!("/{name}-{number}");
        text += dice.pick(&["", "", "\r\n"]);
        let (piece, fate) = match dice.below(8) {
            0 => ("GET /?nobody HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), Fate::Own),
            // Content of what goes no further is content all the same.
            1 => (with_content("POST /?nobody HTTP/1.1\r\nHost: h\r\n", HIDDEN), Fate::Own),
            _ => (request(dice, &mark), Fate::Forwarded(mark)),
        };
        text += &piece;
        fates.push(fate);
    }
    let mark = format!("/{name}-last");
    let head = format!("POST {mark}?clientId=7 HTTP/1.1\r\nHost: h\r\n");
    let (piece, fate) = match dice.below(3) {
        0 => (head + dice.pick(AMBIGUOUS), Fate::Rejected),
        1 => {
            let content = dice.pick(SPOILT);
            let fate = Fate::Spoilt { mark, content: content.len() + HIDDEN.len() };
            (head + "Transfer-Encoding: chunked\r\n\r\n" + content, fate)
        }
        _ => (with_content(&(head + "Connection: close\r\n"), HIDDEN), Fate::Forwarded(mark)),
    };
    fates.push(fate);
    // What comes behind the end is for nobody.
    (text + &piece + HIDDEN, fates)
}

/// A request that is as it should be, though it may look odd.
fn request(dice: &mut Dice, mark: &str) -> String {
    let line = format!("{mark}?clientId=7 HTTP/1.1\r\nHost: h\r\n");
    let odd = dice.pick(&[
        "",
        "X-Odd: Transfer-Encoding: chunked\r\n",
        "Connection: Content-Length, Transfer-Encoding, Host\r\n",
        "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 9\r\nTE: trailers\r\nProxy-Connection: close\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade\r\n",
        "X-Empty:\r\nX-Space: \t a\tb \t\r\n",
    ]);
    match dice.below(4) {
        0 => format!("GET {line}{odd}\r\n"),
        1 => format!("GET http://h{line}{odd}\r\n"),
        2 => with_content(&format!("PUT {line}{odd}"), HIDDEN),
        _ => {
            let mut text = format!("POST {line}{odd}Transfer-Encoding: Chunked\r\n\r\n");
            let mut rest = HIDDEN;
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(rest.len().min(1 + dice.below(30)));
                let extension = dice.pick(&["", ";a=b", ";a=\"b;c\"", " ; a"]);
                text += &format!("{}{:X}{extension}\r\n{chunk}\r\n", dice.pick(&["", "0", "000"]), chunk.len());
                rest = after;
            }
            text + "0\r\n" + dice.pick(&["", "Content-Length: 3\r\n", "X-Sum: 1\r\nHost: evil\r\n"]) + "\r\n"
        }
    }
}

fn with_content(head: &str, content: &str) -> String {
    format!("{head}Content-Length: {}\r\n\r\n{content}", content.len())
}

/// Sends `text` in pieces.
fn send(mut sender: Peer, dice: &mut Dice, text: &[u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(1 + dice.below(400)));
        // It may have been rejected before all of it was sent.
        sender.try_send(piece);
        rest = after;
    }
}

/// Sends `text` while the answers come in, and gives the marks of those the upstream gave.
fn converse(mut peer: Peer, dice: &mut Dice, text: &str, fates: &[Fate], begun: &Begun) -> Vec<String> {
    let sender = peer.twin();
    let mut answered = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| match fates.last() {
            Some(Fate::Spoilt { mark, content }) if dice.one_in(2) => {
                let (before, spoilt) = text.as_bytes().split_at(text.len() - content);
                send(sender.twin(), dice, before);
                begun.wait_for(mark);
                send(sender, dice, spoilt);
            }
            _ => send(sender, dice, text.as_bytes()),
        });
        for (place, fate) in fates.iter().enumerate() {
            let got = get(&mut peer);
            match fate {
                Fate::Forwarded(mark) => {
                    assert_eq!((got.status, got.text()), (200, mark.as_str()), "{text:?}");
                    answered.push(mark.clone());
                }
                Fate::Own => assert_eq!(got.status, 400, "{text:?}"),
                Fate::Rejected | Fate::Spoilt { .. } => {
                    assert!(matches!(got.status, 400 | 501), "{got:?} for {text:?}");
                }
            }
            assert_eq!(got.closes(), place + 1 == fates.len(), "{got:?} for {text:?}");
        }
        assert_eq!(try_get(&mut peer, false), Err(Ending::Closed), "{text:?}");
    });
    answered
}

/// Requests of which the upstream has heard the head and not all of the content.
#[derive(Default)]
struct Begun {
    marks: Mutex<HashSet<String>>,
    heard: Condvar,
}

impl Begun {
    fn note(&self, mark: String) {
        self.marks.lock().expect("no panic").insert(mark);
        self.heard.notify_all();
    }

    fn wait_for(&self, mark: &str) {
        let marks = self.marks.lock().expect("no panic");
        let marks = self.heard.wait_timeout_while(marks, PATIENCE, |marks| !marks.contains(mark)).expect("no panic").0;
        assert!(marks.contains(mark), "the upstream hears of {mark} as soon as its head is there");
    }
}

#[test]
fn the_upstream_hears_exactly_the_requests_that_clients_got_answers_for_and_no_byte_else() {
    on_both_engines(|engine| {
        let (log, logs) = channel();
        let begun = Arc::<Begun>::default();
        let begins = Arc::clone(&begun);
        // Answers what it hears with its mark, and keeps every byte.
        let upstream = Upstream::start(move |visit| {
            let mut raw = Vec::new();
            loop {
                match hear(visit.peer.received()) {
                    Heard::Request { mark, length } => {
                        raw.extend(visit.peer.take(length));
                        visit.peer.try_send(crate::ok(&mark));
                        continue;
                    }
                    Heard::Begun { mark } => begins.note(mark),
                    Heard::Little | Heard::Nothing => {}
                }
                if visit.peer.receive().is_err() {
                    break;
                }
            }
            raw.extend(visit.peer.received());
            log.send(raw).expect("the test waits");
        });
        let server = gate(engine, upstream.address);
        let (answered, spoilt) = (Mutex::new(Vec::new()), Mutex::new(0));
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (answered, spoilt, begun, address) = (&answered, &spoilt, &begun, server.address);
                scope.spawn(move || {
                    let mut dice = Dice::new(18 + client as u64);
                    for number in 0..STREAMS {
                        let (text, fates) = stream(&mut dice, &format!("{client}-{number}"));
                        let marks = converse(Peer::connect(address), &mut dice, &text, &fates, begun);
                        answered.lock().expect("no panic").extend(marks);
                        let ended = fates.iter().filter(|fate| matches!(fate, Fate::Spoilt { .. })).count();
                        *spoilt.lock().expect("no panic") += ended;
                    }
                });
            }
        });
        // With the gate its connections end, and what was heard on them is known.
        let visits = upstream.visits();
        drop(server);
        let (mut heard, mut cut_off) = (Vec::new(), 0);
        for _ in 0..visits {
            let raw = logs.recv().expect("a log of every visit");
            let mut rest = raw.as_slice();
            loop {
                match hear(rest) {
                    Heard::Request { mark, length } => {
                        heard.push(mark);
                        rest = &rest[length..];
                    }
                    Heard::Nothing => break,
                    Heard::Begun { .. } | Heard::Little => {
                        cut_off += 1;
                        break;
                    }
                }
            }
        }
        let mut answered = answered.into_inner().expect("no panic");
        heard.sort();
        answered.sort();
        assert!(heard == answered, "{} heard, {} answered", heard.len(), answered.len());
        assert!(heard.len() > CLIENTS * STREAMS && cut_off > 0, "{} heard, {cut_off} cut off", heard.len());
        let spoilt = spoilt.into_inner().expect("no panic");
        assert!(cut_off <= spoilt, "{cut_off} requests cut off, of {spoilt} that the clients spoilt");
    });
}

const CLIENTS: usize = 4;
/// Of each client.
const STREAMS: usize = 400;

/// What bytes from the gate begin with.
enum Heard {
    Nothing,
    /// Less than a head.
    Little,
    /// Not all of its content.
    Begun {
        mark: String,
    },
    Request {
        mark: String,
        length: usize,
    },
}

/// Takes bytes apart as strictly as can be: whatever the gate does not write itself makes the test fail.
fn hear(bytes: &[u8]) -> Heard {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return if bytes.is_empty() { Heard::Nothing } else { Heard::Little };
    };
    let (head, content) = bytes.split_at(end + 4);
    let head = str::from_utf8(head).expect("ASCII").strip_suffix("\r\n\r\n").expect("found");
    let mut lines = head.split("\r\n");
    let request = lines.next().expect("the first");
    let mark = request.split(' ').nth(1).and_then(|target| target.strip_suffix("?clientId=7"));
    let mark = mark.unwrap_or_else(|| panic!("{request:?}")).to_owned();
    assert!(mark != "/evil" && request.ends_with(" HTTP/1.1") && request.matches(' ').count() == 2, "{request:?}");
    let fields: Vec<(String, &str)> = lines.map(field).collect();
    let values = |name: &str| fields.iter().filter(|(its, _)| its == name).map(|(_, value)| *value).collect::<Vec<_>>();
    for gone in ["connection", "keep-alive", "proxy-connection", "te", "upgrade", "trailer", "x-hop"] {
        assert_eq!(values(gone), [""; 0], "{gone} was for the gate: {head:?}");
    }
    assert_eq!((values("host"), values("via")), (vec!["h"], vec!["1.1 tollgate"]), "{head:?}");
    let length = match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) => Some(0),
        ([length], []) => {
            let number: usize = length.parse().expect("a number");
            assert_eq!(number.to_string(), *length);
            (content.len() >= number).then_some(number)
        }
        ([], ["chunked"]) => chunked(content),
        framing => panic!("{framing:?}"),
    };
    match length {
        Some(length) => Heard::Request { mark, length: end + 4 + length },
        None => Heard::Begun { mark },
    }
}

/// A field line: its name, in lower case, and its value.
fn field(line: &str) -> (String, &str) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}"));
    let is_token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_clean = value.trim() == value && value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    assert!(is_token && is_clean, "{line:?}");
    (name.to_ascii_lowercase(), value)
}

/// The length of all chunks, if they are there: sizes without zeros in front or anything behind, and trailers that say nothing about framing.
fn chunked(content: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut line = |content: &[u8], skip: usize| {
        let from = at + skip;
        let length = find(content.get(from..)?, b"\r\n")?;
        at = from + length + 2;
        Some((String::from_utf8(content[from..from + length].to_vec()).expect("ASCII"), at))
    };
    let mut skip = 0;
    loop {
        let (size, _) = line(content, skip)?;
        let number = usize::from_str_radix(&size, 16).expect("a size");
        assert_eq!(format!("{number:x}"), size);
        if number == 0 {
            break;
        }
        skip = number + 2;
    }
    loop {
        let (trailer, end) = line(content, 0)?;
        if trailer.is_empty() {
            return Some(end);
        }
        assert_eq!(trailer, "X-Sum: 1");
    }
}
