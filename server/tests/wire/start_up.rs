//! Why it does not start: one line that names the cause and the cure, and exit code 1 (2 for what is wrong with the settings).

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

use super::support::server::{Engine, Failure, Launch, Server, on_both_engines};

impl Failure {
    /// Sees that it said one line, on stderr alone, with all of `words`.
    fn says(&self, code: i32, words: &[&str]) {
        assert_eq!((self.status.code(), self.stdout.len()), (Some(code), 0), "{self:#?}");
        let [line] = &self.stderr[..] else { panic!("not one line: {self:#?}") };
        assert!(line.starts_with("tollgate: "), "{line}");
        for word in words {
            assert!(line.contains(word), "{word:?} is missing: {line}");
        }
    }
}

#[test]
fn a_port_that_another_program_listens_on() {
    on_both_engines(|engine| {
        let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = other.local_addr().expect("an address");
        let failure = Launch::new(engine).listen(&address.to_string()).fail();
        failure.says(1, &[&address.to_string(), "in use", "ss -ltnp", "--listen"]);
    });
}

/// `SO_REUSEPORT` would let it in.
#[test]
fn a_port_that_a_second_tollgate_listens_on() {
    on_both_engines(|engine| {
        for first in Engine::ALL {
            let server = Launch::new(first).cores("auto").start();
            let failure = Launch::new(engine).cores("auto").listen(&server.address.to_string()).fail();
            failure.says(1, &[&server.address.to_string(), "in use", "--listen"]);
            for _ in 0..20 {
                assert_eq!(server.connect().get("health").status / 100 % 3, 2, "the first one serves all connections");
            }
        }
    });
}

#[test]
fn an_address_of_another_machine() {
    on_both_engines(|engine| {
        // TEST-NET-1 of RFC 5737, which nobody has.
        Launch::new(engine)
            .listen("192.0.2.1:8080")
            .fail()
            .says(1, &["192.0.2.1:8080", "no address of this machine", "--listen"]);
    });
}

#[test]
fn too_little_memory_that_may_be_locked() {
    on_both_engines(|engine| {
        let failure = Launch::new(engine).limits("ulimit -l 64").fail();
        failure.says(1, &["64 KiB", "ulimit -l", "LimitMEMLOCK"]);
    });
}

/// What says that it listens, listens: no number of descriptors lets it die behind that line.
#[test]
fn too_few_descriptors() {
    on_both_engines(|engine| {
        for limit in (10..=50).step_by(4) {
            let launch = Launch::new(engine).limits(&format!("ulimit -n {limit}"));
            if limit < 34 {
                launch.fail().says(1, &[&limit.to_string(), "ulimit -n", "LimitNOFILE"]);
            } else {
                let server = launch.start();
                assert!(server.connect_many(16).iter_mut().all(|peer| peer.get("7").status != 400), "{limit}");
            }
        }
    });
}

#[test]
fn a_link_local_address_without_its_interface() {
    on_both_engines(|engine| {
        Launch::new(engine).listen("[fe80::1]:0").fail().says(1, &["[fe80::1]:0", "interface", "[fe80::1%2]:0"]);
    });
}

/// Runs `launch` where a seccomp filter answers io_uring_setup with EPERM, as container profiles do. A filter binds the thread that
/// sets it and what that thread starts.
fn without_io_uring(launch: Launch) -> Failure {
    let run = thread::spawn(|| {
        let arch = std::env::consts::ARCH.try_into().expect("an architecture with seccomp");
        let blocked = BTreeMap::from([(libc::SYS_io_uring_setup, Vec::new())]);
        let errno = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(blocked, SeccompAction::Allow, errno, arch).expect("a filter");
        let program: BpfProgram = filter.try_into().expect("a program");
        apply_filter(&program).expect("filters need no privilege");
        launch.fail()
    });
    run.join().expect("a failure")
}

#[test]
fn io_uring_that_is_blocked_by_seccomp() {
    on_both_engines(|engine| {
        // The kernel says EPERM in both cases, and the sysctl tells them apart.
        let sysctl = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
        let cure = if matches!(sysctl.trim(), "1" | "2") { "sysctl" } else { "seccomp profile" };
        without_io_uring(Launch::new(engine)).says(1, &["io_uring", cure]);
    });
}

/// The CPUs that this thread may use; what it starts may use no others.
fn narrow_to_one_cpu() -> (usize, usize) {
    let allowed = sched_getaffinity(None).expect("an affinity mask");
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    let mut one = CpuSet::new();
    one.set(cpus[0]);
    sched_setaffinity(None, &one).expect("a narrower mask is always allowed");
    (cpus[0], cpus.get(1).copied().unwrap_or(cpus[0] + 1))
}

#[test]
fn cores_outside_the_cpuset() {
    on_both_engines(|engine| {
        let (inside, outside) = narrow_to_one_cpu();
        let failure = Launch::new(engine).cores(&format!("{inside},{outside}")).fail();
        failure.says(2, &[&format!("core {outside}"), "not allowed", &inside.to_string()]);
        Launch::new(engine).cores("2").fail().says(2, &["2 cores", "cores"]);
        // And `auto` takes what there is.
        let server = Launch::new(engine).cores("auto").start();
        assert_eq!(server.connect().get("7").status, 200);
    });
}

#[test]
fn a_server_that_starts_says_how() {
    on_both_engines(|engine| {
        let server = Server::start(engine, "");
        assert_ne!(server.address.port(), 0, "port 0 is replaced by the real one");
        assert!(
            server.screen().iter().any(|line| line.contains("worst case") || line.contains("at most")),
            "{:#?}",
            server.screen()
        );
    });
}
