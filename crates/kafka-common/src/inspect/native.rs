//! What librdkafka can tell of groups and rust-rdkafka doesn't offer: both protocols' groups with
//! their members, and all offsets that a group has committed, whatever the topic.
//!
//! The only unsafe code of this module is here. Each request has a queue of its own; its answer is
//! copied into owned values before it is released.
#![allow(
    unsafe_code,
    reason = "librdkafka's C interface; rust-rdkafka describes no KIP-848 groups and lists no offsets of a group"
)]

use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};

use rdkafka::ClientContext;
use rdkafka::bindings as c;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::broker::REQUEST_TIMEOUT;
use super::groups::{Group, Member, TopicPartition};
use crate::error::ClientError;

/// An offset that a group has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommittedOffset {
    pub(super) at: TopicPartition,
    pub(super) offset: i64,
}

/// A pointer that librdkafka gave and takes back.
struct Owned<T> {
    pointer: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(
        pointer: *mut T,
        destroy: unsafe extern "C" fn(*mut T),
        action: &'static str,
    ) -> Result<Self, ClientError> {
        match NonNull::new(pointer) {
            Some(pointer) => Ok(Self { pointer, destroy }),
            None => Err(failed(action, RDKafkaErrorCode::InvalidArgument)),
        }
    }

    fn as_ptr(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the matching constructor and is released once.
        unsafe { (self.destroy)(self.as_ptr()) }
    }
}

type Event = Owned<c::rd_kafka_event_t>;

fn failed(action: &'static str, code: RDKafkaErrorCode) -> ClientError {
    let source = KafkaError::AdminOp(code);
    ClientError::Kafka { action, source }
}

fn c_string(text: &str, action: &'static str) -> Result<CString, ClientError> {
    CString::new(text).map_err(|_| failed(action, RDKafkaErrorCode::InvalidArgument))
}

/// Copies a C string; empty for a null pointer.
///
/// # Safety
/// The pointer is null, or of a C string that lives for the call.
unsafe fn text(pointer: *const c_char) -> String {
    match pointer.is_null() {
        true => String::new(),
        // SAFETY: as the caller promises.
        false => unsafe { CStr::from_ptr(pointer) }
            .to_string_lossy()
            .into_owned(),
    }
}

