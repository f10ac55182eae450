//! What a service needs of the broker, looked at before it starts: everything that is wrong is
//! named at once, and what may still come is waited for.
//!
//! Rights are looked at as far as the broker tells them: for topics and groups. For a transactional
//! id it has no such answer; a processor learns of it at its first transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::acl::{Operation, ResourceKind};
use crate::admin::{Connection, SeenGroup, SeenTopic, led_partitions, run_blocking};
use crate::error::ClientError;
use crate::matrix::{MATRIX, MatrixRow, OPERATOR, dead_letter_topic};
use crate::security::{AccessDenied, ConnectFailure};
use crate::settings::KafkaSettings;
use crate::topics::CATALOGUE;

/// Time for one look's connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LAST_WAIT: Duration = Duration::from_secs(5);
/// The same problems are logged no more often.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// One thing that is wrong, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// There is no connection.
    #[error(transparent)]
    Connect(ConnectFailure),
    /// A topic isn't there.
    #[error("topic `{0}` is not there: `algotrade setup` creates it")]
    TopicMissing(String),
    /// A topic is too small, or not all of it is being served.
    #[error(
        "topic `{topic}` has {found} partitions with a leader, but {wanted} are needed: see \
         `algotrade setup`"
    )]
    TooFewPartitions {
        /// Name on the broker.
        topic: String,
        /// Partitions that have a leader.
        found: i32,
        /// Partitions that the catalogue gives it.
        wanted: i32,
    },
    /// A right is missing.
    #[error(transparent)]
    Denied(AccessDenied),
    /// The client can't be made, or the broker answers something else.
    #[error("{0}")]
    Other(String),
}

impl Problem {
    /// Whether waiting may help.
    fn may_pass(&self) -> bool {
        match self {
            Self::Connect(failure) => failure.may_pass(),
            // Such as a key that its password doesn't open.
            Self::Other(_) => false,
            _ => true,
        }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Connect(failure) => Self::Connect(failure),
            ClientError::Denied(denied) => Self::Denied(denied),
            error => Self::Other(error.to_string()),
        }
    }
}

