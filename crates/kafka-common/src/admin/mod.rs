//! Topic set-up and what an operator asks of the broker.

mod acls;
mod clock;
mod configs;
mod connection;
mod drift;
mod groups;
mod rights;
mod rules;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use crate::acl::Operation;
use crate::error::ClientError;
use crate::matrix::{MATRIX, OPERATOR, dead_letter_topic};
use crate::settings::KafkaSettings;
use crate::telemetry::LoggedContext;
use crate::topics::CATALOGUE;

pub use acls::{acls, create_acls, delete_acls};
pub use clock::{ClockOffset, FutureRecordFound, measure_clock, records_from_the_future};
pub(crate) use connection::Connection;
pub use drift::{Drift, FoundTopic, Mended, TopicState, mend, topic_states};
pub use groups::groups_with_members;
pub(crate) use rights::{SeenGroup, SeenTopic};
pub use rules::{AclDifference, EVERYBODY, Rule, compare_acls};

/// What became of each of several things that were asked for at once.
pub type Outcomes<T> = Vec<(T, Result<(), KafkaError>)>;

/// Time for one request to the broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for all partitions of new topics to get their leaders.
const LEADERS_TIMEOUT: Duration = Duration::from_secs(30);
/// Dead letters are kept as long as the longest integration topic: an operator may be on holiday.
const DEAD_LETTER_RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedTopic {
    /// Name on the broker.
    pub name: String,
    /// Partitions.
    pub partitions: i32,
    /// Retention.
    pub retention: Duration,
    /// Replicas of each partition.
    pub replication: i32,
}

/// What the set-up found or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicOutcome {
    /// It was not there.
    Created,
    /// It was there, as it should be.
    Unchanged,
    /// It was there with another number of partitions.
    Drifted {
        /// The number found.
        partitions: i32,
    },
}

/// The topics of the catalogue and the dead-letter topics of the matrix.
#[must_use]
pub fn wanted_topics(settings: &KafkaSettings) -> Vec<WantedTopic> {
    let catalogue = CATALOGUE.iter().map(|spec| WantedTopic {
        name: settings.topic(spec.name),
        partitions: spec.partitions,
        retention: spec.retention,
        replication: settings.replication_factor,
    });
    let dead_letters = MATRIX.iter().chain([&OPERATOR]).flat_map(|row| {
        row.consumes.iter().map(|topic| WantedTopic {
            name: settings.topic(&dead_letter_topic(topic, row.group)),
            // A dead letter has no order to keep and is read by people.
            partitions: 1,
            retention: DEAD_LETTER_RETENTION,
            replication: settings.replication_factor,
        })
    });
    catalogue.chain(dead_letters).collect()
}

/// Creates what is missing and tells what differs; running it again changes nothing.
///
/// # Errors
/// The broker can't be reached, or refuses a topic.
pub async fn set_up_topics(
    settings: &KafkaSettings,
) -> Result<Vec<(WantedTopic, TopicOutcome)>, ClientError> {
    let existing = partitions_by_topic(settings).await?;
    let wanted = wanted_topics(settings);
    let retentions: Vec<String> = wanted
        .iter()
        .map(|topic| topic.retention.as_millis().to_string())
        .collect();
    let missing: Vec<NewTopic<'_>> = wanted
        .iter()
        .zip(&retentions)
        .filter(|(topic, _)| !existing.contains_key(&topic.name))
        .map(|(topic, retention)| {
            let replication = TopicReplication::Fixed(settings.replication_factor);
            NewTopic::new(&topic.name, topic.partitions, replication)
                .set("retention.ms", retention)
                .set("cleanup.policy", "delete")
        })
        .collect();
    if !missing.is_empty() {
        let admin: AdminClient<LoggedContext> = settings
            .admin()
            .create_with_context(LoggedContext)
            .map_err(ClientError::kafka("creating the admin client"))?;
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        let results = admin
            .create_topics(&missing, &options)
            .await
            .map_err(ClientError::kafka("creating topics"))?;
        for result in results {
            match result {
                // Another set-up at the same time is no error.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    tracing::error!(topic, %code, "topic not created");
                    let security = &settings.security;
                    let needs =
                        ClientError::needs(security, Operation::Create, &topic, "creating topics");
                    return Err(needs(KafkaError::AdminOp(code)));
                }
            }
        }
        // One that was there with too few partitions would never be complete.
        let created: Vec<WantedTopic> = wanted
            .iter()
            .filter(|topic| !existing.contains_key(&topic.name))
            .cloned()
            .collect();
        wait_until_led(settings, &created).await?;
    }
    let outcomes = wanted
        .into_iter()
        .map(|topic| {
            let outcome = match existing.get(&topic.name) {
                None => TopicOutcome::Created,
                Some(partitions) if *partitions == topic.partitions => TopicOutcome::Unchanged,
                Some(partitions) => TopicOutcome::Drifted {
                    partitions: *partitions,
                },
            };
            (topic, outcome)
        })
        .collect();
    Ok(outcomes)
}

