//! A connection for an operator's questions, and the names and offsets that they are about.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::error::InspectError;
use super::position::Position;
use super::suggest::did_you_mean;
use crate::matrix::{Operations, Service};
use crate::settings::KafkaSettings;
use crate::telemetry::{self, LoggedContext};

/// Time for one request to the broker.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the first answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for the client to say why there was none.
const COMPLAINT_TIMEOUT: Duration = Duration::from_millis(500);

/// Keeps what the client complained of first: a request only says that it timed out.
#[derive(Default)]
pub(super) struct Context {
    complaint: Mutex<Option<String>>,
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        telemetry::client_error(&error, reason);
        if let Ok(mut complaint) = self.complaint.lock() {
            complaint.get_or_insert_with(|| reason.to_owned());
        }
    }
}

impl ConsumerContext for Context {}

/// A topic as the broker describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TopicShape {
    pub(super) partitions: i32,
    pub(super) replication: usize,
}

/// Where a partition begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The partition.
    pub partition: i32,
    /// Its first offset.
    pub first: i64,
    /// The offset after the last that a transaction has committed.
    pub end: i64,
}

/// A connection to a broker.
pub struct Broker {
    pub(super) client: BaseConsumer<Context>,
    pub(super) settings: KafkaSettings,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Broker").finish_non_exhaustive()
    }
}

impl Broker {
    /// Connects, and asks for the list of topics to know that somebody answers.
    ///
    /// # Errors
    /// librdkafka refuses the settings, or nobody answers within 5 s.
    pub fn connect(settings: &KafkaSettings) -> Result<Self, InspectError> {
        let mut config = settings.admin();
        config
            // The client wants a name for the group that it never joins.
            .set("group.id", settings.group(Operations::GROUP))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            // Retention may remove a record between a question and the reading.
            .set("auto.offset.reset", "earliest")
            // Short, because most of what is read has an end.
            .set("fetch.wait.max.ms", "50")
            .set("queued.max.messages.kbytes", "16384")
            .set("queued.min.messages", "10000")
            .set("fetch.queue.backoff.ms", "20");
        let client: BaseConsumer<Context> = config
            .create_with_context(Context::default())
            .map_err(InspectError::kafka("creating the client"))?;
        if let Err(error) = client.fetch_metadata(None, CONNECT_TIMEOUT) {
            // Complaints come out of `poll`, between log lines.
            let deadline = Instant::now() + COMPLAINT_TIMEOUT;
            let complaint = loop {
                let _ = client.poll(Duration::from_millis(10));
                let complaint = client.context().complaint.lock();
                let complaint = complaint.ok().and_then(|mut text| text.take());
                if complaint.is_some() || Instant::now() >= deadline {
                    break complaint;
                }
            };
            return Err(InspectError::Unreachable {
                servers: settings.bootstrap_servers.clone(),
                reason: complaint.unwrap_or_else(|| error.to_string()),
            });
        }
        Ok(Self {
            client,
            settings: settings.clone(),
        })
    }

    /// Every topic on the broker.
    pub(super) fn shapes(&self) -> Result<BTreeMap<String, TopicShape>, InspectError> {
        let metadata = self
            .client
            .fetch_metadata(None, REQUEST_TIMEOUT)
            .map_err(InspectError::kafka("reading the list of topics"))?;
        let shape = |topic: &rdkafka::metadata::MetadataTopic| TopicShape {
            partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
            replication: topic
                .partitions()
                .iter()
                .map(|partition| partition.replicas().len())
                .min()
                .unwrap_or_default(),
        };
        let topics = metadata.topics().iter();
        Ok(topics
            .map(|topic| (topic.name().to_owned(), shape(topic)))
            .collect())
    }

