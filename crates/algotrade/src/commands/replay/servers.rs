//! Where a replay runs: on embedded servers of its own, or on given ones, where it leaves nothing.

use std::path::PathBuf;

use anyhow::Context as _;
use kafka_common::KafkaSettings;
use service_kit::Settings;

use super::Arguments;
use crate::backing::Backing;
use crate::given::Given;

/// The servers of one replay.
#[derive(Debug)]
pub(super) enum Servers {
    /// In this process; the folder is removed at the end where it is a temporary one.
    Embedded(Backing, Option<tempfile::TempDir>),
    /// Given: a database and topics with a prefix are made there.
    Given(Given),
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
        let given = Given::prepare("replay", kafka, database, redis, settings).await?;
        // A replay loads in bulk: with the batches of a live market, which hold some forty trades,
        // five requests on their way are soon too few, and the client waits busily for answers.
        settings.kafka.max_batch_size = 131_072;
        Ok(Self::Given(given))
    }

    pub(super) fn are_embedded(&self) -> bool {
        matches!(self, Self::Embedded(..))
    }

    /// Removes what was made.
    pub(super) async fn remove(self, kafka: &KafkaSettings) -> anyhow::Result<()> {
        match self {
            Self::Embedded(backing, _temporary) => backing.shutdown().await,
            Self::Given(given) => given.remove(kafka).await?,
        }
        Ok(())
    }
}
