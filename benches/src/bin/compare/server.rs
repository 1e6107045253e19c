//! The servers under comparison: how each is started, and what it must answer.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use tempfile::TempDir;

use crate::cpu::CpuTime;
use crate::probe;
use crate::process::{Interrupt, Process};

/// The quota of every limiter here, and what its burst looks like from outside.
const LIMIT: &str = "5/5s";
const LIMIT_BURST: [u16; 7] = [200, 200, 200, 200, 200, 503, 503];
/// Room for every client that the load knows, in Tollgate as in the peers' configurations.
const MAX_CLIENTS: &str = "2M";
const READY_WITHIN: Duration = Duration::from_secs(15);

/// A server that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Contender {
    Tollgate,
    NginxLimitReq,
    Haproxy,
    NginxReturn,
    Floor,
    /// In front of a service, as the next two are: the same nginx for all of them.
    TollgateProxying,
    NginxProxying,
    HaproxyProxying,
}

impl Contender {
    pub const USUAL: [Contender; 5] =
        [Contender::Tollgate, Contender::NginxLimitReq, Contender::Haproxy, Contender::NginxReturn, Contender::Floor];
    pub const PROXYING: [Contender; 3] =
        [Contender::TollgateProxying, Contender::NginxProxying, Contender::HaproxyProxying];

    pub fn title(self) -> &'static str {
        match self {
            Contender::Tollgate => "Tollgate",
            Contender::NginxLimitReq => "nginx `limit_req`",
            Contender::Haproxy => "HAProxy stick table",
            Contender::NginxReturn => "nginx `return 200`",
            Contender::Floor => "floor",
            Contender::TollgateProxying => "Tollgate `--upstream`",
            Contender::NginxProxying => "nginx `limit_req`, `proxy_pass`",
            Contender::HaproxyProxying => "HAProxy stick table, `server`",
        }
    }

    /// Whether it limits clients, or always answers 200.
    pub fn limits(self) -> bool {
        !matches!(self, Contender::NginxReturn | Contender::Floor)
    }

    /// Starts it on `cpus`, and what it stands in front of, if anything, on `other_cpus`.
    pub fn start(
        self,
        binaries: &Binaries,
        cpus: &[usize],
        other_cpus: &[usize],
        interrupt: &Interrupt,
    ) -> Result<Running> {
        let service = match self {
            Contender::TollgateProxying | Contender::NginxProxying | Contender::HaproxyProxying => {
                Some(Box::new(Contender::NginxReturn.start(binaries, other_cpus, &[], interrupt)?))
            }
            _ => None,
        };
        let upstream = service.as_ref().map(|service| service.address.to_string()).unwrap_or_default();
        let dir = tempfile::Builder::new().prefix("tollgate-compare-").tempdir()?;
        let fill = |template: &str| template.replace("{upstream}", &upstream);
        let started = match self {
            Contender::Tollgate => start_announced(&mut binaries.tollgate(cpus), &dir, cpus),
            Contender::Floor => start_announced(&mut Command::new(&binaries.floor), &dir, cpus),
            Contender::NginxLimitReq => {
                nginx(include_str!("../../../peers/nginx-limit-req.conf"), &dir, cpus, interrupt)
            }
            Contender::NginxReturn => nginx(include_str!("../../../peers/nginx-return.conf"), &dir, cpus, interrupt),
            Contender::Haproxy => haproxy(include_str!("../../../peers/haproxy.cfg"), &dir, cpus, interrupt),
            Contender::TollgateProxying => {
                start_announced(binaries.tollgate(cpus).args(["--upstream", &upstream]), &dir, cpus)
            }
            Contender::NginxProxying => {
                nginx(&fill(include_str!("../../../peers/nginx-proxy.conf")), &dir, cpus, interrupt)
            }
            Contender::HaproxyProxying => {
                haproxy(&fill(include_str!("../../../peers/haproxy-proxy.cfg")), &dir, cpus, interrupt)
            }
        };
        let (process, address) = started.with_context(|| {
            let said = std::fs::read_to_string(stderr_path(&dir)).unwrap_or_default();
            format!("{} does not start: {}", self.title(), said.trim())
        })?;
        let running = Running { contender: self, process, address, _dir: dir, _service: service };
        running.check_burst("before")?;
        Ok(running)
    }
}

/// A server that answers on `address`; dropping it stops it.
#[derive(Debug)]
pub struct Running {
    contender: Contender,
    process: Process,
    pub address: SocketAddr,
    _dir: TempDir,
    /// What it stands in front of.
    _service: Option<Box<Running>>,
}

impl Running {
    pub fn cpu_time(&self) -> Result<CpuTime> {
        CpuTime::of_tree(self.process.pid())
    }

    /// A client that nobody has seen gets its quota and no more; from a server without a limit, everything.
    pub fn check_burst(&self, newcomer: &str) -> Result<()> {
        let expected = if self.contender.limits() { LIMIT_BURST } else { [200; LIMIT_BURST.len()] };
        let got = probe::statuses(self.address, newcomer, expected.len())?;
        ensure!(got == expected, "{} answered {got:?}, not {expected:?}", self.contender.title());
        Ok(())
    }
}

