//! Topics as they are against topics as they should be, and how the difference is mended.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, OwnedResourceSpecifier, ResourceSpecifier,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use super::configs::RETENTION;
use super::{
    Connection, REQUEST_TIMEOUT, WantedTopic, run_blocking, wait_until_led, wanted_topics,
};
use crate::acl::{Operation, ResourceKind};
use crate::error::ClientError;
use crate::security::AccessDenied;
use crate::settings::KafkaSettings;
use crate::telemetry::LoggedContext;

/// A topic as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundTopic {
    /// Partitions.
    pub partitions: i32,
    /// Replicas of the partition that has the fewest.
    pub replication: i32,
    /// `retention.ms`; below 0 for ever; none where the broker doesn't tell.
    pub retention_ms: Option<i64>,
}

/// One thing that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It isn't there.
    Missing,
    /// Clients that rely on the number find partitions missing.
    TooFewPartitions {
        /// The number found.
        found: i32,
    },
    /// Keys are on other partitions than clients expect.
    TooManyPartitions {
        /// The number found.
        found: i32,
    },
    /// Records are kept for another time.
    Retention {
        /// `retention.ms` as it is.
        found_ms: i64,
    },
    /// Fewer copies than asked for.
    TooFewReplicas {
        /// The number found.
        found: i32,
    },
}

impl Drift {
    /// A short name for JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooFewPartitions { .. } => "too_few_partitions",
            Self::TooManyPartitions { .. } => "too_many_partitions",
            Self::Retention { .. } => "retention",
            Self::TooFewReplicas { .. } => "too_few_replicas",
        }
    }

    /// Whether [`mend`] can mend it.
    #[must_use]
    pub fn can_be_mended(self) -> bool {
        matches!(self, Self::TooFewPartitions { .. } | Self::Retention { .. })
    }

    /// What to do.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Missing => "`algotrade setup` creates it",
            Self::TooFewPartitions { .. } => {
                "`algotrade setup --apply` adds partitions: while no service runs, because keys move"
            }
            Self::TooManyPartitions { .. } => {
                "Kafka can't take partitions away: stop the services, delete the topic, and run \
                 `algotrade setup`"
            }
            Self::Retention { .. } => "`algotrade setup --apply` sets it",
            Self::TooFewReplicas { .. } => {
                "move the partitions with kafka-reassign-partitions: they have to be copied to other \
                 brokers"
            }
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("is not there"),
            Self::TooFewPartitions { found } => write!(formatter, "only {found} partitions"),
            Self::TooManyPartitions { found } => write!(formatter, "{found} partitions"),
            Self::Retention { found_ms } if *found_ms < 0 => formatter.write_str("kept for ever"),
            Self::Retention { found_ms } => write!(formatter, "kept for {}", duration(*found_ms)),
            Self::TooFewReplicas { found } => write!(formatter, "only {found} replicas"),
        }
    }
}

/// Hours or days where it is a whole number of them; else milliseconds.
fn duration(millis: i64) -> String {
    const HOUR: i64 = 3_600_000;
    match millis {
        millis if millis % (24 * HOUR) == 0 && millis > 24 * HOUR => {
            format!("{} d", millis / (24 * HOUR))
        }
        millis if millis % HOUR == 0 => format!("{} h", millis / HOUR),
        millis => format!("{millis} ms"),
    }
}

/// A topic, as it should be and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// As it should be.
    pub wanted: WantedTopic,
    /// As it is.
    pub found: Option<FoundTopic>,
    /// What differs.
    pub drift: Vec<Drift>,
}

impl TopicState {
    fn compare(wanted: WantedTopic, found: Option<FoundTopic>) -> Self {
        let mut drift = Vec::new();
        match found {
            None => drift.push(Drift::Missing),
            Some(found) => {
                let partitions = found.partitions;
                if partitions < wanted.partitions {
                    drift.push(Drift::TooFewPartitions { found: partitions });
                } else if partitions > wanted.partitions {
                    drift.push(Drift::TooManyPartitions { found: partitions });
                }
                if let Some(found_ms) = found.retention_ms
                    && u128::try_from(found_ms) != Ok(wanted.retention.as_millis())
                {
                    drift.push(Drift::Retention { found_ms });
                }
                if found.replication < wanted.replication {
                    drift.push(Drift::TooFewReplicas {
                        found: found.replication,
                    });
                }
            }
        }
        Self {
            wanted,
            found,
            drift,
        }
    }
}

