//! `algotrade ops`: the operator's part of the platform.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kafka_common::{Operations, Service as _, preflight};
use service_kit::Context;
use service_kit::service::{BoundServer, application, init_telemetry, stop_signal};
use service_kit::settings::Purpose;
use tokio_util::sync::CancellationToken;

use crate::cli;

const PORT: u16 = 8084;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade ops\n  \
    ALGOTRADE__OPS__SERVICES=strategy=http://strategy:8082 algotrade ops --listen 127.0.0.1:8084\n\n\
    It runs until it is told to stop, and writes four topics: service-health (probes), audit-logs\n\
    (what users and services changed), portfolio-updates (trades, folded) and user-notifications\n\
    (errors, rejected orders, daily summaries). Brokers, database and Redis come from the settings\n\
    that the services have. `algotrade up` runs it, too.\n\n\
    /healthz/live, /healthz/ready, /metrics and /v1/ops/health are on the address it listens on.")]
pub(crate) struct Arguments {
    /// Address and port; else `http.listen` of the settings, else 0.0.0.0:8084.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = cli::settings(Purpose::Service)?;
    let default = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
    let address = arguments.listen.or(settings.http.listen).unwrap_or(default);
    let metrics = init_telemetry(&settings)?;
    let runtime = cli::runtime()?;
    let served: anyhow::Result<()> = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let stopping = shutdown.clone();
        tokio::spawn(async move {
            stop_signal().await;
            tracing::info!("stopping");
            stopping.cancel();
        });
        let server = BoundServer::bind(address).await?;
        preflight::wait(&settings.kafka, Operations::NAME, &shutdown).await?;
        let context = Context::connect(settings, shutdown.clone(), false).await?;
        let mut service = ops::start(context.clone()).await?;
        let tasks = std::mem::take(&mut service.tasks);
        tracing::info!(address = %server.address()?, "serving");
        server
            .serve(application(&context, service, metrics), tasks, shutdown)
            .await
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    served.map(|()| ExitCode::SUCCESS)
}
