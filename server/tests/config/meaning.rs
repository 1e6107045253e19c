//! What a configuration file means.

use std::time::Duration;

use tollgate::config::{Config, Cores, Listener, Mode, Typed, Upstream};
use tollgate::identity::ClientIdSource;
use tollgate::overload::class::Class;
use tollgate::policy::Missing;
use tollgate_limiter::{Algorithm, Capacity, Limiter, Nanos, Quota};

use super::read;

const EXAMPLE: &str = include_str!("../../tollgate.example.toml");

/// What `--upstream` with this server means.
fn one_server(server: &str) -> Upstream {
    let typed = Typed { upstream_servers: Some(vec![server.parse().unwrap()]), ..Typed::default() };
    Config::new(typed).unwrap().upstreams.remove(0)
}

#[test]
fn the_example_file_is_the_defaults() {
    assert_eq!(read(EXAMPLE), Ok(Config::default()));
}

#[test]
fn the_examples_in_the_example_file_are_right() {
    let examples = EXAMPLE.split("--- Examples ---").nth(1).expect("a part with examples");
    let uncommented: String = examples
        .lines()
        .skip(1)
        .map(|line| line.strip_prefix("# ").unwrap_or(""))
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .filter(|line| !line.starts_with("The long form"))
        .fold(String::new(), |text, line| text + line + "\n");
    let config = read(&uncommented).unwrap();
    assert_eq!(config.bans.map(|bans| bans.durations().len()), Some(3));
    assert_eq!(config.overrides.len(), 2);
    assert_eq!(config.overrides[1].quotas[1].algorithm(), Algorithm::TokenBucket);
    assert_eq!(config.quotas[1].max_delay(), Nanos::from_millis(250));
    assert!(config.quotas[1].is_shadow());
    let classes: Vec<Class> = config.priorities.iter().map(|rule| rule.class).collect();
    assert_eq!(classes, [Class::CriticalPlus, Class::Sheddable]);
    assert_eq!(config.policies.len(), 2);
    assert_eq!(config.policies[1].missing, Missing::Skip);
    let modes: Vec<String> = config.listeners.iter().map(Listener::to_string).collect();
    assert_eq!(modes, ["proxy to app", "decide"]);
    let [upstream] = <[Upstream; 1]>::try_from(config.upstreams).expect("an upstream");
    let defaults = Upstream { name: "app".to_owned(), ..one_server("10.0.0.11:8080") };
    assert_eq!(upstream.servers.len(), 2);
    assert_eq!(Upstream { servers: defaults.servers.clone(), ..upstream }, defaults, "the example shows the defaults");
}

#[test]
fn a_core_is_judged_only_where_the_file_has_a_table_for_it() {
    let lag = |text: &str| read(text).expect("it is right").overload.target_lag;
    let ms = |n| Some(Duration::from_millis(n));
    assert_eq!(lag("limit = \"5/5s\"\n"), None);
    assert_eq!(lag("[overload]\n"), ms(5));
    assert_eq!(lag("[overload]\ninterval = \"6ms\"\n"), ms(3), "what nobody wrote is never wrong");
    assert_eq!(lag("[overload]\ntarget-lag = \"off\"\n"), None);
    let priorities = "[[priority]]\nclass = \"sheddable\"\nmatch = { method = \"GET\" }\n";
    assert_eq!(lag(&format!("[overload]\ntarget-lag = \"20ms\"\n{priorities}")), ms(20));
}