    /// The name of a topic without the deployment's prefix.
    #[must_use]
    pub fn logical<'a>(&self, topic: &'a str) -> &'a str {
        topic
            .strip_prefix(&self.settings.topic_prefix)
            .unwrap_or(topic)
    }

    /// A topic's name on the broker and how many partitions it has: the deployment's topic of this
    /// name, else the broker's.
    ///
    /// # Errors
    /// There is none; the error suggests the nearest name.
    pub fn find_topic(&self, name: &str) -> Result<(String, i32), InspectError> {
        let shapes = self.shapes()?;
        for candidate in [self.settings.topic(name), name.to_owned()] {
            if let Some(shape) = shapes.get(&candidate) {
                return Ok((candidate, shape.partitions));
            }
        }
        let hint = did_you_mean(name, shapes.keys().map(|topic| self.logical(topic)));
        let topic = name.to_owned();
        Err(InspectError::UnknownTopic { topic, hint })
    }

    /// As [`find_topic`](Self::find_topic), for what is written: only the deployment's own topic
    /// will do, never that of another one without a prefix.
    ///
    /// # Errors
    /// The set-up hasn't created it.
    pub fn own_topic(&self, name: &str) -> Result<(String, i32), InspectError> {
        let topic = self.settings.topic(name);
        match self.shapes()?.get(&topic) {
            Some(shape) => Ok((topic, shape.partitions)),
            None => Err(InspectError::UnknownTopic {
                topic: name.to_owned(),
                hint: "; `algotrade setup` creates those of the catalogue".to_owned(),
            }),
        }
    }

    /// Beginning and end of each partition of a topic, by its name on the broker.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    pub fn bounds(&self, topic: &str, partitions: i32) -> Result<Vec<Bounds>, InspectError> {
        let firsts = self.offsets_at(topic, partitions, Offset::Beginning)?;
        let ends = self.offsets_at(topic, partitions, Offset::End)?;
        let zipped = (0..partitions).zip(firsts.into_iter().zip(ends));
        Ok(zipped
            .map(|(partition, (first, end))| {
                let first = first.unwrap_or_default();
                Bounds {
                    partition,
                    first,
                    end: end.unwrap_or(first),
                }
            })
            .collect())
    }

    /// For each partition the offset at a time in milliseconds, or at one of Kafka's two names for
    /// the ends; `None` where nothing is as young.
    fn offsets_at(
        &self,
        topic: &str,
        partitions: i32,
        at: Offset,
    ) -> Result<Vec<Option<i64>>, InspectError> {
        let action = "reading a topic's offsets";
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, at)
                .map_err(InspectError::kafka(action))?;
        }
        let found = self
            .client
            .offsets_for_times(list, REQUEST_TIMEOUT)
            .map_err(InspectError::kafka(action))?;
        (0..partitions)
            .map(|partition| {
                let Some(element) = found.find_partition(topic, partition) else {
                    return Ok(None);
                };
                element.error().map_err(InspectError::kafka(action))?;
                Ok(element.offset().to_raw().filter(|offset| *offset >= 0))
            })
            .collect()
    }

    /// The offset of a position in each partition, within its bounds.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    pub fn locate(
        &self,
        topic: &str,
        bounds: &[Bounds],
        position: Position,
    ) -> Result<Vec<i64>, InspectError> {
        let times = match position {
            Position::Time(time) => {
                let partitions = i32::try_from(bounds.len()).unwrap_or(i32::MAX);
                let at = Offset::Offset(time.timestamp_millis().max(0));
                self.offsets_at(topic, partitions, at)?
            }
            _ => vec![None; bounds.len()],
        };
        let located = bounds.iter().zip(times).map(|(bounds, at_time)| {
            let offset = match position {
                Position::Earliest => bounds.first,
                Position::Latest => bounds.end,
                Position::Offset(offset) => offset,
                Position::FromEnd(records) => bounds.end.saturating_sub(records),
                Position::Time(_) => at_time.unwrap_or(bounds.end),
            };
            offset.clamp(bounds.first, bounds.end.max(bounds.first))
        });
        Ok(located.collect())
    }

    pub(super) fn admin(&self) -> Result<AdminClient<LoggedContext>, InspectError> {
        self.settings
            .admin()
            .create_with_context(LoggedContext)
            .map_err(InspectError::kafka("creating the admin client"))
    }
}

/// Waits for an administrative request, on a thread of its own: the caller may be inside a runtime,
/// which must not be entered twice.
pub(super) fn wait<T: Send>(request: impl Future<Output = T> + Send) -> Result<T, InspectError> {
    let failed = |error: &dyn std::fmt::Display| {
        InspectError::Client(crate::error::ClientError::Thread(error.to_string()))
    };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            std::io::Result::Ok(runtime.block_on(request))
        });
        match waiting.join() {
            Ok(outcome) => outcome.map_err(|error| failed(&error)),
            Err(_) => Err(failed(&"waiting for an administrative request")),
        }
    })
}
