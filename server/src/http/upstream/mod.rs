//! The other side of HTTP/1.1: what an upstream is sent, and what it answers. No I/O.
//!
//! ```text
//!   client's head ──▶ onward  ──▶ a head of our own making: nothing is forwarded that was not understood
//!   client's content ─▶ relay ──▶ the same content, framed anew
//!   upstream's bytes ─▶ reader ─┬▶ head: status, framing, fields   ──▶ a head of our own making
//!                               └▶ relay                           ──▶ the same content, framed anew
//! ```
//!
//! **No smuggling.** Two programs that disagree about where a message ends can be talked into seeing different messages. So no byte that
//! frames one (Content-Length, Transfer-Encoding, chunk sizes, the request line) is passed on: they are read, judged as strictly as requests
//! to ourselves, and written again. An answer whose framing is ambiguous is no answer.

pub mod fields;
pub mod head;
pub mod onward;
pub mod reader;
pub mod relay;

pub use head::{AnswerHead, Malformed};
pub use onward::{Onward, onward};
pub use reader::{AnswerReader, Progress, Terms};
pub use relay::{Coding, Relay, Source};

#[cfg(test)]
mod tests;
