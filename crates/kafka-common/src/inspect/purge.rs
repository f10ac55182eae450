//! Deleting dead letters that nobody needs any more.

use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};

use super::audit::Actor;
use super::broker::{Broker, REQUEST_TIMEOUT, wait};
use super::dead_letters::{DeadLetterTopic, is_redriven};
use super::error::InspectError;
use super::letter::LetterFilter;
use super::read::Flow;

/// Up to where letters are deleted. Kafka deletes from the beginning only, so a letter in the
/// middle stays as long as those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeTarget {
    /// All letters before this offset, in each partition.
    Before(i64),
    /// Those at the beginning that were sent back.
    Redriven,
    /// All.
    All,
}

/// What a purge deletes of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedPurge {
    /// The partition.
    pub partition: i32,
    /// Everything before this offset.
    pub before: i64,
    /// Letters among it.
    pub letters: u64,
    /// How many of them were never sent back.
    pub pending: u64,
}

impl Broker {
    /// What a purge would delete.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    pub fn plan_purge(
        &self,
        topic: &DeadLetterTopic,
        target: PurgeTarget,
    ) -> Result<Vec<PlannedPurge>, InspectError> {
        let redriven = self.redriven(topic)?;
        let mut planned: Vec<PlannedPurge> = self
            .bounds(&topic.name, topic.partitions)?
            .iter()
            .map(|bounds| PlannedPurge {
                partition: bounds.partition,
                before: match target {
                    PurgeTarget::Before(offset) => {
                        offset.clamp(bounds.first, bounds.end.max(bounds.first))
                    }
                    PurgeTarget::Redriven | PurgeTarget::All => bounds.end,
                },
                letters: 0,
                pending: 0,
            })
            .collect();
        self.letters(topic, &LetterFilter::default(), |letter| {
            let pending = !is_redriven(&redriven, &letter);
            let of_partition = planned
                .iter_mut()
                .find(|planned| planned.partition == letter.partition);
            let Some(planned) = of_partition.filter(|planned| letter.offset < planned.before)
            else {
                return Ok(Flow::Next);
            };
            if pending && target == PurgeTarget::Redriven {
                planned.before = letter.offset;
                return Ok(Flow::Next);
            }
            planned.letters += 1;
            planned.pending += u64::from(pending);
            Ok::<_, InspectError>(Flow::Next)
        })?;
        planned.retain(|planned| planned.letters > 0);
        Ok(planned)
    }

    /// Deletes, after it has recorded that it will: what is gone can't be recorded any more.
    ///
    /// # Errors
    /// The deletion can't be recorded, or the broker refuses.
    pub fn purge(
        &self,
        topic: &DeadLetterTopic,
        planned: &[PlannedPurge],
        actor: &Actor,
    ) -> Result<(), InspectError> {
        let action = "deleting dead letters";
        self.require_audit_log()?;
        let mut list = TopicPartitionList::new();
        let mut subject = Vec::new();
        for planned in planned {
            list.add_partition_offset(
                &topic.name,
                planned.partition,
                Offset::Offset(planned.before),
            )
            .map_err(InspectError::kafka(action))?;
            subject.push(format!(
                "partition {} before offset {}: {} record(s), {} never redriven",
                planned.partition, planned.before, planned.letters, planned.pending
            ));
        }
        let subject = format!("{}: {}", topic.name, subject.join("; "));
        self.audit(actor, "dlq.purge", subject)?;
        let admin = self.admin()?;
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        let deleted =
            wait(admin.delete_records(&list, &options))?.map_err(InspectError::kafka(action))?;
        for element in deleted.elements() {
            element.error().map_err(InspectError::kafka(action))?;
        }
        Ok(())
    }
}
