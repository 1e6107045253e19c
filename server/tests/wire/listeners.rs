//! Several listeners in one process, without an upstream: what they have in common. (With upstreams: `tests/proxy/listeners.rs`.)

use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;

use super::support::clock::wait_until;
use super::support::peer::{Peer, get};
use super::support::process::{cpu_time, open_files};
use super::support::server::{Engine, Launch, Server, on_both_engines};

/// Two listeners of a gate that listens nowhere else.
fn launch(engine: Engine, settings: &str) -> Launch {
    let listener = |mode: &str| format!("[[listener]]\naddress = \"127.0.0.1:0\"\nmode = \"{mode}\"\n");
    let config = format!("limit = \"1M/1s,fixed-window\"\n{settings}\n{}{}", listener("answer"), listener("decide"));
    Launch::new(engine).without_listen().config(&config)
}

/// As many connections, to either in turn.
fn connect_to_both(server: &Server, count: usize) -> Vec<Peer> {
    (0..count).map(|number| Peer::connect(server.addresses[number % 2])).collect()
}

#[test]
fn the_connection_cap_is_common_to_all_listeners() {
    on_both_engines(|engine| {
        let server = launch(engine, "max-connections = 6").start();
        let mut inside = connect_to_both(&server, 6);
        assert!(inside.iter_mut().all(|peer| peer.get("7").status == 200));
        let mut outside = connect_to_both(&server, 4);
        outside.iter_mut().for_each(|peer| peer.send(get("7")));
        outside[0].sees_nothing_for(Duration::from_millis(300));
        outside[1].sees_nothing_for(Duration::from_millis(300));
        // Whoever leaves makes room, whichever listener he came to.
        inside.truncate(2);
        assert!(outside.iter_mut().all(|peer| peer.answer().status == 200));
    });
}

/// At the cap they wait in the kernel's queue: those of either listener are accepted before it is closed.
#[test]
fn a_drain_lets_those_in_who_wait_for_room_at_either_listener() {
    on_both_engines(|engine| {
        let server = launch(engine, "max-connections = 2").args("--drain-timeout 1h").start();
        let mut inside = connect_to_both(&server, 2);
        assert!(inside.iter_mut().all(|peer| peer.get("7").status == 200));
        let mut outside = connect_to_both(&server, 20);
        outside.iter_mut().for_each(|peer| peer.send(get("7")));
        outside[19].sees_nothing_for(Duration::from_millis(300));
        server.signal(Signal::TERM);
        for (number, peer) in outside.iter_mut().enumerate() {
            assert_eq!(peer.try_answer().map(|answer| answer.status), Ok(200), "number {number}");
            peer.sees_close();
        }
        inside.iter_mut().for_each(Peer::sees_close);
        drop((inside, outside));
        assert_eq!(server.wait().0, Some(0));
    });
}

#[test]
fn out_of_descriptors_every_listener_waits_without_spinning_and_goes_on_when_there_are_some() {
    on_both_engines(|engine| {
        let server = launch(engine, "").limits("ulimit -n 100").start();
        let held = connect_to_both(&server, 150);
        wait_until("all descriptors are in use", || open_files(server.pid()) >= 100);
        let mut waiting = connect_to_both(&server, 10);
        waiting.iter_mut().for_each(|peer| peer.send(get("7")));
        let before = cpu_time(server.pid());
        waiting[0].sees_nothing_for(Duration::from_secs(1));
        let used = cpu_time(server.pid()) - before;
        assert!(used <= Duration::from_millis(400), "{used:?} of CPU time in 1 s of waiting");
        drop(held);
        assert!(waiting.iter_mut().all(|peer| peer.answer().status == 200), "those in either queue are served");
        let logged = server.logged();
        assert!(logged.len() <= 10, "it is not to flood the log: {logged:#?}");
    });
}

#[test]
fn one_address_that_is_taken_keeps_all_of_it_from_starting() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    on_both_engines(|engine| {
        let config = format!("[[listener]]\naddress = \"{address}\"\nmode = \"decide\"\n");
        let failure = Launch::new(engine).config(&config).fail();
        assert_eq!(
            (failure.status.code(), failure.stdout.len(), failure.stderr.len()),
            (Some(1), 0, 1),
            "{failure:#?}"
        );
        let said = &failure.stderr[0];
        assert!(said.contains(&address) && said.contains("in use") && said.contains("ss -ltnp"), "{said}");
    });
}
