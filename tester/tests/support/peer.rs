//! A server that runs until it is dropped.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A server that runs until it is dropped.
pub struct Peer {
    process: Child,
    address: SocketAddr,
    /// Holds its configuration.
    _directory: Option<tempfile::TempDir>,
}

impl Peer {
    /// One that listens already.
    pub fn listening(process: Child, address: SocketAddr) -> Self {
        Self { process, address, _directory: None }
    }

    /// Starts `program` with a configuration in which `{port}` and `{dir}` are filled in.
    pub fn start(program: &str, arguments: &[&str], configuration: &str) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let text = configuration
            .replace("{port}", &address.port().to_string())
            .replace("{dir}", &directory.path().display().to_string());
        let path = directory.path().join("configuration");
        std::fs::write(&path, text).expect("written");
        let mut command = Command::new(program);
        command.args(arguments).arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; install it, as .ci/run does"));
        let mut peer = Self { process, address, _directory: Some(directory) };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return peer;
            }
            assert!(peer.process.try_wait().expect("our child").is_none(), "{program} has ended");
            sleep(Duration::from_millis(20));
        }
        panic!("{program} doesn't listen");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // nginx's master stops its worker only if it is asked.
        if let Some(pid) = Pid::from_raw(self.process.id() as i32) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// nginx with `limit_req_zone $arg_clientId … rate={rate}` and `limit_req … {burst}`, which answers 200 or 503 itself.
pub fn nginx(rate: &str, burst: &str) -> Peer {
    let configuration = format!(
        "daemon off; worker_processes 1; error_log stderr crit; pid {{dir}}/pid; events {{}} http {{ access_log off;
         keepalive_requests 1000000; client_body_temp_path {{dir}}/a; proxy_temp_path {{dir}}/b; fastcgi_temp_path {{dir}}/c;
         uwsgi_temp_path {{dir}}/d; scgi_temp_path {{dir}}/e;
         limit_req_zone $arg_clientId zone=ids:10m rate={rate};
         server {{ listen 127.0.0.1:{{port}}; location / {{ limit_req zone=ids {burst}; try_files /none @ok; }}
         location @ok {{ return 200 OK; }} }} }}"
    );
    Peer::start("nginx", &["-e", "stderr", "-c"], &configuration)
}

/// HAProxy that denies an id whose `http_req_rate({window})` is above `limit`.
pub fn haproxy(limit: u32, window: &str) -> Peer {
    let configuration = format!(
        "defaults\n mode http\n timeout client 1m\nfrontend gate\n bind 127.0.0.1:{{port}}\n \
         stick-table type string len 64 size 100k expire 1m store http_req_rate({window})\n \
         http-request track-sc0 url_param(clientId)\n \
         http-request return status 503 if {{ sc_http_req_rate(0) gt {limit} }}\n \
         http-request return status 200 content-type text/plain string OK\n"
    );
    Peer::start("haproxy", &["-f"], &configuration)
}
