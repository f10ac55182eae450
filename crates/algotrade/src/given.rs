//! Real servers that were given: a run makes topics and a database of its own there, and leaves
//! nothing.

use kafka_common::{Delivery, KafkaSettings, admin};
use service_kit::Settings;
use uuid::Uuid;

use crate::scratch;

/// What a run has made on given servers.
#[derive(Debug)]
pub(crate) struct Given {
    /// URL of the database that was given.
    admin_url: String,
    /// The database of this run.
    database: String,
}

impl Given {
    /// Makes a database and chooses a prefix for the topics, whose names begin with `name`; all is
    /// entered into the settings.
    pub(crate) async fn prepare(
        name: &str,
        kafka: &str,
        database: &str,
        redis: Option<&str>,
        settings: &mut Settings,
    ) -> anyhow::Result<Self> {
        let run = format!("{name}_{}", Uuid::new_v4().simple());
        // Letters, digits and an underscore, as a database's name must be.
        let own = scratch::create_database(database, &run).await?;
        kafka.clone_into(&mut settings.kafka.bootstrap_servers);
        settings.kafka.delivery = Delivery::ExactlyOnce;
        settings.kafka.topic_prefix = format!("{run}.");
        settings.kafka.group_prefix = format!("{run}.");
        settings.database.url = own.into();
        settings.redis.url = redis.unwrap_or_default().to_owned().into();
        settings.redis.key_prefix = format!("{run}:");
        Ok(Self {
            admin_url: database.to_owned(),
            database: run,
        })
    }

    /// Removes what was made.
    pub(crate) async fn remove(self, kafka: &KafkaSettings) -> anyhow::Result<()> {
        admin::delete_topics(kafka).await?;
        scratch::drop_database(&self.admin_url, &self.database).await
    }
}