/// The two programs that we build ourselves.
#[derive(Debug)]
pub struct Binaries {
    tollgate: PathBuf,
    tollgate_args: Vec<String>,
    floor: PathBuf,
}

impl Binaries {
    /// Builds those of `wanted` that are ours, in the same profile and beside this program.
    pub fn build(
        wanted: &[Contender],
        tollgate: Option<PathBuf>,
        tollgate_args: Vec<String>,
        interrupt: &Interrupt,
    ) -> Result<Binaries> {
        if wanted.contains(&Contender::Floor) {
            build("tollgate-benches", "floor", interrupt)?;
        }
        let is_ours = |contender: &Contender| matches!(contender, Contender::Tollgate | Contender::TollgateProxying);
        if wanted.iter().any(is_ours) && tollgate.is_none() {
            build("tollgate", "tollgate", interrupt)?;
        }
        let tollgate = tollgate.map_or_else(|| beside("tollgate"), Ok)?;
        Ok(Binaries { tollgate, tollgate_args, floor: beside("floor")? })
    }

    /// Limit on, headers on: as it comes.
    fn tollgate(&self, cpus: &[usize]) -> Command {
        // A number alone would be a count of cores.
        let cores = match cpus {
            [cpu] => format!("{cpu}-{cpu}"),
            several => several.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        };
        let mut command = Command::new(&self.tollgate);
        command.args(["--listen", "127.0.0.1:0", "--limit", LIMIT, "--max-clients", MAX_CLIENTS, "--cores", &cores]);
        command.args(&self.tollgate_args);
        command
    }
}

/// Builds a program of the workspace, in the same profile as this one. Returns where it is.
pub fn build(package: &str, program: &str, interrupt: &Interrupt) -> Result<PathBuf> {
    if cfg!(debug_assertions) {
        bail!("measure what people run: `cargo run --release`");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--quiet", "--package", package, "--bin", program]);
    let mut process = Process { child: command.spawn()? };
    let status = interrupt.wait_for("cargo build", Duration::from_secs(1200), || Ok(process.exited()?))?;
    ensure!(status.success(), "cargo could not build {program}: {status}");
    beside(program)
}

/// A program in the same folder as this one.
fn beside(program: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe()?.parent().context("this program has no folder")?.join(program))
}

/// Starts a program that picks its port and then says `listening on http://ADDRESS`.
pub fn start_announced(command: &mut Command, dir: &TempDir, cpus: &[usize]) -> Result<(Process, SocketAddr)> {
    command.stdout(Stdio::piped()).stderr(File::create(stderr_path(dir))?);
    let mut process = Process::start(command, cpus)?;
    let stdout = process.child.stdout.take().context("its output")?;
    let (found, address) = mpsc::channel();
    // Reads to the end, so that the server can never block on a full pipe.
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                let _ = found.send(address.to_owned());
            }
        }
    });
    let address = address.recv_timeout(READY_WITHIN).context("it did not say where it listens")?;
    Ok((process, address.parse().with_context(|| format!("it listens on {address:?}"))?))
}

fn nginx(template: &str, dir: &TempDir, cpus: &[usize], interrupt: &Interrupt) -> Result<(Process, SocketAddr)> {
    let (config, address) = configure(template, dir.path())?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir.path()).arg("-c").arg(config).args(["-e", "stderr"]);
    start_configured(&mut command, address, dir, cpus, interrupt)
}

fn haproxy(template: &str, dir: &TempDir, cpus: &[usize], interrupt: &Interrupt) -> Result<(Process, SocketAddr)> {
    let (config, address) = configure(template, dir.path())?;
    let mut command = Command::new("haproxy");
    command.arg("-f").arg(config);
    start_configured(&mut command, address, dir, cpus, interrupt)
}

/// Fills in the template's folder and a port that is free now.
fn configure(template: &str, dir: &Path) -> Result<(PathBuf, SocketAddr)> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let text = template.replace("{dir}", &dir.display().to_string()).replace("{port}", &address.port().to_string());
    let path = dir.join("config");
    std::fs::write(&path, text)?;
    Ok((path, address))
}

fn start_configured(
    command: &mut Command,
    address: SocketAddr,
    dir: &TempDir,
    cpus: &[usize],
    interrupt: &Interrupt,
) -> Result<(Process, SocketAddr)> {
    command.stdout(Stdio::null()).stderr(File::create(stderr_path(dir))?);
    let mut process = Process::start(command, cpus)?;
    interrupt.wait_for("its port", READY_WITHIN, || {
        if let Some(status) = process.exited()? {
            bail!("it ended: {status}");
        }
        Ok(TcpStream::connect(address).ok())
    })?;
    Ok((process, address))
}

fn stderr_path(dir: &TempDir) -> PathBuf {
    dir.path().join("stderr")
}
