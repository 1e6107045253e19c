//! Peers with odd names, or endless ones.

use super::kind::Ask;
use super::script::{Script, Step};
use super::seen::Due;

/// An id that a server may take or refuse, and has to answer.
pub(super) fn odd_id(ask: &mut Ask<'_>) -> Script {
    let name = ask.id();
    let (what, id): (&str, Vec<u8>) = match ask.rng.u8(..10) {
        0 => ("an empty id", Vec::new()),
        1 => ("an id of 255 bytes", padded(&name, 255)),
        2 => ("an id of 257 bytes", padded(&name, 257)),
        3 => ("an id of 4000 bytes", padded(&name, 4000)),
        4 => ("an encoded id", encoded(name.as_bytes())),
        5 => ("an id of all bytes, encoded", encoded(&(0..=255).collect::<Vec<u8>>())),
        6 => ("an id that is no UTF-8, encoded", encoded(b"\xff\xfe\xc3\x28")),
        7 => ("an id that is no text", b"\xff\x80\xc3(".to_vec()),
        8 => ("an id with a broken escape", [name.as_bytes(), b"%zz%4"].concat()),
        _ => ("an id given twice", format!("{name}&clientId={name}-again&clientId").into_bytes()),
    };
    Script::send(what, ask.request_of(&id, "GET", ""), Due::Answers(1))
}

/// A head that no server has room for. It may be refused, or cut off in the middle.
pub(super) fn huge_head(ask: &mut Ask<'_>) -> Script {
    let times = ask.rng.usize(128..256);
    // Without the line ends behind its last field.
    let open_ended = |head: &[u8]| head[..head.len() - "\r\n\r\n".len()].to_vec();
    let (what, start, block) = match ask.rng.u8(..4) {
        0 => ("a target", format!("GET {}", ask.target.before_id).into_bytes(), b"7".repeat(BLOCK)),
        1 => ("a field", open_ended(&ask.request("GET", "X-Field: x\r\n")), b"x".repeat(BLOCK)),
        2 => ("many fields", open_ended(&ask.get()), b"\r\nX-Field: another".repeat(BLOCK / 18)),
        _ => ("a method", Vec::new(), b"G".repeat(BLOCK)),
    };
    let end = if what == "a target" || what == "a method" { &b" HTTP/1.1\r\n\r\n"[..] } else { b"\r\n\r\n" };
    let steps = [Step::Send(start), Step::Repeat { bytes: block, times }, Step::Send(end.to_vec())];
    Script::new(format!("{what} of {} MiB", (times * BLOCK) >> 20), steps, Due::AnyEnd)
}

fn padded(name: &str, len: usize) -> Vec<u8> {
    format!("{name:x<len$}").into_bytes()
}

/// Every byte as an escape, in the digits that are rarer.
fn encoded(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()
}

/// What one call to the kernel gets.
const BLOCK: usize = 16 << 10;
