//! A right that the broker denies, with all that one needs to grant it.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use thiserror::Error;

use crate::acl::{Operation, ResourceKind};

use super::SecuritySettings;

/// The broker denies an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error(
    "`{principal}` may not {operation} {kind} `{name}`: `algotrade setup --acls` grants each \
     service what it needs; nothing else is allowed"
)]
pub struct AccessDenied {
    /// Who asked.
    pub principal: String,
    /// For what.
    pub operation: Operation,
    /// On what kind of thing.
    pub kind: ResourceKind,
    /// Its name on the broker.
    pub name: String,
}

impl AccessDenied {
    /// The denial behind a client's error; none where it failed for another reason. `operation` and
    /// `name` tell what was tried: the error itself has neither.
    #[must_use]
    pub fn of(
        security: &SecuritySettings,
        operation: Operation,
        name: &str,
        error: &KafkaError,
    ) -> Option<Self> {
        let code = match error {
            KafkaError::AdminOp(code) => *code,
            error => error.rdkafka_error_code()?,
        };
        let kind = match code {
            RDKafkaErrorCode::TopicAuthorizationFailed => ResourceKind::Topic,
            RDKafkaErrorCode::GroupAuthorizationFailed => ResourceKind::Group,
            RDKafkaErrorCode::TransactionalIdAuthorizationFailed => ResourceKind::TransactionalId,
            RDKafkaErrorCode::ClusterAuthorizationFailed => ResourceKind::Cluster,
            _ => return None,
        };
        Some(Self {
            principal: security.principal(),
            operation,
            kind,
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_denial_names_principal_operation_and_resource() {
        let security = SecuritySettings {
            protocol: "sasl_ssl".to_owned(),
            username: "notification".to_owned(),
            ..SecuritySettings::default()
        };
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed);
        let denied =
            AccessDenied::of(&security, Operation::Write, "trade-executions", &error).unwrap();
        let text = denied.to_string();
        assert!(
            text.starts_with("`User:notification` may not Write Topic `trade-executions`"),
            "{text}"
        );
        let other = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
        assert_eq!(
            AccessDenied::of(&security, Operation::Write, "t", &other),
            None
        );
    }
}