/// Sends a request and waits for its answer.
fn request<C: ClientContext>(
    client: &Client<C>,
    operation: c::rd_kafka_admin_op_t,
    action: &'static str,
    send: impl FnOnce(*mut c::rd_kafka_t, *const c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
) -> Result<Event, ClientError> {
    let native = client.native_ptr();
    let timeout = i32::try_from(REQUEST_TIMEOUT.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `native` lives as long as `client`, which is borrowed; queue, options and event are
    // released by their owners, after their last use.
    unsafe {
        let queue = Owned::new(
            c::rd_kafka_queue_new(native),
            c::rd_kafka_queue_destroy,
            action,
        )?;
        let options = Owned::new(
            c::rd_kafka_AdminOptions_new(native, operation),
            c::rd_kafka_AdminOptions_destroy,
            action,
        )?;
        let set = c::rd_kafka_AdminOptions_set_request_timeout(
            options.as_ptr(),
            timeout,
            ptr::null_mut(),
            0,
        );
        let code = RDKafkaErrorCode::from(set);
        if code != RDKafkaErrorCode::NoError {
            return Err(failed(action, code));
        }
        send(native, options.as_ptr(), queue.as_ptr());
        // A little longer than the request itself, which reports its own timeout.
        let event = c::rd_kafka_queue_poll(queue.as_ptr(), timeout.saturating_add(1_000));
        if event.is_null() {
            return Err(failed(action, RDKafkaErrorCode::OperationTimedOut));
        }
        let event = Owned::new(event, c::rd_kafka_event_destroy, action)?;
        match RDKafkaErrorCode::from(c::rd_kafka_event_error(event.as_ptr())) {
            RDKafkaErrorCode::NoError => Ok(event),
            code => Err(failed(action, code)),
        }
    }
}

/// The names of all groups.
pub(super) fn group_names<C: ClientContext>(
    client: &Client<C>,
) -> Result<Vec<String>, ClientError> {
    let action = "listing consumer groups";
    let operation = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS;
    let event = request(client, operation, action, |native, options, queue| {
        // SAFETY: the three live for the call.
        unsafe { c::rd_kafka_ListConsumerGroups(native, options, queue) }
    })?;
    // SAFETY: the result and what it points to live as long as `event`; `count` is its length.
    unsafe {
        let result = c::rd_kafka_event_ListConsumerGroups_result(event.as_ptr());
        if result.is_null() {
            return Err(failed(action, RDKafkaErrorCode::BadMessage));
        }
        let mut count = 0;
        let errors = c::rd_kafka_ListConsumerGroups_result_errors(result, &mut count);
        if count > 0 && !errors.is_null() {
            let code = RDKafkaErrorCode::from(c::rd_kafka_error_code(*errors));
            return Err(failed(action, code));
        }
        let listings = c::rd_kafka_ListConsumerGroups_result_valid(result, &mut count);
        Ok((0..count)
            .map(|index| {
                text(c::rd_kafka_ConsumerGroupListing_group_id(
                    *listings.add(index),
                ))
            })
            .collect())
    }
}

/// State and members of groups.
pub(super) fn describe_groups<C: ClientContext>(
    client: &Client<C>,
    names: &[String],
) -> Result<Vec<Group>, ClientError> {
    let action = "describing consumer groups";
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<CString> = names
        .iter()
        .map(|name| c_string(name, action))
        .collect::<Result<_, _>>()?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let operation = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
    let event = request(client, operation, action, |native, options, queue| {
        let (groups, count) = (pointers.as_mut_ptr(), pointers.len());
        // SAFETY: all live for the call, in which librdkafka copies the names.
        unsafe { c::rd_kafka_DescribeConsumerGroups(native, groups, count, options, queue) }
    })?;
    // SAFETY: the result and what it points to live as long as `event`; `count` is its length.
    unsafe {
        let result = c::rd_kafka_event_DescribeConsumerGroups_result(event.as_ptr());
        if result.is_null() {
            return Err(failed(action, RDKafkaErrorCode::BadMessage));
        }
        let mut count = 0;
        let groups = c::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
        (0..count)
            .map(|index| group(*groups.add(index), action))
            .collect()
    }
}

/// # Safety
/// The pointer is of a description that lives for the call.
unsafe fn group(
    described: *const c::rd_kafka_ConsumerGroupDescription_t,
    action: &'static str,
) -> Result<Group, ClientError> {
    use c::rd_kafka_consumer_group_state_t as State;
    use c::rd_kafka_consumer_group_type_t as Type;
    // SAFETY: as the caller promises; members are asked for by an index below their count.
    unsafe {
        let error = c::rd_kafka_ConsumerGroupDescription_error(described);
        let code = RDKafkaErrorCode::from(c::rd_kafka_error_code(error));
        if code == RDKafkaErrorCode::GroupAuthorizationFailed {
            return Err(failed(action, code));
        }
        let state = match c::rd_kafka_ConsumerGroupDescription_state(described) {
            // Of a kind that consumers' requests can't describe, or gone since it was listed.
            _ if code != RDKafkaErrorCode::NoError => "Unknown",
            State::RD_KAFKA_CONSUMER_GROUP_STATE_PREPARING_REBALANCE => "PreparingRebalance",
            State::RD_KAFKA_CONSUMER_GROUP_STATE_COMPLETING_REBALANCE => "CompletingRebalance",
            State::RD_KAFKA_CONSUMER_GROUP_STATE_STABLE => "Stable",
            State::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD => "Dead",
            State::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY => "Empty",
            _ => "Unknown",
        };
        let protocol = match c::rd_kafka_ConsumerGroupDescription_type(described) {
            Type::RD_KAFKA_CONSUMER_GROUP_TYPE_CONSUMER => "consumer",
            _ => "classic",
        };
        let members = c::rd_kafka_ConsumerGroupDescription_member_count(described);
        Ok(Group {
            name: text(c::rd_kafka_ConsumerGroupDescription_group_id(described)),
            state,
            protocol,
            assignor: text(c::rd_kafka_ConsumerGroupDescription_partition_assignor(
                described,
            )),
            members: (0..members)
                .map(|index| {
                    member(c::rd_kafka_ConsumerGroupDescription_member(
                        described, index,
                    ))
                })
                .collect(),
        })
    }
}

/// # Safety
/// The pointer is of a member that lives for the call.
unsafe fn member(member: *const c::rd_kafka_MemberDescription_t) -> Member {
    // SAFETY: as the caller promises; an assignment lives as long as its member.
    unsafe {
        let assignment = c::rd_kafka_MemberDescription_assignment(member);
        let partitions = match assignment.is_null() {
            true => ptr::null(),
            false => c::rd_kafka_MemberAssignment_partitions(assignment),
        };
        let instance = text(c::rd_kafka_MemberDescription_group_instance_id(member));
        Member {
            id: text(c::rd_kafka_MemberDescription_consumer_id(member)),
            client_id: text(c::rd_kafka_MemberDescription_client_id(member)),
            host: text(c::rd_kafka_MemberDescription_host(member)),
            instance_id: Some(instance).filter(|instance| !instance.is_empty()),
            partitions: elements(partitions).map(|element| place(element)).collect(),
        }
    }
}

/// The elements of a list; none for a null pointer.
///
/// # Safety
/// The pointer is null, or of a list that outlives the iterator.
unsafe fn elements<'a>(
    list: *const c::rd_kafka_topic_partition_list_t,
) -> impl Iterator<Item = &'a c::rd_kafka_topic_partition_t> {
    let slice = match list.is_null() {
        true => &[],
        // SAFETY: as the caller promises; `cnt` is the length of `elems`.
        false => unsafe {
            match (usize::try_from((*list).cnt), (*list).elems.is_null()) {
                (Ok(count), false) => std::slice::from_raw_parts((*list).elems, count),
                _ => &[],
            }
        },
    };
    slice.iter()
}

