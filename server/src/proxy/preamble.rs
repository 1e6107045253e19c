//! Who the client is: whoever has connected, or whom a proxy in front names before the first request, by the PROXY protocol.

use std::net::IpAddr;

use crate::closing::linger;
use crate::connection::{LAST_CHANCE, Site};
use crate::proxy_protocol::{self, Progress};
use crate::socket::{Event, Socket};

/// A client that is known.
pub(super) struct Introduced {
    pub address: Option<IpAddr>,
    /// What has come after the header.
    pub rest: Vec<u8>,
    /// The server goes down; that is said only once.
    pub draining: bool,
}

/// Waits until it is known who the client is. `None`: it will not be; the connection is to be closed without a word.
pub(super) async fn introduction<S: Socket>(socket: &mut S, site: &Site) -> Option<Introduced> {
    let peer = socket.peer();
    let mut draining = false;
    if !site.service().is_proxied() {
        return Some(Introduced { address: peer, rest: Vec::new(), draining });
    }
    if !site.may_introduce(socket.now(), peer) {
        return None;
    }
    let mut header = Vec::new();
    socket.deadline(socket.now().saturating_add(site.idle));
    loop {
        match socket.event().await {
            Event::Input => {
                if header.is_empty() {
                    socket.deadline(socket.now().saturating_add(site.head));
                }
                while socket.read(|bytes| header.extend_from_slice(bytes)).is_some() {}
                match proxy_protocol::read(&header) {
                    Progress::NeedMore => {}
                    Progress::Header { consumed, source } => {
                        header.drain(..consumed);
                        return Some(Introduced { address: source.or(peer), rest: header, draining });
                    }
                    Progress::Malformed(why) => {
                        site.complain(socket.now(), peer, why.explain());
                        return None;
                    }
                }
            }
            Event::Draining => {
                draining = true;
                if header.is_empty() {
                    socket.deadline(socket.now().saturating_add(LAST_CHANCE));
                }
            }
            Event::Expired if draining && header.is_empty() => {
                linger(socket, site.linger).await;
                return None;
            }
            Event::End | Event::Expired | Event::Failed => return None,
            Event::Sent | Event::Blocked | Event::Woken | Event::Connected | Event::HungUp => {}
        }
    }
}
