//! Broker and database: embedded in the process, or given by URL.

use std::path::Path;

#[cfg(feature = "embedded")]
use kafka_common::{Delivery, KafkaSettings};
use service_kit::Settings;

/// Embedded servers that run; empty where both are given.
#[derive(Debug, Default)]
pub(crate) struct Backing {
    #[cfg(feature = "embedded")]
    embedded: Option<(
        algotrade_embedded::EmbeddedBroker,
        algotrade_embedded::EmbeddedDatabase,
    )>,
}

impl Backing {
    /// Starts broker and database in this process, and enters them into the settings.
    #[cfg(feature = "embedded")]
    pub(crate) async fn embed(data: &Path, settings: &mut Settings) -> anyhow::Result<Self> {
        use algotrade_embedded::{EmbeddedBroker, EmbeddedDatabase};
        let (broker, database) = tokio::try_join!(
            EmbeddedBroker::start(data, None),
            EmbeddedDatabase::start(data)
        )?;
        settings.kafka.bootstrap_servers = broker.bootstrap_servers();
        suit_embedded_broker(&mut settings.kafka);
        settings.database.url = database.url().to_owned().into();
        // The embedded database has one connection, which all services share.
        settings.database.max_connections = 1;
        settings.redis.url = String::new().into();
        Ok(Self {
            embedded: Some((broker, database)),
        })
    }

    /// This build has nothing to embed.
    #[cfg(not(feature = "embedded"))]
    pub(crate) async fn embed(_data: &Path, _settings: &mut Settings) -> anyhow::Result<Self> {
        anyhow::bail!(
            "this build has no embedded broker and database: build with `--features embedded`, \
             or give --kafka, --database and --redis"
        )
    }

    /// Stops what was started, when nothing uses it any more.
    pub(crate) async fn shutdown(self) {
        #[cfg(feature = "embedded")]
        if let Some((broker, database)) = self.embedded {
            tokio::join!(broker.shutdown(), database.shutdown());
        }
    }
}

/// What the embedded broker can do, and what it does well.
#[cfg(feature = "embedded")]
pub(crate) fn suit_embedded_broker(kafka: &mut KafkaSettings) {
    // It has no transactions; repeats carry the ids of what they repeat.
    kafka.delivery = Delivery::AtLeastOnce;
    // What its store costs by the record and the header; batches are cheap.
    kafka.record_headers = false;
    kafka.compression_type = "none".to_owned();
    kafka.max_batch_size = 262_144;
    // It answers a waiting fetch after half of the wait, at the latest; until then it looks into each
    // partition again and again, ever more often towards the end. A short wait is therefore dear:
    // 100 ms took 55 % of a core where 250 ms take 33 %.
    kafka.fetch_max_wait_ms = 250;
}
