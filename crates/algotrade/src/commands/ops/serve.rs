//! Runs it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use kafka_common::{Operations, Service as _, preflight};
use service_kit::service::{BoundServer, application, init_telemetry, stop_signal};
use service_kit::{Context, Settings};
use tokio_util::sync::CancellationToken;

use crate::cli;

pub(super) fn run(settings: Settings, address: SocketAddr) -> anyhow::Result<ExitCode> {
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
