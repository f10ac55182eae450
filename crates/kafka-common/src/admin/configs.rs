//! Settings of topics, changed one by one.
#![allow(
    unsafe_code,
    reason = "rust-rdkafka's alter_configs resets what it doesn't name"
)]

use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::error::KafkaError;

use super::Outcomes;
use super::connection::{Connection, c_string, read_items, text};
use crate::error::ClientError;

pub(super) const RETENTION: &str = "retention.ms";

struct Resource(*mut c::rd_kafka_ConfigResource_t);

impl Drop for Resource {
    fn drop(&mut self) {
        // SAFETY: made by librdkafka, not null, destroyed once.
        unsafe { c::rd_kafka_ConfigResource_destroy(self.0) }
    }
}

impl Connection {
    /// Sets the retention of topics and leaves their other settings as they are. Gives each topic
    /// with what became of it.
    ///
    /// # Errors
    /// The request as a whole failed.
    pub(super) fn set_retention(
        &mut self,
        topics: &[(String, Duration)],
    ) -> Result<Outcomes<String>, ClientError> {
        let resources: Result<Vec<Resource>, ClientError> = topics
            .iter()
            .map(|(topic, retention)| resource(topic, *retention))
            .collect();
        let resources = resources?;
        let mut pointers: Vec<_> = resources.iter().map(|resource| resource.0).collect();
        let event = self.request(
            c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS,
            "changing the retention of topics",
            // SAFETY: all pointers are alive during the call, which copies the resources.
            |client, options, queue| unsafe {
                c::rd_kafka_IncrementalAlterConfigs(
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
            let result = c::rd_kafka_event_IncrementalAlterConfigs_result(event.ptr());
            Ok(read_items(
                |count| c::rd_kafka_IncrementalAlterConfigs_result_resources(result, count),
                |resource| {
                    let outcome = match c::rd_kafka_ConfigResource_error(resource) {
                        c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
                        code => Err(KafkaError::AdminOp(code.into())),
                    };
                    (text(c::rd_kafka_ConfigResource_name(resource)), outcome)
                },
            ))
        }
    }
}

fn resource(topic: &str, retention: Duration) -> Result<Resource, ClientError> {
    let refused = |why: String| ClientError::Kafka {
        action: "changing the retention of topics",
        source: KafkaError::AdminOpCreation(why),
    };
    let name = c_string(topic)?;
    let key = c_string(RETENTION)?;
    let value = c_string(&retention.as_millis().to_string())?;
    // SAFETY: the texts outlive the calls, which copy them; an error object is freed here.
    unsafe {
        let made = c::rd_kafka_ConfigResource_new(
            c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
            name.as_ptr(),
        );
        if made.is_null() {
            return Err(refused(format!("no resource for topic {topic}")));
        }
        let resource = Resource(made);
        let error = c::rd_kafka_ConfigResource_add_incremental_config(
            made,
            key.as_ptr(),
            c::rd_kafka_AlterConfigOpType_t::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET,
            value.as_ptr(),
        );
        if !error.is_null() {
            let why = text(c::rd_kafka_error_string(error));
            c::rd_kafka_error_destroy(error);
            return Err(refused(why));
        }
        Ok(resource)
    }
}