/// # Safety
/// The element's topic is a C string that lives for the call.
unsafe fn place(element: &c::rd_kafka_topic_partition_t) -> TopicPartition {
    TopicPartition {
        // SAFETY: as the caller promises.
        topic: unsafe { text(element.topic) },
        partition: element.partition,
    }
}

/// All offsets that a group has committed.
pub(super) fn group_offsets<C: ClientContext>(
    client: &Client<C>,
    group: &str,
) -> Result<Vec<CommittedOffset>, ClientError> {
    let action = "reading a group's offsets";
    let name = c_string(group, action)?;
    // SAFETY: the name lives for the call, which copies it; a null list asks for all partitions.
    let wanted = unsafe {
        Owned::new(
            c::rd_kafka_ListConsumerGroupOffsets_new(name.as_ptr(), ptr::null()),
            c::rd_kafka_ListConsumerGroupOffsets_destroy,
            action,
        )?
    };
    let mut pointer = wanted.as_ptr();
    let operation = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
    let event = request(client, operation, action, |native, options, queue| {
        // SAFETY: all live for the call, in which librdkafka copies what is wanted.
        unsafe {
            c::rd_kafka_ListConsumerGroupOffsets(native, &mut pointer, 1, options, queue);
        }
    })?;
    // SAFETY: the result and what it points to live as long as `event`; `count` is its length.
    unsafe {
        let result = c::rd_kafka_event_ListConsumerGroupOffsets_result(event.as_ptr());
        if result.is_null() {
            return Err(failed(action, RDKafkaErrorCode::BadMessage));
        }
        let mut count = 0;
        let groups = c::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
        if count == 0 {
            return Ok(Vec::new());
        }
        let code = c::rd_kafka_error_code(c::rd_kafka_group_result_error(*groups));
        match RDKafkaErrorCode::from(code) {
            RDKafkaErrorCode::NoError => {}
            // Kafka 4 says so of a group that has committed nothing.
            RDKafkaErrorCode::GroupIdNotFound => return Ok(Vec::new()),
            code => return Err(failed(action, code)),
        }
        Ok(elements(c::rd_kafka_group_result_partitions(*groups))
            .filter(|element| element.offset >= 0)
            .map(|element| CommittedOffset {
                at: place(element),
                offset: element.offset,
            })
            .collect())
    }
}
