//! What the services rely on, asked of the embedded broker through the client that they use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use algotrade_embedded::EmbeddedBroker;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, RebalanceProtocol,
};
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};

const BOUND: Duration = Duration::from_secs(20);

fn client(broker: &EmbeddedBroker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap_servers());
    config.set("broker.address.family", "v4");
    config
}

fn producer(broker: &EmbeddedBroker) -> FutureProducer {
    client(broker)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "gzip")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "10")
        .set("batch.size", "16384")
        .set("message.timeout.ms", "20000")
        .create()
        .unwrap()
}

fn consumer_config(broker: &EmbeddedBroker, group: &str) -> ClientConfig {
    let mut config = client(broker);
    config
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("partition.assignment.strategy", "cooperative-sticky");
    config
}

async fn create_topic(broker: &EmbeddedBroker, name: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = client(broker).create().unwrap();
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1))
        .set("retention.ms", "86400000")
        .set("cleanup.policy", "delete");
    let created = admin
        .create_topics([&topic], &AdminOptions::new())
        .await
        .unwrap();
    created.into_iter().next().unwrap().unwrap();
}

/// Produces `payload` and returns where it went.
async fn produce(producer: &FutureProducer, topic: &str, key: &str, payload: &str) -> (i32, i64) {
    let record = FutureRecord::to(topic).key(key).payload(payload);
    let delivery = producer
        .send(record, BOUND)
        .await
        .map_err(|(error, _)| error)
        .unwrap();
    (delivery.partition, delivery.offset)
}

fn next<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> BorrowedMessage<'_> {
    let deadline = Instant::now() + BOUND;
    loop {
        match consumer.poll(Duration::from_millis(200)) {
            Some(message) => return message.unwrap(),
            None => assert!(Instant::now() < deadline, "no record in time"),
        }
    }
}

fn payload(message: &impl Message) -> String {
    String::from_utf8(message.payload().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn records_and_commits_survive_a_restart_on_another_port() {
    let data = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(data.path(), None).await.unwrap();
    create_topic(&broker, "t", 1).await;
    let writer = producer(&broker);
    for number in 0..4 {
        produce(&writer, "t", "k", &number.to_string()).await;
    }
    drop(writer);
    {
        let reader: BaseConsumer = consumer_config(&broker, "g").create().unwrap();
        reader.subscribe(&["t"]).unwrap();
        for expected in ["0", "1"] {
            let message = next(&reader);
            assert_eq!(payload(&message), expected);
            reader.commit_message(&message, CommitMode::Sync).unwrap();
        }
    }
    let began = Instant::now();
    broker.shutdown().await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );

    let broker = EmbeddedBroker::start(data.path(), None).await.unwrap();
    let reader: BaseConsumer = consumer_config(&broker, "g").create().unwrap();
    reader.subscribe(&["t"]).unwrap();
    assert_eq!(payload(&next(&reader)), "2");
    assert_eq!(payload(&next(&reader)), "3");
    produce(&producer(&broker), "t", "k", "4").await;
    let message = next(&reader);
    assert_eq!((payload(&message).as_str(), message.offset()), ("4", 4));
}

#[tokio::test]
async fn a_folder_with_a_space_holds_the_data_itself() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("my data");
    let broker = EmbeddedBroker::start(&data, None).await.unwrap();
    create_topic(&broker, "t", 1).await;
    broker.shutdown().await;
    assert!(data.join("kafka").join("broker.db").is_file());
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_second_broker_on_the_same_data_or_port_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(data.path(), None).await.unwrap();
    let refusal = EmbeddedBroker::start(data.path(), None)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("already in use by another `algotrade up`"),
        "{refusal}"
    );
    assert!(broker.bootstrap_servers().starts_with("127.0.0.1:"));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let other = tempfile::tempdir().unwrap();
    let refusal = EmbeddedBroker::start(other.path(), Some(port))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains(&format!("127.0.0.1:{port} is in use")),
        "{refusal}"
    );
    drop(taken);
    let broker = EmbeddedBroker::start(other.path(), Some(port))
        .await
        .unwrap();
    assert_eq!(broker.bootstrap_servers(), format!("127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_key_lives_where_the_java_client_would_put_it_and_headers_arrive() {
    let data = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(data.path(), None).await.unwrap();
    create_topic(&broker, "t", 8).await;
    let writer = producer(&broker);
    // toPositive(murmur2(key)) % 8 of Kafka's Java client.
    let expected = [
        ("BTCUSD", murmur2_partition("BTCUSD", 8)),
        ("ETHUSD", murmur2_partition("ETHUSD", 8)),
    ];
    for (key, partition) in expected {
        assert_eq!(produce(&writer, "t", key, "x").await.0, partition, "{key}");
    }
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "record-kind",
            value: Some("signal"),
        })
        .insert(Header {
            key: "empty",
            value: None::<&str>,
        });
    let record = FutureRecord::to("t")
        .key("BTCUSD")
        .payload("with headers")
        .headers(headers);
    writer
        .send(record, BOUND)
        .await
        .map_err(|(error, _)| error)
        .unwrap();

    let reader: BaseConsumer = consumer_config(&broker, "g").create().unwrap();
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset("t", expected[0].1, Offset::Offset(1))
        .unwrap();
    reader.assign(&assignment).unwrap();
    let message = next(&reader);
    assert_eq!(message.key(), Some("BTCUSD".as_bytes()));
    let headers = message.headers().unwrap();
    assert_eq!(headers.get(0).value, Some("signal".as_bytes()));
    assert_eq!((headers.get(1).key, headers.get(1).value), ("empty", None));
}

