//! `test-servers run -- COMMAND...`: real servers around a command.
//!
//! Starts Kafka, Postgres and Redis at the same time on free loopback ports, runs the command with
//! their addresses in its environment, stops them whatever became of it, and exits as it did.
#![allow(clippy::print_stderr, reason = "a command's messages to its user")]

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use test_support::{
    DATABASE_VARIABLE, KAFKA_VARIABLE, KafkaBroker, PostgresServer, REDIS_VARIABLE, RedisServer,
};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

const USAGE: &str = "usage: test-servers run -- COMMAND [ARGUMENT...]";
/// What the command gets to end after a signal, before it is killed.
const COMMAND_BOUND: Duration = Duration::from_secs(10);
/// Ours, as distinct from the command's codes as a code can be.
const OWN_FAILURE: u8 = 125;
const INTERRUPTED: u8 = 130;

// One thread: what this starts ends with the thread that started it (see `process::bound_to_us`).
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).collect()).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("test-servers: {error:#}");
            ExitCode::from(OWN_FAILURE)
        }
    }
}

async fn run(arguments: Vec<OsString>) -> Result<u8> {
    let command = parse(&arguments)?;
    let mut signals = Signals::new()?;
    test_support::remove_stale_run_dirs();

    let began = Instant::now();
    let servers = tokio::select! {
        servers = Servers::start() => servers?,
        // Half-started servers are killed when they are dropped.
        _ = signals.next() => return Ok(INTERRUPTED),
    };
    eprintln!(
        "test-servers: kafka {}, {}, {} (ready after {:.1} s)",
        servers.kafka.bootstrap_servers(),
        servers.postgres.url(),
        servers.redis.url(),
        began.elapsed().as_secs_f64()
    );
    let result = run_command(command, &servers, &mut signals).await;
    servers.stop().await;
    result.map(exit_code)
}

fn parse(arguments: &[OsString]) -> Result<&[OsString]> {
    match arguments {
        [run, dashes, command @ ..] if run == "run" && dashes == "--" && !command.is_empty() => {
            Ok(command)
        }
        _ => bail!(USAGE),
    }
}

struct Servers {
    kafka: KafkaBroker,
    postgres: PostgresServer,
    redis: RedisServer,
}

impl Servers {
    async fn start() -> Result<Self> {
        let (kafka, postgres, redis) = tokio::try_join!(
            KafkaBroker::start(),
            PostgresServer::start(),
            RedisServer::start()
        )?;
        Ok(Self {
            kafka,
            postgres,
            redis,
        })
    }

    async fn stop(mut self) {
        let stopped = tokio::join!(self.kafka.stop(), self.postgres.stop(), self.redis.stop());
        for result in [stopped.0, stopped.1, stopped.2] {
            if let Err(error) = result {
                // Dropping the server kills it; the command's result stands.
                eprintln!("test-servers: {error:#}");
            }
        }
    }
}

async fn run_command(
    command: &[OsString],
    servers: &Servers,
    signals: &mut Signals,
) -> Result<ExitStatus> {
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .env(KAFKA_VARIABLE, servers.kafka.bootstrap_servers())
        .env(DATABASE_VARIABLE, servers.postgres.url())
        .env(REDIS_VARIABLE, servers.redis.url())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", command[0].display()))?;
    tokio::select! {
        status = child.wait() => return Ok(status?),
        signal = signals.next() => forward(&child, signal).await,
    }
    match tokio::time::timeout(COMMAND_BOUND, child.wait()).await {
        Ok(status) => Ok(status?),
        Err(_) => {
            child.kill().await?;
            Ok(child.wait().await?)
        }
    }
}

/// Passes on a signal that only we may have got: Ctrl-C reaches the command as well, `kill` doesn't.
async fn forward(child: &Child, signal: &str) {
    if let Some(pid) = child.id() {
        let kill = [
            "-c",
            "kill -s \"$1\" \"$2\"",
            "sh",
            signal,
            &pid.to_string(),
        ];
        // It fails only if the command has just ended by itself.
        let _ = Command::new("sh").args(kill).output().await;
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The name of the next signal that asks us to end.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "INT",
            _ = self.terminate.recv() => "TERM",
            _ = self.hangup.recv() => "HUP",
        }
    }
}

/// As a shell has it: a command that a signal ended counts as 128 + signal.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(OWN_FAILURE)
}
