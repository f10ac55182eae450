//! Clocks that don't agree, as far as Kafka lets one see them.
//!
//! No request tells what time a broker has. Two things can be known: a record that is from the
//! future was stamped by a clock that is ahead of this one; and a topic that stamps records when
//! they are appended shows the broker's clock, which takes making such a topic.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Timestamp;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use super::{REQUEST_TIMEOUT, run_blocking};
use crate::acl::Operation;
use crate::error::ClientError;
use crate::settings::KafkaSettings;
use crate::telemetry::LoggedContext;
use crate::topics::CATALOGUE;

/// Records sent by a measurement; the one with the shortest round trip counts.
const PROBES: usize = 5;
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// A record that is stamped later than this machine's now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FutureRecordFound {
    /// Topic on the broker.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// For each partition of the catalogue the first record that is more than `tolerance` ahead of this
/// machine's clock.
///
/// # Errors
/// The broker can't be reached, or a topic isn't there.
pub async fn records_from_the_future(
    settings: &KafkaSettings,
    tolerance: Duration,
) -> Result<Vec<FutureRecordFound>, ClientError> {
    const ACTION: &str = "looking for records from the future";
    let config = settings.admin();
    let topics: Vec<(String, i32)> = CATALOGUE
        .iter()
        .map(|spec| (settings.topic(spec.name), spec.partitions))
        .collect();
    run_blocking(move || {
        let client: BaseConsumer = config.create().map_err(ClientError::kafka(ACTION))?;
        let later = now_ms().saturating_add(millis(tolerance));
        let mut wanted = TopicPartitionList::new();
        for (topic, partitions) in &topics {
            for partition in 0..*partitions {
                wanted
                    .add_partition_offset(topic, partition, Offset::Offset(later))
                    .map_err(ClientError::kafka(ACTION))?;
            }
        }
        let found = client
            .offsets_for_times(wanted, REQUEST_TIMEOUT)
            .map_err(ClientError::kafka(ACTION))?;
        let found = found.elements().into_iter().filter_map(|element| {
            match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(offset)) => Some(FutureRecordFound {
                    topic: element.topic().to_owned(),
                    partition: element.partition(),
                    offset,
                }),
                _ => None,
            }
        });
        Ok(found.collect())
    })
    .await
}

/// How far a broker's clock is ahead of this machine's: somewhere between the two, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// At least.
    pub at_least_ms: i64,
    /// At most.
    pub at_most_ms: i64,
}

impl ClockOffset {
    /// How far the clocks differ at least.
    #[must_use]
    pub fn certain_ms(self) -> i64 {
        match (self.at_least_ms, self.at_most_ms) {
            (least, _) if least > 0 => least,
            (_, most) if most < 0 => -most,
            _ => 0,
        }
    }
}

/// Measures the clock of the broker that leads a partition made for it. Needs the rights to create,
/// write and delete a topic, and deletes it in any case.
///
/// # Errors
/// The broker can't be reached or refuses.
pub async fn measure_clock(settings: &KafkaSettings) -> Result<ClockOffset, ClientError> {
    const ACTION: &str = "making a topic that shows the broker's clock";
    let name = settings.topic(&format!("clock-probe-{}", Uuid::new_v4().simple()));
    let admin: AdminClient<LoggedContext> = settings
        .admin()
        .create_with_context(LoggedContext)
        .map_err(ClientError::kafka(ACTION))?;
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "LogAppendTime");
    let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
    let needs = || ClientError::needs(&settings.security, Operation::Create, &name, ACTION);
    let created = admin
        .create_topics([&topic], &options)
        .await
        .map_err(needs())?;
    for result in created {
        result.map_err(|(_, code)| needs()(KafkaError::AdminOp(code)))?;
    }
    let measured = probe(settings, &name).await;
    match admin.delete_topics(&[&name], &options).await {
        Ok(results) => {
            for (topic, code) in results.into_iter().filter_map(Result::err) {
                tracing::warn!(topic, %code, "the clock's topic is left: delete it");
            }
        }
        Err(error) => tracing::warn!(topic = name, %error, "the clock's topic is left: delete it"),
    }
    measured
}

async fn probe(settings: &KafkaSettings, topic: &str) -> Result<ClockOffset, ClientError> {
    const ACTION: &str = "measuring the broker's clock";
    let mut config = settings.producer("admin");
    config.set("linger.ms", "0");
    let producer: FutureProducer = config.create().map_err(ClientError::kafka(ACTION))?;
    let mut best: Option<(Duration, ClockOffset)> = None;
    for _ in 0..PROBES {
        let record = FutureRecord::to(topic).key("probe").payload("probe");
        let (sent, began) = (now_ms(), Instant::now());
        let delivery = producer
            .send(record, PROBE_TIMEOUT)
            .await
            .map_err(|(error, _)| {
                ClientError::needs(&settings.security, Operation::Write, topic, ACTION)(error)
            })?;
        let took = began.elapsed();
        let Timestamp::LogAppendTime(appended) = delivery.timestamp else {
            // A broker that doesn't know the setting.
            return Err(ClientError::kafka(ACTION)(KafkaError::AdminOp(
                RDKafkaErrorCode::UnsupportedFeature,
            )));
        };
        // It was appended after it was sent and before it was answered; both clocks cut off what is
        // below a millisecond.
        let offset = ClockOffset {
            at_least_ms: appended - sent - millis(took) - 1,
            at_most_ms: appended - sent + 1,
        };
        if best.is_none_or(|(shortest, _)| took < shortest) {
            best = Some((took, offset));
        }
    }
    best.map(|(_, offset)| offset)
        .ok_or_else(|| ClientError::kafka(ACTION)(KafkaError::Canceled))
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_counts() {
        for (at_least_ms, at_most_ms, certain) in [(-2, 3, 0), (40, 52, 40), (-90, -80, 80)] {
            let offset = ClockOffset {
                at_least_ms,
                at_most_ms,
            };
            assert_eq!(offset.certain_ms(), certain);
        }
    }
}
