//! What `--print-config` prints reads back as the same configuration, and no text makes the reader panic.

use std::time::Duration;

use proptest::prelude::*;
use tollgate::config::{
    Bans, Config, Cores, Listener, LogLevel, MaxIdsPerPeer, Mode, Override, Policy, Problem, ServerName, TypedQuota,
    Upstream, file, print,
};
use tollgate::http::Limits;
use tollgate::identity::{ClientIdSource, Trusted};
use tollgate::overload::OverloadSettings;
use tollgate::overload::class::{Class, HeaderMatch, Match, Rule};
use tollgate::policy::Missing;
use tollgate::proxy::{Queue, UpstreamTimeouts};
use tollgate_limiter::breaker::{self, SlidingWindowType, State};
use tollgate_limiter::{Algorithm, Capacity, Nanos, Quota, WhenFull};

const EXAMPLE: &str = include_str!("../tollgate.example.toml");

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    file::parse(text).and_then(Config::new)
}

fn some_quota() -> impl Strategy<Value = Quota> {
    let algorithm = prop::sample::select(&Algorithm::ALL[..]);
    let period = (1_u64..100_000).prop_map(|ms| Nanos::from_millis(ms * 7));
    (1_u32..20, period, algorithm, 1_u32..1000, 0_u64..80_000_000, any::<bool>()).prop_map(
        |(limit, period, algorithm, burst, delay, shadow)| {
            let quota = Quota::with(limit, period, algorithm).unwrap();
            let quota = match algorithm {
                Algorithm::TokenBucket => quota.with_burst(burst).unwrap(),
                Algorithm::LeakyBucket => quota.with_max_delay(Nanos::from_micros(delay)).unwrap(),
                Algorithm::SlidingWindow | Algorithm::FixedWindow => quota,
            };
            if shadow { quota.shadow() } else { quota }
        },
    )
}

fn some_quotas() -> impl Strategy<Value = Vec<Quota>> {
    prop::collection::vec(some_quota(), 1..=8)
}

fn some_bans() -> impl Strategy<Value = Option<Bans>> {
    let rungs = prop::collection::vec(1_u64..1_000_000_000, 1..=8);
    let bans = (1_u16.., 1_u64..1_000_000_000, rungs).prop_map(|(strikes, within, mut rungs)| {
        rungs.sort_unstable();
        let rungs = rungs.into_iter().map(Duration::from_micros).collect();
        Bans::new(strikes, Duration::from_micros(within), rungs).unwrap()
    });
    prop::option::of(bans)
}

/// Distinct ids of any characters, dealt to the lists.
fn some_lists() -> impl Strategy<Value = (Vec<String>, Vec<String>, Vec<Override>)> {
    let ids = prop::collection::hash_set("\\PC{1,20}|[\\x00-\\x7f]{1,20}", 0..12);
    let groups = prop::collection::vec((prop::option::of("\\PC{0,9}"), some_quotas()), 3);
    (ids, groups).prop_map(|(ids, groups)| {
        let mut ids: Vec<String> = ids.into_iter().collect();
        let mut deal = |most: usize| ids.split_off(ids.len().saturating_sub(most));
        let (allow, deny) = (deal(2), deal(2));
        let overrides: Vec<Override> = groups
            .into_iter()
            .zip(["a", "b", "c"])
            .map(|((tier, quotas), nth)| Override { tier: tier.map(|tier| tier + nth), clients: deal(3), quotas })
            .filter(|group| !group.clients.is_empty())
            .collect();
        (allow, deny, overrides)
    })
}

fn some_server() -> impl Strategy<Value = Config> {
    let cores = prop_oneof![
        Just(Cores::Auto),
        (1_usize..=1024).prop_map(Cores::Count),
        prop::collection::hash_set(0_usize..1024, 1..9).prop_map(|set| Cores::List(set.into_iter().collect())),
    ];
    let timeouts = prop::collection::vec(1_000_u64..86_400_000_000, 6);
    let http = (256_usize..=65_536, 1_usize..=128, 0_u64..=1 << 40, 80_usize..=1024);
    let log = prop::sample::select(&LogLevel::ALL[..]);
    (cores, 1_u32..=65_535, 1_usize..=10_000_000, timeouts, http, log).prop_map(
        |(cores, backlog, max_connections, timeouts, (head_bytes, headers, body_bytes, id_bytes), log)| {
            let mut config = Config { cores, backlog, max_connections, log, ..Config::default() };
            config.http = Limits { head_bytes, headers, body_bytes, id_bytes };
            let timeout = |at: usize| Duration::from_micros(timeouts[at]);
            config.timeouts.head = timeout(0);
            config.timeouts.body = timeout(1);
            config.timeouts.idle = timeout(2);
            config.timeouts.write = timeout(3);
            config.timeouts.linger = timeout(4);
            config.timeouts.drain = timeout(5);
            config
        },
    )
}

