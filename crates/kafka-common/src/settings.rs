//! What can be set, with the specification's values as defaults.

use std::time::Duration;

use rdkafka::ClientConfig;
use serde::Deserialize;

use crate::producer::BreakerSettings;
use crate::properties::{self, ClientRole, Effective, Properties};
use crate::security::SecuritySettings;

/// After this the broker ends a transaction that its producer has left open. A process that dies
/// within one and doesn't come back holds up the readers of its outputs for so long.
const TRANSACTION_TIMEOUT_MS: u32 = 15_000;

/// A processor hands over all outputs of a commit at once: there are no more to wait for.
const OUTPUTS_LINGER_MS: u32 = 1;

/// For the same reason they go in few requests: 100 signals are 65 KB, and a processor's batches of the
/// specification's 16 KB went to a partition one after the other. A broker takes four times as much in
/// one batch by default.
const OUTPUTS_BATCH_SIZE: u32 = 262_144;

/// Between two attempts of librdkafka; doubled for each further one.
const RETRY_BACKOFF_MS: u32 = 100;

/// Until the broker has written the end of a transaction to every partition it refuses the next one:
/// some milliseconds, for which a tenth of a second would be long.
const TRANSACTION_RETRY_BACKOFF_MS: u32 = 5;

const STATISTICS_INTERVAL: &str = "statistics.interval.ms";

/// How a producer groups its messages, and how soon it asks again.
struct Pace {
    linger_ms: u32,
    max_batch_size: u32,
    retry_backoff_ms: u32,
}

/// How a processor's outputs and input offsets belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// In one Kafka transaction.
    ExactlyOnce,
    /// Outputs first, then offsets: for a broker without transactions. Repeats carry the same ids.
    AtLeastOnce,
}

/// How the members of a consumer group divide the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupProtocol {
    /// The members do (`cooperative-sticky`).
    Classic,
    /// The broker does (KIP-848, Kafka 4.0 and later). It also says how long a silent member is
    /// waited for.
    Consumer,
}

/// The `kafka` section of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSettings {
    /// `host:port`, separated by commas.
    pub bootstrap_servers: String,
    /// Put before every topic's name: for several deployments on one cluster, and for tests.
    pub topic_prefix: String,
    /// Put before every consumer group and transactional id.
    pub group_prefix: String,
    /// Tells replicas of a service apart (transactional ids); the host name where it is empty.
    pub instance_id: String,
    /// How processors deliver.
    pub delivery: Delivery,
    /// Replicas of each topic that the set-up creates.
    pub replication_factor: i32,
    /// Small batching delay of producers, in milliseconds; at most 1 for a processor's outputs.
    pub linger_ms: u32,
    /// Largest batch of producers, in bytes; at least 256 KB for a processor's outputs.
    pub max_batch_size: u32,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub compression_type: String,
    /// Whether records carry `content-type`, `schema-version` and `message-id`. The embedded
    /// broker stores each header as a row of its own, which costs it four fifths of its speed.
    pub record_headers: bool,
    /// How long a message may take to be delivered, retries included, in milliseconds.
    pub delivery_timeout_ms: u32,
    /// How long a send waits for room in the full local queue, in milliseconds.
    pub queue_full_wait_ms: u32,
    /// How often `send_message` tries a message that the broker refuses for a passing reason; the
    /// waits between are those of `retry_backoff_ms`.
    pub send_attempts: u32,
    /// When a producer stops trying.
    pub breaker: BreakerSettings,
    /// How often clients report on themselves, in milliseconds; 0 for never.
    pub statistics_interval_ms: u32,
    /// Any other property of librdkafka, by its name; those that must hold can't be set.
    pub properties: Properties,
    /// Most records handed over at once.
    pub max_poll_records: usize,
    /// Longest wait of the broker for a batch, in milliseconds.
    pub fetch_max_wait_ms: u32,
    /// Silence after which a group member is taken for dead, in milliseconds. With the group
    /// protocol `consumer` the broker's own setting holds.
    pub session_timeout_ms: u32,
    /// `classic`, or `consumer` for the protocol of KIP-848.
    pub group_protocol: GroupProtocol,
    /// Whether members keep their partitions over a restart shorter than the session timeout.
    /// Needs an `instance_id` that is unique among the replicas and survives the restart.
    pub static_membership: bool,
    /// How often a handler is tried before its record goes to the dead-letter topic.
    pub max_attempts: u32,
    /// Wait before the second attempt, doubled for each further one, in milliseconds.
    pub retry_backoff_ms: u32,
    /// How often a processor commits while records flow, in milliseconds.
    pub commit_interval_ms: u32,
    /// Most input records that a processor applies between two commits.
    pub commit_records: usize,
    /// How often a processor writes a snapshot of its state, in milliseconds.
    pub snapshot_interval_ms: u32,
    /// How long a service waits at its start for the broker, its topics and its rights, in
    /// milliseconds; 0 to look once.
    pub startup_wait_ms: u32,
    /// Encryption and authentication.
    pub security: SecuritySettings,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        Self {
            bootstrap_servers: "localhost:9092".to_owned(),
            topic_prefix: String::new(),
            group_prefix: String::new(),
            instance_id: String::new(),
            delivery: Delivery::ExactlyOnce,
            replication_factor: 1,
            linger_ms: 10,
            max_batch_size: 16_384,
            compression_type: "gzip".to_owned(),
            record_headers: true,
            delivery_timeout_ms: 120_000,
            queue_full_wait_ms: 5_000,
            send_attempts: 5,
            breaker: BreakerSettings::default(),
            statistics_interval_ms: 10_000,
            properties: Properties::default(),
            max_poll_records: 500,
            fetch_max_wait_ms: 500,
            group_protocol: GroupProtocol::Classic,
            session_timeout_ms: 30_000,
            static_membership: false,
            max_attempts: 5,
            retry_backoff_ms: 100,
            commit_interval_ms: 50,
            commit_records: 10_000,
            snapshot_interval_ms: 10_000,
            startup_wait_ms: 60_000,
            security: SecuritySettings::default(),
        }
    }
}