/// Why a service can't start: everything that is wrong.
#[derive(Debug, Error)]
#[error("kafka is not ready for {service} (waited {waited:.0?}): {}", list(.problems))]
pub struct NotReady {
    /// The service.
    pub service: String,
    /// How long it was waited.
    pub waited: Duration,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

fn list(problems: &[Problem]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Everything that a service of the matrix, or the operator's tool, lacks; empty where it can start.
pub async fn check(settings: &KafkaSettings, service: &str) -> Vec<Problem> {
    let mut rows = MATRIX.iter().chain([&OPERATOR]);
    let Some(row) = rows.find(|row| row.service == service) else {
        return vec![Problem::Other(format!(
            "`{service}` has no row in the integration matrix"
        ))];
    };
    let settings = settings.clone();
    match run_blocking(move || look(&settings, row)).await {
        Ok(problems) => problems,
        Err(error) => vec![error.into()],
    }
}

/// Waits until nothing is wrong, for at most `startup_wait_ms`.
///
/// # Errors
/// Something is still wrong then, won't pass by waiting, or `shutdown` came first.
pub async fn wait(
    settings: &KafkaSettings,
    service: &str,
    shutdown: &CancellationToken,
) -> Result<(), NotReady> {
    let began = Instant::now();
    let bound = Duration::from_millis(u64::from(settings.startup_wait_ms));
    let mut wait = FIRST_WAIT;
    let mut logged: Option<(Instant, Vec<Problem>)> = None;
    loop {
        let problems = check(settings, service).await;
        if problems.is_empty() {
            if logged.is_some() {
                tracing::info!(waited = ?began.elapsed(), "kafka is ready");
            }
            return Ok(());
        }
        let passing = problems.iter().all(Problem::may_pass);
        let left = bound.saturating_sub(began.elapsed());
        if !passing || left.is_zero() || shutdown.is_cancelled() {
            return Err(NotReady {
                service: service.to_owned(),
                waited: began.elapsed(),
                problems,
            });
        }
        let is_news = logged
            .as_ref()
            .is_none_or(|(when, what)| *what != problems || when.elapsed() >= LOG_EVERY);
        if is_news {
            tracing::warn!(
                problems = list(&problems),
                will_wait = ?left,
                "kafka is not ready for {service}, waiting"
            );
            logged = Some((Instant::now(), problems));
        }
        // Replicas that start together shall not look together.
        let pause = wait.mul_f64(rand::random_range(0.5..=1.0)).min(left);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => {}
        }
        wait = (wait * 2).min(LAST_WAIT);
    }
}

/// A topic that a service uses.
struct Need {
    topic: String,
    partitions: i32,
    operation: Operation,
}

fn needs(settings: &KafkaSettings, row: &MatrixRow) -> Vec<Need> {
    let partitions = |name: &str| {
        let spec = CATALOGUE.iter().find(|spec| spec.name == name);
        spec.map_or(1, |spec| spec.partitions)
    };
    let need = |name: &str, operation| Need {
        topic: settings.topic(name),
        partitions: partitions(name),
        operation,
    };
    let produced = row.produces.iter().map(|name| need(name, Operation::Write));
    let read = row.consumes.iter().chain(row.resumes);
    let consumed = read.map(|name| need(name, Operation::Read));
    let buried = row.consumes.iter().map(|name| Need {
        topic: settings.topic(&dead_letter_topic(name, row.group)),
        partitions: 1,
        operation: Operation::Write,
    });
    produced.chain(consumed).chain(buried).collect()
}

fn look(settings: &KafkaSettings, row: &MatrixRow) -> Result<Vec<Problem>, ClientError> {
    let mut connection = Connection::open(settings)?;
    let found = led_partitions(&connection.connect(CONNECT_TIMEOUT)?);
    let needs = needs(settings, row);
    // Each once: the client refuses to ask for a topic twice.
    let names: BTreeSet<String> = needs.iter().map(|need| need.topic.clone()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let seen = match connection.topics(&names) {
        Ok(topics) => topics,
        Err(error @ ClientError::Connect(_)) => return Err(error),
        // A broker that can't be asked for rights: what there is to know is in the metadata.
        Err(error) => {
            tracing::debug!(%error, "the broker doesn't tell rights");
            Vec::new()
        }
    };
    let seen: BTreeMap<&str, &SeenTopic> = seen
        .iter()
        .map(|topic| (topic.name.as_str(), topic))
        .collect();
    let mut problems: Vec<Problem> = needs
        .iter()
        .filter_map(|need| {
            let seen = seen.get(need.topic.as_str()).copied();
            topic_problem(settings, need, seen, found.get(&need.topic).copied())
        })
        .collect();
    if !row.consumes.is_empty() {
        let group = settings.group(row.group);
        match connection.groups(std::slice::from_ref(&group)) {
            Ok(groups) => problems.extend(
                groups
                    .first()
                    .filter(|group| lacks_read(group))
                    .map(|_| denied(settings, Operation::Read, ResourceKind::Group, &group)),
            ),
            Err(error @ ClientError::Connect(_)) => return Err(error),
            Err(error) => tracing::debug!(%error, "the broker doesn't describe groups"),
        }
    }
    Ok(problems)
}

fn topic_problem(
    settings: &KafkaSettings,
    need: &Need,
    seen: Option<&SeenTopic>,
    found: Option<i32>,
) -> Option<Problem> {
    let denied = || {
        Some(denied(
            settings,
            need.operation,
            ResourceKind::Topic,
            &need.topic,
        ))
    };
    if let Some(seen) = seen {
        // Who may do anything with a topic may also see it.
        if seen.error == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
            return denied();
        }
        if !seen.allowed.is_empty() && !seen.allowed.contains(&need.operation) {
            return denied();
        }
    }
    match found {
        None => Some(Problem::TopicMissing(need.topic.clone())),
        Some(found) if found < need.partitions => Some(Problem::TooFewPartitions {
            topic: need.topic.clone(),
            found,
            wanted: need.partitions,
        }),
        Some(_) => None,
    }
}

fn lacks_read(group: &SeenGroup) -> bool {
    group.error == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
        || (!group.allowed.is_empty() && !group.allowed.contains(&Operation::Read))
}

fn denied(
    settings: &KafkaSettings,
    operation: Operation,
    kind: ResourceKind,
    name: &str,
) -> Problem {
    Problem::Denied(AccessDenied {
        principal: settings.security.principal(),
        operation,
        kind,
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_service_needs_its_row_and_its_dead_letters() {
        let row = MATRIX.iter().find(|row| row.service == "strategy").unwrap();
        let needs = needs(&KafkaSettings::default(), row);
        let needs: Vec<_> = needs
            .iter()
            .map(|need| (need.topic.as_str(), need.partitions, need.operation))
            .collect();
        assert_eq!(
            needs,
            [
                ("strategy-signals", 4, Operation::Write),
                ("strategy-compilations", 2, Operation::Write),
                ("market-data-updates", 8, Operation::Read),
                (
                    "market-data-updates.strategy-service.dlq",
                    1,
                    Operation::Write
                ),
            ]
        );
    }

    #[test]
    fn a_broker_that_tells_no_rights_denies_none() {
        let settings = KafkaSettings::default();
        let need = Need {
            topic: "t".to_owned(),
            partitions: 2,
            operation: Operation::Write,
        };
        let seen = |error, allowed: &[Operation]| SeenTopic {
            name: "t".to_owned(),
            error,
            allowed: allowed.to_vec(),
        };
        let problem =
            |seen: Option<&SeenTopic>, found| topic_problem(&settings, &need, seen, found);
        assert_eq!(problem(None, Some(2)), None);
        assert_eq!(problem(Some(&seen(None, &[])), Some(2)), None);
        let all = [Operation::Describe, Operation::Write];
        assert_eq!(problem(Some(&seen(None, &all)), Some(2)), None);
        let some = problem(Some(&seen(None, &all[..1])), Some(2));
        assert!(matches!(some, Some(Problem::Denied(_))), "{some:?}");
        let hidden = seen(Some(RDKafkaErrorCode::TopicAuthorizationFailed), &[]);
        let some = problem(Some(&hidden), None);
        assert!(matches!(some, Some(Problem::Denied(_))), "{some:?}");
        assert_eq!(
            problem(None, None),
            Some(Problem::TopicMissing("t".to_owned()))
        );
        let some = problem(None, Some(1));
        assert!(
            matches!(some, Some(Problem::TooFewPartitions { .. })),
            "{some:?}"
        );
    }
}
