//! Writing messages by hand, validated as the topic's readers would.

use chrono::Utc;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::broker::Broker;
use super::error::InspectError;
use super::schema::{self, InvalidMessage};
use super::suggest::did_you_mean;
use super::writer::{Outgoing, Writer};
use crate::envelope::{self, EnvelopeRef};
use crate::matrix::{Operations, Service};
use crate::producer::Delivered;
use crate::record;
use crate::topics::CATALOGUE;

/// What is to be written: a payload, or a whole envelope.
#[derive(Debug)]
pub struct Input {
    /// How an error names it, as `message 3`.
    pub place: String,
    /// The JSON.
    pub json: Box<RawValue>,
    /// The key; that of the catalogue where it is missing.
    pub key: Option<String>,
}

/// A message that the topic's readers will take.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The topic's name on the broker.
    pub topic: String,
    /// The key.
    pub key: String,
    /// The envelope.
    pub value: Vec<u8>,
}

/// An envelope by its three fields: a payload has none of them all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole<'a> {
    #[allow(dead_code, reason = "only its presence matters")]
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[allow(dead_code, reason = "only its presence matters")]
    #[serde(borrow)]
    producer_service: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Broker {
    /// Validates a message for a topic of the catalogue.
    ///
    /// # Errors
    /// The topic isn't in the catalogue, a field is missing or wrong, or the key can't be derived.
    pub fn prepare(&self, topic: &str, input: &Input) -> Result<Prepared, InspectError> {
        let logical = self.logical(topic);
        let Some(spec) = CATALOGUE.iter().find(|spec| spec.name == logical) else {
            return Err(InspectError::NotCatalogued {
                topic: topic.to_owned(),
                hint: did_you_mean(logical, CATALOGUE.iter().map(|spec| spec.name)),
            });
        };
        let invalid = |invalid| InspectError::Invalid {
            place: input.place.clone(),
            invalid,
        };
        let json = input.json.get();
        let whole = serde_json::from_str::<Whole<'_>>(json).ok();
        let data = match &whole {
            Some(whole) => whole.data,
            None => &*input.json,
        };
        schema::check(spec.name, data).map_err(invalid)?;
        let value = match whole {
            Some(_) => {
                // Also its timestamp and producer must be what readers expect.
                envelope::decode::<&RawValue>(Some(json.as_bytes())).map_err(|error| {
                    invalid(InvalidMessage {
                        field: "envelope".to_owned(),
                        problem: error.to_string(),
                    })
                })?;
                json.as_bytes().to_vec()
            }
            None => serde_json::to_vec(&EnvelopeRef {
                timestamp: Utc::now(),
                producer_service: Operations::NAME,
                data: &data,
            })
            .map_err(|error| {
                invalid(InvalidMessage {
                    field: "data".to_owned(),
                    problem: error.to_string(),
                })
            })?,
        };
        let derived = || schema::derived_key(spec.name, data);
        let Some(key) = input.key.clone().or_else(derived) else {
            return Err(InspectError::NoKey {
                place: input.place.clone(),
                topic: spec.name,
                key: spec.key,
            });
        };
        Ok(Prepared {
            topic: self.settings.topic(spec.name),
            key,
            value,
        })
    }

    /// Writes messages in their order and waits for the broker's acknowledgement of each.
    ///
    /// # Errors
    /// One wasn't delivered within the delivery timeout, or was refused; those before it are in
    /// the log.
    pub fn produce(&self, messages: &[Prepared]) -> Result<Vec<Delivered>, InspectError> {
        let records: Vec<Outgoing> = messages
            .iter()
            .map(|message| Outgoing {
                topic: message.topic.clone(),
                partition: None,
                key: Some(message.key.as_bytes().to_vec()),
                value: Some(message.value.clone()),
                headers: record::headers(self.settings.record_headers, Uuid::now_v7(), &[]),
            })
            .collect();
        Writer::<Operations>::start(&self.settings)?.write(&records)
    }
}
