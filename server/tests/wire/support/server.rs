//! The real binary as a child process: started with flags and a file, known by its address, gone when dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::sched_getaffinity;

use super::clock::{PATIENCE, wait_until};
use super::peer::Peer;

/// Which of the two engines carries the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Ring,
    Glommio,
}

impl Engine {
    pub const ALL: [Engine; 2] = [Engine::Ring, Engine::Glommio];

    fn flag(self) -> &'static str {
        match self {
            Engine::Ring => "ring",
            Engine::Glommio => "glommio",
        }
    }
}

/// Runs a test on both engines at the same time; either may fail it.
pub fn on_both_engines(test: impl Fn(Engine) + Sync) {
    thread::scope(|scope| {
        let runs = Engine::ALL.map(|engine| {
            let run = thread::Builder::new().name(engine.flag().to_owned());
            run.spawn_scoped(scope, {
                let test = &test;
                move || test(engine)
            })
            .expect("a thread")
        });
        for run in runs {
            if let Err(panic) = run.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Launch {
    engine: Engine,
    /// `None`: only where the configuration says.
    listen: Option<String>,
    cores: String,
    args: Vec<String>,
    config: Option<String>,
    limits: String,
}

impl Launch {
    /// One core, a free port of 127.0.0.1, and room for few clients, so that it starts at once.
    pub fn new(engine: Engine) -> Launch {
        let allowed = sched_getaffinity(None).expect("an affinity mask");
        let cpus: Vec<usize> = (0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
        // The engines are tested side by side: each on a core of its own, if there are two.
        let cpu = match engine {
            Engine::Ring => cpus[0],
            Engine::Glommio => cpus[cpus.len() - 1],
        };
        Launch {
            engine,
            listen: Some("127.0.0.1:0".to_owned()),
            cores: format!("{cpu}-{cpu}"),
            args: Vec::new(),
            config: None,
            limits: String::new(),
        }
    }

    /// Further arguments, separated by spaces.
    pub fn args(mut self, args: &str) -> Launch {
        self.args.extend(args.split_whitespace().map(str::to_owned));
        self
    }

    /// The content of its configuration file.
    pub fn config(mut self, text: &str) -> Launch {
        self.config = Some(text.to_owned());
        self
    }

    pub fn listen(mut self, address: &str) -> Launch {
        self.listen = Some(address.to_owned());
        self
    }

    /// Listens only where the configuration says.
    pub fn without_listen(mut self) -> Launch {
        self.listen = None;
        self
    }

    pub fn cores(mut self, cores: &str) -> Launch {
        cores.clone_into(&mut self.cores);
        self
    }

    /// A line of shell before the server takes the shell's place: `ulimit -n 100`.
    pub fn limits(mut self, line: &str) -> Launch {
        line.clone_into(&mut self.limits);
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Server {
        let in_config =
            self.config.as_ref().map_or(0, |text| text.lines().filter(|line| *line == "[[listener]]").count());
        let listeners = in_config + usize::from(self.listen.is_some());
        let mut process = self.spawn();
        let (mut screen, mut addresses) = (Vec::new(), Vec::new());
        while addresses.len() < listeners {
            match process.stdout.recv_timeout(PATIENCE) {
                Ok(line) => match line.strip_prefix("listening on http://") {
                    Some(address) => addresses.push(address.parse().expect("an address")),
                    None => screen.push(line),
                },
                Err(_) => panic!("it does not listen; stdout {screen:#?}, stderr {:#?}", process.stop_and_read()),
            }
        }
        Server { address: addresses[0], addresses, screen, process }
    }

    /// Starts it where it cannot run, and waits for its end.
    pub fn fail(self) -> Failure {
        let mut process = self.spawn();
        let status = process.wait();
        Failure { status, stdout: process.stdout.iter().collect(), stderr: process.stop_and_read() }
    }

    fn spawn(self) -> Process {
        let config = self.config.map(|text| Scratch::file(&text));
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!("{}\nexec \"$0\" \"$@\"", self.limits)).arg(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["--io", self.engine.flag(), "--cores", &self.cores]);
        if let Some(address) = &self.listen {
            command.args(["--listen", address]);
        }
        if let Some(Scratch(path)) = &config {
            command.arg("--config").arg(path);
        }
        let has = |flag: &str| self.args.iter().any(|arg| arg == flag);
        if !has("--max-clients") {
            command.args(["--max-clients", "10k"]);
        }
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a shell");
        let stdout = lines(child.stdout.take().expect("piped"));
        let stderr = Some(collect(child.stderr.take().expect("piped")));
        Process { child, stdout, stderr, _config: config }
    }
}

/// How a start failed.
#[derive(Debug)]
pub struct Failure {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    /// All of them, that one first.
    pub addresses: Vec<SocketAddr>,
    screen: Vec<String>,
    process: Process,
}

impl Server {
    /// With these arguments.
    pub fn start(engine: Engine, args: &str) -> Server {
        Launch::new(engine).args(args).start()
    }

    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// What it said before it listened.
    pub fn screen(&self) -> &[String] {
        &self.screen
    }

    pub fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// Connects `count` times.
    pub fn connect_many(&self, count: usize) -> Vec<Peer> {
        (0..count).map(|_| self.connect()).collect()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process.child);
        kill_process(pid, signal).expect("the process runs");
    }

    /// Whether it has exited.
    pub fn has_ended(&mut self) -> bool {
        self.process.child.try_wait().expect("our child").is_some()
    }

    /// Waits for its end; gives its exit code (`None` after a signal) and the lines it logged.
    pub fn wait(mut self) -> (Option<i32>, Vec<String>) {
        let status = self.process.wait();
        (status.code(), self.process.stop_and_read())
    }

    /// Ends it at once and gives the lines it logged.
    pub fn logged(mut self) -> Vec<String> {
        self.process.stop_and_read()
    }

    /// Ends it as the kernel does when memory runs out.
    pub fn kill(mut self) {
        self.process.child.kill().expect("the process runs");
        let status = self.process.wait();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    stdout: Receiver<String>,
    stderr: Option<JoinHandle<Vec<String>>>,
    _config: Option<Scratch>,
}

impl Process {
    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the server exits", || {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        });
        status.expect("waited for")
    }

    /// Ends the process, if it runs, and gives all it logged.
    fn stop_and_read(&mut self) -> Vec<String> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.stderr.take().map(|lines| lines.join().expect("a reader")).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let logged = self.stop_and_read();
        if thread::panicking() {
            eprintln!("the server logged {logged:#?}");
        } else {
            let panic = logged.iter().find(|line| line.contains("panic"));
            assert_eq!(panic, None, "the server panicked");
        }
    }
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn collect(stderr: ChildStderr) -> JoinHandle<Vec<String>> {
    thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).collect())
}

/// A file of one test, removed afterwards.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn file(text: &str) -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wire-{}-{}.toml", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).expect("a file");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
