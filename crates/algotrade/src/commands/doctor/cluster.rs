//! What is wrong with topics, rights and clocks.

use std::time::Duration;

use kafka_common::admin::{self, Drift};
use kafka_common::{ClientError, KafkaSettings, acl};

use super::report::{Finding, Outcome, command_config, quoted};

/// Clocks that are kept by NTP agree much better than this.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
const CLOCK_TOLERANCE_MS: i64 = 5_000;

pub(super) async fn topics(settings: &KafkaSettings) -> Outcome {
    let states = match admin::topic_states(settings).await {
        Ok(states) => states,
        Err(error) => return denied(settings, error),
    };
    let at = format!(
        "--bootstrap-server {}{}",
        quoted(&settings.bootstrap_servers),
        command_config(settings)
    );
    let mut findings = Vec::new();
    for state in states {
        let wanted = &state.wanted;
        let (name, retention) = (quoted(&wanted.name), wanted.retention.as_millis());
        for drift in state.drift {
            let kafka = match drift {
                Drift::Missing => format!(
                    "kafka-topics {at} --create --topic {name} --partitions {} \
                     --replication-factor {} --config retention.ms={retention}",
                    wanted.partitions, wanted.replication
                ),
                Drift::TooFewPartitions { .. } => format!(
                    "kafka-topics {at} --alter --topic {name} --partitions {}",
                    wanted.partitions
                ),
                Drift::Retention { .. } => format!(
                    "kafka-configs {at} --alter --entity-type topics --entity-name {name} \
                     --add-config retention.ms={retention}"
                ),
                Drift::TooManyPartitions { .. } | Drift::TooFewReplicas { .. } => {
                    format!("kafka-topics {at} --describe --topic {name}")
                }
            };
            findings.push(Finding {
                subject: wanted.name.clone(),
                found: drift.to_string(),
                remedy: drift.remedy().to_owned(),
                kafka,
            });
        }
    }
    Ok(findings)
}

/// Rights that are missing, and those that go beyond the matrix.
pub(super) async fn rights(settings: &KafkaSettings) -> Outcome {
    let found = match admin::acls(settings).await {
        Ok(found) => found,
        Err(ClientError::NoAuthorizer) => {
            return Err("the broker keeps no ACLs: everybody may do everything".to_owned());
        }
        Err(error) => return denied(settings, error),
    };
    let difference = admin::compare_acls(settings, &found);
    let missing = difference.missing.into_iter().map(|rule| {
        let kafka =
            acl::kafka_acls_commands(std::slice::from_ref(&rule), &settings.bootstrap_servers);
        Finding {
            subject: rule.principal.clone(),
            found: format!("may not {} {} `{}`", rule.operation, rule.kind, rule.name),
            remedy: "`algotrade setup --acls`, as an administrator".to_owned(),
            kafka: kafka.join("; "),
        }
    });
    let extra = difference.extra.into_iter().map(|rule| Finding {
        subject: rule.acl.principal.clone(),
        found: match rule.allows {
            true => format!("has a right beyond the matrix: {rule}"),
            false => format!("is denied what it may need: {rule}"),
        },
        remedy: "`algotrade setup --acls --prune`, as an administrator; what everybody has is \
                 removed by hand"
            .to_owned(),
        kafka: format!(
            "kafka-acls --bootstrap-server {}{} --list --principal {}",
            quoted(&settings.bootstrap_servers),
            command_config(settings),
            quoted(&rule.acl.principal)
        ),
    });
    Ok(missing.chain(extra).collect())
}

/// Clocks, as far as they can be known: records from the future; and, if asked for, the broker's.
pub(super) async fn clock(settings: &KafkaSettings, probe: bool) -> Outcome {
    let mut findings = Vec::new();
    let future = admin::records_from_the_future(settings, CLOCK_TOLERANCE).await;
    for record in future.map_err(|error| error.to_string())? {
        findings.push(Finding {
            subject: format!("{} partition {}", record.topic, record.partition),
            found: format!(
                "the record at offset {} is from more than {} s after now",
                record.offset,
                CLOCK_TOLERANCE.as_secs()
            ),
            remedy: "the clock of who wrote it is ahead, or this machine's is behind: keep both by \
                     NTP"
                .to_owned(),
            kafka: format!(
                "kafka-console-consumer --bootstrap-server {} --topic {} --partition {} --offset {} \
                 --max-messages 1 --property print.timestamp=true",
                quoted(&settings.bootstrap_servers),
                quoted(&record.topic),
                record.partition,
                record.offset
            ),
        });
    }
    if probe {
        let offset = match admin::measure_clock(settings).await {
            Ok(offset) => offset,
            Err(error) => {
                findings.extend(denied(settings, error)?);
                return Ok(findings);
            }
        };
        if offset.certain_ms() > CLOCK_TOLERANCE_MS {
            findings.push(Finding {
                subject: settings.bootstrap_servers.clone(),
                found: format!(
                    "the broker's clock is {} to {} ms ahead of this machine's",
                    offset.at_least_ms, offset.at_most_ms
                ),
                remedy: "keep both clocks by NTP: retention and every age depend on them"
                    .to_owned(),
                kafka: String::new(),
            });
        }
    }
    Ok(findings)
}

/// A denied look is a finding; any other failure leaves the check undone.
pub(super) fn denied(settings: &KafkaSettings, error: ClientError) -> Outcome {
    match error {
        ClientError::Denied(denied) => Ok(vec![Finding {
            subject: denied.principal.clone(),
            found: format!(
                "may not {} {} `{}`",
                denied.operation, denied.kind, denied.name
            ),
            remedy: "run it as `ops` or as an administrator (`algotrade setup --acls` gives `ops` \
                     its rights)"
                .to_owned(),
            kafka: format!(
                "kafka-acls --bootstrap-server {}{} --list",
                quoted(&settings.bootstrap_servers),
                command_config(settings)
            ),
        }]),
        error => Err(error.to_string()),
    }
}
