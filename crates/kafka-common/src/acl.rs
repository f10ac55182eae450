//! Access control lists, generated from the matrix: one principal for each service, and one for the
//! operator's tool, each with exactly what it needs.
//!
//! Kafka implies `Describe` by `Read`, `Write`, `Alter` and `Delete`, and the right to write
//! idempotently by the right to write any topic (since 3.0); so neither is granted by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::matrix::{
    ForwardTestService, MATRIX, MarketDataService, MatrixRow, OPERATOR, Service, StrategyService,
    dead_letter_topic,
};
use crate::settings::KafkaSettings;
use crate::topics::CATALOGUE;

/// Services that write in transactions: two whose processor ties outputs and offsets together, and
/// the one whose replicas fence each other off a partition.
const TRANSACTIONAL: [&str; 3] = [
    StrategyService::NAME,
    ForwardTestService::NAME,
    MarketDataService::NAME,
];

/// Kafka's name of the one resource that stands for the cluster.
pub const CLUSTER: &str = "kafka-cluster";

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Everything.
    All,
    /// Read records; join a group; commit its offsets.
    Read,
    /// Write records; use a transactional id.
    Write,
    /// Create topics.
    Create,
    /// Delete records, topics or groups.
    Delete,
    /// Add partitions; change ACLs.
    Alter,
    /// See that it is there, and how it is.
    Describe,
    /// See its settings.
    DescribeConfigs,
    /// Change its settings.
    AlterConfigs,
    /// What brokers do among themselves.
    ClusterAction,
    /// Write idempotently, for brokers before 3.0.
    IdempotentWrite,
}

impl Operation {
    /// As Kafka's tools write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Create => "Create",
            Self::Delete => "Delete",
            Self::Alter => "Alter",
            Self::Describe => "Describe",
            Self::DescribeConfigs => "DescribeConfigs",
            Self::AlterConfigs => "AlterConfigs",
            Self::ClusterAction => "ClusterAction",
            Self::IdempotentWrite => "IdempotentWrite",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A topic.
    Topic,
    /// A consumer group.
    Group,
    /// A transactional id.
    TransactionalId,
    /// The cluster.
    Cluster,
}

impl ResourceKind {
    /// As Kafka writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "Topic",
            Self::Group => "Group",
            Self::TransactionalId => "TransactionalId",
            Self::Cluster => "Cluster",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Which resources a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// The one of this name.
    Literal,
    /// All whose names begin so.
    Prefixed,
}

impl Pattern {
    /// As Kafka's tools write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::Prefixed => "prefixed",
        }
    }
}

/// A principal may do one thing to a resource, from any host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// Who, as `User:strategy`.
    pub principal: String,
    /// To what kind of thing.
    pub kind: ResourceKind,
    /// Its name on the broker, or how its name begins.
    pub name: String,
    /// Which of the two.
    pub pattern: Pattern,
    /// What.
    pub operation: Operation,
}

impl fmt::Display for Acl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = match self.pattern {
            Pattern::Literal => "",
            Pattern::Prefixed => "*",
        };
        write!(
            formatter,
            "{} {} {} `{}{star}`",
            self.principal, self.operation, self.kind, self.name
        )
    }
}

/// Every rule that this deployment needs, in order and each once.
#[must_use]
pub fn wanted(settings: &KafkaSettings) -> Vec<Acl> {
    let mut rules = BTreeSet::new();
    for row in MATRIX {
        if let Some(principal) = settings.security.principals.of(row.service) {
            service_rules(settings, row, principal, &mut rules);
        }
    }
    ops_rules(settings, &settings.security.principals.ops, &mut rules);
    rules.into_iter().collect()
}

/// The rules of one service.
#[must_use]
pub fn wanted_of(settings: &KafkaSettings, row: &MatrixRow) -> Vec<Acl> {
    let mut rules = BTreeSet::new();
    if let Some(principal) = settings.security.principals.of(row.service) {
        service_rules(settings, row, principal, &mut rules);
    }
    rules.into_iter().collect()
}

