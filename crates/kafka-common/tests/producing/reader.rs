//! Reading topics as a stranger would: with a plain client.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kafka_common::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

/// The machine may be busy; what doesn't come within this time doesn't come.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A record as it is in the log.
#[derive(Debug)]
pub struct Read {
    pub key: String,
    pub value: Value,
    pub headers: HashMap<String, String>,
}

#[derive(Debug)]
pub struct Reader;

impl Reader {
    /// Every record that is in a logical topic now, each partition in its order.
    pub fn all(
        settings: &KafkaSettings,
        topic: &str,
        partitions: i32,
    ) -> impl Iterator<Item = Read> {
        let topic = settings.topic(topic);
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &settings.bootstrap_servers)
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut ends = HashMap::new();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            let (first, end) = client
                .fetch_watermarks(&topic, partition, PATIENCE)
                .unwrap();
            if first < end {
                ends.insert(partition, end);
            }
            assignment
                .add_partition_offset(&topic, partition, Offset::Beginning)
                .unwrap();
        }
        client.assign(&assignment).unwrap();
        let mut read = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while !ends.is_empty() {
            assert!(Instant::now() < deadline, "{topic}: the end never came");
            let Some(message) = client.poll(Duration::from_millis(100)) else {
                continue;
            };
            let Ok(message) = message else { continue };
            if ends.get(&message.partition()) == Some(&(message.offset() + 1)) {
                ends.remove(&message.partition());
            }
            let headers = message.headers().map(|headers| {
                let text = |value: Option<&[u8]>| {
                    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
                };
                headers
                    .iter()
                    .map(|header| (header.key.to_owned(), text(header.value)))
                    .collect()
            });
            read.push(Read {
                key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
                value: serde_json::from_slice(message.payload().unwrap_or_default()).unwrap(),
                headers: headers.unwrap_or_default(),
            });
        }
        read.into_iter()
    }
}
