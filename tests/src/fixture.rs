//! What a release leaves behind: its log, its groups' offsets, its tables. Written down by one version
//! and put back for another, to the last offset: snapshots and the log name each other's positions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kafka_common::matrix::MATRIX;
use kafka_common::topics::{CATALOGUE, TopicSpec};
use kafka_common::{KafkaSettings, admin};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::binaries;

const BOUND: Duration = Duration::from_secs(60);
/// Of the tables that go with the log.
const SCHEMAS: [&str; 4] = ["market_data", "strategy", "forward_test", "notification"];

/// A record as it is in the log.
#[derive(Debug, Serialize, Deserialize)]
pub struct RawRecord {
    /// Logical name.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// The whole value, every digit as it was.
    pub value: Box<RawValue>,
}

/// Offsets by partition.
type Offsets = Vec<Option<i64>>;

/// Where things stand.
#[derive(Debug, Serialize, Deserialize)]
pub struct Positions {
    /// Next offset of each topic's partitions.
    pub ends: BTreeMap<String, Offsets>,
    /// What each group has committed, by topic.
    pub groups: BTreeMap<String, BTreeMap<String, Offsets>>,
}

/// The folder of a release's fixture.
pub fn folder(version: &str) -> PathBuf {
    binaries::workspace()
        .join("tests/compatibility")
        .join(version)
}

/// Every release whose fixture is there.
pub fn releases() -> Vec<String> {
    let found = std::fs::read_dir(binaries::workspace().join("tests/compatibility"));
    let mut releases: Vec<String> = found
        .expect("tests/compatibility")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("a version"))
        .collect();
    releases.sort();
    assert!(!releases.is_empty(), "no release is recorded");
    releases
}

/// The records of a fixture, in the order of topics, partitions and offsets.
pub fn records(folder: &Path) -> Vec<RawRecord> {
    let text = std::fs::read_to_string(folder.join("log.ndjson")).expect("log.ndjson");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// Writes down what is on the servers.
pub async fn record(kafka: &KafkaSettings, database_url: &str, folder: &Path) {
    let mut lines = String::new();
    let mut positions = Positions {
        ends: BTreeMap::new(),
        groups: BTreeMap::new(),
    };
    for spec in CATALOGUE {
        let marks = admin::watermarks(kafka, spec.name, spec.partitions).await;
        let ends = marks.expect("watermarks").into_iter().map(|(first, end)| {
            assert_eq!(first, 0, "{}: retention has deleted records", spec.name);
            Some(end)
        });
        let ends: Offsets = ends.collect();
        for record in read_raw(kafka, spec, &ends) {
            lines.push_str(&serde_json::to_string(&record).expect("JSON"));
            lines.push('\n');
        }
        positions.ends.insert(spec.name.to_owned(), ends);
    }
    for row in MATRIX.iter().filter(|row| !row.consumes.is_empty()) {
        let mut topics = BTreeMap::new();
        for spec in CATALOGUE
            .iter()
            .filter(|spec| row.consumes.contains(&spec.name))
        {
            let offsets =
                admin::committed_offsets(kafka, row.group, spec.name, spec.partitions).await;
            topics.insert(spec.name.to_owned(), offsets.expect("offsets"));
        }
        positions.groups.insert(row.group.to_owned(), topics);
    }
    write(&folder.join("log.ndjson"), &lines);
    let text = serde_json::to_string_pretty(&positions).expect("JSON");
    write(&folder.join("positions.json"), &(text + "\n"));
    let mut dump = Command::new("pg_dump");
    dump.arg(database_url)
        .args(["--no-owner", "--no-privileges"]);
    dump.args(SCHEMAS.map(|schema| format!("--schema={schema}")));
    let tables = run(&mut dump);
    // What differs from one dump to the next, and comments.
    let kept = tables.lines().filter(|line| {
        !line.is_empty()
            && !line.starts_with("--")
            && !line.starts_with("\\restrict")
            && !line.starts_with("\\unrestrict")
    });
    write(
        &folder.join("tables.sql"),
        &(kept.collect::<Vec<_>>().join("\n") + "\n"),
    );
}

/// Puts it back on empty servers.
pub async fn restore(kafka: &KafkaSettings, database_url: &str, folder: &Path) {
    admin::set_up_topics(kafka).await.expect("the topics");
    let text = std::fs::read_to_string(folder.join("positions.json")).expect("positions.json");
    let positions: Positions = serde_json::from_str(&text).expect("positions");
    let mut partitions: BTreeMap<(String, i32), Vec<RawRecord>> = BTreeMap::new();
    for record in records(folder) {
        let place = (record.topic.clone(), record.partition);
        partitions.entry(place).or_default().push(record);
    }
    for ((topic, partition), records) in &partitions {
        let ends = &positions.ends[topic];
        let end = usize::try_from(*partition)
            .ok()
            .and_then(|index| ends[index]);
        write_partition(kafka, records, end.expect("an end")).await;
        let found = admin::watermarks(kafka, topic, *partition + 1).await;
        let (_, found) = found.expect("watermarks").pop().expect("a partition");
        assert_eq!(
            Some(found),
            end,
            "{topic} partition {partition} ends elsewhere"
        );
    }
    for (group, topics) in &positions.groups {
        commit(kafka, group, topics);
    }
    let mut psql = Command::new("psql");
    psql.args(["-qX", "-v", "ON_ERROR_STOP=1", "-d", database_url, "-f"]);
    run(psql.arg(folder.join("tables.sql")));
}

/// As if a later version had been here and migrated every schema: beside it, or rolled back to, this one
/// has to work all the same.
pub fn migrated_by_a_later_version(database_url: &str) {
    let statements = SCHEMAS.map(|schema| {
        format!(
            "INSERT INTO {schema}._migrations
                 (version, description, success, checksum, execution_time)
             VALUES (9999, 'of a later version', TRUE, '\\x00', 0)"
        )
    });
    let mut psql = Command::new("psql");
    psql.args(["-qX", "-v", "ON_ERROR_STOP=1", "-d", database_url, "-c"]);
    run(psql.arg(statements.join("; ")));
}

/// Writes records to their offsets. Where one is missing there was the mark of a transaction's end,
/// and one is made there again.
async fn write_partition(kafka: &KafkaSettings, records: &[RawRecord], end: i64) {
    let first = records.first().expect("a record");
    let is_transactional = end != i64::try_from(records.len()).expect("few");
    let mut config = kafka.admin();
    config
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("linger.ms", "0");
    if is_transactional {
        let id = format!("fixture-{}-{}", first.topic, first.partition);
        config.set("transactional.id", kafka.group(&id));
    }
    let producer: FutureProducer = config.create().expect("a producer");
    if is_transactional {
        producer.init_transactions(BOUND).expect("transactions");
        producer.begin_transaction().expect("a transaction");
    }
    let mut next = 0;
    for record in records {
        if record.offset != next {
            assert_eq!(
                record.offset,
                next + 1,
                "{record:?}: more than a mark is missing"
            );
            producer.commit_transaction(BOUND).expect("a commit");
            producer.begin_transaction().expect("a transaction");
            next += 1;
        }
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            let value = Some(value);
            headers = headers.insert(Header { key, value });
        }
        let topic = kafka.topic(&record.topic);
        let future = FutureRecord::to(&topic)
            .partition(record.partition)
            .key(&record.key)
            .headers(headers)
            .payload(record.value.get());
        let sent = producer.send(future, BOUND).await;
        let (_, offset) = sent
            .map(|sent| (sent.partition, sent.offset))
            .expect("delivered");
        assert_eq!(offset, record.offset, "{record:?}");
        next += 1;
    }
    if is_transactional {
        producer.commit_transaction(BOUND).expect("a commit");
    }
}

