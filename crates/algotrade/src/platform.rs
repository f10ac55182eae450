//! The four services in one process, on one port; with `algotrade ops` beside them, if wanted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kafka_common::admin;
use kafka_common::matrix::MATRIX;
use market_data::FeedStatistics;
use service_kit::service::{BoundServer, Context, Service, application, init_telemetry};
use service_kit::{Settings, settings::FeedSource};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The running platform.
#[derive(Debug)]
pub(crate) struct Platform {
    /// Where it is served.
    pub(crate) address: SocketAddr,
    /// What the services were given.
    pub(crate) context: Context,
    /// What the feed has brought.
    pub(crate) feed: Arc<FeedStatistics>,
    server: JoinHandle<anyhow::Result<()>>,
}

/// A product feed and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) websocket_url: String,
    pub(crate) rest_url: String,
    pub(crate) source: FeedSource,
}

impl Feed {
    pub(crate) fn enter(self, settings: &mut Settings) {
        settings.feed.websocket_url = self.websocket_url;
        settings.feed.rest_url = self.rest_url;
        settings.feed.source = self.source;
    }
}

impl Platform {
    /// Creates the topics, starts the services and serves them.
    pub(crate) async fn start(
        mut settings: Settings,
        listen: SocketAddr,
        embedded: bool,
        with_ops: bool,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let metrics = init_telemetry(&settings)?;
        let server = BoundServer::bind(listen).await?;
        let address = server.address()?;
        let url = format!("http://127.0.0.1:{}", address.port());
        settings.services.market_data_url.clone_from(&url);
        settings.services.strategy_url.clone_from(&url);
        settings.services.forward_test_url.clone_from(&url);
        let names = MATRIX.iter().map(|row| row.service);
        settings.ops.services = names.map(|name| format!("{name}={url}")).collect();
        admin::set_up_topics(&settings.kafka).await?;
        let context = Context::connect(settings, shutdown.clone(), embedded).await?;
        let (market_data, feed) = market_data::start_with_stats(context.clone()).await?;
        let mut services = vec![
            market_data,
            strategy::start(context.clone()).await?,
            forward_test::start(context.clone()).await?,
            notification::start(context.clone()).await?,
        ];
        if with_ops {
            services.push(ops::start(context.clone()).await?);
        }
        let mut service = Service::merge(services);
        let tasks = std::mem::take(&mut service.tasks);
        let application = application(&context, service, metrics);
        let server = tokio::spawn(server.serve(application, tasks, shutdown));
        Ok(Self {
            address,
            context,
            feed,
            server,
        })
    }

    /// Where the platform answers.
    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// Waits until every service is ready.
    pub(crate) async fn ready(&self, within: Duration) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let problems = self.context.health.problems().await;
            if problems.is_empty() {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                anyhow::bail!("not ready after {within:?}: {problems:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for the end, which `shutdown` brings.
    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        let outcome = self.server.await?;
        self.context.database.close().await;
        outcome
    }
}
