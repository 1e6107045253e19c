//! What is wrong with a configuration file: each mistake is told once, with its line and a cure.

use std::time::Duration;

use tollgate::config::problem::Place;
use tollgate_limiter::Nanos;

use super::read;

/// A broken file, the line of the mistake, and what must be said about it.
const BROKEN: &[(&str, usize, &str)] = &[
    ("", 1, "empty: the file sets nothing"),
    ("# nothing but a comment\n", 1, "empty: the file sets nothing"),
    ("listen = \n", 1, "syntax: "),
    ("listen = \"127.0.0.1:8080\n", 1, "syntax: "),
    ("[timeouts\nhead = \"5s\"\n", 1, "syntax: "),
    ("backlog = 1\nbacklog = 2\n", 2, "syntax: duplicate key"),
    ("\u{0}\u{1}\u{2}", 1, "syntax: "),
    ("max_clients = 5\n", 1, "max_clients: no such key, did you mean max-clients?"),
    ("\nlisten-on = \"x\"\n", 2, "listen-on: no such key, did you mean listen?"),
    ("[timeouts]\nhaed = \"5s\"\n", 2, "timeouts.haed: no such key, did you mean timeouts.head?"),
    ("[http]\nretries = 5\n", 2, "http.retries: no such key here, only head-bytes, headers, body-bytes, id-bytes"),
    ("listen = 8080\n", 1, "listen = \"8080\": not an address: write IP:PORT"),
    ("listen = \"example.org:80\"\n", 1, "listen = \"example.org:80\": not an address"),
    ("listen = \"127.0.0.1:99999\"\n", 1, "listen = \"127.0.0.1:99999\": not an address"),
    ("limit = \"0/5s\"\n", 1, "limit = \"0/5s\": a quota of 0 lets nobody pass"),
    ("limit = \"5/0s\"\n", 1, "limit = \"5/0s\": a period of 0s is out of range"),
    ("limit = \"-5/5s\"\n", 1, "limit = \"-5/5s\": `-5/5s` is not a quota"),
    ("limit = \"5 per minute\"\n", 1, "limit = \"5 per minute\": `5 per minute` is not a quota"),
    ("limit = \"99999999999/5s\"\n", 1, "limit = \"99999999999/5s\": `99999999999/5s` is not a quota"),
    ("limit = 5\n", 1, "limit: expected N/PERIOD in quotes, like \"5/5s\", found integer"),
    ("limit = []\n", 1, "limit: an empty list limits nobody"),
    ("limit = [\"5/5s\",\n\"500/1m\"]\n", 2, "limit[2] = \"500/1m\": sliding-window remembers at most"),
    ("limit = \"5/5s,sliding\"\n", 1, "limit: \"sliding\" is no option of a quota"),
    ("limit = \"5/5s,burst=9\"\n", 1, "limit = \"5/5s,burst=9\": sliding-window has no burst"),
    ("[[limit]]\nalgorithm = \"token-bucket\"\n", 1, "limit.quota: missing: write N/PERIOD"),
    (
        "[[limit]]\nquota = \"5/5s\"\nalgorithm = \"leaky\"\n",
        3,
        "limit.algorithm = \"leaky\": `leaky` is not an algorithm",
    ),
    (
        "[[limit]]\nquota = \"5/5s\"\nalgorithm = \"token-bucket\"\nburst = 0\n",
        4,
        "limit.burst = \"0\": must be between 1 and",
    ),
    ("algorithm = \"gcra\"\n", 1, "algorithm = \"gcra\": `gcra` is not an algorithm"),
    ("max-clients = 0\n", 1, "max-clients = \"0\": room for 0 clients: use 1 to"),
    ("max-clients = -1\n", 1, "max-clients = \"-1\": must not be negative"),
    ("max-clients = 1.5\n", 1, "max-clients = \"1.5\": fractions are not taken"),
    ("max-clients = \"lots\"\n", 1, "max-clients = \"lots\": not a number"),
    ("max-clients = 99999999999999999999\n", 1, "max-clients = \"99999999999999999999\": "),
    ("when-full = \"panic\"\n", 1, "when-full = \"panic\": `panic` is no rule for a full table"),
    ("client-id = \"cookies:id\"\n", 1, "client-id = \"cookies:id\": "),
    ("client-id = \"cookie:\"\n", 1, "client-id = \"cookie:\": client id source cookie: does not name a cookie"),
    ("client-id = \"x-forwarded-for:1\"\n", 1, "client-id = \"x-forwarded-for:1\": client id source"),
    ("max-ids-per-peer = 100\n", 1, "max-ids-per-peer = \"100\": `100` is not a quota: write N/PERIOD"),
    ("max-ids-per-peer = \"0/1m\"\n", 1, "max-ids-per-peer = \"0/1m\": a quota of 0 lets nobody pass"),
    (
        "max-ids-per-peer = \"9/1m,header:X-Real-IP\"\n",
        1,
        "max-ids-per-peer = \"9/1m,header:X-Real-IP\": \"header:X-Real-IP\" is no address of a peer: behind N/PERIOD may stand",
    ),
    (
        "client-id = \"peer-ip\"\nmax-ids-per-peer = \"9/1m\"\n",
        2,
        "max-ids-per-peer = \"9/1m,x-forwarded-for\": with client-id = peer-ip an address is its only id: drop it",
    ),
    ("policy = \"5/5s\"\n", 1, "policy: expected tables: write [[policy]]"),
    ("policy = [5]\n", 1, "policy[1]: expected a table: write [[policy]]"),
    ("[[policy]]\nclient-id = \"peer-ip\"\nlimit = \"9/s\"\n", 1, "policy[1].name: missing: name it"),
    ("[[policy]]\nname = \"a\"\nlimit = \"9/s\"\n", 1, "policy[1].client-id: missing: say what it counts by"),
    ("[[policy]]\nname = \"a\"\nclient-id = \"peer-ip\"\n", 1, "policy[1].limit: missing: write its quota"),
    (
        "[[policy]]\nname = \"a b\"\nclient-id = \"peer-ip\"\nlimit = \"9/s\"\n",
        2,
        "policy[1].name = \"a b\": name it with at most 40 letters, digits, - and _",
    ),
    (
        "[[policy]]\nname = \"a\"\nclient-id = \"peer\"\nlimit = \"9/s\"\n",
        3,
        "policy[1].client-id = \"peer\": client id source \"peer\" is unknown",
    ),
    (
        "[[policy]]\nname = \"a\"\nclient-id = \"peer-ip\"\nlimit = \"500/1m\"\n",
        4,
        "policy[1].limit = \"500/1m\": sliding-window remembers at most",
    ),
    (
        "[[policy]]\nname = \"a\"\nclient-id = \"header:X\"\nlimit = \"9/s\"\nmissing = \"allow\"\n",
        5,
        "policy[1].missing = \"allow\": write reject (answer with 400) or skip",
    ),
    (
        "[[policy]]\nname = \"a\"\nclient-id = \"peer-ip\"\nlimit = \"9/s\"\nmax_clients = 5\n",
        5,
        "policy[1].max_clients: no such key, did you mean policy[1].max-clients?",
    ),
    (
        "[[policy]]\nname = \"default\"\nclient-id = \"peer-ip\"\nlimit = \"9/s\"\n",
        1,
        "policy[1].name: the name \"default\" is that of another quota: choose another one",
    ),
    (
        "[[policy]]\nname = \"a\"\nclient-id = \"peer-ip\"\nlimit = [\"9/s\", \"9/m\"]\n[[policy]]\nname = \"a-2\"\nclient-id = \"peer-ip\"\nlimit = \"9/s\"\n",
        5,
        "policy[2].name: the name \"a-2\" is that of another quota",
    ),
    ("client-id = \"forwarded\"\nallow = [\"alice\"]\n", 2, "allow: client \"alice\": not an address"),
    ("proxy-protocol = \"v2\"\n", 1, "proxy-protocol = \"v2\": write on or off"),
    ("trusted-proxies = 5\n", 1, "trusted-proxies: expected strings in quotes, found integer"),
    (
        "trusted-proxies = [\"10.0.0.0/8\",\n\"example.org\"]\n",
        2,
        "trusted-proxies: \"example.org\": not a network: write an address or a CIDR",
    ),
    ("trusted-proxies = \"10.0.0.0/33\"\n", 1, "trusted-proxies: \"10.0.0.0/33\": not a network"),
    (
        "trusted-proxies = \"10.1.2.3/8\"\n",
        1,
        "trusted-proxies: \"10.1.2.3/8\": has bits behind its prefix: write 10.0.0.0/8",
    ),
    ("limited-status = 500\n", 1, "limited-status = \"500\": "),
    ("decide = \"maybe\"\n", 1, "decide = \"maybe\": write on or off"),
    ("ratelimit-headers = \"maybe\"\n", 1, "ratelimit-headers = \"maybe\": write on or off"),
    ("cores = 0\n", 1, "cores = \"0\": at least one core is needed"),
    ("cores = \"3-0\"\n", 1, "cores = \"3-0\": the range runs backwards: write 0-3"),
    ("cores = \"0,0\"\n", 1, "cores = \"0,0\": core 0 is named twice"),
    ("cores = [0, 2]\n", 1, "cores: expected a single value, found array"),
    ("io = \"epoll\"\n", 1, "io = \"epoll\": "),
    ("backlog = 70000\n", 1, "backlog = \"70000\": must be between 1 and 65535"),
    ("max-connections = 0\n", 1, "max-connections = \"0\": must be between 1 and 10M"),
    ("log = \"loud\"\n", 1, "log = \"loud\": write error, warn, info or debug"),
    ("timeouts = 5\n", 1, "timeouts: expected a table, [timeouts], found integer"),
    ("[timeouts]\nhead = \"soon\"\n", 2, "timeouts.head = \"soon\": not a duration"),
    ("[timeouts]\nidle = 0\n", 2, "timeouts.idle = \"0\": must be between 1ms and 24h"),
    ("[timeouts]\nwrite = \"-10s\"\n", 2, "timeouts.write = \"-10s\": must not be negative"),
    (
        "[timeouts]\ndrain = \"9999999999999999999h\"\n",
        2,
        "timeouts.drain = \"9999999999999999999h\": must be between 0s and 24h",
    ),
    ("[http]\nhead-bytes = \"1MiB\"\n", 2, "http.head-bytes = \"1MiB\": must be between 256 and 64KiB"),
    ("[http]\nid-bytes = 0\n", 2, "http.id-bytes = \"0\": must be between 1 and 1KiB"),
    ("allow = [7]\n", 1, "allow: expected strings in quotes, found integer"),
    ("allow = [\"\"]\n", 1, "allow: client \"\": an empty id is answered with 400"),
    ("allow = [\"7\"]\ndeny = [\"7\"]\n", 2, "deny: client \"7\": already in allow (line 1): name each client once"),
    (
        "[http]\nid-bytes = 2\n[[override]]\nclients = [\"123\"]\nlimit = \"5/s\"\n",
        4,
        "override[1].clients: client \"123\": longer than http.id-bytes = 2",
    ),
    ("client-id = \"peer-ip\"\nallow = [\"alice\"]\n", 2, "allow: client \"alice\": not an address"),
    (
        "client-id = \"peer-ip\"\ndeny = [\"2001:db8::5\"]\n",
        2,
        "deny: client \"2001:db8::5\": peers are counted as 2001:db8::/64: write that",
    ),
    ("override = \"7\"\n", 1, "override: expected tables: write [[override]]"),
    ("[[override]]\nlimit = \"9/s\"\n", 1, "override[1].clients: missing"),
    ("[[override]]\nclients = [\"7\"]\n", 1, "override[1].limit: missing"),
    ("[[override]]\nclients = [\"7\"]\nlimit = \"0/s\"\n", 3, "override[1].limit = \"0/s\": a quota of 0"),
    (
        "[[override]]\nclients = [\"7\"]\nlimit = \"9/s\"\n[[override]]\nclients = [\n  \"8\",\n  \"7\",\n]\nlimit = \"9/s\"\n",
        7,
        "override[2].clients: client \"7\": already in override[1].clients (line 2)",
    ),
    (
        "[[override]]\ntier = \"gold\"\nclients = [\"7\"]\nlimit = \"9/s\"\n[[override]]\ntier = \"gold\"\nclients = [\"8\"]\nlimit = \"9/s\"\n",
        5,
        "override[2]: the same tier as override[1]",
    ),
    ("[bans]\nstrikes = 20\n", 1, "bans: needs strikes, within and durations"),
    (
        "[bans]\nstrikes = 70000\nwithin = 1\ndurations = [\"1m\"]\n",
        2,
        "bans.strikes = \"70000\": must be between 1 and 65535",
    ),
    ("[bans]\nstrikes = 5\nwithin = 0\ndurations = [\"1m\"]\n", 1, "bans: a ban needs at least 1 strike within"),
    ("[bans]\nstrikes = 5\nwithin = 1\ndurations = [\"1h\", \"1m\"]\n", 1, "bans: a ladder has 1 to 8 rungs"),
    (
        "[bans]\nstrikes = 5\nwithin = 1\ndurations = [\"1m\",\n\"ever\"]\n",
        5,
        "bans.durations = \"ever\": not a duration",
    ),
    ("upstream = 5\n", 1, "upstream: expected a table, [upstream], found integer"),
    ("[upstream]\n", 1, "upstream: names no upstream: write [upstream.app]"),
    ("[upstream]\nservers = [\"a:1\"]\n", 2, "upstream.servers: expected a table, [upstream.servers], found array"),
    ("[upstream.'a b']\nservers = \"a:1\"\n", 1, "upstream.\"a b\": name it with letters, digits, - and _"),
    ("[upstream.app]\nmax-in-flight = 5\n", 1, "upstream.app.servers: missing: list its servers"),
    (
        "[upstream.app]\nservers = [\"a:1\",\n\"app\"]\n",
        3,
        "upstream.app.servers = \"app\": not a server: write HOST:PORT",
    ),
    (
        "[upstream.app]\nservers = [\"a:1\"]\nmax_in_flight = 5\n",
        3,
        "upstream.app.max_in_flight: no such key, did you mean upstream.app.max-in-flight?",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nmax-in-flight = 0\n",
        3,
        "upstream.app.max-in-flight = \"0\": must be between 1 and",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = \"off\"\n",
        3,
        "upstream.app.breaker: expected a table, [upstream.app.breaker], found string",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\n[upstream.app.breaker]\nfailure_rate_threshold = 5\n",
        4,
        "upstream.app.breaker.failure_rate_threshold: no such key, did you mean upstream.app.breaker.failure-rate-threshold?",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { failure-rate-threshold = 0 }\n",
        3,
        "upstream.app.breaker.failure-rate-threshold = \"0\": must be between 1 and 100",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { state = \"open\" }\n",
        3,
        "upstream.app.breaker.state = \"open\": write closed, disabled, forced-open or metrics-only",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { sliding-window-type = \"count\" }\n",
        3,
        "upstream.app.breaker.sliding-window-type = \"count\": write count-based, for the last so many calls",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { sliding-window-size = 601 }\n",
        3,
        "upstream.app.breaker.sliding-window-size = \"601\": must be between 1 and 600",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { wait-backoff-multiplier = 0.5 }\n",
        3,
        "upstream.app.breaker.wait-backoff-multiplier = \"0.5\": must be between 1 and 100, like 2 or 1.5",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { transition-to-state-after-wait-duration = \"shut\" }\n",
        3,
        "upstream.app.breaker.transition-to-state-after-wait-duration = \"shut\": write open or closed",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { max-wait-duration-in-half-open-state = \"20m\" }\n",
        3,
        "upstream.app.breaker: a permit-timeout of 10m is shorter than max-wait-duration-in-half-open-state, 20m: lower",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { wait-duration-in-open-state = \"5m\" }\n",
        3,
        "upstream.app.breaker.wait-duration-in-open-state: is longer than wait-max, 1m, which no wait exceeds: raise that",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { max-wait-duration-in-half-open-state = \"1us\" }\n",
        3,
        "upstream.app.breaker.max-wait-duration-in-half-open-state: 1us is shorter than slow-call-duration-threshold, 5s, and ends",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { permit-timeout = \"1ms\" }\n",
        3,
        "upstream.app.breaker.permit-timeout: 1ms is shorter than slow-call-duration-threshold, 5s, and ends",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nbreaker = { slow-call-duration-threshold = \"1us\" }\n",
        3,
        "upstream.app.breaker.slow-call-duration-threshold = \"1us\": must be between 500us and 24h",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\ntimeouts = { connect = \"2s\", total = \"1s\" }\n",
        3,
        "upstream.app.timeouts.total: 1s is shorter than connect, 2s, which is a part of it: raise it, or lower that",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nqueue = { timeout = \"4ms\" }\n",
        1,
        "upstream.app.queue.timeout: 4ms is shorter than overload.target-delay, 5ms, so nobody waits long enough",
    ),
    (
        "listen = \"0.0.0.0:80\"\n[upstream.app]\nservers = [\"10.0.0.1:80\", \"127.0.0.1:80\"]\n",
        2,
        "upstream.app: 127.0.0.1:80 is where the gate listens, which would forward to itself: name the service",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\nqueue = { size = 5 }\n",
        3,
        "upstream.app.queue.size: no such key here, only max, timeout",
    ),
    (
        "[upstream.app]\nservers = \"a:1\"\ntimeouts = { response-header = \"1s\" }\n",
        3,
        "upstream.app.timeouts.response-header: no such key, did you mean upstream.app.timeouts.response-head?",
    ),
    (
        "listen = \"[::]:1\"\ndecide = true\n[upstream.a]\nservers = \"a:1\"\n[upstream.b]\nservers = \"b:1\"\n\
         [[listener]]\naddress = \"[::]:2\"\nmode = \"proxy\"\nupstream = \"a\"\n",
        5,
        "upstream.b: no listener forwards to it: name it in a [[listener]] with mode = \"proxy\", or drop it",
    ),
    ("listener = 5\n", 1, "listener: expected tables: write [[listener]] above each address"),
    ("listener = [5]\n", 1, "listener[1]: expected a table: write [[listener]]"),
    ("\n[[listener]]\nmode = \"answer\"\n", 2, "listener[1].address: missing: write IP:PORT, like address = "),
    ("\n[[listener]]\naddress = \"[::]:1\"\n", 2, "listener[1].mode: missing: write answer, decide or proxy"),
    ("[[listener]]\naddress = \"[::]\"\nmode = \"answer\"\n", 2, "listener[1].address = \"[::]\": not an address"),
    (
        "[[listener]]\naddress = \"[::]:1\"\nmode = \"check\"\n",
        3,
        "listener[1].mode = \"check\": no such mode: write answer, decide or proxy",
    ),
    (
        "[[listener]]\naddress = \"[::]:1\"\nmode = \"answer\"\nproxy_protocol = true\n",
        4,
        "listener[1].proxy_protocol: no such key, did you mean listener[1].proxy-protocol?",
    ),
    (
        "\n[[listener]]\naddress = \"[::]:1\"\nmode = \"proxy\"\n",
        2,
        "listener[1].mode = \"proxy\": nothing to forward to: write [upstream.app] with its servers",
    ),
    (
        "[[listener]]\naddress = \"[::]:1\"\nmode = \"decide\"\nupstream = \"app\"\n[upstream.app]\nservers = \"a:1\"\n",
        4,
        "listener[1].upstream: only mode = \"proxy\" forwards: change the mode, or drop the upstream",
    ),
    (
        "[[listener]]\naddress = \"[::]:1\"\nmode = \"proxy\"\nupstream = \"ap\"\n[upstream.app]\nservers = \"a:1\"\n\
         [upstream.api]\nservers = \"a:2\"\n",
        4,
        "listener[1].upstream = \"ap\": no such upstream, only api, app",
    ),
    (
        "[[listener]]\naddress = \"[::]:1\"\nmode = \"proxy\"\n[upstream.app]\nservers = \"a:1\"\n\
         [upstream.api]\nservers = \"a:2\"\n",
        1,
        "listener[1].upstream: missing: name one of the upstreams, api, app",
    ),
    (
        "listen = \"[::]:1\"\n[[listener]]\naddress = \"[::]:1\"\nmode = \"answer\"\n",
        2,
        "listener[1].address = \"[::]:1\": listen listens there already: give each an address of its own",
    ),
    (
        "[[listener]]\naddress = \"[::1]:1\"\nmode = \"answer\"\n\n[[listener]]\naddress = \"[::]:1\"\nmode = \"decide\"\n",
        5,
        "listener[2].address = \"[::]:1\": overlaps with [::1]:1 of listener[1]",
    ),
    ("[overload]\nenabled = \"maybe\"\n", 2, "overload.enabled = \"maybe\": write on or off"),
    ("[overload]\ntarget = \"5ms\"\n", 2, "overload.target: no such key, did you mean overload.target-lag?"),
    ("[overload]\ninterval = \"5ms\"\n", 1, "overload.target-delay: must be shorter than overload.interval"),
    ("[overload]\ntarget-lag = \"2s\"\n", 1, "overload.target-lag: must be shorter than overload.interval"),
    ("[overload]\ntarget-lag = \"on\"\n", 2, "overload.target-lag = \"on\": "),
    (
        "[overload]\ntarget-lag = \"off\"\n[[priority]]\nclass = \"sheddable\"\nmatch = { method = \"GET\" }\n",
        3,
        "priority[1]: nothing is forwarded, so nothing has to wait: name an upstream, set overload.target-lag",
    ),
    (
        "[overload]\nenabled = false\n[[priority]]\nclass = \"sheddable\"\nmatch = { method = \"GET\" }\n",
        3,
        "priority[1]: nothing is forwarded, so nothing has to wait: name an upstream, set overload.enabled = true",
    ),
    (
        "[[priority]]\nclass = \"sheddable\"\nmatch = { method = \"GET\" }\n",
        1,
        "priority[1]: nothing is forwarded, so nothing has to wait: name an upstream",
    ),
    ("[priority]\nclass = \"critical\"\n", 1, "priority: expected tables: write [[priority]]"),
    ("[[priority]]\nmatch = { method = \"GET\" }\n", 1, "priority[1].class: missing: write critical_plus"),
    ("[[priority]]\nclass = \"critical\"\n", 1, "priority[1].match: missing: say which requests"),
    (
        "[[priority]]\nclass = \"urgent\"\nmatch = { method = \"GET\" }\n",
        2,
        "priority[1].class = \"urgent\": no such class: use critical_plus, critical, sheddable_plus or sheddable",
    ),
    ("[[priority]]\nclass = \"critical\"\nmatch = {}\n", 1, "priority[1].match: is empty: name a path-prefix"),
    (
        "[[priority]]\nclass = \"critical\"\nmatch = { path-prefix = \"search\" }\n",
        3,
        "priority[1].match.path-prefix = \"search\": not the beginning of a path: begin with /",
    ),
    (
        "[[priority]]\nclass = \"critical\"\nmatch = { path-prefix = \"/caf%C3%A9\" }\n",
        3,
        "priority[1].match.path-prefix = \"/caf%C3%A9\": would match no path, as paths are decoded first: write what",
    ),
    (
        "[[priority]]\nclass = \"critical\"\nmatch = { method = \"GET /\" }\n",
        3,
        "priority[1].match.method = \"GET /\": not a method",
    ),
    (
        "[[priority]]\nclass = \"critical\"\nmatch = { header = \"X Y\" }\n",
        3,
        "priority[1].match.header = \"X Y\": not a header field: write NAME or NAME=VALUE",
    ),
    (
        "[[priority]]\nclass = \"critical\"\nmatch = { header = \"X= y\" }\n",
        3,
        "priority[1].match.header = \"X= y\": no field has such a value",
    ),
];

/// Mistakes that are nowhere: settings that don't go together.
const AT_ODDS: &[(&str, &str)] = &[
    (
        "[upstream.a]\nservers = \"a:1\"\n[upstream.b]\nservers = \"b:1\"\n",
        "listen: does not say which of the upstreams is meant, a, b: write a [[listener]] with mode = \"proxy\" for each instead",
    ),
    ("decide = true\n[upstream.a]\nservers = \"a:1\"\n", "decide = on: then nothing is forwarded: give the upstream a"),
    (
        "decide = true\n[[listener]]\naddress = \"[::]:1\"\nmode = \"answer\"\n",
        "decide = on: is for the address of listen, which is missing: write that, or mode = \"decide\" in a [[listener]]",
    ),
    (
        "proxy-protocol = true\n[[listener]]\naddress = \"[::]:1\"\nmode = \"answer\"\n",
        "proxy-protocol = on: is for the address of listen, which is missing: write that, or proxy-protocol = true",
    ),
];

#[test]
fn settings_that_do_not_go_together_are_one_problem_with_a_cure() {
    for (text, message) in AT_ODDS {
        let problems = read(text).expect_err(text);
        let [problem] = &problems[..] else { panic!("{text:?}: {problems:?}") };
        let said = format!("{}: {}", problem.subject, problem.what);
        assert!(said.starts_with(message), "{text:?}\n said: {said}\n want: {message}");
        assert_eq!(problem.place, Place::Flags, "{text:?}: {said}");
    }
}

#[test]
fn seventeen_listeners_are_one_too_many() {
    let listeners = |count| "[[listener]]\naddress = \"[::]:0\"\nmode = \"answer\"\n".repeat(count);
    assert_eq!(read(&listeners(16)).unwrap().listeners.len(), 16);
    let problems = read(&listeners(17)).unwrap_err();
    assert!(problems[0].what.starts_with("more than 16 listeners"), "{problems:?}");
    assert_eq!((&problems[0].place, problems.len()), (&Place::Line(49), 1));
}

#[test]
fn every_broken_file_is_one_problem_with_its_line_and_a_cure() {
    for (text, line, message) in BROKEN {
        let problems = read(text).expect_err(text);
        let [problem] = &problems[..] else { panic!("{text:?}: {problems:?}") };
        let said = format!("{}: {}", problem.subject, problem.what);
        assert!(said.starts_with(message), "{text:?}\n said: {said}\n want: {message}");
        assert_eq!(problem.place, Place::Line(*line), "{text:?}: {said}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn durations_that_seem_too_short_for_one_another_are_taken_where_they_do_no_harm() {
    let upstream = |text: &str| {
        let text = format!("[upstream.app]\nservers = \"a:1\"\n{text}");
        read(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}")).upstreams.remove(0)
    };
    upstream("queue = { max = 0, timeout = \"1ms\" }\n");
    upstream("queue = { timeout = \"1ms\" }\n[overload]\nenabled = false\n");
    upstream("queue = { timeout = \"5ms\" }\n");
    upstream("breaker = { max-wait-duration-in-half-open-state = 0, slow-start = \"1us\" }\n");
    // What nobody wrote gives way.
    let quick = upstream("timeouts = { total = \"20ms\" }\n");
    assert_eq!(quick.timeouts.connect, Duration::from_millis(20));
    assert_eq!(quick.breaker.slow_call_duration_threshold, Nanos::from_millis(20));
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_the_order_of_its_lines() {
    let text = "backlog = -1\n\n[timeouts]\nhead = \"soon\"\nidel = 5\n\n[[override]]\nclients = [\"7\"]\nlimit = 9\n";
    let lines: Vec<Place> = read(text).unwrap_err().into_iter().map(|problem| problem.place).collect();
    assert_eq!(lines, [1, 4, 5, 9].map(Place::Line));
}

#[test]
fn mistakes_that_only_the_whole_shows_come_in_order_too() {
    let text = "limit = [\"500/1m\", \"0/s\"]\nallow = [\"7\"]\ndeny = [\"7\"]\n";
    let lines: Vec<Place> = read(text).unwrap_err().into_iter().map(|problem| problem.place).collect();
    assert_eq!(lines, [1, 1, 3].map(Place::Line));
}

#[test]
fn nine_quotas_are_one_too_many() {
    let text = format!("limit = [{}]\n", ["\"5/s\""; 9].join(", "));
    let problems = read(&text).unwrap_err();
    assert!(problems[0].what.starts_with("more than 8 quotas"), "{problems:?}");
}

#[test]
fn eight_policies_besides_the_first_are_one_too_many() {
    let policy = |n| format!("[[policy]]\nname = \"p{n}\"\nclient-id = \"peer-ip\"\nlimit = \"9/s\"\n");
    assert_eq!(read(&(1..=7).map(policy).collect::<String>()).unwrap().policies.len(), 7);
    let problems = read(&(1..=8).map(policy).collect::<String>()).unwrap_err();
    assert_eq!((&*problems[0].subject, &*problems[0].what), ("policy[8]", "more than 7 policies: drop one"));
}

#[test]
fn nesting_without_end_is_a_syntax_error_and_no_crash() {
    for opening in ["[", "{a="] {
        let text = format!("limit = {}", opening.repeat(100_000));
        assert_eq!(read(&text).unwrap_err()[0].subject, "syntax");
    }
}
