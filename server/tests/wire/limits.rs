//! Who is let through: algorithms, stacked quotas, overrides, lists, bans, full tables, and all of it across connections and cores.

use std::thread;
use std::time::Duration;

use super::support::clock::Stopwatch;
use super::support::peer::{Peer, get};
use super::support::server::{Launch, Server, on_both_engines};

/// Sends `count` requests of one client at once and gives the statuses.
fn statuses(peer: &mut Peer, id: &str, count: usize) -> Vec<u16> {
    peer.send(get(id).repeat(count));
    (0..count).map(|_| peer.answer().status).collect()
}

/// `passed` times 200 and `denied` times 503.
fn passed_then_denied(passed: usize, denied: usize) -> Vec<u16> {
    [vec![200; passed], vec![503; denied]].concat()
}

#[test]
fn a_client_exhausted_on_one_connection_is_denied_on_all_others_and_on_every_core() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args("--limit 5/1h,fixed-window").start();
        let mut peers = server.connect_many(32);
        assert_eq!(statuses(&mut peers[0], "7", 6), passed_then_denied(5, 1));
        for peer in &mut peers {
            assert_eq!(peer.get("7").status, 503);
        }
        assert_eq!(peers[31].get("8").status, 200);
    });
}

#[test]
fn clients_that_ask_on_all_cores_at_once_get_exactly_their_quota() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).cores("auto").args("--limit 10/1h,fixed-window").start();
        let address = server.address;
        let passed_on_one = || {
            let mut peer = Peer::connect(address);
            let mut passed = [0; 20];
            for _ in 0..5 {
                let batch: String = (0..20).map(|id| get(&id.to_string())).collect();
                peer.send(batch);
                for count in &mut passed {
                    *count += usize::from(peer.answer().status == 200);
                }
            }
            passed
        };
        let per_connection: Vec<[usize; 20]> = thread::scope(|scope| {
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(passed_on_one)).collect();
            asking.into_iter().map(|peer| peer.join().expect("a peer")).collect()
        });
        for id in 0..20 {
            let passed: usize = per_connection.iter().map(|passed| passed[id]).sum();
            assert_eq!(passed, 10, "client {id}");
        }
    });
}

#[test]
fn every_algorithm_lets_its_burst_through_at_once() {
    on_both_engines(|engine| {
        for (limit, passed) in [
            ("5/1h,sliding-window", 5),
            ("5/1h,fixed-window", 5),
            ("5/1h,token-bucket", 5),
            ("5/1h,token-bucket,burst=2", 2),
            ("5/1h,leaky-bucket,max-delay=0s", 1),
        ] {
            let server = Server::start(engine, &format!("--limit {limit}"));
            let mut peer = server.connect();
            assert_eq!(statuses(&mut peer, "7", 8), passed_then_denied(passed, 8 - passed), "{limit}");
        }
    });
}

#[test]
fn a_leaky_bucket_spaces_out_what_it_lets_through() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 10/1s,leaky-bucket,max-delay=300ms");
        let watch = Stopwatch::start();
        let mut peer = server.connect();
        // The first goes at once, three more wait for 100, 200 and 300 ms; when those have gone, others may come.
        peer.send(get("7").repeat(4));
        for (number, earliest) in [0, 100, 200, 300].into_iter().enumerate() {
            assert_eq!(peer.answer().status, 200, "{number}");
            let elapsed = watch.elapsed();
            assert!(elapsed >= Duration::from_millis(earliest), "{number} after {elapsed:?}");
        }
        // On other connections there is no queue: whoever would wait for too long is denied at once, while the others wait.
        let mut peers = server.connect_many(50);
        for peer in &mut peers {
            peer.send(get("8"));
        }
        let denied = peers.iter_mut().filter_map(|peer| (peer.answer().status == 503).then_some(())).count();
        assert!(denied > 0, "fifty at once do not fit into 300 ms");
    });
}

#[test]
fn an_answer_that_is_held_back_does_not_hold_back_other_connections() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/1h,leaky-bucket,max-delay=2h");
        let mut held = server.connect();
        assert_eq!(held.get("7").status, 200);
        held.send(get("7"));
        held.sees_nothing_for(Duration::from_millis(200));
        assert_eq!(server.connect().get("8").status, 200);
        // The peer goes away while its answer waits: nothing is left of it.
        let files = super::support::process::open_files(server.pid());
        held.reset();
        super::support::clock::wait_until("the descriptor is given back", || {
            super::support::process::open_files(server.pid()) < files
        });
    });
}

