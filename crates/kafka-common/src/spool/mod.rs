//! A bounded queue on disk in front of the broker, for messages that must outlive an outage and a
//! restart of the process.
//!
//! Every message goes through the disk, whether or not the broker is there: one path, so new
//! messages can't overtake old ones, and what is written is never lost. A task sends what waits, in order,
//! with a client that never gives a message up. The price is a write to the disk for each message:
//! a spool is for hundreds of events a second, not for market data.
//!
//! A message is sent again only if the process ended between its delivery and the note of it on
//! disk; it then has the same `message-id` header.

mod drain;
mod entry;
mod log;

use std::io;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::{ClientError, ProduceError};
use crate::matrix::{Produces, Service};
use crate::producer::KafkaProducer;
use crate::telemetry;
use crate::topics::Topic;
use entry::Entry;
use log::{Log, Opened};

/// Where a spool is and how much it holds.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// Its name in logs and metrics.
    pub name: &'static str,
    /// Its folder; no other spool and no other process may use it at the same time.
    pub dir: PathBuf,
    /// Bytes of messages that may wait. Beyond it messages are refused.
    pub max_bytes: u64,
}

/// A spool can't be used.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// The bound is reached: the broker has been away for too long.
    #[error("the spool is full: {bytes} of {max_bytes} bytes wait for the broker")]
    Full {
        /// Bytes that wait.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// Another process, or another spool of this one, has the folder.
    #[error("{} is in use by another process: give each its own folder", .dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// What is on disk isn't what was written, and it isn't the end that a crash tears off.
    #[error(
        "{} is damaged at byte {offset}: to go on without the messages from there to its end, \
         move the file away",
        .file.display()
    )]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where the first unreadable message begins.
        offset: u64,
    },
    /// A message is for a topic that this version doesn't know.
    #[error(
        "{} holds a message for the topic `{topic}`, which is not in the catalogue: deliver it \
         with the version that wrote it, or move the file away",
        .file.display()
    )]
    UnknownTopic {
        /// The file.
        file: PathBuf,
        /// The topic.
        topic: String,
    },
    /// A message can't be written as bytes.
    #[error("the message can't be written: {error}")]
    Encode {
        /// Why.
        error: String,
    },
    /// The disk refuses.
    #[error("{}: {source}", .path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The client that sends what waits can't be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A thread ended badly.
    #[error("the spool's thread ended badly: {0}")]
    Thread(String),
}

/// What the senders and the draining task share.
#[derive(Debug)]
struct Shared {
    name: &'static str,
    log: Mutex<Log>,
    /// Messages found on disk and written since: the number of the last one.
    written: watch::Sender<u64>,
    /// How many of them the broker has.
    delivered: watch::Sender<u64>,
    wake: Notify,
    stopped: AtomicBool,
    /// Why nothing goes out at present.
    stalled: Mutex<Option<String>>,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> u64 {
        self.written
            .borrow()
            .saturating_sub(*self.delivered.borrow())
    }

    fn tell_size(&self, bytes: u64) {
        telemetry::spool_size(self.name, self.waiting(), bytes);
    }