/// Compares every topic of the catalogue and every dead-letter topic with what is there.
///
/// # Errors
/// The broker can't be reached, or doesn't let this principal see.
pub async fn topic_states(settings: &KafkaSettings) -> Result<Vec<TopicState>, ClientError> {
    let asked = settings.clone();
    let wanted = wanted_topics(settings);
    let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
    let found = run_blocking(move || find(&asked, names)).await?;
    let present: Vec<&str> = wanted
        .iter()
        .map(|topic| topic.name.as_str())
        .filter(|name| found.contains_key(*name))
        .collect();
    let retentions = retentions(settings, &present).await?;
    let states = wanted.into_iter().map(|wanted| {
        let found = found.get(&wanted.name).map(|found| FoundTopic {
            retention_ms: retentions.get(&wanted.name).copied(),
            ..*found
        });
        TopicState::compare(wanted, found)
    });
    Ok(states.collect())
}

/// What is there of these topics. One that this principal may not see isn't missing.
fn find(
    settings: &KafkaSettings,
    names: Vec<String>,
) -> Result<BTreeMap<String, FoundTopic>, ClientError> {
    let mut connection = Connection::open(settings)?;
    let metadata = connection.connect(REQUEST_TIMEOUT)?;
    let topics = metadata.topics().iter();
    let found: BTreeMap<String, FoundTopic> = topics
        .map(|topic| (topic.name().to_owned(), found(topic)))
        .collect();
    let absent: Vec<String> = names
        .into_iter()
        .filter(|name| !found.contains_key(name))
        .collect();
    if absent.is_empty() {
        return Ok(found);
    }
    let hidden = match connection.topics(&absent) {
        Ok(topics) => topics
            .into_iter()
            .find(|topic| topic.error == Some(RDKafkaErrorCode::TopicAuthorizationFailed)),
        Err(error @ ClientError::Connect(_)) => return Err(error),
        // A broker that can't be asked has no rights that could hide a topic.
        Err(_) => None,
    };
    match hidden {
        None => Ok(found),
        Some(topic) => Err(ClientError::Denied(AccessDenied {
            principal: settings.security.principal(),
            operation: Operation::Describe,
            kind: ResourceKind::Topic,
            name: topic.name,
        })),
    }
}

fn found(topic: &MetadataTopic) -> FoundTopic {
    let partitions = topic.partitions();
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let replicas = partitions
        .iter()
        .map(|partition| partition.replicas().len());
    FoundTopic {
        partitions: count(partitions.len()),
        replication: count(replicas.min().unwrap_or_default()),
        retention_ms: None,
    }
}

/// `retention.ms` of each topic whose broker tells it.
async fn retentions(
    settings: &KafkaSettings,
    topics: &[&str],
) -> Result<BTreeMap<String, i64>, ClientError> {
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let resources: Vec<ResourceSpecifier<'_>> = topics
        .iter()
        .map(|name| ResourceSpecifier::Topic(name))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let described = client(settings)?
        .describe_configs(&resources, &options)
        .await
        .map_err(ClientError::kafka("reading the settings of topics"))?;
    let security = &settings.security;
    let mut retentions = BTreeMap::new();
    for (topic, resource) in topics.iter().zip(described) {
        let resource = resource.map_err(|code| {
            let action = "reading the settings of topics";
            ClientError::needs(security, Operation::DescribeConfigs, topic, action)(
                KafkaError::AdminOp(code),
            )
        })?;
        let OwnedResourceSpecifier::Topic(name) = &resource.specifier else {
            continue;
        };
        let retention = resource
            .get(RETENTION)
            .and_then(|entry| entry.value.as_ref());
        if let Some(millis) = retention.and_then(|value| value.parse().ok()) {
            retentions.insert(name.clone(), millis);
        }
    }
    Ok(retentions)
}

/// What became of one difference.
#[derive(Debug)]
pub struct Mended {
    /// The topic.
    pub topic: String,
    /// What differed.
    pub drift: Drift,
    /// Whether it was mended.
    pub outcome: Result<(), ClientError>,
}

/// Adds partitions and sets retentions, where they differ; leaves alone what can't be mended.
///
/// # Errors
/// The broker can't be reached; a refusal is in the outcome of what was refused.
pub async fn mend(
    settings: &KafkaSettings,
    states: &[TopicState],
) -> Result<Vec<Mended>, ClientError> {
    let mut mended = Vec::new();
    let mut grown = Vec::new();
    let mut kept = Vec::new();
    for state in states {
        for drift in &state.drift {
            match drift {
                Drift::TooFewPartitions { .. } => grown.push((state.wanted.clone(), *drift)),
                Drift::Retention { .. } => kept.push((state.wanted.clone(), *drift)),
                _ => {}
            }
        }
    }
    if !grown.is_empty() {
        mended.extend(add_partitions(settings, grown).await?);
    }
    if !kept.is_empty() {
        mended.extend(set_retention(settings, kept).await?);
    }
    Ok(mended)
}

