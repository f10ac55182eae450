//! A topic's handler, made independent of the message's type.

use std::sync::Arc;

use chrono::Utc;
use rdkafka::message::Message;

use super::call::{Call, Outcome};
use super::options::{AgeOf, StaleOutcome, Staleness};
use super::received::Received;
use crate::envelope;
use crate::matrix::Service;
use crate::record::{Record, RecordMeta, broker_timestamp};
use crate::telemetry;
use crate::topics::Topic;
use crate::trace;

/// Decodes a record and prepares the call of its handler; the error is a record that can't be
/// decoded.
pub(super) type Dispatch = Arc<dyn Fn(&Received) -> Result<Call, String> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Subscription {
    /// The logical topic.
    pub(super) topic: &'static str,
    /// Its name on the broker.
    pub(super) physical: Arc<str>,
    pub(super) dispatch: Dispatch,
    pub(super) staleness: Option<Staleness>,
}

impl Subscription {
    /// Whether stale records go to the dead letters.
    pub(super) fn buries_stale(&self) -> bool {
        self.staleness
            .is_some_and(|staleness| staleness.outcome == StaleOutcome::DeadLetter)
    }

    /// How old a stale record is; `None` where it isn't stale.
    pub(super) fn stale_by(&self, message: &Received, call: &Call) -> Option<String> {
        let staleness = self.staleness?;
        let time = match staleness.age_of {
            AgeOf::Record => broker_timestamp(message)?,
            AgeOf::Envelope => call.produced_at,
        };
        // A record from the future, by clocks that differ, is fresh.
        let age = (Utc::now() - time).to_std().ok()?;
        (age > staleness.older_than).then(|| {
            format!(
                "the record is {:.3} s old, and stale after {:.3} s",
                age.as_secs_f64(),
                staleness.older_than.as_secs_f64()
            )
        })
    }
}

/// The dispatch of a topic's handler.
pub(super) fn dispatch<S, T, F, R>(handler: F) -> Dispatch
where
    S: Service,
    T: Topic,
    F: Fn(Record<T::Message>) -> R + Send + Sync + 'static,
    R: Future<Output = Outcome> + Send + 'static,
{
    let handler = Arc::new(handler);
    // Looked up once: by the record it would cost more than a quick handler.
    let duration = telemetry::process_duration(T::SPEC.name, S::GROUP);
    Arc::new(move |message| {
        let envelope =
            envelope::decode::<T::Message>(message.payload()).map_err(|error| error.to_string())?;
        let record = Record {
            meta: RecordMeta {
                topic: T::SPEC.name,
                partition: message.partition(),
                offset: message.offset(),
                key: message
                    .key()
                    .and_then(|key| std::str::from_utf8(key).ok())
                    .map(str::to_owned),
                timestamp: broker_timestamp(message),
                trace: trace::of_record(message),
            },
            producer_service: envelope.producer_service,
            produced_at: envelope.timestamp,
            data: envelope.data,
        };
        let handler = Arc::clone(&handler);
        let handle = move |record| handler(record);
        Ok(Call::new(S::NAME, record, handle, duration.clone()))
    })
}