fn some_breaker() -> impl Strategy<Value = breaker::Config> {
    let states = vec![State::Closed, State::Disabled, State::ForcedOpen, State::MetricsOnly];
    let words = (prop::sample::select(states), any::<bool>(), any::<bool>(), any::<bool>(), 1.0..=100.0);
    let percentages = (1_u8..=100, 1_u8..=100, 0_u8..=100);
    let counts = (1_u32..=600, 1_u32..=1_000_000, 1_u8..=127, 0_u8..=127);
    let spans = prop::collection::vec(1_000_u64..86_400_000_000, 6);
    (words, percentages, counts, spans).prop_map(|(words, percentages, counts, mut spans)| {
        // A permit must not be shorter than half-open, nor that than a call that isn't slow.
        spans.sort_unstable();
        let span = |at: usize| Nanos::from_micros(spans[at]);
        breaker::Config {
            initial_state: words.0,
            sliding_window_type: if words.1 { SlidingWindowType::CountBased } else { SlidingWindowType::TimeBased },
            transition_to_state_after_wait_duration: if words.2 { State::Open } else { State::Closed },
            automatic_transition_from_open_to_half_open_enabled: words.3,
            wait_backoff_multiplier: words.4,
            failure_rate_threshold: percentages.0,
            slow_call_rate_threshold: percentages.1,
            wait_jitter: percentages.2,
            sliding_window_size: counts.0,
            minimum_number_of_calls: counts.1,
            permitted_number_of_calls_in_half_open_state: counts.2,
            consecutive_failures: counts.3,
            slow_call_duration_threshold: span(0),
            wait_duration_in_open_state: span(1),
            wait_max: span(2),
            slow_start: span(3),
            max_wait_duration_in_half_open_state: span(4),
            permit_timeout: span(5),
            seed: 0,
        }
    })
}

fn some_upstream() -> impl Strategy<Value = Upstream> {
    let server = prop_oneof![
        any::<std::net::SocketAddrV4>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]:80")),
        "[a-z]{1,9}\\.[a-z]{1,9}:[1-9][0-9]{0,3}",
    ];
    let server = server.prop_filter_map("port 0", |text| text.parse::<ServerName>().ok());
    let spans = prop::collection::vec(1_000_u64..86_400_000_000, 5);
    let room = (1_usize..=65_536, 0_usize..=65_536);
    let upstream = ("[A-Za-z0-9_-]{1,9}", prop::collection::vec(server, 1..5), room, spans, some_breaker());
    upstream.prop_map(|(name, servers, (max_in_flight, max), mut spans, breaker)| {
        // The whole must not be shorter than its part.
        spans[..4].sort_unstable();
        let span = |at: usize| Duration::from_micros(spans[at]);
        let timeouts = UpstreamTimeouts { connect: span(0), response_head: span(1), idle: span(2), total: span(3) };
        Upstream { name, servers, max_in_flight, queue: Queue { max, timeout: span(4) }, timeouts, breaker }
    })
}

/// Upstreams in the order of their names, and listeners that use all of them.
fn some_listeners() -> impl Strategy<Value = (Vec<Listener>, Vec<Upstream>)> {
    let upstreams = prop::collection::vec(some_upstream(), 0..4).prop_map(|mut upstreams| {
        upstreams.sort_by(|a, b| a.name.cmp(&b.name));
        upstreams.dedup_by(|a, b| a.name == b.name);
        upstreams
    });
    let doors = prop::collection::vec((any::<std::net::IpAddr>(), 0_usize..5, any::<bool>()), 4..9);
    (upstreams, doors, 1_usize..5, 0_u16..60_000).prop_map(|(upstreams, doors, more, port)| {
        let listener = |(index, (ip, mode, proxy_protocol)): (usize, (std::net::IpAddr, usize, bool))| {
            // The first ones forward to each, the others to any, or answer themselves.
            let mode = match upstreams.get(index).or_else(|| upstreams.get(mode)) {
                Some(upstream) => Mode::Proxy { upstream: upstream.name.clone() },
                None if mode == 4 => Mode::Decide,
                None => Mode::Answer,
            };
            Listener { address: std::net::SocketAddr::new(ip, port + index as u16), mode, proxy_protocol }
        };
        let count = upstreams.len() + more - usize::from(!upstreams.is_empty());
        (doors.into_iter().enumerate().take(count).map(listener).collect(), upstreams)
    })
}

fn some_overload() -> impl Strategy<Value = OverloadSettings> {
    let spans = (1_000_u64..80_000_000_000, 1_u64..1_000_000);
    (any::<bool>(), spans, any::<bool>()).prop_map(|(enabled, (target, more), lags)| OverloadSettings {
        enabled,
        target_lag: lags.then(|| Duration::from_micros(target)),
        target_delay: Duration::from_micros(target),
        interval: Duration::from_micros(target + more),
    })
}

/// With a queue in which who waits can wait for so long.
fn waits_for(target: Duration, upstream: Upstream) -> Upstream {
    let queue = Queue { timeout: upstream.queue.timeout.max(target), ..upstream.queue };
    Upstream { queue, ..upstream }
}