    fn stall(&self, reason: Option<String>) {
        *self.stalled.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    fn append(&self, entry: &Entry) -> Result<u64, SpoolError> {
        let mut log = self.log();
        log.append(entry)?;
        // Numbered under the lock: in the order on disk.
        self.written.send_modify(|written| *written += 1);
        let number = *self.written.borrow();
        self.tell_size(log.bytes());
        Ok(number)
    }
}

/// Messages that wait on disk for the broker, in the order in which they were sent.
pub struct Spool<S> {
    producer: KafkaProducer<S>,
    shared: Arc<Shared>,
    /// Ends the task, even if nobody calls `stop`.
    ending: DropGuard,
    task: JoinHandle<()>,
    service: PhantomData<fn() -> S>,
}

impl<S> std::fmt::Debug for Spool<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Spool")
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

/// A message that is on disk and will be delivered, by this process or the next.
#[derive(Debug, Clone)]
pub struct Spooled {
    topic: &'static str,
    number: u64,
    delivered: watch::Receiver<u64>,
}

impl Spooled {
    /// Waits until the broker has it. Nothing is lost by not waiting.
    ///
    /// # Errors
    /// The spool was stopped before; the message stays on disk.
    pub async fn delivered(mut self) -> Result<(), ProduceError> {
        let number = self.number;
        match self.delivered.wait_for(|count| *count >= number).await {
            Ok(_) => Ok(()),
            Err(_ended) => Err(ProduceError::Stopped { topic: self.topic }),
        }
    }
}

impl<S: Service> Spool<S> {
    /// Opens a spool and begins to send what waits in it.
    ///
    /// # Errors
    /// The folder can't be used, is in use, or holds what can't be read; see [`SpoolError`].
    pub async fn open(
        producer: &KafkaProducer<S>,
        settings: &SpoolSettings,
    ) -> Result<Self, SpoolError> {
        let SpoolSettings {
            name,
            dir,
            max_bytes,
        } = settings.clone();
        let opened = blocking(move || Log::open(&dir, max_bytes)).await?;
        let Opened {
            log,
            messages,
            torn_bytes,
        } = opened;
        telemetry::spool_opened(name, messages, torn_bytes);
        let bytes = log.bytes();
        let shared = Arc::new(Shared {
            name,
            log: Mutex::new(log),
            written: watch::Sender::new(messages),
            delivered: watch::Sender::new(0),
            wake: Notify::new(),
            stopped: AtomicBool::new(false),
            stalled: Mutex::new(None),
        });
        shared.tell_size(bytes);
        let ending = CancellationToken::new();
        let drain = drain::Drain::new(producer.settings(), S::NAME, Arc::clone(&shared))?;
        let task = tokio::spawn(drain.run(ending.clone()));
        let ending = ending.drop_guard();
        Ok(Self {
            producer: producer.clone(),
            shared,
            ending,
            task,
            service: PhantomData,
        })
    }

    /// Puts a message on disk, behind those that wait there. It is delivered in its turn.
    ///
    /// # Errors
    /// The spool is full, the disk refuses, or the message can't be encoded: it is not kept.
    pub async fn send_message<T: Topic>(
        &self,
        topic: T,
        message: &T::Message,
        key: &str,
    ) -> Result<Spooled, ProduceError>
    where
        S: Produces<T>,
    {
        let name = T::SPEC.name;
        if self.shared.stopped.load(Ordering::Acquire) {
            return Err(ProduceError::Stopped { topic: name });
        }
        let encoded = self.producer.encode(topic, message)?;
        let size = encoded.value.len();
        let entry = Entry::new(name, key.as_bytes(), encoded.value, &encoded.headers);
        let shared = Arc::clone(&self.shared);
        let kept = blocking(move || shared.append(&entry)).await;
        let number = kept.map_err(|source| {
            telemetry::spool_refused(self.shared.name, name, key, size, &source);
            ProduceError::Spool {
                topic: name,
                source,
            }
        })?;
        self.shared.wake.notify_one();
        Ok(Spooled {
            topic: name,
            number,
            delivered: self.shared.delivered.subscribe(),
        })
    }

    /// Messages that the broker hasn't acknowledged yet.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.shared.waiting()
    }

    /// Whether what waits can be sent, as far as is known: for readiness.
    ///
    /// # Errors
    /// Why the last try failed.
    pub fn check(&self) -> Result<(), String> {
        let stalled = self.shared.stalled.lock();
        match &*stalled.unwrap_or_else(PoisonError::into_inner) {
            Some(reason) => Err(format!("the spool `{}`: {reason}", self.shared.name)),
            None => Ok(()),
        }
    }

    /// Takes no more messages, sends what waits within the deadline, and tells how many stay on
    /// disk for the next process.
    pub async fn stop(self, deadline: Duration) -> u64 {
        self.shared.stopped.store(true, Ordering::Release);
        let all = *self.shared.written.borrow();
        let mut delivered = self.shared.delivered.subscribe();
        let drained = delivered.wait_for(|count| *count >= all);
        let _ = tokio::time::timeout(deadline, drained).await;
        drop(self.ending);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the spool's task ended badly");
        }
        let left = self.shared.waiting();
        if left > 0 {
            let spool = self.shared.name;
            tracing::warn!(spool, left, "messages stay on disk until the next start");
        }
        left
    }
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, SpoolError> + Send + 'static,
) -> Result<R, SpoolError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(SpoolError::Thread(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
