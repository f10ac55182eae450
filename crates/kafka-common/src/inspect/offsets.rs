//! Setting where a group goes on.
//!
//! The offsets are committed by a consumer of the group that has not joined it: on the wire that is
//! the request of Kafka's own admin client (generation -1, no member), which the broker takes only
//! while the group is empty. So it is safe against consumers that start meanwhile, and needs no
//! unsafe code.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::audit::Actor;
use super::broker::{Bounds, Broker};
use super::error::InspectError;
use super::groups::{Group, TopicPartition};
use super::native::{self, CommittedOffset};
use super::position::Position;

/// Where a group is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetTarget {
    /// At a position.
    To(Position),
    /// So many offsets after (or, negative, before) where it would go on now.
    Shift(i64),
}

/// What a reset does in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOffset {
    /// The partition.
    pub at: TopicPartition,
    /// Where the group would go on now; `None` if it has committed nothing.
    pub committed: Option<i64>,
    /// Where it will go on.
    pub target: i64,
    /// First offset of the partition.
    pub first: i64,
    /// The end of what is committed in the partition.
    pub end: i64,
}

impl Broker {
    /// What a reset would do: in one topic or in all that the group has committed for, in some
    /// partitions or, where none is named, in all. Targets are kept within the partition.
    ///
    /// # Errors
    /// The group is active, or doesn't have what the target refers to; the topic or a partition
    /// isn't there; the broker doesn't answer.
    pub fn plan_reset(
        &self,
        group: &Group,
        topic: Option<&str>,
        partitions: &[i32],
        target: ResetTarget,
    ) -> Result<Vec<PlannedOffset>, InspectError> {
        refuse_active(group)?;
        let committed = native::group_offsets(self.client.client(), &group.name)?;
        let mut topics: Vec<(String, i32)> = Vec::new();
        match topic {
            Some(topic) => topics.push(self.find_topic(topic)?),
            None => {
                let shapes = self.shapes()?;
                let mut names: Vec<&str> = committed
                    .iter()
                    .map(|committed| committed.at.topic.as_str())
                    .collect();
                names.sort_unstable();
                names.dedup();
                for name in names {
                    if let Some(shape) = shapes.get(name) {
                        topics.push((name.to_owned(), shape.partitions));
                    }
                }
            }
        }
        if topics.is_empty() {
            return Err(InspectError::NoOffsets(group.name.clone()));
        }
        let mut planned = Vec::new();
        for (topic, count) in topics {
            if let Some(partition) = partitions.iter().find(|p| !(0..count).contains(*p)) {
                return Err(InspectError::UnknownPartition {
                    topic,
                    partition: *partition,
                    last: count - 1,
                });
            }
            let bounds: Vec<Bounds> = self.bounds(&topic, count)?;
            let positions = match target {
                ResetTarget::To(position) => self.locate(&topic, &bounds, position)?,
                ResetTarget::Shift(_) => vec![0; bounds.len()],
            };
            let wanted =
                |bounds: &Bounds| partitions.is_empty() || partitions.contains(&bounds.partition);
            for (bounds, position) in bounds.iter().zip(positions).filter(|(b, _)| wanted(b)) {
                let at = TopicPartition {
                    topic: topic.clone(),
                    partition: bounds.partition,
                };
                let committed = offset_of(&committed, &at);
                let target = match (target, committed) {
                    (ResetTarget::To(_), _) => position,
                    (ResetTarget::Shift(by), Some(committed)) => committed
                        .saturating_add(by)
                        .clamp(bounds.first, bounds.end.max(bounds.first)),
                    // Without a topic only what was committed is shifted.
                    (ResetTarget::Shift(_), None) if partitions.is_empty() => continue,
                    (ResetTarget::Shift(_), None) => {
                        return Err(InspectError::NothingToShift {
                            group: group.name.clone(),
                            topic,
                            partition: bounds.partition,
                        });
                    }
                };
                planned.push(PlannedOffset {
                    at,
                    committed,
                    target,
                    first: bounds.first,
                    end: bounds.end,
                });
            }
        }
        match planned.is_empty() {
            true => Err(InspectError::NoOffsets(group.name.clone())),
            false => Ok(planned),
        }
    }

    /// Carries out a plan, and records it.
    ///
    /// # Errors
    /// The group has become active, the change can't be recorded, or the broker refuses.
    pub fn reset_offsets(
        &self,
        group: &Group,
        planned: &[PlannedOffset],
        actor: &Actor,
    ) -> Result<(), InspectError> {
        self.require_audit_log()?;
        let mut config = self.settings.admin();
        config
            .set("group.id", &group.name)
            .set("enable.auto.commit", "false");
        let client: BaseConsumer = config
            .create()
            .map_err(InspectError::kafka("creating the client"))?;
        let mut offsets = TopicPartitionList::new();
        for planned in planned {
            let (topic, partition) = (&planned.at.topic, planned.at.partition);
            offsets
                .add_partition_offset(topic, partition, Offset::Offset(planned.target))
                .map_err(InspectError::kafka("choosing offsets"))?;
        }
        match client.commit(&offsets, CommitMode::Sync) {
            Ok(()) => {}
            Err(error) if is_active_error(&error) => {
                // It was empty a moment ago.
                refuse_active(&self.find_group(&group.name)?)?;
                return Err(InspectError::kafka("committing offsets")(error));
            }
            Err(error) => return Err(InspectError::kafka("committing offsets")(error)),
        }
        let subject: Vec<String> = planned
            .iter()
            .map(|planned| {
                let from = planned
                    .committed
                    .map_or("none".to_owned(), |o| o.to_string());
                let at = &planned.at;
                format!(
                    "{}/{}: {from} -> {}",
                    at.topic, at.partition, planned.target
                )
            })
            .collect();
        let subject = format!("{}: {}", group.name, subject.join(", "));
        self.audit(actor, "offsets.reset", subject)
    }
}

fn offset_of(committed: &[CommittedOffset], at: &TopicPartition) -> Option<i64> {
    let found = committed.iter().find(|committed| committed.at == *at)?;
    Some(found.offset)
}

fn refuse_active(group: &Group) -> Result<(), InspectError> {
    match group.is_active() {
        false => Ok(()),
        true => Err(InspectError::GroupActive {
            group: group.name.clone(),
            state: group.state.to_owned(),
            members: group.members.len(),
        }),
    }
}

/// What brokers say to a commit from outside of a group that has members.
fn is_active_error(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::UnknownMemberId
                | Code::IllegalGeneration
                | Code::RebalanceInProgress
                | Code::StaleMemberEpoch
        )
    )
}
