//! A replica of notification in a process of its own, with topics and a database of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kafka_common::messages::TradeExecution;
use kafka_common::{ForwardTestService, KafkaProducer, KafkaSettings, Topics, admin};
use service_kit::Auth;
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::Arguments;
use super::load::{Publisher, Target};
use super::peer::signer;
use crate::scratch;

/// After this a start has failed.
const START_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// See the module's description.
pub(super) struct Replica {
    process: Child,
    address: String,
    auth: Auth,
    log: Log,
    kafka: KafkaSettings,
    admin_url: String,
    database: String,
}

/// Executions, as forward-test writes them.
pub(super) struct Log(KafkaProducer<ForwardTestService>);

impl Log {
    pub(super) async fn publish(&self, trade: &TradeExecution) -> anyhow::Result<()> {
        let (topic, key) = (Topics::TRADE_EXECUTIONS, trade.session_id.to_string());
        // That it arrives is seen by the clients.
        let _delivery = self.0.enqueue_message(topic, trade, &key).await?;
        Ok(())
    }
}

impl Replica {
    pub(super) async fn start(arguments: &Arguments) -> anyhow::Result<Self> {
        let run = format!("bench_{}", Uuid::new_v4().simple());
        let kafka = KafkaSettings {
            bootstrap_servers: arguments.kafka.clone(),
            topic_prefix: format!("{run}."),
            // The load's own waiting would be counted as the service's.
            linger_ms: 0,
            ..KafkaSettings::default()
        };
        let server = match &arguments.server {
            Some(server) => server.clone(),
            None => beside_this()?,
        };
        admin::set_up_topics(&kafka).await?;
        let database = scratch::create_database(&arguments.database, &run).await?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let secret = Uuid::new_v4().to_string();
        let address = format!("127.0.0.1:{port}");
        let redis = arguments.redis.as_deref().unwrap_or_default();
        let connections = arguments.clients.to_string();
        let process = Command::new(&server)
            .envs([
                ("ALGOTRADE__HTTP__LISTEN", address.as_str()),
                ("ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS", &arguments.kafka),
                ("ALGOTRADE__KAFKA__TOPIC_PREFIX", &kafka.topic_prefix),
                ("ALGOTRADE__KAFKA__GROUP_PREFIX", &kafka.topic_prefix),
                ("ALGOTRADE__DATABASE__URL", &database),
                ("ALGOTRADE__REDIS__URL", redis),
                ("ALGOTRADE__REDIS__KEY_PREFIX", &format!("{run}:")),
                ("ALGOTRADE__AUTH__SECRET", &secret),
                (
                    "ALGOTRADE__NOTIFICATIONS__CONNECTIONS_PER_USER",
                    &connections,
                ),
                ("ALGOTRADE__LOG__FILTER", "error,librdkafka=off,rdkafka=off"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", server.display()))?;
        let mut replica = Self {
            process,
            address,
            auth: signer(&secret),
            log: Log(KafkaProducer::start(&kafka)?),
            kafka,
            admin_url: arguments.database.clone(),
            database: run,
        };
        if let Err(error) = replica.ready().await {
            replica.stop().await?;
            return Err(error);
        }
        Ok(replica)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let http = reqwest::Client::new();
        let url = format!("http://{}/healthz/ready", self.address);
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                bail!("notification ended: {status}");
            }
            let answer = http.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if started.elapsed() > START_WITHIN {
                bail!("notification isn't ready after {START_WITHIN:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) fn target(&self) -> Target<'_> {
        Target {
            url: format!("ws://{}/connection/websocket", self.address),
            auth: self.auth.clone(),
            publisher: Publisher::Log(&self.log),
            pid: self.process.id(),
        }
    }

    /// Ends the process and removes what was made.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        // What didn't get out was missed by the clients, and told as lost.
        let _report = self.log.0.stop(STOP_WITHIN).await;
        self.process.kill().await?;
        admin::delete_topics(&self.kafka).await?;
        scratch::drop_database(&self.admin_url, &self.database).await
    }
}

fn beside_this() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let beside = this.with_file_name("notification");
    if !beside.is_file() {
        bail!(
            "{} isn't there: build it, or name it with --server",
            beside.display()
        );
    }
    Ok(beside)
}
