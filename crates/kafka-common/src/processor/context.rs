//! The consumer's context: units come and go with the partitions of the primary topic.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::bindings::rd_kafka_resp_err_t;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};

use super::units::Core;
use super::{Processor, ProcessorStatus};
use crate::error::ClientError;
use crate::statistics::ClientStatistics;
use crate::telemetry;

/// Callbacks run inside `poll`, on the processor's own thread, which doesn't hold the lock then:
/// the lock is never contended.
pub(super) struct Context<P: Processor> {
    core: Mutex<Core<P>>,
    status: Arc<ProcessorStatus>,
    statistics: ClientStatistics,
}

impl<P: Processor> Context<P> {
    pub(super) fn new(core: Core<P>, status: Arc<ProcessorStatus>) -> Self {
        Self {
            core: Mutex::new(core),
            status,
            statistics: ClientStatistics::default(),
        }
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core<P>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), ClientError> {
        let mut core = self.core();
        let mut assignment = TopicPartitionList::new();
        let mut failure = None;
        // Whoever leaves begins nothing: the client, which leaves the group too, would be asked for the
        // group's offsets, and waits in vain for its coordinator until the time is up, for each unit.
        let elements = match core.is_over() {
            true => Vec::new(),
            false => partitions.elements(),
        };
        for element in elements {
            match core.open_unit(consumer, element.partition()) {
                Ok(positions) => {
                    for (topic, partition, position) in positions {
                        assignment
                            .add_partition_offset(&topic, partition, Offset::Offset(position))
                            .map_err(ClientError::kafka("building the assignment"))?;
                    }
                }
                // The run ends by it.
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        // librdkafka waits for the call even where there is nothing to assign.
        let assigned = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&assignment),
            _ => consumer.assign(&assignment),
        };
        // Units first: whoever sees the processor joined also sees what is restoring.
        core.note_progress();
        self.status.joined();
        assigned.map_err(ClientError::kafka("assigning partitions"))?;
        failure.map_or(Ok(()), Err)
    }

    fn revoke(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), ClientError> {
        let mut core = self.core();
        // What is applied is committed before another member starts from it. A lost assignment
        // is another member's already: what isn't committed is dropped, and done there.
        let committed = match consumer.assignment_lost() {
            true => {
                telemetry::assignment_lost(partitions.count());
                Ok(())
            }
            false => core.commit(consumer, true),
        };
        let mut gone = TopicPartitionList::new();
        for element in partitions.elements() {
            for (topic, partition) in core.close_unit(element.partition()) {
                gone.add_partition(&topic, partition);
            }
        }
        let unassigned = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(&gone),
            _ => consumer.unassign(),
        };
        unassigned.map_err(ClientError::kafka("giving partitions back"))?;
        committed
    }
}

impl<P: Processor> ClientContext for Context<P> {
    fn stats(&self, statistics: Statistics) {
        self.statistics.observe(&statistics);
        self.core().statistics = Some(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        telemetry::client_error(&error, reason);
    }
}

impl<P: Processor> ConsumerContext for Context<P> {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: rd_kafka_resp_err_t,
        partitions: &mut TopicPartitionList,
    ) {
        let outcome = match event {
            rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assign(consumer, partitions)
            }
            _ => self.revoke(consumer, partitions),
        };
        // A callback can't return an error: the loop looks for it after each poll.
        if let Err(error) = outcome {
            self.core().fail(error);
        }
    }
}
