//! The trail of what an operator changed: a record on `audit-logs` for each change.

use chrono::Utc;
use uuid::Uuid;

use super::broker::Broker;
use super::error::InspectError;
use super::writer::{Outgoing, Writer};
use crate::envelope;
use crate::matrix::{Operations, Produces, Service};
use crate::messages::AuditLog;
use crate::record;
use crate::topics::{AuditLogs, Topic};

/// Who makes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(pub String);

impl Broker {
    /// Refuses where a change couldn't be recorded.
    pub(super) fn require_audit_log(&self) -> Result<(), InspectError> {
        let topic = self.settings.topic(AuditLogs::SPEC.name);
        match self.shapes()?.contains_key(&topic) {
            true => Ok(()),
            false => Err(InspectError::NoAuditLog(topic)),
        }
    }

    /// The record of a change, to be written with what it changes.
    pub(super) fn audit_record(
        &self,
        actor: &Actor,
        action: &str,
        subject: String,
    ) -> Result<Outgoing, InspectError> {
        self.typed::<Operations, AuditLogs>(
            &AuditLog {
                actor: actor.0.clone(),
                action: action.to_owned(),
                subject,
                timestamp: Utc::now(),
                id: None,
            },
            &actor.0,
        )
    }

    /// Records a change by itself.
    pub(super) fn audit(
        &self,
        actor: &Actor,
        action: &str,
        subject: String,
    ) -> Result<(), InspectError> {
        let record = self.audit_record(actor, action, subject)?;
        Writer::<Operations>::start(&self.settings)?
            .write(&[record])
            .map(drop)
    }

    fn typed<S: Service + Produces<T>, T: Topic>(
        &self,
        message: &T::Message,
        key: &str,
    ) -> Result<Outgoing, InspectError> {
        let value = envelope::encode(S::NAME, Utc::now(), message).map_err(|error| {
            InspectError::Client(crate::error::ClientError::Thread(error.to_string()))
        })?;
        Ok(Outgoing {
            topic: self.settings.topic(T::SPEC.name),
            partition: None,
            key: Some(key.as_bytes().to_vec()),
            value: Some(value),
            headers: record::headers(self.settings.record_headers, Uuid::now_v7(), &[]),
        })
    }
}
