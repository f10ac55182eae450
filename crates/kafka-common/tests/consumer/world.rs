//! Topics and a service of the tests' own, and verbs for what happens to them.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_common::topics::TopicSpec;
use kafka_common::{
    ClientError, Consumes, HandlerError, KafkaConsumer, KafkaSettings, Record, Service, Topic,
    Watchdog, envelope,
};
use rdkafka::admin::{AdminClient, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use test_support::Isolated;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The machine may be busy; what doesn't come within this time doesn't come.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const PARTITIONS: i32 = 4;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Note {
    pub id: u64,
}

#[derive(Debug, Clone, Copy, schemars::JsonSchema)]
pub struct Notes;

impl Topic for Notes {
    type Message = Note;
    const SPEC: TopicSpec = TopicSpec {
        name: "notes",
        partitions: PARTITIONS,
        retention: Duration::from_secs(3_600),
        key: "any",
    };
}

#[derive(Debug, Clone, Copy)]
pub struct Tester;

impl Service for Tester {
    const NAME: &'static str = "tester";
    const GROUP: &'static str = "tester-group";
}
impl Consumes<Notes> for Tester {}

/// Its dead letters; one partition, fewer than the source.
pub const DEAD_LETTERS: &str = "notes.tester-group.dlq";

pub struct World {
    pub settings: KafkaSettings,
    producer: FutureProducer,
    // The last one to be dropped: it deletes the topics.
    _own: Option<Isolated>,
}

impl World {
    /// With the topics set up.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With settings of the dead-letter topic.
    pub async fn start_with(dead_letters: &[(&str, &str)]) -> Self {
        let own = test_support::isolated().await;
        let mut settings = settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
        settings.max_poll_records = 50;
        let world = Self::on(settings, Some(own));
        world.create("notes", PARTITIONS, &[]).await;
        world.create(DEAD_LETTERS, 1, dead_letters).await;
        world
    }

    /// On a broker of the test's own.
    pub async fn on_broker(bootstrap_servers: &str) -> Self {
        let world = Self::on(settings(bootstrap_servers, "", ""), None);
        world.create("notes", PARTITIONS, &[]).await;
        world.create(DEAD_LETTERS, 1, &[]).await;
        world
    }

    fn on(settings: KafkaSettings, own: Option<Isolated>) -> Self {
        let producer = client(&settings)
            .set("linger.ms", "1")
            .set("partitioner", "murmur2_random")
            .create()
            .unwrap();
        Self {
            settings,
            producer,
            _own: own,
        }
    }

    async fn create(&self, topic: &str, partitions: i32, config: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = client(&self.settings).create().unwrap();
        let name = self.settings.topic(topic);
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for (key, value) in config {
            topic = topic.set(key, value);
        }
        let created = admin.create_topics(&[topic], &Default::default()).await;
        created.unwrap().remove(0).unwrap();
        // Announced before it is led.
        for partition in 0..partitions {
            let (settings, name) = (self.settings.clone(), name.clone());
            eventually("a leader", move || {
                let (settings, name) = (settings.clone(), name.clone());
                blocking(move || {
                    reader(&settings)
                        .fetch_watermarks(&name, partition, PATIENCE)
                        .is_ok()
                })
            })
            .await;
        }
    }

    pub fn consumer<R>(
        &self,
        handler: impl Fn(Record<Note>) -> R + Send + Sync + 'static,
    ) -> KafkaConsumer<Tester>
    where
        R: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        KafkaConsumer::new(&self.settings)
            .add_message_handler(Notes, handler)
            .drain_timeout(Duration::from_secs(20))
    }

    pub async fn send(&self, partition: i32, key: &str, id: u64) {
        self.send_at(partition, key, id, chrono::Utc::now()).await;
    }

    /// With this time as the record's and the envelope's.
    pub async fn send_at(
        &self,
        partition: i32,
        key: &str,
        id: u64,
        time: chrono::DateTime<chrono::Utc>,
    ) {
        let value = envelope::encode("test", time, &Note { id }).unwrap();
        self.send_bytes(partition, Some(key.as_bytes()), Some(&value), time)
            .await;
    }

    /// Each record has a header, too, whose name is no text: nobody may fall over it.
    pub async fn send_bytes(
        &self,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        time: chrono::DateTime<chrono::Utc>,
    ) {
        let topic = self.settings.topic("notes");
        let mut record = FutureRecord::<[u8], [u8]>::to(&topic)
            .partition(partition)
            .headers(test_support::with_unreadable_name(OwnedHeaders::new()))
            .timestamp(time.timestamp_millis());
        if let Some(key) = key {
            record = record.key(key);
        }
        if let Some(value) = value {
            record = record.payload(value);
        }
        self.producer.send(record, PATIENCE).await.unwrap();
    }

    /// Ids `0..count`, the same number in each partition; within a partition they grow.
    pub async fn send_many(&self, count: u64) {
        let sends = (0..count).map(|id| {
            let partition = (id % PARTITIONS as u64) as i32;
            self.send(partition, "k", id)
        });
        futures_util::future::join_all(sends).await;
    }

    /// The group's committed offsets; 0 where it has none.
    pub async fn committed(&self) -> Vec<i64> {
        let settings = self.settings.clone();
        blocking(move || {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&settings.topic("notes"), 0, PARTITIONS - 1);
            let committed = reader(&settings).committed_offsets(list, PATIENCE).unwrap();
            let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
                element.offset().to_raw().unwrap().max(0)
            };
            committed.elements().iter().map(offset).collect()
        })
        .await
    }

    pub async fn until_committed(&self, wanted: &[i64]) {
        eventually("the commit", || async { self.committed().await == wanted }).await;
    }

    /// What is in the dead-letter topic now.
    pub async fn dead_letters(&self) -> Vec<OwnedMessage> {
        let settings = self.settings.clone();
        blocking(move || read(&settings, DEAD_LETTERS)).await
    }

    pub async fn until_dead(&self, count: usize) -> Vec<OwnedMessage> {
        eventually("the dead letters", || async {
            self.dead_letters().await.len() >= count
        })
        .await;
        let dead = self.dead_letters().await;
        assert_eq!(dead.len(), count);
        dead
    }
}