fn some_priorities() -> impl Strategy<Value = Vec<Rule>> {
    let header = ("[A-Za-z-]{1,9}", prop::option::of("([!-~]([ -~]{0,9}[!-~])?)?"))
        .prop_map(|(name, value)| HeaderMatch { name, value });
    // Without %: what is encoded would match nothing, and is refused.
    let path = "/[ -\"$&->@-~äß]{0,20}";
    let matching = (prop::option::of(path), prop::option::of("[A-Z!]{1,9}"), prop::option::of(header));
    let matching = matching.prop_map(|(path_prefix, method, header)| Match { path_prefix, method, header });
    let matching = matching.prop_filter("matches everything", |matching| *matching != Match::default());
    let rule = (prop::sample::select(&Class::ALL[..]), matching);
    prop::collection::vec(rule.prop_map(|(class, matching)| Rule { class, matching }), 0..5)
}

fn some_id() -> impl Strategy<Value = ClientIdSource> {
    prop_oneof![
        "\\PC{1,20}".prop_map(ClientIdSource::Query),
        "[A-Za-z-]{1,20}".prop_map(ClientIdSource::Header),
        "[A-Za-z-]{1,20}".prop_map(ClientIdSource::Cookie),
    ]
}

fn some_address() -> impl Strategy<Value = ClientIdSource> {
    prop::sample::select(&[ClientIdSource::PeerIp, ClientIdSource::ForwardedFor, ClientIdSource::Forwarded][..])
}

fn some_policies() -> impl Strategy<Value = (Vec<Policy>, MaxIdsPerPeer)> {
    let missing = prop::sample::select(&[Missing::Reject, Missing::Skip][..]);
    let source = prop_oneof![some_id(), some_address()];
    let policy = ("[A-Za-z0-9_-]{1,30}", source, some_quotas(), 1_u64..1 << 32, missing);
    let most = (1_u32.., 1_u64..1_000_000, some_address()).prop_map(|(ids, ms, peer)| {
        let quota = Quota::with(ids, Nanos::from_millis(ms), Algorithm::FixedWindow).unwrap();
        MaxIdsPerPeer::Most { quota, peer }
    });
    let most = prop_oneof![Just(MaxIdsPerPeer::Off), most];
    (prop::collection::vec(policy, 0..=7), most).prop_map(|(policies, most)| {
        // No name is another one with a number behind it.
        let named = policies.into_iter().zip('a'..).map(|((name, client_id, quotas, clients, missing), nth)| Policy {
            name: format!("{name}{nth}"),
            client_id,
            quotas,
            max_clients: Capacity::clients(clients).unwrap(),
            missing,
        });
        (named.collect(), most)
    })
}

fn some_config() -> impl Strategy<Value = Config> {
    let source = some_id();
    let networks = prop::collection::vec((any::<std::net::IpAddr>(), 0_u8..=32), 0..4).prop_map(|networks| {
        let network = |(address, prefix)| ipnet::IpNet::new(address, prefix).expect("a prefix").trunc();
        Trusted(networks.into_iter().map(network).collect())
    });
    let words = (
        source,
        prop::sample::select(&["auto", "ring", "glommio"][..]),
        prop::sample::select(&["429", "503"][..]),
        prop::sample::select(&WhenFull::ALL[..]),
        (any::<bool>(), networks),
        1_u64..1 << 32,
    );
    let behind = (some_listeners(), some_overload(), some_priorities());
    (some_server(), words, some_quotas(), some_policies(), some_bans(), some_lists(), behind).prop_map(
        |(
            server,
            words,
            quotas,
            (policies, max_ids_per_peer),
            bans,
            (allow, deny, overrides),
            ((listeners, upstreams), overload, priorities),
        )| {
            let (client_id, io, limited_status, when_full, (ratelimit_headers, trusted_proxies), max_clients) = words;
            Config {
                client_id,
                io: io.parse().unwrap(),
                limited_status: limited_status.parse().unwrap(),
                when_full,
                ratelimit_headers,
                trusted_proxies,
                max_clients: Capacity::clients(max_clients).unwrap(),
                quotas,
                policies,
                max_ids_per_peer,
                bans,
                allow,
                deny,
                overrides,
                listeners,
                // Nobody would look at them.
                priorities: if upstreams.is_empty() && !(overload.enabled && overload.target_lag.is_some()) {
                    Vec::new()
                } else {
                    priorities
                },
                upstreams: upstreams.into_iter().map(|upstream| waits_for(overload.target_delay, upstream)).collect(),
                overload,
                ..server
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_configuration(config in some_config()) {
        let text = print::toml(&config);
        let again = read(&text);
        prop_assert_eq!(again, Ok(config), "{}", text);
    }

    #[test]
    fn no_text_whatever_makes_the_reader_panic(text in "\\PC*|([a-z-]{1,9} ?= ?[\\[{\"0-9a-z/,}\\]-]{0,9}\n?){0,9}") {
        let _ = read(&text);
    }

    #[test]
    fn a_damaged_example_is_read_or_refused_and_never_panics(at in 0..EXAMPLE.len(), byte in 0_u8..128) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_quota_as_typed_prints_what_it_reads(quota in some_quota()) {
        let text = TypedQuota::from(quota).to_string();
        prop_assert_eq!(text.parse::<TypedQuota>().unwrap().build(Algorithm::default()), Ok(quota));
    }
}
