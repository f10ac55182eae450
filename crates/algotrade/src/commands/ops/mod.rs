//! `algotrade ops`: the operator's part of the platform, and what an operator asks of it.

mod report;
mod serve;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use service_kit::cli::healthcheck;
use service_kit::settings::Purpose;

use crate::cli;

const PORT: u16 = 8084;

/// What can be said.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  \
    algotrade ops\n  \
    ALGOTRADE__OPS__SERVICES=strategy=http://strategy:8082 algotrade ops --listen 127.0.0.1:8084\n  \
    algotrade ops report --from 7d\n\n\
    Without a command it runs until it is told to stop, and writes four topics: service-health\n\
    (probes), audit-logs (what users and services changed), portfolio-updates (trades, folded) and\n\
    user-notifications (errors, rejected orders, daily summaries). Brokers, database and Redis come\n\
    from the settings that the services have. `algotrade up` runs it, too.\n\n\
    /healthz/live, /healthz/ready, /metrics and /v1/ops/health are on the address it listens on; the\n\
    last one is for operators (`algotrade token NAME --operator`).")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Address and port; else `http.listen` of the settings, else 0.0.0.0:8084.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the process that runs here whether it is ready; exit code 0 if it is.
    Healthcheck,
    /// Tell how the platform did over a period, from Prometheus.
    Report(report::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Some(Command::Report(arguments)) => report::run(arguments),
        Some(Command::Healthcheck) => {
            let listen = cli::settings(Purpose::Tool)?.http.listen;
            healthcheck(listen.map_or(PORT, |address| address.port()))
        }
        None => {
            let settings = cli::settings(Purpose::Service)?;
            let default = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
            let address = arguments.listen.or(settings.http.listen);
            serve::run(settings, address.unwrap_or(default))
        }
    }
}