fn service_rules(
    settings: &KafkaSettings,
    row: &MatrixRow,
    principal: &str,
    rules: &mut BTreeSet<Acl>,
) {
    let mut allow = |kind, name: String, pattern, operation| {
        rules.insert(Acl {
            principal: principal.to_owned(),
            kind,
            name,
            pattern,
            operation,
        });
    };
    let topic = ResourceKind::Topic;
    for produced in row.produces {
        allow(
            topic,
            settings.topic(produced),
            Pattern::Literal,
            Operation::Write,
        );
    }
    for consumed in row.consumes {
        allow(
            topic,
            settings.topic(consumed),
            Pattern::Literal,
            Operation::Read,
        );
        let dead_letters = settings.topic(&dead_letter_topic(consumed, row.group));
        allow(topic, dead_letters, Pattern::Literal, Operation::Write);
    }
    for resumed in row.resumes {
        allow(
            topic,
            settings.topic(resumed),
            Pattern::Literal,
            Operation::Read,
        );
    }
    if !row.consumes.is_empty() {
        let group = settings.group(row.group);
        allow(
            ResourceKind::Group,
            group,
            Pattern::Literal,
            Operation::Read,
        );
    }
    if TRANSACTIONAL.contains(&row.service) {
        // One for each replica, told apart behind the dash.
        let ids = settings.group(&format!("{}-", row.service));
        let kind = ResourceKind::TransactionalId;
        allow(kind, ids, Pattern::Prefixed, Operation::Write);
    }
}

/// The operator's tool looks at everything, writes the topics that are its own, puts dead letters
/// back where they came from and removes them, and moves the offsets of groups. Topics, settings
/// and rules are changed by an administrator (`algotrade setup`), not by it.
fn ops_rules(settings: &KafkaSettings, principal: &str, rules: &mut BTreeSet<Acl>) {
    let mut allow = |kind, name: String, operations: &[Operation]| {
        for operation in operations {
            rules.insert(Acl {
                principal: principal.to_owned(),
                kind,
                name: name.clone(),
                pattern: Pattern::Literal,
                operation: *operation,
            });
        }
    };
    let look = [Operation::Read, Operation::DescribeConfigs];
    for spec in CATALOGUE {
        allow(ResourceKind::Topic, settings.topic(spec.name), &look);
    }
    for own in OPERATOR.produces {
        allow(
            ResourceKind::Topic,
            settings.topic(own),
            &[Operation::Write],
        );
    }
    for consumed in OPERATOR.consumes {
        let dead_letters = settings.topic(&dead_letter_topic(consumed, OPERATOR.group));
        allow(ResourceKind::Topic, dead_letters, &[Operation::Write]);
    }
    for row in MATRIX.iter().chain([&OPERATOR]) {
        for consumed in row.consumes {
            let dead_letters = settings.topic(&dead_letter_topic(consumed, row.group));
            allow(ResourceKind::Topic, dead_letters.clone(), &look);
            allow(ResourceKind::Topic, dead_letters, &[Operation::Delete]);
            let source = settings.topic(consumed);
            allow(ResourceKind::Topic, source, &[Operation::Write]);
        }
        if !row.consumes.is_empty() {
            let group = settings.group(row.group);
            allow(ResourceKind::Group, group, &[Operation::Read]);
        }
    }
    let cluster = [Operation::Describe, Operation::DescribeConfigs];
    allow(ResourceKind::Cluster, CLUSTER.to_owned(), &cluster);
    // It puts dead letters back in transactions.
    rules.insert(Acl {
        principal: principal.to_owned(),
        kind: ResourceKind::TransactionalId,
        name: settings.group("algotrade-"),
        pattern: Pattern::Prefixed,
        operation: Operation::Write,
    });
}

/// The same with Kafka's own tool: one command for each principal and resource.
#[must_use]
pub fn kafka_acls_commands(rules: &[Acl], bootstrap_servers: &str) -> Vec<String> {
    let mut operations: BTreeMap<(&str, ResourceKind, &str, Pattern), Vec<&str>> = BTreeMap::new();
    for rule in rules {
        let resource = (
            rule.principal.as_str(),
            rule.kind,
            rule.name.as_str(),
            rule.pattern,
        );
        let names = operations.entry(resource).or_default();
        names.push(rule.operation.as_str());
    }
    operations
        .into_iter()
        .map(|((principal, kind, name, pattern), operations)| {
            let resource = match kind {
                ResourceKind::Topic => format!("--topic {}", quoted(name)),
                ResourceKind::Group => format!("--group {}", quoted(name)),
                ResourceKind::TransactionalId => format!("--transactional-id {}", quoted(name)),
                ResourceKind::Cluster => "--cluster".to_owned(),
            };
            let pattern = match pattern {
                Pattern::Literal => "",
                Pattern::Prefixed => " --resource-pattern-type prefixed",
            };
            let operations: Vec<String> = operations
                .into_iter()
                .map(|name| format!("--operation {name}"))
                .collect();
            format!(
                "kafka-acls --bootstrap-server {} --command-config admin.properties --add \
                 --allow-principal {} {} {resource}{pattern}",
                quoted(bootstrap_servers),
                quoted(principal),
                operations.join(" ")
            )
        })
        .collect()
}

