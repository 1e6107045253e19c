//! nginx, HAProxy and Caddy in front of an application, with the files of `examples/`: they ask the gate, the end client sees the denial with its
//! Retry-After, and the application isn't touched.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use super::support::application::Application;
use super::support::clock::{PATIENCE, wait_until};
use super::support::peer::Peer;
use super::support::server::{Engine, Launch, Server};

/// One of the proxies, as its example says, with our addresses in place of the example's.
struct Proxy {
    address: SocketAddr,
    child: Child,
    dir: PathBuf,
}

/// What an end client was told.
#[derive(Debug)]
struct Told {
    status: u16,
    fields: String,
    body: String,
}

impl Told {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.lines().find_map(|line| {
            line.split_once(": ").filter(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        })
    }
}

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

impl Proxy {
    fn start(program: &str, files: &[&str], args: &[&str], gate: SocketAddr, application: SocketAddr) -> Proxy {
        Proxy::edited(program, files, args, gate, application, |text| text)
    }

    fn edited(
        program: &str,
        files: &[&str],
        args: &[&str],
        gate: SocketAddr,
        application: SocketAddr,
        edit: impl Fn(String) -> String,
    ) -> Proxy {
        let address = free_address();
        let dir =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{program}-{}-{}", std::process::id(), address.ip()));
        fs::create_dir_all(&dir).expect("a directory");
        for file in files {
            let text = fs::read_to_string(Path::new(EXAMPLES).join(file)).expect("an example");
            let text = text
                .replace("127.0.0.1:8080", &gate.to_string())
                .replace("127.0.0.1:9000", &application.to_string())
                .replace("127.0.0.1:8000", &address.to_string())
                .replace("bind 127.0.0.1\n", &format!("bind {}\n", address.ip()));
            fs::write(dir.join(file), edit(text)).expect("a file");
        }
        let args = args.iter().map(|arg| arg.replace("DIR", dir.to_str().expect("UTF-8")));
        let mut command = Command::new(program);
        command.args(args).current_dir(&dir).env("HOME", &dir).env("XDG_CONFIG_HOME", &dir).env("XDG_DATA_HOME", &dir);
        let log = fs::File::create(dir.join("log")).expect("a file");
        let command = command.stdin(Stdio::null()).stdout(log.try_clone().expect("a descriptor")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}: see .ci/run for its package"));
        let mut proxy = Proxy { address, child, dir };
        wait_until("the proxy listens", || {
            let ended = proxy.child.try_wait().expect("our child");
            assert!(ended.is_none(), "{ended:?}: {}", proxy.log());
            TcpStream::connect(address).is_ok()
        });
        proxy
    }

    fn nginx(gate: SocketAddr, application: SocketAddr) -> Proxy {
        let args = ["-p", "DIR", "-e", "stderr", "-c", "DIR/nginx.conf", "-g", "daemon off; pid DIR/nginx.pid;"];
        Proxy::start("nginx", &["nginx.conf"], &args, gate, application)
    }

    fn haproxy(gate: SocketAddr, application: SocketAddr) -> Proxy {
        Proxy::start("haproxy", &["haproxy.cfg", "gate.lua"], &["-db", "-f", "haproxy.cfg"], gate, application)
    }