#[test]
fn stacked_quotas_must_all_allow_and_the_binding_one_is_named() {
    on_both_engines(|engine| {
        let server = Server::start(
            engine,
            "--limit 3/1h,fixed-window --limit 10/1m,token-bucket --limit 99/1500ms,token-bucket",
        );
        let mut peer = server.connect();
        let first = peer.get("7");
        let policy = r#""default";q=3;w=3600, "default-2";q=10;w=60, "default-3";q=99"#;
        assert_eq!(first.field("RateLimit-Policy"), Some(policy));
        assert_eq!(first.remaining(), Some(2));
        assert_eq!(statuses(&mut peer, "7", 3), passed_then_denied(2, 1));
        let denied = peer.get("7");
        assert!(denied.field("RateLimit").is_some_and(|value| value.starts_with(r#""default";r=0;t="#)), "{denied:?}");
        assert!((3590..=3600).contains(&denied.retry_after()), "{denied:?}");
    });
}

const TIERS: &str = r#"
limit = "2/1h,fixed-window"
allow = ["health"]
deny = ["banned"]
[[override]]
tier = "gold"
clients = ["42", "4711"]
limit = "4/1h,fixed-window"
"#;

#[test]
fn overrides_and_lists_of_the_file_hold() {
    on_both_engines(|engine| {
        let server = Launch::new(engine).config(TIERS).start();
        let mut peer = server.connect();
        for (id, passed) in [("7", 2), ("42", 4), ("4711", 4), ("%34%32x", 2), ("health", 6), ("banned", 0)] {
            assert_eq!(statuses(&mut peer, id, 6), passed_then_denied(passed, 6 - passed), "{id}");
        }
        assert_eq!(peer.get("banned").names(), ["Date", "Content-Length"], "nothing to wait for");
        assert_eq!(peer.get("health").field("RateLimit"), None, "nothing limits it");
        assert_eq!(peer.get("42").field("RateLimit-Policy"), Some(r#""default";q=4;w=3600"#));
    });
}

#[test]
fn whoever_is_denied_too_often_is_banned_for_longer_and_longer() {
    let config = "limit = \"1/1s,fixed-window\"\n[bans]\nstrikes = 3\nwithin = \"1h\"\ndurations = [\"2s\", \"1h\"]\n";
    on_both_engines(|engine| {
        let server = Launch::new(engine).config(config).start();
        let mut peer = server.connect();
        peer.send(get("7").repeat(4));
        let waits: Vec<Option<u64>> =
            (0..4).map(|_| peer.answer()).map(|answer| (answer.status == 503).then(|| answer.retry_after())).collect();
        assert_eq!(waits, [None, Some(1), Some(1), Some(2)], "the third strike is a ban of 2 s");
        assert_eq!(peer.get("8").status, 200, "nobody else is banned");
        peer.sees_nothing_for(Duration::from_secs(2));
        peer.send(get("7").repeat(4));
        let waits: Vec<u64> = (0..4)
            .map(|_| peer.answer())
            .filter(|answer| answer.status == 503)
            .map(|answer| answer.retry_after())
            .collect();
        assert_eq!(waits.last(), Some(&3600), "the next ban is the longer one: {waits:?}");
    });
}

#[test]
fn a_quota_in_shadow_counts_and_does_not_deny() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/1h,fixed-window,shadow --limit 3/1h,fixed-window");
        let mut peer = server.connect();
        assert_eq!(statuses(&mut peer, "7", 5), passed_then_denied(3, 2));
        let answer = peer.get("8");
        assert_eq!(answer.field("RateLimit-Policy"), Some(r#""default-2";q=3;w=3600"#), "shadows are not advertised");
    });
}

#[test]
fn a_denial_does_not_prolong_the_denial() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "--limit 1/2s");
        let mut peer = server.connect();
        assert_eq!(peer.get("7").status, 200);
        let watch = Stopwatch::start();
        // Asks all the time. Were the denials counted, it would never be let in again.
        while peer.get("7").status != 200 {
            assert!(watch.elapsed() < Duration::from_secs(20), "still denied");
        }
        // The window began before the first answer arrived, and its admission may not come early.
        assert!(watch.elapsed() > Duration::from_millis(1500), "{:?}", watch.elapsed());
    });
}

/// More clients than fit are active: each rule in its own way, and none lets a client that is known exceed its quota.
#[test]
fn when_the_table_is_full_the_chosen_rule_decides() {
    on_both_engines(|engine| {
        for (rule, newcomers_denied) in [("refuse", true), ("remember", false), ("forget", false)] {
            let args = format!("--limit 1/1h,fixed-window --max-clients 100 --when-full {rule}");
            let server = Server::start(engine, &args);
            let mut peer = server.connect();
            let mut passed = 0;
            for batch in 0..20 {
                let requests: String = (0..100).map(|id| get(&format!("{batch}-{id}"))).collect();
                peer.send(requests);
                passed += (0..100).filter(|_| peer.answer().status == 200).count();
            }
            assert!(passed >= 100, "{rule}: as many as were promised fit, {passed} of 2000 passed");
            if newcomers_denied {
                assert!(passed < 1000, "{rule}: nobody is displaced, yet {passed} of 2000 passed");
            }
            if rule == "forget" {
                assert_eq!(passed, 2000, "the newcomer always gets a place");
            }
            // Of the last batch, which is still stored, nobody passes twice.
            assert_eq!(peer.get("19-99").status, 503, "{rule}");
        }
    });
}
