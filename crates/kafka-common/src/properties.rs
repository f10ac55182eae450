//! `kafka.properties`: any property of librdkafka, except those that must hold and those that have
//! a setting of their own; and which properties a client really has, and why.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Properties on which the promises of this layer rest: nothing twice, nothing lost, nothing
/// acknowledged before it is done, a key on the same partition for every client.
const INVARIANTS: &[&str] = &[
    "acks",
    "delivery.report.only.error",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "enable.ssl.certificate.verification",
    "isolation.level",
    "partitioner",
    "request.required.acks",
    "ssl.endpoint.identification.algorithm",
    "group.id",
    "transaction.timeout.ms",
    "transactional.id",
];

/// Properties that have a setting of their own, under either of their names.
const OWN_SETTINGS: &[(&str, &str)] = &[
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("linger.ms", "kafka.linger_ms"),
    ("queue.buffering.max.ms", "kafka.linger_ms"),
    ("batch.size", "kafka.max_batch_size"),
    ("compression.type", "kafka.compression_type"),
    ("compression.codec", "kafka.compression_type"),
    ("delivery.timeout.ms", "kafka.delivery_timeout_ms"),
    ("message.timeout.ms", "kafka.delivery_timeout_ms"),
    ("fetch.wait.max.ms", "kafka.fetch_max_wait_ms"),
    ("session.timeout.ms", "kafka.session_timeout_ms"),
    ("statistics.interval.ms", "kafka.statistics_interval_ms"),
    ("security.protocol", "kafka.security.protocol"),
    ("sasl.mechanism", "kafka.security.sasl_mechanism"),
    ("sasl.mechanisms", "kafka.security.sasl_mechanism"),
    ("sasl.username", "kafka.security.username"),
    ("sasl.password", "kafka.security.password"),
    ("ssl.ca.location", "kafka.security.ca_file"),
];

/// Properties without a dot in their name that are spelled with an underscore.
const UNDERSCORED: &[&str] = &["log_level"];

/// Properties that only a producer knows, by their beginnings.
const PRODUCERS: &[&str] = &[
    "acks",
    "batch.",
    "compression.",
    "delivery.",
    "enable.gapless",
    "enable.idempotence",
    "linger.",
    "message.send.",
    "message.timeout.",
    "partitioner",
    "produce.",
    "queue.buffering.",
    "queuing.",
    "request.required.",
    "request.timeout.",
    "retries",
    "sticky.",
    "transaction",
];

/// Properties that only a consumer knows, by their beginnings.
const CONSUMERS: &[&str] = &[
    "auto.",
    "check.crcs",
    "consume.",
    "enable.auto.",
    "enable.partition.",
    "fetch.",
    "group.",
    "heartbeat.",
    "isolation.",
    "max.partition.fetch.",
    "max.poll.",
    "offset.store.",
    "partition.assignment.",
    "queued.",
    "session.",
];

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientRole {
    /// It sends.
    Producer,
    /// It sends in transactions.
    TransactionalProducer,
    /// It reads.
    Consumer,
    /// It asks and administers.
    Admin,
}

impl ClientRole {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::TransactionalProducer => "transactional producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin client",
        }
    }

    fn knows(self, name: &str) -> bool {
        let of = |beginnings: &[&str]| beginnings.iter().any(|b| name.starts_with(b));
        match self {
            Self::Producer | Self::TransactionalProducer => !of(CONSUMERS),
            Self::Consumer => !of(PRODUCERS),
            Self::Admin => !of(CONSUMERS) && !of(PRODUCERS),
        }
    }
}

/// Properties of librdkafka by name, as `kafka.properties` gives them.
///
/// A name can be written as librdkafka has it (`socket.keepalive.enable`), as nested tables, or
/// with underscores in place of the dots (`socket_keepalive_enable`), which is how an environment
/// variable has to say it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

impl fmt::Debug for Properties {
    /// Without the values that nobody should see.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .0
            .iter()
            .map(|(name, value)| (name, shown(name, value)));
        formatter.debug_map().entries(shown).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs = pairs
            .into_iter()
            .map(|(name, value)| (property_name(&name.into()), value.into()));
        Self(pairs.collect())
    }
}

/// librdkafka's name of a property that is written in one of the ways of the configuration.
#[must_use]
pub fn property_name(written: &str) -> String {
    let written = written.to_lowercase();
    match written.contains('.') || UNDERSCORED.contains(&written.as_str()) {
        true => written,
        false => written.replace('_', "."),
    }
}

