//! Where a unit begins: from its snapshot, the group's committed offsets and the log itself.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;

use super::{InputPartition, Snapshot};
use crate::error::ClientError;
use crate::settings::KafkaSettings;
use crate::telemetry;

/// Time for one request to the broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the transaction of a member that died to be over: more than `transaction.timeout.ms`.
const UNSTABLE_TIMEOUT: Duration = Duration::from_secs(25);
/// How often it is looked at.
const UNSTABLE_POLL: Duration = Duration::from_millis(100);

/// Where the inputs of a unit begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Positions {
    /// The first offset to apply.
    pub(super) start: Vec<i64>,
    /// The first offset whose outputs are not in the log yet.
    pub(super) committed: Vec<i64>,
    /// The state at `start`.
    pub(super) state: Option<Vec<u8>>,
}

/// What the broker knows of an input.
#[derive(Debug, Clone, Copy)]
struct Log {
    first: i64,
    next: i64,
    /// The group's offset; none where it has committed nothing.
    group: Option<i64>,
}

impl Positions {
    /// Asks the broker, and decides; `group` are the group's offsets.
    pub(super) fn find<C: ConsumerContext>(
        settings: &KafkaSettings,
        consumer: &BaseConsumer<C>,
        processor: &'static str,
        inputs: &[InputPartition],
        snapshot: Option<Snapshot>,
        group: &TopicPartitionList,
    ) -> Result<Self, ClientError> {
        let mut logs = Vec::with_capacity(inputs.len());
        for input in inputs {
            let topic = settings.topic(input.topic);
            let (first, next) = consumer
                .fetch_watermarks(&topic, input.partition, REQUEST_TIMEOUT)
                .map_err(ClientError::kafka("reading a partition's offsets"))?;
            let group = group
                .find_partition(&topic, input.partition)
                .and_then(|element| element.offset().to_raw())
                .filter(|offset| *offset >= 0);
            logs.push(Log { first, next, group });
        }
        let found = Self::decide(&logs, snapshot);
        for (input, lost) in inputs.iter().zip(found.expired(&logs)) {
            if lost > 0 {
                telemetry::expired(processor, input.topic, input.partition, lost);
            }
        }
        Ok(found)
    }

    /// With no usable snapshot the unit begins at the beginning of the log.
    fn decide(logs: &[Log], snapshot: Option<Snapshot>) -> Self {
        let committed: Vec<i64> = logs
            .iter()
            .enumerate()
            .map(|(index, log)| {
                let saved = || snapshot.as_ref()?.positions.get(index).copied();
                let offset = log.group.or_else(saved);
                // An offset beyond the log's end belongs to a log that is gone.
                offset
                    .filter(|offset| *offset <= log.next)
                    .unwrap_or(log.first)
            })
            .collect();
        let usable = snapshot.filter(|snapshot| {
            let positions = &snapshot.positions;
            let fits = positions.len() == logs.len()
                && positions.iter().zip(&committed).all(|(at, to)| at <= to);
            if !fits {
                tracing::error!(
                    unit = snapshot.unit,
                    ?positions,
                    ?committed,
                    "the snapshot is ahead of the log: it belongs to another log and is not used"
                );
            }
            fits
        });
        let start = match &usable {
            Some(snapshot) => snapshot
                .positions
                .iter()
                .zip(logs)
                .map(|(at, log)| *at.max(&log.first))
                .collect(),
            // What was committed has made a state: it is made again from the log's beginning.
            None => logs.iter().map(|log| log.first).collect(),
        };
        Self {
            start,
            committed,
            state: usable.map(|snapshot| snapshot.state),
        }
    }

    /// Of each input, how many offsets were never applied and are gone from the log.
    fn expired(&self, logs: &[Log]) -> Vec<i64> {
        self.committed
            .iter()
            .zip(logs)
            .map(|(committed, log)| (log.first - committed).max(0))
            .collect()
    }
}

/// The group's offsets, when no transaction can change them any more. An offset that can't be told
/// yet must not be taken for none: outputs that are in the log would be written again.
pub(super) fn group_offsets<C: ConsumerContext>(
    settings: &KafkaSettings,
    consumer: &BaseConsumer<C>,
    inputs: &[InputPartition],
) -> Result<TopicPartitionList, ClientError> {
    let deadline = Instant::now() + UNSTABLE_TIMEOUT;
    loop {
        let mut request = TopicPartitionList::new();
        for input in inputs {
            request.add_partition(&settings.topic(input.topic), input.partition);
        }
        let found = consumer
            .committed_offsets(request, REQUEST_TIMEOUT)
            .map_err(ClientError::kafka("reading the group's offsets"))?;
        let failed = found.elements().into_iter().find_map(|e| e.error().err());
        let Some(source) = failed else {
            return Ok(found);
        };
        let unstable = source.rdkafka_error_code() == Some(RDKafkaErrorCode::UnstableOffsetCommit);
        if !unstable || Instant::now() >= deadline {
            let action = "reading a partition's committed offset";
            return Err(ClientError::Kafka { action, source });
        }
        std::thread::sleep(UNSTABLE_POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(first: i64, next: i64, group: Option<i64>) -> Log {
        Log { first, next, group }
    }

    fn snapshot(positions: &[i64]) -> Option<Snapshot> {
        Some(Snapshot {
            unit: 0,
            positions: positions.to_vec(),
            state: vec![1],
        })
    }

    #[test]
    fn a_new_unit_begins_at_the_beginning_of_the_log() {
        let found = Positions::decide(&[log(3, 9, None)], None);
        assert_eq!((found.start, found.committed), (vec![3], vec![3]));
        assert_eq!(found.state, None);
    }

    #[test]
    fn a_snapshot_is_brought_up_to_the_committed_offset() {
        let logs = [log(0, 100, Some(40)), log(0, 100, Some(7))];
        let found = Positions::decide(&logs, snapshot(&[30, 7]));
        assert_eq!(
            (&found.start, &found.committed),
            (&vec![30, 7], &vec![40, 7])
        );
        assert_eq!(found.state, Some(vec![1]));
        assert_eq!(found.expired(&logs), [0, 0]);
    }

    #[test]
    fn a_lost_snapshot_is_made_again_from_the_log() {
        let found = Positions::decide(&[log(2, 100, Some(40))], None);
        assert_eq!((found.start, found.committed), (vec![2], vec![40]));
    }

    #[test]
    fn a_snapshot_of_another_log_is_not_used() {
        let found = Positions::decide(&[log(0, 5, Some(3))], snapshot(&[4]));
        assert_eq!((&found.start, &found.state), (&vec![0], &None));
        let found = Positions::decide(&[log(0, 5, None)], snapshot(&[50]));
        assert_eq!((&found.start, &found.committed), (&vec![0], &vec![0]));
        let found = Positions::decide(&[log(0, 5, Some(3))], snapshot(&[1, 1]));
        assert_eq!(found.state, None, "it has other inputs");
    }

    #[test]
    fn what_expired_before_it_was_applied_is_counted() {
        let logs = [log(50, 100, Some(40))];
        let found = Positions::decide(&logs, snapshot(&[30]));
        assert_eq!((&found.start, &found.committed), (&vec![50], &vec![40]));
        assert_eq!(found.expired(&logs), [10]);
    }
}