async fn add_partitions(
    settings: &KafkaSettings,
    topics: Vec<(WantedTopic, Drift)>,
) -> Result<Vec<Mended>, ClientError> {
    const ACTION: &str = "adding partitions";
    let wanted: Vec<NewPartitions<'_>> = topics
        .iter()
        .map(|(topic, _)| {
            let count = usize::try_from(topic.partitions).unwrap_or_default();
            NewPartitions::new(&topic.name, count)
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
    let results = client(settings)?
        .create_partitions(&wanted, &options)
        .await
        .map_err(ClientError::kafka(ACTION))?;
    let mut grown = Vec::new();
    let mut mended = Vec::new();
    for ((topic, drift), result) in topics.into_iter().zip(results) {
        let outcome = result.map(|_| ()).map_err(|(name, code)| {
            let needs = ClientError::needs(&settings.security, Operation::Alter, &name, ACTION);
            needs(KafkaError::AdminOp(code))
        });
        mended.push(Mended {
            topic: topic.name.clone(),
            drift,
            outcome,
        });
        grown.push(topic);
    }
    if mended.iter().all(|mended| mended.outcome.is_ok()) {
        wait_until_led(settings, &grown).await?;
    }
    Ok(mended)
}

async fn set_retention(
    settings: &KafkaSettings,
    topics: Vec<(WantedTopic, Drift)>,
) -> Result<Vec<Mended>, ClientError> {
    let asked = settings.clone();
    let wanted: Vec<(String, Duration)> = topics
        .iter()
        .map(|(topic, _)| (topic.name.clone(), topic.retention))
        .collect();
    let results = run_blocking(move || Connection::open(&asked)?.set_retention(&wanted)).await?;
    let mut results: BTreeMap<String, Result<(), KafkaError>> = results.into_iter().collect();
    let mended = topics.into_iter().map(|(topic, drift)| {
        let outcome = match results.remove(&topic.name) {
            Some(Ok(())) => Ok(()),
            Some(Err(source)) => {
                let action = "changing the retention of topics";
                let (security, operation) = (&settings.security, Operation::AlterConfigs);
                Err(ClientError::needs(security, operation, &topic.name, action)(source))
            }
            None => Err(ClientError::Thread("the broker gave no answer".to_owned())),
        };
        Mended {
            topic: topic.name,
            drift,
            outcome,
        }
    });
    Ok(mended.collect())
}

fn client(settings: &KafkaSettings) -> Result<AdminClient<LoggedContext>, ClientError> {
    settings
        .admin()
        .create_with_context(LoggedContext)
        .map_err(ClientError::kafka("creating the admin client"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(partitions: i32, replication: i32, retention_ms: Option<i64>) -> Vec<&'static str> {
        let wanted = WantedTopic {
            name: "t".to_owned(),
            partitions: 4,
            retention: Duration::from_secs(24 * 3_600),
            replication: 3,
        };
        let found = FoundTopic {
            partitions,
            replication,
            retention_ms,
        };
        let state = TopicState::compare(wanted, Some(found));
        state.drift.into_iter().map(Drift::code).collect()
    }

    #[test]
    fn each_difference_is_told_by_its_name() {
        let day = 24 * 3_600_000;
        assert!(compared(4, 3, Some(day)).is_empty());
        // More copies than asked for, and a broker that doesn't tell, are no drift.
        assert!(compared(4, 5, None).is_empty());
        assert_eq!(compared(3, 3, Some(day)), ["too_few_partitions"]);
        assert_eq!(compared(5, 3, Some(day)), ["too_many_partitions"]);
        assert_eq!(compared(4, 3, Some(day + 1)), ["retention"]);
        assert_eq!(compared(4, 1, Some(-1)), ["retention", "too_few_replicas"]);
    }

    #[test]
    fn durations_are_told_as_people_say_them() {
        let hour = 3_600_000;
        for (millis, text) in [
            (hour, "1 h"),
            (24 * hour, "24 h"),
            (48 * hour, "2 d"),
            (1_500, "1500 ms"),
        ] {
            assert_eq!(duration(millis), text);
        }
    }
}