fn commit(kafka: &KafkaSettings, group: &str, topics: &BTreeMap<String, Offsets>) {
    let mut list = TopicPartitionList::new();
    for (topic, offsets) in topics {
        let topic = kafka.topic(topic);
        for (partition, offset) in (0..).zip(offsets) {
            if let Some(offset) = offset {
                let added = list.add_partition_offset(&topic, partition, Offset::Offset(*offset));
                added.expect("an offset");
            }
        }
    }
    let mut config = kafka.admin();
    config
        .set("group.id", kafka.group(group))
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    consumer.commit(&list, CommitMode::Sync).expect("committed");
}

fn read_raw(kafka: &KafkaSettings, spec: &TopicSpec, ends: &Offsets) -> Vec<RawRecord> {
    let topic = kafka.topic(spec.name);
    let mut config = kafka.admin();
    config
        .set("group.id", "fixture-reader")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    test_support::all_decided(&config, &topic, spec.partitions);
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    let mut open = 0;
    for partition in (0..)
        .zip(ends)
        .filter(|(_, end)| **end != Some(0))
        .map(|(p, _)| p)
    {
        let added = assignment.add_partition_offset(&topic, partition, Offset::Beginning);
        added.expect("a partition");
        open += 1;
    }
    consumer.assign(&assignment).expect("assigned");
    let mut records = Vec::new();
    let started = Instant::now();
    while open > 0 {
        assert!(started.elapsed() < BOUND, "reading {topic} takes too long");
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => panic!("reading {topic}: {error}"),
            Some(Ok(message)) => records.push(raw(spec.name, &message)),
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

fn raw(topic: &str, message: &rdkafka::message::BorrowedMessage<'_>) -> RawRecord {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let headers = message.headers().map_or_else(BTreeMap::new, |headers| {
        let headers = headers.iter();
        headers
            .map(|header| {
                (
                    header.key.to_owned(),
                    text(header.value.unwrap_or_default()),
                )
            })
            .collect()
    });
    RawRecord {
        topic: topic.to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        key: text(message.key().unwrap_or_default()),
        headers,
        value: serde_json::from_slice(message.payload().expect("a value")).expect("JSON"),
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Runs a program to its good end, and gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).expect("text")
}
