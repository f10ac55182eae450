//! The command line that the four services share.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use kafka_common::ClientRole;
use tokio_util::sync::CancellationToken;

use crate::service::{BoundServer, Context, Service, application, init_telemetry, stop_signal};
use crate::settings::{self, Loaded, Purpose};

#[derive(Debug, Parser)]
#[command(
    after_help = "Every setting is also an environment variable, for example\n  \
    ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS=kafka:9092\nand secrets can be read from a file:\n  \
    ALGOTRADE__AUTH__SECRET_FILE=/run/secrets/auth"
)]
struct Arguments {
    /// A TOML file with settings.
    #[arg(long, env = "ALGOTRADE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, as `kafka.linger_ms=5`; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    overrides: Vec<settings::Override>,
    /// Print each setting that isn't the default, the Kafka clients' effective properties, and
    /// where each came from, and end.
    #[arg(long)]
    print_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the running service whether it is ready: exit code 0 if so.
    Healthcheck,
}

fn key_value(text: &str) -> Result<settings::Override, String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Runs a service from its command line until it is told to stop.
pub fn main<F, R>(name: &'static str, version: &'static str, port: u16, start: F) -> ExitCode
where
    F: FnOnce(Context) -> R,
    R: Future<Output = anyhow::Result<Service>>,
{
    let command = <Arguments as clap::CommandFactory>::command()
        .name(name)
        .version(version);
    let matches = command.get_matches();
    let arguments = match <Arguments as clap::FromArgMatches>::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    match run(&arguments, name, port, start) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run<F, R>(
    arguments: &Arguments,
    name: &'static str,
    port: u16,
    start: F,
) -> anyhow::Result<ExitCode>
where
    F: FnOnce(Context) -> R,
    R: Future<Output = anyhow::Result<Service>>,
{
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    // The health check asks a service that has been through all checks itself.
    let purpose = match arguments.command {
        Some(Command::Healthcheck) => Purpose::Tool,
        None => Purpose::Service,
    };
    let loaded = settings::load(
        arguments.config.as_deref(),
        &environment,
        &arguments.overrides,
        purpose,
    )?;
    if arguments.print_config {
        print_config(&loaded, name)?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = loaded.settings;
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let address = settings.http.listen.unwrap_or(default);
    if let Some(Command::Healthcheck) = arguments.command {
        return healthcheck(address.port());
    }
    let metrics = init_telemetry(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served: anyhow::Result<()> = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let stopping = shutdown.clone();
        tokio::spawn(async move {
            stop_signal().await;
            tracing::info!("stopping");
            stopping.cancel();
        });
        let server = BoundServer::bind(address).await?;
        kafka_common::preflight::wait(&settings.kafka, name, &shutdown).await?;
        let context = Context::connect(settings, shutdown.clone(), false).await?;
        let mut service = start(context.clone()).await?;
        let tasks = std::mem::take(&mut service.tasks);
        tracing::info!(address = %server.address()?, "serving");
        server
            .serve(application(&context, service, metrics), tasks, shutdown)
            .await
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    served.map(|()| ExitCode::SUCCESS)
}

fn print_config(loaded: &Loaded, service: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (key, value, origin) in &loaded.origins {
        writeln!(out, "{key} = {value}  # {origin}")?;
    }
    for role in [
        ClientRole::Producer,
        ClientRole::TransactionalProducer,
        ClientRole::Consumer,
    ] {
        writeln!(out, "\n# librdkafka: {}", role.as_str())?;
        for line in loaded.kafka_client(role, service) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Asks over plain HTTP, so that an image needs no other program for its health check.
///
/// # Errors
/// Nobody answers on the port.
pub fn healthcheck(port: u16) -> anyhow::Result<ExitCode> {
    let timeout = Duration::from_secs(5);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(b"GET /healthz/ready HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let status = answer.split_whitespace().nth(1).unwrap_or_default();
    let ready = status == "200";
    if !ready {
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        writeln!(std::io::stdout(), "{status} {body}")?;
    }
    Ok(if ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
