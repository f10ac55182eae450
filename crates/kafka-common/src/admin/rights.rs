//! Topics and groups as this principal sees them, and what it may do with them.
#![allow(
    unsafe_code,
    reason = "rust-rdkafka doesn't ask for authorized operations"
)]

use std::ffi::CString;

use rdkafka::bindings as c;
use rdkafka::types::RDKafkaErrorCode;

use super::acls::operation_from_c;
use super::connection::{Connection, c_string, error_of, read_items, text};
use crate::acl::Operation;
use crate::error::ClientError;

/// A topic as the broker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenTopic {
    pub(crate) name: String,
    /// Why it can't be described: it isn't there, or this principal may not see it.
    pub(crate) error: Option<RDKafkaErrorCode>,
    /// What this principal may do; empty where the broker doesn't tell.
    pub(crate) allowed: Vec<Operation>,
}

/// A group as the broker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenGroup {
    pub(crate) name: String,
    /// Why it can't be described.
    pub(crate) error: Option<RDKafkaErrorCode>,
    pub(crate) members: usize,
    /// What this principal may do; empty where the broker doesn't tell.
    pub(crate) allowed: Vec<Operation>,
}

impl Connection {
    /// Describes topics by their names on the broker.
    ///
    /// # Errors
    /// The request as a whole failed.
    pub(crate) fn topics(&mut self, names: &[String]) -> Result<Vec<SeenTopic>, ClientError> {
        let names = c_strings(names)?;
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let event = self.request_with_rights(
            c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            "describing topics",
            // SAFETY: all pointers are alive during the calls, which copy the names.
            |client, options, queue| unsafe {
                let topics = c::rd_kafka_TopicCollection_of_topic_names(
                    pointers.as_mut_ptr(),
                    pointers.len(),
                );
                c::rd_kafka_DescribeTopics(client, topics, options, queue);
                c::rd_kafka_TopicCollection_destroy(topics);
            },
        )?;
        // SAFETY: the event is the answer to this request and outlives what is read from it.
        unsafe {
            let result = c::rd_kafka_event_DescribeTopics_result(event.ptr());
            Ok(read_items(
                |count| c::rd_kafka_DescribeTopics_result_topics(result, count),
                |topic| read_topic(topic),
            ))
        }
    }

    /// Describes groups by their names on the broker. A group that was never used has no members.
    ///
    /// # Errors
    /// The request as a whole failed.
    pub(crate) fn groups(&mut self, names: &[String]) -> Result<Vec<SeenGroup>, ClientError> {
        let names = c_strings(names)?;
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let event = self.request_with_rights(
            c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
            "describing groups",
            // SAFETY: as for topics.
            |client, options, queue| unsafe {
                c::rd_kafka_DescribeConsumerGroups(
                    client,
                    pointers.as_mut_ptr(),
                    pointers.len(),
                    options,
                    queue,
                );
            },
        )?;
        // SAFETY: the event is the answer to this request and outlives what is read from it.
        unsafe {
            let result = c::rd_kafka_event_DescribeConsumerGroups_result(event.ptr());
            Ok(read_items(
                |count| c::rd_kafka_DescribeConsumerGroups_result_groups(result, count),
                |group| read_group(group),
            ))
        }
    }

    /// What this principal may do with the cluster; empty where it may not even look.
    ///
    /// # Errors
    /// The request as a whole failed.
    pub(crate) fn cluster_operations(&mut self) -> Result<Vec<Operation>, ClientError> {
        let event = self.request_with_rights(
            c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER,
            "describing the cluster",
            // SAFETY: as for topics.
            |client, options, queue| unsafe {
                c::rd_kafka_DescribeCluster(client, options, queue);
            },
        )?;
        // SAFETY: the event is the answer to this request and outlives what is read from it.
        unsafe {
            let result = c::rd_kafka_event_DescribeCluster_result(event.ptr());
            let mut count = 0;
            let allowed =
                c::rd_kafka_DescribeCluster_result_authorized_operations(result, &mut count);
            Ok(read_operations(allowed, count))
        }
    }
}

fn c_strings(names: &[String]) -> Result<Vec<CString>, ClientError> {
    names.iter().map(|name| c_string(name)).collect()
}

/// # Safety
/// A description that lives during the call.
unsafe fn read_topic(topic: *const c::rd_kafka_TopicDescription_t) -> SeenTopic {
    // SAFETY: as above; everything belongs to the description and is copied.
    unsafe {
        let mut count = 0;
        let allowed = c::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
        SeenTopic {
            name: text(c::rd_kafka_TopicDescription_name(topic)),
            error: error_of(c::rd_kafka_TopicDescription_error(topic)),
            allowed: read_operations(allowed, count),
        }
    }
}

/// # Safety
/// A description that lives during the call.
unsafe fn read_group(group: *const c::rd_kafka_ConsumerGroupDescription_t) -> SeenGroup {
    // SAFETY: as above; everything belongs to the description and is copied.
    unsafe {
        let mut count = 0;
        let allowed = c::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &mut count);
        SeenGroup {
            name: text(c::rd_kafka_ConsumerGroupDescription_group_id(group)),
            error: error_of(c::rd_kafka_ConsumerGroupDescription_error(group)),
            members: c::rd_kafka_ConsumerGroupDescription_member_count(group),
            allowed: read_operations(allowed, count),
        }
    }
}

/// # Safety
/// Null, or a pointer to `count` operations that live during the call.
unsafe fn read_operations(
    operations: *const c::rd_kafka_AclOperation_t,
    count: usize,
) -> Vec<Operation> {
    match operations.is_null() || count == 0 {
        true => Vec::new(),
        // SAFETY: as above; librdkafka gives only operations that it knows.
        false => unsafe { std::slice::from_raw_parts(operations, count) }
            .iter()
            .filter_map(|operation| operation_from_c(*operation))
            .collect(),
    }
}