    fn caddy(gate: SocketAddr, application: SocketAddr) -> Proxy {
        let args = ["run", "--config", "Caddyfile", "--adapter", "caddyfile"];
        Proxy::start("caddy", &["Caddyfile"], &args, gate, application)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Asks on a connection of its own.
    fn ask(&self, method: &str, target: &str, fields: &str, content: &str) -> Told {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        let host = self.address;
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(&[head.as_bytes(), content.as_bytes()].concat()).expect("the proxy takes it");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("a text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let (status_line, fields) = head.split_once("\r\n").expect("fields");
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Told { status, fields: fields.to_owned(), body: body.to_owned() }
    }

    fn get(&self, target: &str) -> Told {
        self.ask("GET", target, "", "")
    }

    /// Asks from an address of the loopback network, with a forged origin.
    fn get_from(&self, source: [u8; 4]) -> u16 {
        let forged = "X-Forwarded-For: 192.0.2.66\r\nForwarded: for=192.0.2.66\r\n";
        let mut peer = Peer::connect_from(source.into(), self.address);
        peer.send(format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{forged}\r\n", self.address));
        while peer.receive().is_ok() {}
        let answer = String::from_utf8_lossy(peer.received()).into_owned();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the proxy logged {}", self.log());
        }
        // Its workers go with it: on TERM, not on KILL.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// An address that nobody else takes: all of 127.0.0.0/8 is ours, so each proxy has a host of its own.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    let [.., high, low] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, high | 1, low, NEXT.fetch_add(1, Ordering::Relaxed));
    let listener = TcpListener::bind((IpAddr::V4(ip), 0)).expect("a port");
    listener.local_addr().expect("bound")
}

/// A client within its quota is served, beyond it is told when to come back, and what is denied costs the application nothing.
fn a_client_is_served_within_its_quota(proxy: &Proxy, application: &Application, denied: u16) {
    for left in [1, 0] {
        let told = proxy.get("/shop?item=1&clientId=7");
        assert_eq!((told.status, told.body.trim()), (200, "application"), "{told:?}, {left} left");
    }
    for (method, fields, content) in [
        ("GET", "", ""),
        ("POST", "Content-Length: 5\r\n", "hello"),
        ("POST", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        ("GET", "X-Original-URI: /?clientId=other\r\nX-Forwarded-Uri: /?clientId=other\r\nX-Client-Id: other\r\n", ""),
    ] {
        let told = proxy.ask(method, "/shop?item=1&clientId=7", fields, content);
        assert_eq!(told.status, denied, "{method} {fields}: {told:?}");
        let seconds: u64 = told.field("Retry-After").and_then(|value| value.parse().ok()).expect("Retry-After");
        assert!((1..=3600).contains(&seconds), "{told:?}");
        assert!(told.field("RateLimit").is_some_and(|value| value.starts_with("\"default\";r=0;t=")), "{told:?}");
    }
    assert_eq!(application.touched(), 2, "what is denied does not reach the application");
    for (fields, content) in
        [("Content-Length: 5\r\n", "hello"), ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")]
    {
        assert_eq!(proxy.ask("POST", "/shop?clientId=8", fields, content).status, 200);
    }
    assert_eq!(proxy.get("/forbidden?clientId=9").status, 403, "the application's own answers are left alone");
    assert_eq!(application.touched(), 5);
    assert_eq!(proxy.get("/shop").status, 400, "who is asking?");
    assert_eq!(application.touched(), 5);
}

/// Cookies and the like that are longer than the heads that the gate reads.
fn long_heads_are_no_obstacle(proxy: &Proxy) {
    let fields = format!("Cookie: {0}\r\nX-Other: {0}\r\n", "x".repeat(5_000));
    assert_eq!(proxy.ask("GET", "/shop?clientId=20", &fields, "").status, 200);
}

fn gate(limited_status: u16) -> Server {
    let args = format!("--limit 2/1h,fixed-window --decide on --limited-status {limited_status}");
    Server::start(Engine::Ring, &args)
}

#[test]
fn nginx_tells_its_client_429_when_the_gate_says_no() {
    let (gate, application) = (gate(503), Application::start());
    let proxy = Proxy::nginx(gate.address, application.address);
    a_client_is_served_within_its_quota(&proxy, &application, 429);
    long_heads_are_no_obstacle(&proxy);
    assert_eq!(proxy.get("/shop?clientId=10").field("RateLimit").map(|value| &value[..13]), Some("\"default\";r=1"));
    gate.kill();
    assert_eq!(proxy.get("/shop?clientId=11").status, 500, "without a gate nobody passes, as the example says");
    assert_eq!(application.touched(), 7);
}

#[test]
fn haproxy_tells_its_client_429_when_the_gate_says_no() {
    let (gate, application) = (gate(503), Application::start());
    let proxy = Proxy::haproxy(gate.address, application.address);
    a_client_is_served_within_its_quota(&proxy, &application, 429);
    long_heads_are_no_obstacle(&proxy);
    gate.kill();
    assert_eq!(proxy.get("/shop?clientId=11").status, 503, "without a gate nobody passes, as the example says");
    assert_eq!(application.touched(), 6);
}

#[test]
fn caddy_gives_its_client_the_gates_own_answer() {
    for limited_status in [429, 503] {
        let (gate, application) = (gate(limited_status), Application::start());
        let proxy = Proxy::caddy(gate.address, application.address);
        a_client_is_served_within_its_quota(&proxy, &application, limited_status);
        gate.kill();
        assert_eq!(proxy.get("/shop?clientId=11").status, 502, "without a gate nobody passes, as the example says");
        assert_eq!(application.touched(), 5);
    }
}

#[test]
fn who_is_on_the_deny_list_is_not_told_to_come_back() {
    for start in [Proxy::nginx, Proxy::haproxy, Proxy::caddy] {
        let (gate, application) = (Launch::new(Engine::Ring).config(DENYING).start(), Application::start());
        let told = start(gate.address, application.address).get("/shop?clientId=7");
        assert!(matches!(told.status, 429 | 503), "{told:?}");
        assert_eq!(told.field("Retry-After"), None, "{told:?}");
        assert_eq!(application.touched(), 0);
    }
}

const DENYING: &str = "decide = true\ndeny = [\"7\"]\n";

#[test]
fn clients_of_a_proxy_are_told_apart_by_their_addresses_whatever_they_say() {
    for start in [Proxy::nginx, Proxy::haproxy, Proxy::caddy] {
        let args = "--limit 2/1h,fixed-window --decide on --client-id x-forwarded-for --trusted-proxies 127.0.0.1";
        let (gate, application) = (Server::start(Engine::Ring, args), Application::start());
        let proxy = start(gate.address, application.address);
        let statuses = [3, 3, 3, 4, 4, 4].map(|host| proxy.get_from([127, 0, 0, host]));
        let denied = statuses[2];
        assert!(matches!(denied, 429 | 503), "{statuses:?}");
        assert_eq!(statuses, [200, 200, denied, 200, 200, denied]);
        assert_eq!(application.touched(), 4);
    }
}

#[test]
fn haproxy_in_front_tells_the_gate_who_its_clients_are() {
    for version in ["send-proxy", "send-proxy-v2"] {
        let args = "--limit 1/1h,fixed-window --client-id peer-ip --proxy-protocol on --trusted-proxies 127.0.0.1";
        let gate = Server::start(Engine::Ring, args);
        let files = ["haproxy-in-front.cfg"];
        let edit = |text: String| text.replace("send-proxy-v2", version);
        let proxy = Proxy::edited("haproxy", &files, &["-db", "-f", files[0]], gate.address, gate.address, edit);
        let statuses = [3, 3, 4, 4].map(|host| proxy.get_from([127, 0, 0, host]));
        assert_eq!(statuses, [200, 503, 200, 503], "{version}");
    }
}
