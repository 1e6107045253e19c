//! Ten thousand clients at once.

use crate::got::get;
use crate::support::clock::wait_until;
use crate::support::process::{open_files, resident_bytes};
use crate::support::server::Engine;
use crate::upstream::Upstream;
use crate::{gate_with, ok, request};

#[test]
fn ten_thousand_clients_are_served_stay_and_are_served_again() {
    for engine in Engine::ALL {
        let upstream = Upstream::start(|visit| {
            while let Some(request) = visit.request() {
                let path = request.line().split([' ', '?']).nth(1).unwrap_or_default();
                visit.peer.try_send(ok(path));
            }
        });
        let server = gate_with(
            engine,
            upstream.address,
            "max-in-flight = 16\nqueue = { max = 10000, timeout = \"20s\" }\n[overload]\nenabled = false",
        );
        drop(server.connect_many(64));
        let count = CLIENTS.min(allowed_connections());
        let files = open_files(server.pid());
        let before = resident_bytes(server.pid());
        let mut peers = server.connect_many(count);
        for turn in 0..2 {
            for (number, chunk) in peers.chunks_mut(AT_ONCE).enumerate() {
                for (place, peer) in chunk.iter_mut().enumerate() {
                    peer.send(request(&format!("/{turn}/{number}/{place}")));
                }
                for (place, peer) in chunk.iter_mut().enumerate() {
                    assert_eq!(get(peer).text(), format!("/{turn}/{number}/{place}"));
                }
            }
            let each = resident_bytes(server.pid()).saturating_sub(before) / count as u64;
            println!("{engine:?}: {each} bytes for each of {count} idle clients after {} requests each", turn + 1);
            assert!(each <= MOST_BYTES, "{engine:?}: {each} bytes for each of {count} idle clients");
        }
        assert!(open_files(server.pid()) >= count, "all of them are still connected");
        drop(peers);
        wait_until("the descriptors are given back", || open_files(server.pid()) <= files + 16);
    }
}

const CLIENTS: usize = 10_000;
/// Requests under way.
const AT_ONCE: usize = 500;
const MOST_BYTES: u64 = 4 << 10;

/// Half of the descriptors that this process may have: other tests need some, too.
fn allowed_connections() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit / 2).unwrap_or(usize::MAX)
}