/// The reader names the keys that it knows when it meets one that is nothing like any of them.
#[test]
fn the_example_file_shows_every_key() {
    let sections = [
        "",
        "[timeouts]\n",
        "[http]\n",
        "[overload]\n",
        "[bans]\nstrikes = 1\n",
        "[[override]]\n",
        "[[policy]]\n",
        "[[limit]]\n",
        "[[listener]]\n",
        "[upstream.app]\n",
        "[upstream.app.breaker]\n",
        "[[priority]]\n",
    ];
    let mut keys_seen = 0;
    for section in sections {
        let problems = read(&format!("{section}zzzzzz = 1\n")).unwrap_err();
        let known = problems.iter().find_map(|problem| problem.what.strip_prefix("no such key here, only "));
        for key in known.unwrap_or_else(|| panic!("{section}: {problems:?}")).split(", ") {
            let stands = |line: &str| {
                let line = line.trim_start_matches("# ");
                let header = line.trim_matches(|c| c == '[' || c == ']');
                header.split('.').any(|part| part == key) || line.split(" = ").next() == Some(key)
            };
            assert!(EXAMPLE.lines().any(stands), "{key:?} of {section:?} is not in the example");
            keys_seen += 1;
        }
    }
    assert!(keys_seen > 35, "only {keys_seen} keys: did the sections change?");
}

#[test]
fn a_file_may_say_everything_the_flags_do_and_more() {
    let config = read(
        r#"
        listen = "[::]:80"
        limit = ["10/s", "500/1m,token-bucket,burst=50,shadow"]
        max-clients = "250k"
        when-full = "refuse"
        client-id = "header:X-Api-Key"
        limited-status = 429
        ratelimit-headers = "off"
        decide = "on"
        proxy-protocol = true
        trusted-proxies = ["10.0.0.0/8", "192.0.2.7"]
        cores = "0,2"
        allow = "health"
        [timeouts]
        drain = 90
        "#,
    )
    .unwrap();
    let listener = Listener { address: "[::]:80".parse().unwrap(), mode: Mode::Decide, proxy_protocol: true };
    assert_eq!(config.listeners, [listener]);
    assert_eq!(config.quotas[0].algorithm(), Algorithm::SlidingWindow);
    assert_eq!((config.quotas[1].burst(), config.quotas[1].is_shadow()), (50, true));
    assert_eq!(config.max_clients, Capacity::clients(250_000).unwrap());
    assert_eq!(config.client_id, ClientIdSource::Header("X-Api-Key".to_owned()));
    assert_eq!(config.limited_status.to_string(), "429");
    assert!(!config.ratelimit_headers);
    assert!(config.trusted_proxies.contains("192.0.2.7".parse().unwrap()));
    assert!(!config.trusted_proxies.contains("127.0.0.1".parse().unwrap()), "a list replaces the default");
    assert_eq!(config.cores, Cores::List(vec![0, 2]));
    assert_eq!(config.allow, ["health"]);
    assert_eq!(config.timeouts.drain, Duration::from_secs(90));
}

#[test]
fn one_algorithm_may_stand_for_all_quotas_that_name_none() {
    let config = read("algorithm = \"fixed-window\"\nlimit = [\"500/1m\", \"5/s,sliding-window\"]\n").unwrap();
    let algorithms: Vec<Algorithm> = config.quotas.iter().map(Quota::algorithm).collect();
    assert_eq!(algorithms, [Algorithm::FixedWindow, Algorithm::SlidingWindow]);
}