/// A new topic is announced before every broker leads its partitions; clients that come too early
/// see errors. So each partition is asked for until it answers.
async fn wait_until_led(
    settings: &KafkaSettings,
    wanted: &[WantedTopic],
) -> Result<(), ClientError> {
    let wanted = wanted.to_vec();
    blocking(settings, move |client| {
        let deadline = Instant::now() + LEADERS_TIMEOUT;
        for topic in &wanted {
            for partition in 0..topic.partitions {
                while let Err(source) =
                    client.fetch_watermarks(&topic.name, partition, REQUEST_TIMEOUT)
                {
                    if Instant::now() >= deadline {
                        let action = "waiting for the leaders of new topics";
                        return Err(ClientError::Kafka { action, source });
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
        Ok(())
    })
    .await
}

/// Deletes the catalogue's topics and dead-letter topics: for runs that leave nothing behind.
///
/// # Errors
/// The broker can't be reached, or refuses.
pub async fn delete_topics(settings: &KafkaSettings) -> Result<(), ClientError> {
    let admin: AdminClient<LoggedContext> = settings
        .admin()
        .create_with_context(LoggedContext)
        .map_err(ClientError::kafka("creating the admin client"))?;
    let names: Vec<String> = wanted_topics(settings)
        .into_iter()
        .map(|topic| topic.name)
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let results = admin
        .delete_topics(
            &names,
            &AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT)),
        )
        .await
        .map_err(ClientError::kafka("deleting topics"))?;
    for (topic, code) in results.into_iter().filter_map(Result::err) {
        tracing::warn!(topic, %code, "topic not deleted");
    }
    Ok(())
}

/// Connects once, and tells why where it can't.
///
/// # Errors
/// [`ClientError::Connect`] with the reason.
pub async fn check_connection(
    settings: &KafkaSettings,
    within: Duration,
) -> Result<(), ClientError> {
    let settings = settings.clone();
    run_blocking(move || {
        Connection::open(&settings)?.connect(within)?;
        Ok(())
    })
    .await
}

/// The topics that the catalogue wants and the broker lacks.
///
/// # Errors
/// The broker can't be reached.
pub async fn missing_topics(settings: &KafkaSettings) -> Result<Vec<String>, ClientError> {
    let existing = partitions_by_topic(settings).await?;
    let lacking = |topic: &WantedTopic| {
        existing
            .get(&topic.name)
            .is_none_or(|partitions| *partitions < topic.partitions)
    };
    Ok(wanted_topics(settings)
        .into_iter()
        .filter(lacking)
        .map(|topic| topic.name)
        .collect())
}

async fn partitions_by_topic(
    settings: &KafkaSettings,
) -> Result<BTreeMap<String, i32>, ClientError> {
    let settings = settings.clone();
    run_blocking(move || {
        let metadata = Connection::open(&settings)?.connect(REQUEST_TIMEOUT)?;
        Ok(led_partitions(&metadata))
    })
    .await
}

/// How many partitions of each topic have a leader.
pub(crate) fn led_partitions(metadata: &Metadata) -> BTreeMap<String, i32> {
    let topics = metadata.topics().iter().map(|topic| {
        let led = topic
            .partitions()
            .iter()
            .filter(|partition| partition.leader() >= 0);
        (
            topic.name().to_owned(),
            i32::try_from(led.count()).unwrap_or(i32::MAX),
        )
    });
    topics.collect()
}

/// First and next offset of each partition of a logical topic.
///
/// # Errors
/// The broker can't be reached or lacks the topic.
pub async fn watermarks(
    settings: &KafkaSettings,
    topic: &str,
    partitions: i32,
) -> Result<Vec<(i64, i64)>, ClientError> {
    let topic = settings.topic(topic);
    blocking(settings, move |client| {
        (0..partitions)
            .map(|partition| {
                client
                    .fetch_watermarks(&topic, partition, REQUEST_TIMEOUT)
                    .map_err(ClientError::kafka("reading a partition's offsets"))
            })
            .collect()
    })
    .await
}

/// Committed offset of each partition of a logical topic for a logical group; `None` where the
/// group has committed nothing.
///
/// # Errors
/// The broker can't be reached.
pub async fn committed_offsets(
    settings: &KafkaSettings,
    group: &str,
    topic: &str,
    partitions: i32,
) -> Result<Vec<Option<i64>>, ClientError> {
    let topic = settings.topic(topic);
    let group = settings.group(group);
    let mut config = settings.admin();
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false");
    run_blocking(move || {
        let client: BaseConsumer = config
            .create()
            .map_err(ClientError::kafka("creating the admin client"))?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition(&topic, partition);
        }
        let committed = client
            .committed_offsets(list, REQUEST_TIMEOUT)
            .map_err(ClientError::kafka("reading a group's offsets"))?;
        let offset = |partition| {
            let element = committed.find_partition(&topic, partition)?;
            element.offset().to_raw().filter(|offset| *offset >= 0)
        };
        Ok((0..partitions).map(offset).collect())
    })
    .await
}

async fn blocking<R: Send + 'static>(
    settings: &KafkaSettings,
    ask: impl FnOnce(&BaseConsumer) -> Result<R, ClientError> + Send + 'static,
) -> Result<R, ClientError> {
    let config = settings.admin();
    run_blocking(move || {
        let client: BaseConsumer = config
            .create()
            .map_err(ClientError::kafka("creating the admin client"))?;
        ask(&client)
    })
    .await
}

pub(crate) async fn run_blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, ClientError> + Send + 'static,
) -> Result<R, ClientError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ClientError::Thread(error.to_string())),
    }
}
