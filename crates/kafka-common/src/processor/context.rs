//! The consumer's context: units come and go with the partitions of the primary topic.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::bindings::rd_kafka_resp_err_t;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::run::Core;
use super::{Processor, ProcessorStatus};
use crate::error::ClientError;
use crate::telemetry;

/// Callbacks run inside `poll`, on the processor's own thread, which doesn't hold the lock then:
/// the lock is never contended.
pub(super) struct Context<P: Processor> {
    core: Mutex<Core<P>>,
    status: Arc<ProcessorStatus>,
}

impl<P: Processor> Context<P> {
    pub(super) fn new(core: Core<P>, status: Arc<ProcessorStatus>) -> Self {
        Self {
            core: Mutex::new(core),
            status,
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
        for element in partitions.elements() {
            match core.open_unit(consumer, element.partition()) {
                Ok(positions) => {
                    for (topic, partition, position) in positions {
                        assignment
                            .add_partition_offset(&topic, partition, Offset::Offset(position))
                            .map_err(ClientError::kafka("building the assignment"))?;
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        // librdkafka waits for the call even where there is nothing to assign.
        let assigned = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&assignment),
            _ => consumer.assign(&assignment),
        };
        self.status
            .joined
            .store(true, std::sync::atomic::Ordering::Relaxed);
        assigned.map_err(ClientError::kafka("assigning partitions"))?;
        failure.map_or(Ok(()), Err)
    }

    fn revoke(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), ClientError> {
        let mut core = self.core();
        // What is applied is committed before another member starts from it. If the assignment
        // is already lost, the broker refuses (the group's generation is over) and the run ends.
        let committed = core.commit(consumer, true);
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
