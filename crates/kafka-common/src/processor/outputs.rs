//! What a unit produces between two commits.

use std::marker::PhantomData;

use chrono::Utc;
use rdkafka::message::{Message, OwnedHeaders};
use uuid::Uuid;

use crate::dead_letter::{DeadLetter, Failure};
use crate::envelope;
use crate::header::RawHeaders;
use crate::matrix::{Produces, Service, dead_letter_topic};
use crate::record;
use crate::settings::KafkaSettings;
use crate::topics::Topic;
use crate::trace::OpenSpan;

pub(super) struct OutputRecord {
    pub(super) topic: String,
    pub(super) partition: Option<i32>,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) headers: OwnedHeaders,
    /// Until it is committed; none where nobody wants to know.
    pub(super) span: Option<OpenSpan>,
}

/// Collects records and rows. While the log before the commit is applied again, records are
/// suppressed, because they are in the log, and rows are kept, because they may not be in the
/// database.
pub struct Outputs<S, Row> {
    settings: KafkaSettings,
    committed: Vec<i64>,
    suppressed: bool,
    pub(super) records: Vec<OutputRecord>,
    pub(super) rows: Vec<Row>,
    pub(super) failed: Option<String>,
    service: PhantomData<fn() -> S>,
}

impl<S, Row> std::fmt::Debug for Outputs<S, Row> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Outputs")
            .field("records", &self.records.len())
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl<S: Service, Row> Outputs<S, Row> {
    /// For a unit whose inputs are committed up to these offsets.
    #[must_use]
    pub fn new(settings: &KafkaSettings, committed: Vec<i64>) -> Self {
        Self {
            settings: settings.clone(),
            committed,
            suppressed: false,
            records: Vec::new(),
            rows: Vec::new(),
            failed: None,
            service: PhantomData,
        }
    }

    /// Says which input record the following outputs are caused by.
    pub fn applying(&mut self, input: usize, offset: i64) {
        self.suppressed = self
            .committed
            .get(input)
            .is_some_and(|committed| offset < *committed);
    }

    /// Whether the outputs of the current input record are in the log already.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        self.suppressed
    }

    /// Ends the run: something that the unit needs can't be had now, and what it would do without
    /// must not be committed. Everything is restored from the last commit.
    pub fn fail(&mut self, why: String) {
        self.failed.get_or_insert(why);
    }

    /// Why the run must end, if it must.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Sends a message; `partition` only where it isn't the key's own.
    pub fn send<T: Topic>(
        &mut self,
        _topic: T,
        partition: Option<i32>,
        key: &str,
        message_id: Uuid,
        extra_headers: &[(&str, &str)],
        message: &T::Message,
    ) where
        S: Produces<T>,
    {
        if self.suppressed {
            return;
        }
        match envelope::encode(S::NAME, Utc::now(), message) {
            Ok(value) => self.records.push(OutputRecord {
                topic: self.settings.topic(T::SPEC.name),
                partition,
                key: key.as_bytes().to_vec(),
                value,
                headers: record::headers(self.settings.record_headers, message_id, extra_headers),
                span: self
                    .settings
                    .record_headers
                    .then(|| OpenSpan::of_message(S::NAME, T::SPEC.name, message_id))
                    .flatten(),
            }),
            // The messages are plain structs, so this is a bug; it ends the run, never a record.
            Err(error) => self.failed = Some(format!("encoding for {}: {error}", T::SPEC.name)),
        }
    }

    /// Writes a row to the store, after the commit.
    pub fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(super) fn dead_letter<M>(&mut self, message: &M, topic: &'static str, failure: &Failure)
    where
        M: Message<Headers: RawHeaders>,
    {
        if self.suppressed {
            return;
        }
        let letter = DeadLetter::of(message, topic, S::GROUP, failure);
        self.records.push(OutputRecord {
            topic: self.settings.topic(&dead_letter_topic(topic, S::GROUP)),
            partition: None,
            key: letter.key,
            value: letter.value,
            headers: letter.headers,
            span: None,
        });
    }

    /// The records collected so far as (topic, key, value): what a test of a unit looks at.
    pub fn sent(&self) -> impl Iterator<Item = (&str, &[u8], &[u8])> {
        self.records
            .iter()
            .map(|r| (r.topic.as_str(), r.key.as_slice(), r.value.as_slice()))
    }

    /// The rows collected so far, for tests of a unit.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}
