//! A partition's past, read once more: for what begins before the place that a processor has reached.
//!
//! A processor's position only grows. A unit that is told to begin something in the past reads what
//! lies before its position here, on a client of its own that joins no group and commits nothing.

use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};
use thiserror::Error;

use crate::error::{self, ClientError};
use crate::matrix::{Consumes, Service};
use crate::settings::KafkaSettings;
use crate::telemetry::LoggedContext;
use crate::topics::Topic;

/// Time for one question to the broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
/// Silence after which a reading gives up: what it wants is in the log.
const STALL: Duration = Duration::from_secs(30);

/// A record of the past.
#[derive(Debug, Clone, Copy)]
pub struct PastRecord<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// The past can't be read.
#[derive(Debug, Error)]
pub enum PastError {
    /// Retention has removed it.
    #[error("the log no longer has offset {0}")]
    Gone(i64),
    /// Nothing comes, though it should be there.
    #[error("nothing of the log's past came for {} s", STALL.as_secs())]
    Stalled,
    /// The broker doesn't answer or refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// The past of a topic's partitions. Its calls block.
pub trait Past: Send + Sync + fmt::Debug {
    /// The first offset that is still there, and the one after the last.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    fn bounds(&self, partition: i32) -> Result<(i64, i64), PastError>;

    /// The first offset whose record was written at this time or later; the log's end, if none was.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    fn locate(&self, partition: i32, time: DateTime<Utc>) -> Result<i64, PastError>;

    /// Begins to read at an offset.
    ///
    /// # Errors
    /// The offset is gone, or the broker doesn't answer or refuses.
    fn open(&self, partition: i32, from: i64) -> Result<Box<dyn PastReader>, PastError>;
}

/// A reading of a partition's past, which goes on where it was left.
pub trait PastReader: Send {
    /// Hands over the next records, up to and including offset `to`, which must be in the log
    /// already; fewer if it is told to stop.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses, or what comes next is gone.
    fn read_to(
        &mut self,
        to: i64,
        each: &mut dyn FnMut(PastRecord<'_>) -> ControlFlow<()>,
    ) -> Result<(), PastError>;
}

impl fmt::Debug for dyn PastReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PastReader").finish_non_exhaustive()
    }
}

/// The past of a topic that the service consumes.
#[derive(Debug, Clone)]
pub struct KafkaPast<S, T> {
    settings: KafkaSettings,
    of: PhantomData<fn() -> (S, T)>,
}

impl<S: Service + Consumes<T>, T: Topic> KafkaPast<S, T> {
    /// On this broker.
    #[must_use]
    pub fn new(settings: &KafkaSettings) -> Self {
        Self {
            settings: settings.clone(),
            of: PhantomData,
        }
    }

    fn client(&self) -> Result<BaseConsumer<LoggedContext>, PastError> {
        let mut config = self.settings.reader(S::NAME, S::GROUP);
        config
            // It reads up to what it is told, and must hear of what is gone.
            .set("enable.partition.eof", "false")
            .set("auto.offset.reset", "error")
            .set("statistics.interval.ms", "0");
        let client = config
            .create_with_context(LoggedContext)
            .map_err(ClientError::kafka("creating a reader of the past"))?;
        Ok(client)
    }

    fn bounds_by(
        &self,
        client: &BaseConsumer<LoggedContext>,
        partition: i32,
    ) -> Result<(i64, i64), PastError> {
        let topic = self.settings.topic(T::SPEC.name);
        let (first, end) = client
            .fetch_watermarks(&topic, partition, REQUEST_TIMEOUT)
            .map_err(ClientError::kafka("reading where the log begins"))?;
        Ok((first, end.max(first)))
    }
}

impl ConsumerContext for LoggedContext {}

impl<S, T> Past for KafkaPast<S, T>
where
    S: Service + Consumes<T> + fmt::Debug,
    T: Topic + fmt::Debug,
{
    fn bounds(&self, partition: i32) -> Result<(i64, i64), PastError> {
        self.bounds_by(&self.client()?, partition)
    }

    fn locate(&self, partition: i32, time: DateTime<Utc>) -> Result<i64, PastError> {
        let client = self.client()?;
        let topic = self.settings.topic(T::SPEC.name);
        let (first, end) = self.bounds_by(&client, partition)?;
        let action = "looking for a time in the log";
        let mut asked = TopicPartitionList::new();
        let millis = Offset::Offset(time.timestamp_millis().max(0));
        asked
            .add_partition_offset(&topic, partition, millis)
            .map_err(ClientError::kafka(action))?;
        let found = client
            .offsets_for_times(asked, REQUEST_TIMEOUT)
            .map_err(ClientError::kafka(action))?;
        let Some(found) = found.find_partition(&topic, partition) else {
            return Ok(end);
        };
        found.error().map_err(ClientError::kafka(action))?;
        let offset = found.offset().to_raw().filter(|offset| *offset >= 0);
        Ok(offset.unwrap_or(end).clamp(first, end))
    }

    fn open(&self, partition: i32, from: i64) -> Result<Box<dyn PastReader>, PastError> {
        let client = self.client()?;
        let topic = self.settings.topic(T::SPEC.name);
        let (first, _) = self.bounds_by(&client, partition)?;
        if from < first {
            return Err(PastError::Gone(from));
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, partition, Offset::Offset(from))
            .map_err(ClientError::kafka("choosing the past to read"))?;
        client
            .assign(&list)
            .map_err(ClientError::kafka("choosing the past to read"))?;
        Ok(Box::new(KafkaReader {
            client,
            next: from,
            held: None,
        }))
    }
}

struct KafkaReader {
    client: BaseConsumer<LoggedContext>,
    /// The first offset that hasn't been handed over.
    next: i64,
    /// Read, and later than what was asked for.
    held: Option<OwnedMessage>,
}

impl PastReader for KafkaReader {
    fn read_to(
        &mut self,
        to: i64,
        each: &mut dyn FnMut(PastRecord<'_>) -> ControlFlow<()>,
    ) -> Result<(), PastError> {
        if let Some(held) = self.held.take_if(|held| held.offset() <= to) {
            self.next = held.offset() + 1;
            if each(record(&held)).is_break() {
                return Ok(());
            }
        }
        let mut heard = Instant::now();
        while self.next <= to && self.held.is_none() {
            match self.client.poll(POLL) {
                None if heard.elapsed() > STALL => return Err(PastError::Stalled),
                None => {}
                Some(Ok(message)) if message.offset() > to => {
                    self.held = Some(message.detach());
                }
                Some(Ok(message)) => {
                    heard = Instant::now();
                    self.next = message.offset() + 1;
                    if each(record(&message)).is_break() {
                        return Ok(());
                    }
                }
                Some(Err(source)) if is_gone(&source) => return Err(PastError::Gone(self.next)),
                Some(Err(source)) if error::is_fatal(&source) => {
                    return Err(ClientError::kafka("reading the past")(source).into());
                }
                // Everything else librdkafka retries by itself.
                Some(Err(error)) => tracing::warn!(%error, "reading the past, will go on"),
            }
        }
        Ok(())
    }
}

fn record<M: Message>(message: &M) -> PastRecord<'_> {
    PastRecord {
        offset: message.offset(),
        key: message.key(),
        value: message.payload(),
    }
}

fn is_gone(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset)
}
