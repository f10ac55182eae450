//! What a client's error callback has said of its connection, kept for whoever waits in vain:
//! librdkafka lets a producer's messages time out and doesn't say that the password is wrong.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::{AccessDenied, ConnectFailure, SecuritySettings, classify};
use crate::acl::Operation;
use crate::error::ProduceError;
use crate::settings::KafkaSettings;

/// librdkafka repeats itself every 30 s: what was last said longer ago than this has passed.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// Belongs to one client. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionWatch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    security: SecuritySettings,
    servers: String,
    last: Mutex<Option<(Instant, ConnectFailure)>>,
}

impl ConnectionWatch {
    pub(crate) fn new(settings: &KafkaSettings) -> Self {
        Self(Arc::new(Inner {
            security: settings.security.clone(),
            servers: settings.bootstrap_servers.clone(),
            last: Mutex::new(None),
        }))
    }

    /// Takes a report of the error callback.
    pub(crate) fn note(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        let found = classify(code, reason, None, &self.0.security, &self.0.servers);
        if let Some(failure) = found {
            // librdkafka reports the same again only after 30 s, which bounds these lines.
            tracing::error!(%failure, "no connection to kafka");
            let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some((Instant::now(), failure));
        }
    }

    /// What is behind a message that was not delivered, where it is about rights or the connection.
    pub(crate) fn explain(
        &self,
        topic: &'static str,
        physical: &str,
        error: &KafkaError,
        maybe_in_log: bool,
    ) -> Option<ProduceError> {
        if let Some(denied) = AccessDenied::of(&self.0.security, Operation::Write, physical, error)
        {
            return Some(ProduceError::Denied(denied));
        }
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::MessageTimedOut) {
            return None;
        }
        let last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (when, failure) = last.as_ref()?;
        (when.elapsed() < GOOD_FOR).then(|| ProduceError::Connect {
            topic,
            source: failure.clone(),
            maybe_in_log,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_message_that_timed_out_is_explained_by_what_was_said() {
        let mut settings = KafkaSettings::default();
        settings.security.protocol = "sasl_ssl".to_owned();
        settings.security.username = "ops".to_owned();
        let watch = ConnectionWatch::new(&settings);
        let timed_out = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
        assert!(watch.explain("t", "eu.t", &timed_out, false).is_none());
        let error = KafkaError::Global(RDKafkaErrorCode::Authentication);
        watch.note(&error, "SASL authentication error: Authentication failed");
        let explained = watch.explain("t", "eu.t", &timed_out, false).unwrap();
        assert!(
            matches!(explained, ProduceError::Connect { .. }),
            "{explained}"
        );
        // What failed for another reason isn't blamed on the connection.
        let too_large = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
        assert!(watch.explain("t", "eu.t", &too_large, false).is_none());
        let denied = KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed);
        let explained = watch
            .explain("t", "eu.t", &denied, false)
            .unwrap()
            .to_string();
        assert!(
            explained.starts_with("`User:ops` may not Write Topic `eu.t`"),
            "{explained}"
        );
    }
}
