//! Asks the broker, through a client of its own, whether there is something to read.
//!
//! The consumer's own client can't be asked: that it knows of nothing may be just what is wrong
//! with it. Nor do watermarks tell: behind the last record of a topic that is written in
//! transactions stands their marker, so the end is never reached. Only reading tells.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::slot::Slot;

/// Time for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one wait for a record is.
const POLL: Duration = Duration::from_millis(100);

/// What the broker says about partitions in which nothing happens.
#[derive(Debug)]
pub(super) enum Finding {
    /// There is nothing to read in any of them.
    NothingToRead,
    /// There is an unread record in this one.
    Unread(Arc<Slot>),
    /// The broker doesn't answer.
    Unreachable(String),
}

/// Looks whether one of the partitions has a record at or behind its position. Blocks.
pub(super) fn probe(config: &ClientConfig, quiet: &[Arc<Slot>]) -> Finding {
    look(config, quiet).unwrap_or_else(|error| Finding::Unreachable(error.to_string()))
}

fn look(config: &ClientConfig, quiet: &[Arc<Slot>]) -> Result<Finding, KafkaError> {
    let client: BaseConsumer = config.create()?;
    let mut without_position = TopicPartitionList::new();
    for slot in quiet.iter().filter(|slot| slot.finished().is_none()) {
        without_position.add_partition(&slot.topic, slot.partition);
    }
    let committed = match without_position.count() {
        0 => without_position,
        _ => client.committed_offsets(without_position, REQUEST_TIMEOUT)?,
    };
    let mut behind = TopicPartitionList::new();
    for slot in quiet {
        let (low, high) = client.fetch_watermarks(&slot.topic, slot.partition, REQUEST_TIMEOUT)?;
        let committed = committed
            .find_partition(&slot.topic, slot.partition)
            .and_then(|element| match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            });
        let position = slot.finished().or(committed).unwrap_or(low);
        if position < high {
            behind.add_partition_offset(&slot.topic, slot.partition, Offset::Offset(position))?;
        }
    }
    if behind.count() == 0 {
        return Ok(Finding::NothingToRead);
    }
    client.assign(&behind)?;
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let mut at_their_end = 0;
    while Instant::now() < deadline {
        match client.poll(POLL) {
            Some(Ok(message)) => {
                let unread = quiet.iter().find(|slot| {
                    slot.partition == message.partition() && &*slot.topic == message.topic()
                });
                if let Some(slot) = unread {
                    return Ok(Finding::Unread(Arc::clone(slot)));
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                at_their_end += 1;
                if at_their_end == behind.count() {
                    return Ok(Finding::NothingToRead);
                }
            }
            // The deadline tells whether it matters.
            Some(Err(_)) | None => {}
        }
    }
    Ok(Finding::Unreachable(format!(
        "no answer within {REQUEST_TIMEOUT:?}"
    )))
}