/// Kafka's own hash (`org.apache.kafka.common.utils.Utils.murmur2`), to hold the client to it.
fn murmur2_partition(key: &str, partitions: i32) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let bytes = key.as_bytes();
    let mut hash = 0x9747_b28c ^ u32::try_from(bytes.len()).unwrap();
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        let mut word = u32::from_le_bytes(chunk.try_into().unwrap()).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    for (index, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * index);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    i32::try_from(hash & 0x7fff_ffff).unwrap() % partitions
}

#[tokio::test]
async fn offsets_are_found_by_time() {
    let data = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(data.path(), None).await.unwrap();
    create_topic(&broker, "t", 1).await;
    let writer = producer(&broker);
    for timestamp in [1_000, 2_000, 3_000] {
        let record = FutureRecord::to("t")
            .key("k")
            .payload("x")
            .timestamp(timestamp);
        writer
            .send(record, BOUND)
            .await
            .map_err(|(error, _)| error)
            .unwrap();
    }
    let reader: BaseConsumer = consumer_config(&broker, "g").create().unwrap();
    let mut times = TopicPartitionList::new();
    times
        .add_partition_offset("t", 0, Offset::Offset(1_500))
        .unwrap();
    let offsets = reader.offsets_for_times(times, BOUND).unwrap();
    assert_eq!(offsets.elements()[0].offset(), Offset::Offset(1));
    assert_eq!(reader.fetch_watermarks("t", 0, BOUND).unwrap(), (0, 3));
}

#[tokio::test]
async fn groups_are_listed_with_their_members() {
    let data = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(data.path(), None).await.unwrap();
    create_topic(&broker, "t", 1).await;
    produce(&producer(&broker), "t", "k", "x").await;
    let reader: BaseConsumer = consumer_config(&broker, "lag-is-read-of").create().unwrap();
    reader.subscribe(&["t"]).unwrap();
    next(&reader);
    let groups = reader.client().fetch_group_list(None, BOUND).unwrap();
    let group = groups
        .groups()
        .iter()
        .find(|group| group.name() == "lag-is-read-of")
        .unwrap();
    assert_eq!((group.state(), group.members().len()), ("Stable", 1));
}

/// Follows `follower` partition p with partitions p and p + 4 of `followed`, as forward-test does.
struct CoPartitioned {
    assigned: Arc<Mutex<BTreeSet<(String, i32)>>>,
}

impl ClientContext for CoPartitioned {}

impl ConsumerContext for CoPartitioned {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let with_followed = |list: &TopicPartitionList| {
            let mut extended = TopicPartitionList::new();
            for element in list.elements() {
                extended.add_partition(element.topic(), element.partition());
                extended.add_partition("followed", element.partition());
                extended.add_partition("followed", element.partition() + 4);
            }
            consumer.committed_offsets(extended, BOUND).unwrap()
        };
        assert!(matches!(
            consumer.rebalance_protocol(),
            RebalanceProtocol::Cooperative
        ));
        if let Rebalance::Assign(list) = rebalance {
            let extra = with_followed(list);
            let mut only_extra = TopicPartitionList::new();
            for element in extra.elements() {
                let mut assigned = self.assigned.lock().unwrap();
                assigned.insert((element.topic().to_owned(), element.partition()));
                if element.topic() == "followed" {
                    only_extra
                        .add_partition_offset("followed", element.partition(), element.offset())
                        .unwrap();
                }
            }
            consumer.incremental_assign(&only_extra).unwrap();
        }
    }
}

#[tokio::test]
async fn partitions_of_another_topic_follow_a_cooperative_assignment_and_commit() {
    let data = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::start(data.path(), None).await.unwrap();
    create_topic(&broker, "follower", 4).await;
    create_topic(&broker, "followed", 8).await;
    let writer = producer(&broker);
    for partition in 0..8 {
        let record = FutureRecord::<str, str>::to("followed")
            .payload("x")
            .partition(partition);
        writer
            .send(record, BOUND)
            .await
            .map_err(|(error, _)| error)
            .unwrap();
    }
    let assigned = Arc::new(Mutex::new(BTreeSet::new()));
    let reader: BaseConsumer<CoPartitioned> = consumer_config(&broker, "g")
        .create_with_context(CoPartitioned {
            assigned: Arc::clone(&assigned),
        })
        .unwrap();
    reader.subscribe(&["follower"]).unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 8 {
        let message = next(&reader);
        seen.insert(message.partition());
        reader.commit_message(&message, CommitMode::Sync).unwrap();
    }
    assert_eq!(assigned.lock().unwrap().len(), 12);
    drop(reader);

    let again: BaseConsumer = consumer_config(&broker, "g").create().unwrap();
    let mut followed = TopicPartitionList::new();
    followed.add_partition_range("followed", 0, 7);
    let committed = again.committed_offsets(followed, BOUND).unwrap();
    assert!(
        committed
            .elements()
            .iter()
            .all(|element| element.offset() == Offset::Offset(1))
    );
}
