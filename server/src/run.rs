//! From the command line to the exit code: read, check, reserve, serve.

use std::ffi::OsString;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use tollgate_limiter::SettingsError;

use crate::boot::{self, Ready, StartError};
use crate::cli::{self, Args};
use crate::config::machine::Machine;
use crate::config::{self, Config, ConfigError, print};
use crate::policy::{IdsPerPeer, Policies, Policy};
use crate::proxy::ProxySettings;
use crate::screen::{Screen, mib, plural};
use crate::service::Service;
use crate::{log, shards};

/// Why the gate did not run, or stopped running.
#[derive(Debug)]
enum Failure {
    Config(ConfigError),
    Limiter(SettingsError),
    Start(StartError),
    Output(io::Error),
}

/// Does what the command line says; serving ends when the gate has drained. The first argument is the program.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::read(args) {
        Ok(args) => args,
        Err(answer) => return answer_instead(&answer),
    };
    match obey(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // stderr may be gone as well; the exit code still tells.
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

fn obey(args: Args) -> Result<(), Failure> {
    let (path, check, print_config) = (args.config.clone(), args.check, args.print_config);
    let typed_as_flags = args.machine_flags();
    let config = Config::load(path.as_deref(), args.typed())?;
    if print_config {
        return tell(&print::toml(&config));
    }
    let machine = Machine::ask(&config, typed_as_flags)?;
    let upstreams = config.proxy_settings()?;
    if check {
        let name = path.map_or_else(|| "tollgate".to_owned(), |path| path.display().to_string());
        let (memory, cores) = (mib(machine.memory_bytes), plural(machine.cores.len(), "core"));
        return tell(&format!("{name}: ok, needs {memory} on {cores}\n"));
    }
    serve(&config, &machine, upstreams)
}

fn serve(config: &Config, machine: &Machine, upstreams: Vec<ProxySettings>) -> Result<(), Failure> {
    let _flush = log::to_stderr(config.log).map_err(Failure::Output)?;
    let limiter = Arc::new(shards::build(&config.limiter_settings(machine.cores.len(), random()), &machine.cores)?);
    let policies = Arc::new(policies(config, machine)?);
    let memory_bytes = (limiter.memory_bytes() + policies.memory_bytes()) as u64;
    let settings: Vec<_> = config.listeners.iter().map(|listener| config.service_settings(listener)).collect();
    let service = move |_core, listener: usize| {
        Service::new(Arc::clone(&limiter), settings[listener].clone()).with_policies(Arc::clone(&policies))
    };
    let screen = |ready: &Ready| screen(config, machine, memory_bytes, ready).show(&mut io::stdout().lock());
    let boot = config.boot_settings(machine.cores.clone(), upstreams);
    let drained = boot::run(&boot, service, |ready| {
        if let Err(error) = screen(ready) {
            tracing::warn!("the start-up screen cannot be shown: {error}");
        }
    })?;
    match drained.cut_off {
        0 => tracing::info!("drained: every open exchange was finished; {}", drained.tally),
        n => tracing::warn!("stopped with {} still open: cut off", plural(n, "connection")),
    }
    Ok(())
}

/// What else a request must pass.
fn policies(config: &Config, machine: &Machine) -> Result<Policies, SettingsError> {
    let shards = machine.cores.len();
    let policy = |policy: &config::Policy| {
        let settings = policy.limiter_settings(config.when_full, shards, random());
        Ok(Policy {
            name: policy.name.clone(),
            client_id: policy.client_id.clone(),
            missing: policy.missing,
            limiter: shards::build(&settings, &machine.cores)?,
        })
    };
    let further = config.policies.iter().map(policy).collect::<Result<_, _>>()?;
    let ids = config.max_ids_per_peer.limiter_settings(config.max_clients, shards, [random(), random()]);
    let ids = ids.map(|([seen, fresh], peer)| {
        let build = |settings| shards::build(&settings, &machine.cores);
        Ok::<_, SettingsError>(IdsPerPeer { peer, seen: build(seen)?, fresh: build(fresh)? })
    });
    Ok(Policies::new(further, ids.transpose()?))
}

fn screen<'c>(config: &'c Config, machine: &'c Machine, memory_bytes: u64, ready: &'c Ready) -> Screen<'c> {
    Screen {
        addresses: &ready.addresses,
        listeners: &config.listeners,
        cores: &machine.cores,
        cores_allowed: machine.cores_allowed,
        io: format!("{}: {}", ready.engine, ready.why),
        quotas: &config.quotas,
        max_clients: config.max_clients.count(),
        memory_bytes,
        when_full: config.when_full,
        client_id: &config.client_id,
        policies: &config.policies,
        max_ids_per_peer: &config.max_ids_per_peer,
        limited_status: config.limited_status,
        ratelimit_headers: config.ratelimit_headers,
        trusted_proxies: &config.trusted_proxies,
        overrides: &config.overrides,
        allowed: config.allow.len(),
        denied: config.deny.len(),
        bans: config.bans.as_ref(),
        upstreams: &config.upstreams,
    }
}

/// Prints help, version or a usage error, each where it belongs; the error in one line like all of ours.
fn answer_instead(answer: &clap::Error) -> ExitCode {
    // A closed pipe is the reader's choice.
    if answer.use_stderr() {
        let _ = writeln!(io::stderr(), "tollgate: {} (see tollgate --help)", cli::in_one_line(answer));
    } else {
        let _ = answer.print();
    }
    u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Prints to stdout; a reader that has seen enough, like `head`, is no failure.
fn tell(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// A secret that nobody outside can know: the standard library keys its hash maps from the system's randomness.
fn random() -> u64 {
    RandomState::new().hash_one("tollgate")
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Config(_) | Failure::Limiter(_) => ExitCode::from(USAGE),
            Failure::Start(_) | Failure::Output(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Config(error) => error.fmt(f),
            Failure::Limiter(error) => write!(f, "tollgate: {error}"),
            Failure::Start(error) => write!(f, "tollgate: {error}"),
            Failure::Output(error) => write!(f, "tollgate: cannot write: {error}"),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Config(error)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Failure {
        Failure::Limiter(error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        Failure::Start(error)
    }
}

/// As clap exits on a usage error.
const USAGE: u8 = 2;
