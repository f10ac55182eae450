//! How far groups are behind, in records and in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rdkafka::consumer::Consumer;
use rdkafka::message::Message;

use super::broker::{Bounds, Broker};
use super::error::InspectError;
use super::groups::{Group, TopicPartition};
use super::native;
use super::read::{Flow, Span};
use crate::record::broker_timestamp;

/// How far a group is behind in a partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionLag {
    /// The group, by its name on the broker.
    pub group: String,
    /// The partition.
    pub at: TopicPartition,
    /// Where the group goes on; `None` if it has committed nothing.
    pub committed: Option<i64>,
    /// The end of what is committed in the partition.
    pub end: i64,
    /// Records that aren't consumed; 0 where only marks of transactions are left.
    pub records: i64,
    /// How long the first of them has been waiting.
    pub waiting: Duration,
    /// The client that reads the partition.
    pub client_id: Option<String>,
}

impl Broker {
    /// The lag of groups, in every partition that they have committed for or read.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    pub fn lag(&self, groups: &[Group]) -> Result<Vec<PartitionLag>, InspectError> {
        let shapes = self.shapes()?;
        let mut lags = Vec::new();
        let mut ends: BTreeMap<String, Vec<Bounds>> = BTreeMap::new();
        for group in groups {
            for mut lag in self.committed(group)? {
                // A topic may be gone while its offsets are still kept.
                let Some(shape) = shapes.get(&lag.at.topic) else {
                    continue;
                };
                if !ends.contains_key(&lag.at.topic) {
                    let bounds = self.bounds(&lag.at.topic, shape.partitions)?;
                    ends.insert(lag.at.topic.clone(), bounds);
                }
                let bounds = ends.get(&lag.at.topic).and_then(|bounds| {
                    let partition = usize::try_from(lag.at.partition).ok()?;
                    bounds.get(partition)
                });
                let Some(bounds) = bounds else { continue };
                lag.end = bounds.end;
                lag.records = (bounds.end - next_offset(&lag, bounds)).max(0);
                lags.push((lag, *bounds));
            }
        }
        self.measure_waiting(&mut lags)?;
        Ok(lags.into_iter().map(|(lag, _)| lag).collect())
    }

    /// A group's partitions, with what is known before the topics are looked at.
    fn committed(&self, group: &Group) -> Result<Vec<PartitionLag>, InspectError> {
        let offsets = native::group_offsets(self.client.client(), &group.name)?;
        let committed: BTreeMap<TopicPartition, i64> = offsets
            .into_iter()
            .map(|committed| (committed.at, committed.offset))
            .collect();
        let mut readers: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
        for member in &group.members {
            for at in &member.partitions {
                readers.insert(at, &member.client_id);
            }
        }
        let all: BTreeSet<&TopicPartition> =
            committed.keys().chain(readers.keys().copied()).collect();
        Ok(all
            .into_iter()
            .map(|at| PartitionLag {
                group: group.name.clone(),
                at: at.clone(),
                committed: committed.get(at).copied(),
                end: 0,
                records: 0,
                waiting: Duration::ZERO,
                client_id: readers.get(at).map(|client| (*client).to_owned()),
            })
            .collect())
    }

    /// Looks at the first record that each group hasn't consumed.
    fn measure_waiting(&self, lags: &mut [(PartitionLag, Bounds)]) -> Result<(), InspectError> {
        // Several groups may read a partition; each position is looked at once.
        let mut wanted: BTreeMap<String, BTreeSet<(i64, i32)>> = BTreeMap::new();
        for (lag, bounds) in lags.iter().filter(|(lag, _)| lag.records > 0) {
            let position = (next_offset(lag, bounds), lag.at.partition);
            let positions = wanted.entry(lag.at.topic.clone()).or_default();
            positions.insert(position);
        }
        let mut found: BTreeMap<(String, i32, i64), Option<DateTime<Utc>>> = BTreeMap::new();
        for (topic, mut positions) in wanted {
            let ends: BTreeMap<i32, i64> = lags
                .iter()
                .filter(|(lag, _)| lag.at.topic == topic)
                .map(|(lag, bounds)| (lag.at.partition, bounds.end))
                .collect();
            // One position of each partition at a time.
            while !positions.is_empty() {
                let mut round: BTreeMap<i32, i64> = BTreeMap::new();
                for (offset, partition) in &positions {
                    round.entry(*partition).or_insert(*offset);
                }
                positions.retain(|(offset, partition)| round.get(partition) != Some(offset));
                let spans: Vec<Span> = round
                    .iter()
                    .map(|(partition, from)| Span {
                        partition: *partition,
                        from: *from,
                        to: ends.get(partition).copied(),
                    })
                    .collect();
                self.read(&topic, &spans, |message| {
                    if let Some(from) = round.get(&message.partition()) {
                        let position = (topic.clone(), message.partition(), *from);
                        found.insert(position, broker_timestamp(message));
                    }
                    Ok::<_, InspectError>(Flow::PartitionDone)
                })?;
            }
        }
        let now = Utc::now();
        for (lag, bounds) in lags.iter_mut().filter(|(lag, _)| lag.records > 0) {
            let from = next_offset(lag, bounds);
            match found.get(&(lag.at.topic.clone(), lag.at.partition, from)) {
                // Nothing readable is left.
                None => lag.records = 0,
                Some(time) => {
                    // A clock that is ahead of ours makes no negative wait.
                    let since = time.and_then(|time| (now - time).to_std().ok());
                    lag.waiting = since.unwrap_or_default();
                }
            }
        }
        Ok(())
    }
}

/// Where a group goes on: from the beginning if it has committed nothing, as our consumers do, or
/// if what it had committed is no longer kept.
fn next_offset(lag: &PartitionLag, bounds: &Bounds) -> i64 {
    lag.committed
        .unwrap_or(bounds.first)
        .clamp(bounds.first, bounds.end.max(bounds.first))
}
