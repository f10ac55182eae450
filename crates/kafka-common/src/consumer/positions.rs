//! From a [`Position`] to an offset.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::options::Position;
use crate::error::ClientError;

/// Time for one request to the broker.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The offset of a position in a partition as it is now. Blocks.
pub(super) fn resolve<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    position: Position,
) -> Result<i64, ClientError> {
    let (low, high) = client
        .fetch_watermarks(topic, partition, REQUEST_TIMEOUT)
        .map_err(ClientError::kafka("reading a partition's offsets"))?;
    let time = match position {
        Position::Earliest => return Ok(low),
        Position::Latest => return Ok(high),
        Position::Offset(offset) => return Ok(offset.clamp(low, high)),
        Position::Time(time) => time,
    };
    let mut wanted = TopicPartitionList::new();
    wanted
        .add_partition_offset(topic, partition, Offset::Offset(time.timestamp_millis()))
        .map_err(ClientError::kafka("looking for a time"))?;
    let found = client
        .offsets_for_times(wanted, REQUEST_TIMEOUT)
        .map_err(ClientError::kafka("looking for a time"))?;
    let offset = found
        .find_partition(topic, partition)
        .map(|element| element.offset());
    match offset {
        Some(Offset::Offset(offset)) => Ok(offset.clamp(low, high)),
        // Nothing is that young.
        _ => Ok(high),
    }
}