pub fn settings(bootstrap_servers: &str, topics: &str, groups: &str) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: bootstrap_servers.to_owned(),
        topic_prefix: topics.to_owned(),
        group_prefix: groups.to_owned(),
        session_timeout_ms: 6_000,
        linger_ms: 1,
        fetch_max_wait_ms: 50,
        retry_backoff_ms: 10,
        ..KafkaSettings::default()
    }
}

fn client(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.bootstrap_servers);
    config
}

fn reader(settings: &KafkaSettings) -> BaseConsumer {
    client(settings)
        .set("group.id", settings.group(Tester::GROUP))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap()
}

/// All of the first partition of a topic.
fn read(settings: &KafkaSettings, topic: &str) -> Vec<OwnedMessage> {
    let reader = reader(settings);
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset(&settings.topic(topic), 0, Offset::Beginning)
        .unwrap();
    reader.assign(&assignment).unwrap();
    let mut messages = Vec::new();
    loop {
        match reader.poll(PATIENCE) {
            Some(Ok(message)) => messages.push(message.detach()),
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => return messages,
            other => panic!("reading {topic}: {other:?}"),
        }
    }
}

pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Waits until a condition holds.
pub async fn eventually<R: Future<Output = bool>>(what: &str, condition: impl Fn() -> R) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A consumer that runs.
pub struct Member {
    pub shutdown: CancellationToken,
    pub watchdog: Watchdog,
    pub control: kafka_common::ConsumerControl<Tester>,
    pub task: JoinHandle<Result<(), ClientError>>,
}

impl Member {
    pub fn start(consumer: KafkaConsumer<Tester>) -> Self {
        Self::run(consumer.start().unwrap())
    }

    pub fn run(started: kafka_common::StartedConsumer<Tester>) -> Self {
        let shutdown = CancellationToken::new();
        let (watchdog, control) = (started.watchdog(), started.control());
        let task = tokio::spawn(started.start_consuming(shutdown.clone()));
        Self {
            shutdown,
            watchdog,
            control,
            task,
        }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await.unwrap();
    }

    pub async fn ended(self) -> Result<(), ClientError> {
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("it ends within its bounds").unwrap()
    }
}

/// What handlers have seen: (partition, offset, id).
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<(i32, i64, u64)>>>);

impl Seen {
    pub fn note(&self, record: &Record<Note>) {
        let meta = &record.meta;
        let seen = (meta.partition, meta.offset, record.data.id);
        self.0.lock().unwrap().push(seen);
    }

    pub fn all(&self) -> Vec<(i32, i64, u64)> {
        self.0.lock().unwrap().clone()
    }

    pub fn ids(&self) -> Vec<u64> {
        self.all().into_iter().map(|(_, _, id)| id).collect()
    }

    /// Sorted and without repeats.
    pub fn distinct(&self) -> Vec<u64> {
        let ids: std::collections::BTreeSet<u64> = self.ids().into_iter().collect();
        ids.into_iter().collect()
    }

    pub async fn until(&self, count: usize) {
        eventually("records to be handled", || async {
            self.distinct().len() >= count
        })
        .await;
    }
}

/// The lines of a file that another process appends to.
pub fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // A line that is being written isn't one yet.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_owned).collect()
}