impl Properties {
    /// Every property that is unknown, must not be set, or has a value that can't be.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.0
            .iter()
            .filter_map(|(name, value)| problem(name, value))
            .collect()
    }

    /// Puts those that the client's kind knows over what is there.
    pub(crate) fn apply(&self, role: ClientRole, config: &mut ClientConfig) {
        for (name, value) in self.0.iter().filter(|(name, _)| role.knows(name)) {
            config.set(name, value);
        }
    }
}

fn problem(name: &str, value: &str) -> Option<String> {
    if INVARIANTS.contains(&name) {
        return Some(format!(
            "`{name}` must not be set: the promises of the platform rest on the value that it has"
        ));
    }
    if let Some((_, setting)) = OWN_SETTINGS.iter().find(|(property, _)| *property == name) {
        return Some(format!(
            "`{name}` has a setting of its own: use `{setting}`"
        ));
    }
    let mut config = ClientConfig::new();
    config.set(name, value);
    match config.create_native_config() {
        Ok(_) => None,
        Err(rdkafka::error::KafkaError::ClientConfig(_, reason, _, _)) => Some(format!(
            "`{name}` with the value `{}`: {reason}",
            shown(name, value)
        )),
        Err(error) => Some(format!("`{name}`: {error}")),
    }
}

/// Whether nobody should see a property's value.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let secret = [
        "password",
        "secret",
        "pem",
        "sasl.jaas",
        "oauthbearer.config",
    ];
    secret.iter().any(|part| name.contains(part))
}

fn shown(name: &str, value: &str) -> String {
    match is_secret(name) {
        true => "[redacted]".to_owned(),
        false => value.to_owned(),
    }
}

/// Why a property has its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyOrigin {
    /// It must hold; nothing can change it.
    Invariant,
    /// From this setting, or from its default.
    Setting(&'static str),
    /// From this key of `kafka.properties`.
    Property(String),
    /// This layer's choice, which `kafka.properties` can change.
    Default,
}

/// A property that a client really has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// librdkafka's name.
    pub name: String,
    /// The value; secrets are redacted.
    pub value: String,
    /// Why it has it.
    pub origin: PropertyOrigin,
}

/// What a client's configuration says, with reasons; the rest are librdkafka's defaults.
pub(crate) fn explain(config: &ClientConfig, properties: &Properties) -> Vec<Effective> {
    let explained = config.config_map().into_iter().map(|(name, value)| {
        let setting = OWN_SETTINGS.iter().find(|(property, _)| *property == name);
        let origin = match setting {
            _ if INVARIANTS.contains(&name) => PropertyOrigin::Invariant,
            Some((_, setting)) => PropertyOrigin::Setting(setting),
            None if properties.0.contains_key(name) => {
                PropertyOrigin::Property(format!("kafka.properties.{name}"))
            }
            None => PropertyOrigin::Default,
        };
        Effective {
            name: name.to_owned(),
            value: shown(name, value),
            origin,
        }
    });
    explained.collect()
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tree = Tree::deserialize(deserializer)?;
        let mut properties = BTreeMap::new();
        tree.flatten("", &mut properties);
        Ok(Self(properties))
    }
}

/// A value, or a table of them: `socket.keepalive.enable = true` in TOML is two tables deep.
enum Tree {
    Value(String),
    Table(BTreeMap<String, Tree>),
}

impl Tree {
    fn flatten(self, prefix: &str, into: &mut BTreeMap<String, String>) {
        match self {
            Self::Value(value) => {
                into.insert(property_name(prefix), value);
            }
            Self::Table(table) => {
                for (name, tree) in table {
                    let path = match prefix {
                        "" => name,
                        prefix => format!("{prefix}.{name}"),
                    };
                    tree.flatten(&path, into);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Node;

        impl<'de> Visitor<'de> for Node {
            type Value = Tree;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, a number, a boolean, or a table of them")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Value(value.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Value(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Value(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Value(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Value(value.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut table = BTreeMap::new();
                while let Some((name, tree)) = map.next_entry()? {
                    table.insert(name, tree);
                }
                Ok(Tree::Table(table))
            }
        }

        deserializer.deserialize_any(Node)
    }
}

#[cfg(test)]
mod tests;