/// A word for a shell: as it is where every character is harmless, else in single quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_.:,=/@".contains(c);
    match !text.is_empty() && text.chars().all(harmless) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings() -> KafkaSettings {
        KafkaSettings {
            topic_prefix: "eu.".to_owned(),
            group_prefix: "eu.".to_owned(),
            ..KafkaSettings::default()
        }
    }

    fn lines_of(service: &str) -> Vec<String> {
        let row = MATRIX.iter().find(|row| row.service == service).unwrap();
        let rules = wanted_of(&settings(), row);
        rules.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_service_gets_its_row_and_nothing_else() {
        assert_eq!(
            lines_of("market-data"),
            [
                "User:market-data Read Topic `eu.market-data-updates`",
                "User:market-data Write Topic `eu.market-data-updates`",
                "User:market-data Write Topic `eu.symbol-subscriptions`",
                "User:market-data Write TransactionalId `eu.market-data-*`",
            ]
        );
        assert_eq!(
            lines_of("strategy"),
            [
                "User:strategy Read Topic `eu.market-data-updates`",
                "User:strategy Write Topic `eu.market-data-updates.strategy-service.dlq`",
                "User:strategy Write Topic `eu.strategy-compilations`",
                "User:strategy Write Topic `eu.strategy-signals`",
                "User:strategy Read Group `eu.strategy-service`",
                "User:strategy Write TransactionalId `eu.strategy-*`",
            ]
        );
        assert_eq!(
            lines_of("notification"),
            [
                "User:notification Read Topic `eu.forward-test-events`",
                "User:notification Write Topic `eu.forward-test-events.notification-service.dlq`",
                "User:notification Write Topic `eu.realtime-updates`",
                "User:notification Read Topic `eu.trade-executions`",
                "User:notification Write Topic `eu.trade-executions.notification-service.dlq`",
                "User:notification Read Topic `eu.user-notifications`",
                "User:notification Write Topic `eu.user-notifications.notification-service.dlq`",
                "User:notification Read Group `eu.notification-service`",
            ]
        );
    }

    #[test]
    fn nobody_changes_topics_settings_or_rules() {
        let admin = [
            Operation::All,
            Operation::Create,
            Operation::Alter,
            Operation::AlterConfigs,
            Operation::ClusterAction,
        ];
        for rule in wanted(&settings()) {
            assert!(!admin.contains(&rule.operation), "{rule}");
            assert!(
                rule.kind == ResourceKind::Cluster || rule.name.starts_with("eu."),
                "{rule}"
            );
        }
    }

    #[test]
    fn ops_writes_what_no_service_does_and_what_can_be_redriven() {
        let rules = wanted(&settings());
        let writes: Vec<&str> = rules
            .iter()
            .filter(|rule| rule.principal == "User:ops" && rule.operation == Operation::Write)
            .filter(|rule| rule.kind == ResourceKind::Topic)
            .map(|rule| rule.name.as_str())
            .collect();
        assert_eq!(
            writes,
            [
                "eu.audit-logs",
                "eu.forward-test-events",
                "eu.forward-test-events.algotrade-ops.dlq",
                "eu.market-data-updates",
                "eu.portfolio-updates",
                "eu.service-health",
                "eu.strategy-signals",
                "eu.trade-executions",
                "eu.trade-executions.algotrade-ops.dlq",
                "eu.user-notifications"
            ]
        );
    }

    #[test]
    fn every_topic_that_nobody_produces_is_ops() {
        for spec in CATALOGUE {
            let produced = MATRIX.iter().any(|row| row.produces.contains(&spec.name));
            assert_ne!(
                produced,
                OPERATOR.produces.contains(&spec.name),
                "{}",
                spec.name
            );
        }
    }

    #[test]
    fn the_commands_of_kafkas_tool_say_the_same() {
        let rule = |operation, kind, name: &str, pattern| Acl {
            principal: "User:CN=a b".to_owned(),
            kind,
            name: name.to_owned(),
            pattern,
            operation,
        };
        let rules = [
            rule(Operation::Read, ResourceKind::Topic, "t", Pattern::Literal),
            rule(Operation::Write, ResourceKind::Topic, "t", Pattern::Literal),
            rule(
                Operation::Write,
                ResourceKind::TransactionalId,
                "s-",
                Pattern::Prefixed,
            ),
        ];
        let start = "kafka-acls --bootstrap-server kafka:9092 --command-config admin.properties \
                     --add --allow-principal 'User:CN=a b'";
        assert_eq!(
            kafka_acls_commands(&rules, "kafka:9092"),
            [
                format!("{start} --operation Read --operation Write --topic t"),
                format!(
                    "{start} --operation Write --transactional-id s- \
                     --resource-pattern-type prefixed"
                ),
            ]
        );
    }
}
