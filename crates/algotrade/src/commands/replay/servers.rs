//! Where a replay runs: on embedded servers of its own, or on given ones, where it leaves nothing.

use std::path::PathBuf;

use anyhow::Context as _;
use kafka_common::{Delivery, KafkaSettings, admin};
use service_kit::Settings;
use uuid::Uuid;

use super::Arguments;
use crate::backing::Backing;
use crate::scratch;

/// The servers of one replay.
#[derive(Debug)]
pub(crate) enum Servers {
    /// In this process; the folder is removed at the end where it is a temporary one.
    Embedded(Backing, Option<tempfile::TempDir>),
    /// Given: a database and topics with a prefix are made there.
    Given {
        /// URL of the database that was given.
        admin_url: String,
        /// The database of this run.
        database: String,
    },
}

impl Servers {
    /// Starts or prepares the servers and enters them into the settings.
    pub(super) async fn prepare(
        arguments: &Arguments,
        settings: &mut Settings,
    ) -> anyhow::Result<Self> {
        let (Some(kafka), Some(database)) = (&arguments.kafka, &arguments.database) else {
            let temporary = match arguments.data {
                Some(_) => None,
                None => Some(tempfile::tempdir()?),
            };
            let data: PathBuf = match (&arguments.data, &temporary) {
                (Some(data), _) => data.clone(),
                (None, Some(directory)) => directory.path().to_owned(),
                (None, None) => anyhow::bail!("no folder for the data"),
            };
            std::fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
            let backing = Backing::embed(&data, settings).await?;
            return Ok(Self::Embedded(backing, temporary));
        };
        let redis = arguments.redis.as_deref();
        let servers = Self::given("replay", kafka, database, redis, settings).await?;
        // A replay loads in bulk: with the batches of a live market, which hold some forty trades,
        // five requests on their way are soon too few, and the client waits busily for answers.
        settings.kafka.max_batch_size = 131_072;
        Ok(servers)
    }

    /// Prepares servers that run already, and enters them into the settings.
    pub(crate) async fn given(
        name: &str,
        kafka: &str,
        database: &str,
        redis: Option<&str>,
        settings: &mut Settings,
    ) -> anyhow::Result<Self> {
        let run = format!("{name}_{}", Uuid::new_v4().simple());
        let own = scratch::create_database(database, &run).await?;
        kafka.clone_into(&mut settings.kafka.bootstrap_servers);
        settings.kafka.delivery = Delivery::ExactlyOnce;
        settings.kafka.topic_prefix = format!("{run}.");
        settings.kafka.group_prefix = format!("{run}.");
        settings.database.url = own.into();
        settings.redis.url = redis.unwrap_or_default().to_owned().into();
        settings.redis.key_prefix = format!("{run}:");
        Ok(Self::Given {
            admin_url: database.to_owned(),
            database: run,
        })
    }

    pub(super) fn are_embedded(&self) -> bool {
        matches!(self, Self::Embedded(..))
    }

    /// Removes what was made.
    pub(crate) async fn remove(self, kafka: &KafkaSettings) -> anyhow::Result<()> {
        match self {
            Self::Embedded(backing, _temporary) => backing.shutdown().await,
            Self::Given {
                admin_url,
                database,
            } => {
                admin::delete_topics(kafka).await?;
                scratch::drop_database(&admin_url, &database).await?;
            }
        }
        Ok(())
    }
}
