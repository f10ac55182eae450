//! The topics on a broker.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rdkafka::admin::{AdminOptions, ResourceSpecifier};

use super::broker::{Bounds, Broker, REQUEST_TIMEOUT, wait};
use super::dead_letters::source_and_group;
use super::error::InspectError;
use super::read::{Flow, Span};
use crate::record::broker_timestamp;
use crate::topics::CATALOGUE;

/// How far before its end a partition is looked through for its newest record: what a transaction
/// writes at its end isn't a record.
const NEWEST_WITHIN: [i64; 3] = [10, 200, 10_000];

/// What a topic is to this system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopicKind {
    /// Of the catalogue.
    Catalogue,
    /// A group's dead letters.
    DeadLetters,
    /// Somebody else's.
    Foreign,
}

/// A topic on the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSummary {
    /// Its name on the broker.
    pub name: String,
    /// What it is.
    pub kind: TopicKind,
    /// Its partitions.
    pub partitions: i32,
    /// Replicas of each partition, the fewest where they differ.
    pub replication: usize,
    /// How long records are kept; `None` for ever, or where the broker doesn't tell.
    pub retention: Option<Duration>,
    /// Offsets between beginning and end, the marks of transactions included.
    pub records: i64,
    /// Time of the oldest record.
    pub oldest: Option<DateTime<Utc>>,
    /// Time of the newest record.
    pub newest: Option<DateTime<Utc>>,
}

impl Broker {
    /// This deployment's topics, or all that aren't Kafka's own, those of the catalogue first and
    /// in its order.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    pub fn topics(&self, all: bool) -> Result<Vec<TopicSummary>, InspectError> {
        let shapes = self.shapes()?;
        let mut listed: Vec<(usize, TopicKind, String)> = shapes
            .keys()
            .filter(|name| !name.starts_with("__"))
            .map(|name| {
                let (order, kind) = self.kind(name);
                (order, kind, name.clone())
            })
            .filter(|(_, kind, _)| all || *kind != TopicKind::Foreign)
            .collect();
        listed.sort_by(|a, b| (a.0, &a.2).cmp(&(b.0, &b.2)));
        let names: Vec<&str> = listed.iter().map(|(_, _, name)| name.as_str()).collect();
        let retentions = self.retentions(&names)?;
        listed
            .iter()
            .filter_map(|(_, kind, name)| Some((*kind, name, shapes.get(name)?)))
            .map(|(kind, name, shape)| {
                let bounds = self.bounds(name, shape.partitions)?;
                Ok(TopicSummary {
                    name: name.clone(),
                    kind,
                    partitions: shape.partitions,
                    replication: shape.replication,
                    retention: retentions.get(name).copied().flatten(),
                    records: bounds.iter().map(|bounds| bounds.end - bounds.first).sum(),
                    oldest: self.oldest(name, &bounds)?,
                    newest: self.newest(name, &bounds)?,
                })
            })
            .collect()
    }

    /// The catalogue's topics that the broker lacks.
    ///
    /// # Errors
    /// The broker doesn't answer.
    pub fn missing_topics(&self) -> Result<Vec<&'static str>, InspectError> {
        let shapes = self.shapes()?;
        let lacking = |name: &&str| !shapes.contains_key(&self.settings.topic(name));
        Ok(CATALOGUE
            .iter()
            .map(|spec| spec.name)
            .filter(lacking)
            .collect())
    }

    fn kind(&self, name: &str) -> (usize, TopicKind) {
        let Some(logical) = name.strip_prefix(&self.settings.topic_prefix) else {
            return (usize::MAX, TopicKind::Foreign);
        };
        let position = |topic: &str| CATALOGUE.iter().position(|spec| spec.name == topic);
        if let Some(position) = position(logical) {
            return (position, TopicKind::Catalogue);
        }
        match source_and_group(logical).and_then(|(source, _)| position(source)) {
            Some(source) => (CATALOGUE.len() + source, TopicKind::DeadLetters),
            None => (usize::MAX, TopicKind::Foreign),
        }
    }

    fn retentions(
        &self,
        names: &[&str],
    ) -> Result<BTreeMap<String, Option<Duration>>, InspectError> {
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let admin = self.admin()?;
        let wanted: Vec<ResourceSpecifier<'_>> = names
            .iter()
            .map(|name| ResourceSpecifier::Topic(name))
            .collect();
        let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
        let described = wait(admin.describe_configs(&wanted, &options))?
            .map_err(InspectError::kafka("reading the topics' settings"))?;
        let mut found = BTreeMap::new();
        for (name, resource) in names.iter().zip(described) {
            let resource = resource.map_err(|code| {
                let source = rdkafka::error::KafkaError::AdminOp(code);
                InspectError::kafka("reading a topic's settings")(source)
            })?;
            // -1 is for ever, which a duration doesn't hold.
            let milliseconds = resource
                .get("retention.ms")
                .and_then(|entry| entry.value.as_deref()?.parse().ok());
            found.insert((*name).to_owned(), milliseconds.map(Duration::from_millis));
        }
        Ok(found)
    }

    fn oldest(
        &self,
        topic: &str,
        bounds: &[Bounds],
    ) -> Result<Option<DateTime<Utc>>, InspectError> {
        let spans: Vec<Span> = bounds
            .iter()
            .map(|bounds| span(bounds, bounds.first))
            .collect();
        let mut oldest: Option<DateTime<Utc>> = None;
        self.read(topic, &spans, |message| {
            let time = broker_timestamp(message);
            oldest = oldest.into_iter().chain(time).min();
            Ok::<_, InspectError>(Flow::PartitionDone)
        })?;
        Ok(oldest)
    }

    fn newest(
        &self,
        topic: &str,
        bounds: &[Bounds],
    ) -> Result<Option<DateTime<Utc>>, InspectError> {
        let mut newest: Option<DateTime<Utc>> = None;
        let mut open: Vec<Bounds> = bounds.to_vec();
        for within in NEWEST_WITHIN {
            let from = |bounds: &Bounds| bounds.first.max(bounds.end.saturating_sub(within));
            let spans: Vec<Span> = open
                .iter()
                .map(|bounds| span(bounds, from(bounds)))
                .collect();
            let mut seen = Vec::new();
            self.read(topic, &spans, |message| {
                use rdkafka::message::Message as _;
                seen.push(message.partition());
                newest = newest.into_iter().chain(broker_timestamp(message)).max();
                Ok::<_, InspectError>(Flow::Next)
            })?;
            open.retain(|bounds| !seen.contains(&bounds.partition) && from(bounds) > bounds.first);
        }
        Ok(newest)
    }
}

fn span(bounds: &Bounds, from: i64) -> Span {
    Span {
        partition: bounds.partition,
        from,
        to: Some(bounds.end),
    }
}
