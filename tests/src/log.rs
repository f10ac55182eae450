//! What is in the log: read as any reader with the specification's rules would.

use std::time::{Duration, Instant};

use kafka_common::{KafkaSettings, Topic, envelope};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

/// A record of the log.
#[derive(Debug, Clone)]
pub struct LogRecord<T> {
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: String,
    /// The header `record-kind`.
    pub kind: Option<String>,
    /// The payload.
    pub data: T,
}

/// All records of a topic that are committed, partition by partition, each in its order.
pub fn read<T: Topic>(settings: &KafkaSettings, _topic: T) -> Vec<LogRecord<T::Message>> {
    let topic = settings.topic(T::SPEC.name);
    let mut config = settings.admin();
    config
        .set("group.id", "end-to-end-reader")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    test_support::all_decided(&config, &topic, T::SPEC.partitions);
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    for partition in 0..T::SPEC.partitions {
        assignment
            .add_partition_offset(&topic, partition, Offset::Beginning)
            .expect("assignment");
    }
    consumer.assign(&assignment).expect("assigned");
    let mut records = Vec::new();
    let mut ended = std::collections::BTreeSet::new();
    let started = Instant::now();
    while ended.len() < usize::try_from(T::SPEC.partitions).expect("small") {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "reading {topic} takes too long"
        );
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
            }
            Some(Err(error)) => panic!("reading {topic}: {error}"),
            Some(Ok(message)) => {
                let envelope = envelope::decode::<T::Message>(message.payload())
                    .unwrap_or_else(|error| panic!("{topic}: {error}"));
                let kind = message.headers().and_then(|headers| {
                    let header = headers.iter().find(|header| header.key == "record-kind")?;
                    String::from_utf8(header.value?.to_vec()).ok()
                });
                records.push(LogRecord {
                    partition: message.partition(),
                    key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
                    kind,
                    data: envelope.data,
                });
            }
        }
    }
    records.sort_by_key(|record| record.partition);
    records
}
