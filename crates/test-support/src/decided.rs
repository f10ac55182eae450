//! When all of a log can be read.
#![allow(clippy::expect_used, reason = "a test without its server fails")]

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// The broker may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until no transaction is open in what a topic has now. Blocks.
///
/// A commit has ended when the coordinator has decided it; its markers are written to the partitions
/// after that. Before they are, a reader of what is committed finds the end of a partition earlier,
/// and nothing tells it so.
///
/// # Panics
/// The broker doesn't answer, or a transaction stays open for a minute.
pub fn all_decided(config: &ClientConfig, topic: &str, partitions: i32) {
    let reader = |isolation: &str| -> BaseConsumer {
        let mut config = config.clone();
        config
            .set("group.id", "decided")
            .set("isolation.level", isolation);
        config.create().expect("a client")
    };
    let (everything, decided) = (reader("read_uncommitted"), reader("read_committed"));
    let deadline = Instant::now() + PATIENCE;
    for partition in 0..partitions {
        let end = |reader: &BaseConsumer| {
            let bounds = reader.fetch_watermarks(topic, partition, PATIENCE);
            bounds.expect("the partition's end").1
        };
        let everything = end(&everything);
        while end(&decided) < everything {
            assert!(
                Instant::now() < deadline,
                "a transaction stays open in {topic}, partition {partition}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}