impl KafkaSettings {
    /// The topic's name on the broker.
    #[must_use]
    pub fn topic(&self, logical: &str) -> String {
        format!("{}{logical}", self.topic_prefix)
    }

    /// The group's name on the broker.
    #[must_use]
    pub fn group(&self, logical: &str) -> String {
        format!("{}{logical}", self.group_prefix)
    }

    /// The delivery timeout.
    #[must_use]
    pub fn delivery_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.delivery_timeout_ms))
    }

    /// Every mistake in these settings, each with the field's name.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.bootstrap_servers.trim().is_empty() {
            problems.push((
                "kafka.bootstrap_servers",
                "must name at least one broker".to_owned(),
            ));
        }
        if !["none", "gzip", "snappy", "lz4", "zstd"].contains(&self.compression_type.as_str()) {
            problems.push((
                "kafka.compression_type",
                format!(
                    "`{}` is not one of none, gzip, snappy, lz4, zstd",
                    self.compression_type
                ),
            ));
        }
        if self.replication_factor < 1 {
            problems.push(("kafka.replication_factor", "must be at least 1".to_owned()));
        }
        if self.max_poll_records == 0 || self.max_poll_records > 100_000 {
            problems.push(("kafka.max_poll_records", "must be 1 to 100,000".to_owned()));
        }
        if self.max_attempts == 0 || self.max_attempts > 20 {
            problems.push(("kafka.max_attempts", "must be 1 to 20".to_owned()));
        }
        if self.commit_interval_ms == 0 || self.commit_interval_ms > 10_000 {
            problems.push(("kafka.commit_interval_ms", "must be 1 to 10,000".to_owned()));
        }
        if self.send_attempts == 0 || self.send_attempts > 20 {
            problems.push(("kafka.send_attempts", "must be 1 to 20".to_owned()));
        }
        if self.delivery_timeout_ms <= self.linger_ms {
            problems.push((
                "kafka.delivery_timeout_ms",
                "must be more than kafka.linger_ms".to_owned(),
            ));
        }
        problems.extend(self.breaker.problems());
        let of_properties = self.properties.problems().into_iter();
        problems.extend(of_properties.map(|problem| ("kafka.properties", problem)));
        if self.static_membership && self.instance_id.is_empty() {
            problems.push((
                "kafka.instance_id",
                "must be set where `kafka.static_membership` is on".to_owned(),
            ));
        }
        if self.commit_records == 0 || self.commit_records > 1_000_000 {
            problems.push(("kafka.commit_records", "must be 1 to 1,000,000".to_owned()));
        }
        if self.startup_wait_ms > 3_600_000 {
            problems.push((
                "kafka.startup_wait_ms",
                "must be at most 3,600,000 (an hour)".to_owned(),
            ));
        }
        problems.extend(self.security.problems());
        problems
    }

    fn client(&self, service: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", format!("algotrade-{service}"))
            .set("reconnect.backoff.max.ms", "2000")
            .set("topic.metadata.refresh.interval.ms", "60000");
        self.security.configure(&mut config);
        config
    }

    /// Settings of an administrative client.
    #[must_use]
    pub fn admin(&self) -> ClientConfig {
        let mut config = self.client("admin");
        self.properties.apply(ClientRole::Admin, &mut config);
        config
    }

    /// Settings of a producer. What must hold is set last: every message once, acknowledged by
    /// all in-sync replicas, and a key on the same partition as every other client puts it.
    #[must_use]
    pub fn producer(&self, service: &str) -> ClientConfig {
        let pace = Pace {
            linger_ms: self.linger_ms,
            max_batch_size: self.max_batch_size,
            retry_backoff_ms: RETRY_BACKOFF_MS,
        };
        self.producer_with(service, pace)
    }

    fn producer_with(&self, service: &str, pace: Pace) -> ClientConfig {
        let mut config = self.client(service);
        config
            .set("linger.ms", pace.linger_ms.to_string())
            .set("batch.size", pace.max_batch_size.to_string())
            .set("compression.type", &self.compression_type)
            .set("delivery.timeout.ms", self.delivery_timeout_ms.to_string());
        if self.compression_type == "gzip" {
            // Half of the default level's time, which was an eighth of all that the pipeline takes,
            // for batches that are about a sixth larger.
            config.set("compression.level", "1");
        }
        config
            // 32 MB hold some 100,000 messages: enough to ride out a broker's restart.
            .set("queue.buffering.max.kbytes", "32768")
            .set("retry.backoff.ms", pace.retry_backoff_ms.to_string())
            .set("retry.backoff.max.ms", "1000")
            .set(STATISTICS_INTERVAL, self.statistics_interval_ms.to_string());
        self.properties.apply(ClientRole::Producer, &mut config);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random");
        config
    }

    /// What a client of this role is really configured with, and why.
    #[must_use]
    pub fn effective(&self, role: ClientRole, service: &str) -> Vec<Effective> {
        let config = match role {
            ClientRole::Producer => self.producer(service),
            ClientRole::TransactionalProducer => self.transactional_producer(service),
            ClientRole::Consumer => self.consumer(service, &format!("{service}-service")),
            ClientRole::Admin => self.admin(),
        };
        properties::explain(&config, &self.properties)
    }

    /// Settings of a processor's transactional producer.
    #[must_use]
    pub fn transactional_producer(&self, service: &str) -> ClientConfig {
        let mut config =
            self.producer_with(service, self.pace_of_outputs(TRANSACTION_RETRY_BACKOFF_MS));
        config
            .set("transactional.id", self.transactional_id(service))
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string())
            // A message can't outlive its transaction.
            .set(
                "delivery.timeout.ms",
                self.delivery_timeout_ms
                    .min(TRANSACTION_TIMEOUT_MS)
                    .to_string(),
            );
        config
    }

    /// Settings of a processor's producer where the broker has no transactions.
    #[must_use]
    pub fn outputs_producer(&self, service: &str) -> ClientConfig {
        self.producer_with(service, self.pace_of_outputs(RETRY_BACKOFF_MS))
    }

    fn pace_of_outputs(&self, retry_backoff_ms: u32) -> Pace {
        Pace {
            linger_ms: self.linger_ms.min(OUTPUTS_LINGER_MS),
            max_batch_size: self.max_batch_size.max(OUTPUTS_BATCH_SIZE),
            retry_backoff_ms,
        }
    }

    /// `<prefix><service>-<instance>`: a process that comes back under the same name fences the
    /// one that it replaces.
    #[must_use]
    pub fn transactional_id(&self, service: &str) -> String {
        let instance = match self.instance_id.as_str() {
            "" => std::env::var("HOSTNAME").unwrap_or_else(|_| "0".to_owned()),
            instance => instance.to_owned(),
        };
        self.group(&format!("{service}-{instance}"))
    }

    /// Settings of a consumer of a group: offsets are stored by hand, when a handler is done.
    #[must_use]
    pub fn consumer(&self, service: &str, group: &str) -> ClientConfig {
        let mut config = self.client(service);
        config
            .set("group.id", self.group(group))
            .set("fetch.wait.max.ms", self.fetch_max_wait_ms.to_string())
            .set("auto.offset.reset", "earliest")
            // Bounds the prefetch: 16 MB in all, not librdkafka's 64 MB.
            .set("queued.max.messages.kbytes", "16384")
            .set("queued.min.messages", "20000")
            // A partition whose prefetch is full is looked at again after this, not after a second:
            // what is there is handled in a fraction of that, and then nothing would be left to do.
            .set("fetch.queue.backoff.ms", "20")
            .set("auto.commit.interval.ms", "1000")
            .set(STATISTICS_INTERVAL, self.statistics_interval_ms.to_string());
        match self.group_protocol {
            GroupProtocol::Classic => config
                .set("session.timeout.ms", self.session_timeout_ms.to_string())
                // A tenth, as of librdkafka's defaults: shorter timeouts must be kept up, too.
                .set(
                    "heartbeat.interval.ms",
                    (self.session_timeout_ms / 10).max(100).to_string(),
                )
                .set("partition.assignment.strategy", "cooperative-sticky"),
            // These are the broker's to say; librdkafka refuses them.
            GroupProtocol::Consumer => config.set("group.protocol", "consumer"),
        };
        if self.static_membership && !self.instance_id.is_empty() {
            config.set(
                "group.instance.id",
                format!("{service}-{}", self.instance_id),
            );
        }
        self.properties.apply(ClientRole::Consumer, &mut config);
        config
            .set("isolation.level", "read_committed")
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true");
        config
    }

    /// Settings of a client that reads on a group's behalf without being a member: it assigns
    /// itself what it reads, commits nothing, and is told where a partition ends.
    pub(crate) fn reader(&self, service: &str, group: &str) -> ClientConfig {
        let mut config = self.consumer(service, group);
        config
            .remove("group.protocol")
            .remove("group.instance.id")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true");
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_settings_are_the_defaults() {
        let settings = KafkaSettings::default();
        let producer = settings.producer("market-data");
        for (key, value) in [
            ("linger.ms", "10"),
            ("batch.size", "16384"),
            ("compression.type", "gzip"),
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("partitioner", "murmur2_random"),
        ] {
            assert_eq!(producer.get(key), Some(value), "{key}");
        }
        let consumer = settings.consumer("notification", "notification-service");
        for (key, value) in [
            ("fetch.wait.max.ms", "500"),
            ("session.timeout.ms", "30000"),
            ("group.id", "notification-service"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
        ] {
            assert_eq!(consumer.get(key), Some(value), "{key}");
        }
        assert_eq!(settings.max_poll_records, 500);
        assert!(settings.problems().is_empty());
    }

    #[test]
    fn transactions_neither_linger_nor_wait_long_for_the_one_before() {
        let mut settings = KafkaSettings::default();
        let of = |settings: &KafkaSettings, key: &str| {
            let config = settings.transactional_producer("strategy");
            config.get(key).map(str::to_owned)
        };
        assert_eq!(of(&settings, "linger.ms").as_deref(), Some("1"));
        assert_eq!(of(&settings, "retry.backoff.ms").as_deref(), Some("5"));
        assert_eq!(of(&settings, "batch.size").as_deref(), Some("262144"));
        settings.linger_ms = 0;
        assert_eq!(of(&settings, "linger.ms").as_deref(), Some("0"));
    }

    #[test]
    fn membership_is_static_only_where_it_is_asked_for() {
        let mut settings = KafkaSettings {
            instance_id: "0".to_owned(),
            ..KafkaSettings::default()
        };
        let instance = |settings: &KafkaSettings| {
            let config = settings.consumer("notification", "notification-service");
            config.get("group.instance.id").map(str::to_owned)
        };
        assert_eq!(instance(&settings), None);
        settings.static_membership = true;
        assert_eq!(instance(&settings).as_deref(), Some("notification-0"));
        assert!(settings.problems().is_empty());
        settings.instance_id.clear();
        assert_eq!(instance(&settings), None);
        assert_eq!(settings.problems()[0].0, "kafka.instance_id");
    }

    #[test]
    fn a_member_is_told_alive_ten_times_within_its_timeout() {
        let settings = KafkaSettings {
            session_timeout_ms: 6_000,
            ..KafkaSettings::default()
        };
        let consumer = settings.consumer("strategy", "strategy-service");
        assert_eq!(consumer.get("heartbeat.interval.ms"), Some("600"));
    }

    /// librdkafka refuses a client that sets what is the broker's to say.
    #[test]
    fn with_kip_848_the_broker_says_who_is_dead_and_who_gets_what() {
        let settings = KafkaSettings {
            group_protocol: GroupProtocol::Consumer,
            ..KafkaSettings::default()
        };
        let consumer = settings.consumer("strategy", "strategy-service");
        assert_eq!(consumer.get("group.protocol"), Some("consumer"));
        for key in [
            "session.timeout.ms",
            "heartbeat.interval.ms",
            "partition.assignment.strategy",
        ] {
            assert_eq!(consumer.get(key), None, "{key}");
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let settings = KafkaSettings {
            bootstrap_servers: " ".to_owned(),
            compression_type: "zip".to_owned(),
            max_attempts: 0,
            ..KafkaSettings::default()
        };
        let fields: Vec<_> = settings
            .problems()
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        assert_eq!(
            fields,
            [
                "kafka.bootstrap_servers",
                "kafka.compression_type",
                "kafka.max_attempts"
            ]
        );
    }
}