#[test]
fn the_listener_of_listen_stands_before_the_others_and_is_there_unasked_only_without_them() {
    let upstreams = |names: &[&str]| -> String {
        names.iter().map(|name| format!("[upstream.{name}]\nservers = \"a:1\"\n")).collect()
    };
    let listener = |address: &str, rest: &str| format!("[[listener]]\naddress = \"{address}\"\n{rest}\n");
    let (decide, proxy) = (listener("[::]:2", "mode = 'decide'"), listener("[::]:3", "mode = 'proxy'"));
    let (to_a, to_b) = (listener("[::]:4", "mode = 'proxy'\nupstream = 'a'"), proxy.clone() + "upstream = 'b'\n");
    let named = listener("[::]:5", "mode = 'answer'\nproxy-protocol = true");
    let cases: &[(String, &[&str])] = &[
        (String::new(), &["127.0.0.1:8080 answer"]),
        (upstreams(&["a"]), &["127.0.0.1:8080 proxy to a"]),
        ("proxy-protocol = true\n".to_owned() + &upstreams(&["a"]), &["127.0.0.1:8080 proxy to a, PROXY headers"]),
        (decide.clone(), &["[::]:2 decide"]),
        ("listen = '[::]:1'\n".to_owned() + &decide, &["[::]:1 answer", "[::]:2 decide"]),
        ("listen = '[::]:1'\n".to_owned() + &decide + &upstreams(&["a"]), &["[::]:1 proxy to a", "[::]:2 decide"]),
        (
            "listen = '[::]:1'\ndecide = true\n".to_owned() + &proxy + &named + &upstreams(&["a"]),
            &["[::]:1 decide", "[::]:3 proxy to a", "[::]:5 answer, PROXY headers"],
        ),
        (to_a + &to_b + &upstreams(&["b", "a"]), &["[::]:4 proxy to a", "[::]:3 proxy to b"]),
        (listener("[::]:0", "mode = 'answer'").repeat(2), &["[::]:0 answer"; 2]),
    ];
    for (text, meant) in cases {
        let config = read(&format!("backlog = 5\n{text}")).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        let said: Vec<String> =
            config.listeners.iter().map(|listener| format!("{} {listener}", listener.address)).collect();
        assert_eq!(said, *meant, "{text}");
    }
}

#[test]
fn a_policy_takes_what_it_does_not_say_from_the_first() {
    let config = read(
        "algorithm = \"fixed-window\"\nmax-clients = \"2k\"\n[[policy]]\nname = \"a\"\nclient-id = \"peer-ip\"\nlimit = \"100/1s\"\n\
        [[policy]]\nname = \"b\"\nclient-id = \"cookie:b\"\nlimit = \"5/1s\"\nalgorithm = \"token-bucket\"\nmax-clients = 7\nmissing = \"skip\"\n",
    )
    .unwrap();
    let said: Vec<_> = config
        .policies
        .iter()
        .map(|policy| (policy.quotas[0].algorithm(), policy.max_clients.count(), policy.missing))
        .collect();
    assert_eq!(said, [(Algorithm::FixedWindow, 2000, Missing::Reject), (Algorithm::TokenBucket, 7, Missing::Skip)]);
}

#[test]
fn the_memory_that_is_announced_is_what_the_limiter_takes() {
    let plain = "max-clients = \"10k\"\n";
    let rich = "max-clients = \"10k\"\nlimit = [\"5/5s\", \"9/1m\"]\n[bans]\nstrikes = 5\nwithin = 1\ndurations = [\"1m\"]\n\
        [[override]]\nclients = [\"1\", \"2\", \"3\"]\nlimit = [\"9/s\", \"9/1h\"]\n";
    let policies = "max-clients = \"10k\"\nmax-ids-per-peer = \"9/1m\"\n\
        [[policy]]\nname = \"a\"\nclient-id = \"peer-ip\"\nlimit = [\"9/s\", \"9/1h\"]\nmax-clients = 700\n\
        [[policy]]\nname = \"b\"\nclient-id = \"header:X\"\nlimit = \"9/s\"\n";
    for text in [plain, rich, policies] {
        for shards in [1, 3] {
            let config = read(text).unwrap();
            let policies = config.policies.iter().map(|policy| policy.limiter_settings(config.when_full, shards, 1));
            let ids = config.max_ids_per_peer.limiter_settings(config.max_clients, shards, [1, 2]);
            let all =
                policies.chain(ids.into_iter().flat_map(|(both, _)| both)).chain([config.limiter_settings(shards, 1)]);
            let taken: usize = all.map(|settings| Limiter::new(&settings).unwrap().memory_bytes()).sum();
            assert_eq!(config.memory_bytes(shards), taken as u64, "{shards} shards, {text}");
        }
    }
}
