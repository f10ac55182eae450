//! Which consumer groups have members.
#![allow(
    unsafe_code,
    reason = "rust-rdkafka's list of groups doesn't know the newer protocol's groups"
)]

use std::collections::BTreeMap;

use rdkafka::bindings as c;

use super::connection::{Connection, read_items, text};
use super::run_blocking;
use crate::error::ClientError;
use crate::settings::KafkaSettings;

/// Every group that this principal may see, by its name on the broker, with whether it has
/// members. One that was never used isn't among them.
///
/// # Errors
/// The broker can't be reached or refuses.
pub async fn groups_with_members(
    settings: &KafkaSettings,
) -> Result<BTreeMap<String, bool>, ClientError> {
    let settings = settings.clone();
    run_blocking(move || Connection::open(&settings)?.list_groups()).await
}

impl Connection {
    fn list_groups(&mut self) -> Result<BTreeMap<String, bool>, ClientError> {
        use c::rd_kafka_consumer_group_state_t as State;
        let event = self.request(
            c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
            "listing groups",
            // SAFETY: all pointers are alive during the call.
            |client, options, queue| unsafe {
                c::rd_kafka_ListConsumerGroups(client, options, queue);
            },
        )?;
        // SAFETY: the event is the answer to this request and outlives what is read from it.
        unsafe {
            let result = c::rd_kafka_event_ListConsumerGroups_result(event.ptr());
            let groups = read_items(
                |count| c::rd_kafka_ListConsumerGroups_result_valid(result, count),
                |group| {
                    let state = c::rd_kafka_ConsumerGroupListing_state(group);
                    // States that librdkafka doesn't know are those of a group at work.
                    let alone = [
                        State::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY,
                        State::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD,
                    ]
                    .contains(&state);
                    let name = text(c::rd_kafka_ConsumerGroupListing_group_id(group));
                    (name, !alone)
                },
            );
            Ok(groups.into_iter().collect())
        }
    }
}
