//! In front of nginx, as it comes.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::gate;
use crate::got::{ask, try_get};
use crate::support::clock::wait_until;
use crate::support::server::on_both_engines;

/// nginx in the foreground, with a directory of its own.
pub struct Nginx {
    child: Child,
    dir: PathBuf,
    pub address: SocketAddr,
}

impl Nginx {
    pub fn start(name: &str) -> Nginx {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nginx-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("www")).expect("a directory");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        fs::write(dir.join("www/page"), PAGE).expect("a file");
        fs::write(dir.join("www/large"), large()).expect("a file");
        let at = dir.display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|what| format!("{what}_temp_path {at}/{what};\n"))
            .collect();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{temp}\
             server {{\nlisten {address};\nroot {at}/www;\nlocation /echo {{ return 200 \"$request_method $request_uri $http_host $http_x_forwarded_for\"; }}\n\
             location /gone {{ return 204; }}\nlocation /old {{ gzip on; gzip_proxied any; gzip_types *; gzip_min_length 1; try_files /page =404; }}\n}}\n}}\n"
        );
        fs::write(dir.join("nginx.conf"), config).expect("a file");
        let child = run(&dir, address);
        Nginx { child, dir, address }
    }

    /// As the kernel does when memory runs out.
    pub fn kill(&mut self) {
        self.child.kill().expect("nginx runs");
        self.child.wait().expect("our child");
    }

    /// After [`Nginx::kill`], at the same address.
    pub fn start_again(&mut self) {
        self.child = run(&self.dir, self.address);
    }
}

fn run(dir: &Path, address: SocketAddr) -> Child {
    let mut command = Command::new("nginx");
    command.arg("-c").arg(dir.join("nginx.conf")).arg("-p").arg(dir).stdin(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("nginx is installed");
    wait_until("nginx listens", || TcpStream::connect(address).is_ok());
    child
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

const PAGE: &str = "a page of the shop";

fn large() -> Vec<u8> {
    (0..3_000_000_u64).map(|at| (at.wrapping_mul(2_654_435_761) >> 7) as u8).collect()
}

#[test]
fn a_site_behind_the_gate_is_the_site() {
    on_both_engines(|engine| {
        let nginx = Nginx::start(&format!("{engine:?}"));
        let server = gate(engine, nginx.address);
        let mut peer = server.connect();
        let page = ask(&mut peer, &crate::request("/page"));
        assert_eq!((page.status, page.text()), (200, PAGE));
        let tag = page.field("ETag").expect("nginx sends one").to_owned();
        let cached = format!("GET /page?clientId=7 HTTP/1.1\r\nHost: h\r\nIf-None-Match: {tag}\r\n\r\n");
        assert_eq!(ask(&mut peer, &cached).status, 304);
        peer.send("HEAD /page?clientId=7 HTTP/1.1\r\nHost: h\r\n\r\n");
        let head = try_get(&mut peer, true).expect("a head");
        assert_eq!(head.field("Content-Length"), Some(PAGE.len().to_string().as_str()));
        let part = ask(&mut peer, "GET /page?clientId=7 HTTP/1.1\r\nHost: h\r\nRange: bytes=2-5\r\n\r\n");
        assert_eq!((part.status, part.text()), (206, &PAGE[2..6]));
        let zipped = ask(&mut peer, "GET /old?clientId=7 HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
        assert_eq!(
            (zipped.field("Transfer-Encoding"), zipped.body.get(..2)),
            (Some("chunked"), Some(&[0x1f, 0x8b][..]))
        );
        assert_eq!(ask(&mut peer, &crate::request("/gone")).status, 204);
        assert_eq!(ask(&mut peer, &crate::request("/nothing")).status, 404);
        let echo = ask(&mut peer, &crate::request("/echo"));
        assert_eq!(echo.text(), "GET /echo?clientId=7 shop.example 127.0.0.1");
        for _ in 0..5 {
            assert!(ask(&mut peer, &crate::request("/large")).body == large());
        }
    });
}

#[test]
fn pipelined_requests_through_the_gate_come_back_from_nginx_in_order() {
    on_both_engines(|engine| {
        let nginx = Nginx::start(&format!("pipeline-{engine:?}"));
        let server = gate(engine, nginx.address);
        let mut peer = server.connect();
        for _ in 0..20 {
            let burst: String = (0..50).map(|number| crate::request(&format!("/echo/{number}"))).collect();
            peer.send(burst);
            for number in 0..50 {
                let got = crate::got::get(&mut peer);
                assert_eq!(got.text(), format!("GET /echo/{number}?clientId=7 shop.example 127.0.0.1"));
            }
        }
    });
}
