//! The only writer of one partition of `market-data-updates`, among replicas.
//!
//! It writes in transactions under the partition's own transactional id. Whoever takes the partition
//! over begins a new epoch of that id: the broker then refuses everything of the old one, and undoes
//! what it has left open. So a process that was paused, or cut off from Redis, can't publish another
//! trade, however late it wakes up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kafka_common::messages::{MarketDataUpdate, MissingTrades, RecordKind};
use kafka_common::topics::MarketDataUpdates;
use kafka_common::trace::OpenSpan;
use kafka_common::{
    KafkaSettings, MarketDataService, Service as _, Topic as _, envelope, record_headers,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Statistics};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Records of one transaction at most.
const BATCH: usize = 1_000;
/// Records that wait for the thread.
const QUEUE: usize = 4_096;
/// The longest step of a transaction, after which it is tried again.
const STEP: Duration = Duration::from_secs(10);
/// After a transaction that failed and may succeed later.
const PAUSE: Duration = Duration::from_millis(200);
/// Ended by the broker if its writer is gone and nobody takes over.
const TRANSACTION_TIMEOUT_MS: u32 = 300_000;

/// The record isn't in the log: this writer can't write any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("somebody else writes this partition now")]
pub struct Fenced;

struct Job {
    key: String,
    value: Vec<u8>,
    headers: OwnedHeaders,
    span: Option<OpenSpan>,
    done: oneshot::Sender<Result<(), Fenced>>,
}

/// A record on its way.
#[derive(Debug)]
pub struct Written(oneshot::Receiver<Result<(), Fenced>>);

impl Written {
    /// Waits until it is committed.
    ///
    /// # Errors
    /// It is not in the log, and won't be by this writer.
    pub async fn wait(self) -> Result<(), Fenced> {
        self.0.await.unwrap_or(Err(Fenced))
    }
}

/// A running writer; it ends when it is dropped.
#[derive(Debug)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    is_fenced: Arc<AtomicBool>,
    with_headers: bool,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Job")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Takes the partition over: from here on no earlier writer can write to it. Blocks.
    ///
    /// # Errors
    /// The broker can't be reached in time, or has no transactions.
    pub fn take_over(settings: &KafkaSettings, partition: i32) -> Result<Self, KafkaError> {
        let service = MarketDataService::NAME;
        let id = settings.group(&format!("{service}-partition-{partition}"));
        let mut config = settings.producer(service);
        config
            .set("transactional.id", id)
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string())
            .set("delivery.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
        let context = Context::default();
        let failed = Arc::clone(&context.failed);
        let producer: BaseProducer<Context> = config.create_with_context(context)?;
        producer.init_transactions(STEP)?;
        let is_fenced = Arc::new(AtomicBool::new(false));
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = Thread {
            producer,
            failed,
            topic: settings.topic(MarketDataUpdates::SPEC.name),
            partition,
            linger: Duration::from_millis(settings.linger_ms.into()),
            queue,
            is_fenced: Arc::clone(&is_fenced),
        };
        std::thread::Builder::new()
            .name(format!("writer-{partition}"))
            .spawn(move || thread.run())
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self {
            jobs,
            is_fenced,
            with_headers: settings.record_headers,
        })
    }

    /// Whether somebody else has taken over.
    pub fn is_fenced(&self) -> bool {
        self.is_fenced.load(Ordering::Acquire)
    }

    /// Queues a record, which is committed in the order of the calls.
    ///
    /// # Errors
    /// This writer can't write any more.
    pub async fn write(&self, record: &MarketDataUpdate) -> Result<Written, Fenced> {
        let (done, written) = oneshot::channel();
        let service = MarketDataService::NAME;
        let value = envelope::encode(service, chrono::Utc::now(), record).map_err(|_| Fenced)?;
        let id = Uuid::now_v7();
        let mark = [(RecordKind::HEADER, MissingTrades::RECORD_KIND)];
        let extra = if record.gap.is_some() { &mark[..] } else { &[] };
        let topic = MarketDataUpdates::SPEC.name;
        let job = Job {
            key: record.symbol.clone(),
            value,
            headers: record_headers(self.with_headers, id, extra),
            span: self
                .with_headers
                .then(|| OpenSpan::of_message(service, topic, id))
                .flatten(),
            done,
        };
        self.jobs.send(job).await.map_err(|_| Fenced)?;
        Ok(Written(written))
    }
}

/// Notes whether any delivery failed since it was last asked.
#[derive(Debug, Default)]
struct Context {
    failed: Arc<AtomicBool>,
}

impl ClientContext for Context {
    // The service's producer reports; a line for each partition would only repeat it.
    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client reports an error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

struct Thread {
    producer: BaseProducer<Context>,
    failed: Arc<AtomicBool>,
    topic: String,
    partition: i32,
    linger: Duration,
    queue: mpsc::Receiver<Job>,
    is_fenced: Arc<AtomicBool>,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let batch = self.batch(first);
            loop {
                match self.commit(&batch) {
                    Ok(()) => break,
                    Err(error) if self.can_go_on(&error) => {
                        tracing::warn!(partition = self.partition, %error, "a transaction failed, it is tried again");
                        std::thread::sleep(PAUSE);
                    }
                    Err(error) => {
                        tracing::error!(partition = self.partition, %error, "this partition can't be written any more");
                        self.is_fenced.store(true, Ordering::Release);
                        // Dropped jobs tell that they weren't written.
                        return;
                    }
                }
            }
            for job in batch {
                if let Some(span) = job.span {
                    span.end(None);
                }
                // Who waited may be gone.
                let _told = job.done.send(Ok(()));
            }
        }
    }

    /// What comes within the linger time.
    fn batch(&mut self, first: Job) -> Vec<Job> {
        let mut batch = vec![first];
        let until = Instant::now() + self.linger;
        while batch.len() < BATCH {
            match self.queue.try_recv() {
                Ok(job) => batch.push(job),
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) if Instant::now() >= until => break,
                Err(mpsc::error::TryRecvError::Empty) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        batch
    }

    fn commit(&self, batch: &[Job]) -> Result<(), KafkaError> {
        self.failed.store(false, Ordering::Relaxed);
        self.producer.begin_transaction()?;
        for job in batch {
            let record = BaseRecord::to(&self.topic)
                .partition(self.partition)
                .key(job.key.as_str())
                .payload(job.value.as_slice())
                .headers(job.headers.clone());
            self.producer.send(record).map_err(|(error, _)| error)?;
        }
        self.drain()?;
        loop {
            match self.producer.commit_transaction(STEP) {
                // Whether it is committed isn't known yet: asking again tells.
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {}
                outcome => return outcome,
            }
        }
    }

    /// Waits for every delivery report, in steps of 1 ms.
    fn drain(&self) -> Result<(), KafkaError> {
        let started = Instant::now();
        while self.producer.in_flight_count() > 0 {
            if started.elapsed() > STEP || self.producer.client().fatal_error().is_some() {
                return Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut));
            }
            // SAFETY: the pointer belongs to `self.producer`, which outlives the call; the
            // function is thread-safe and keeps no reference.
            #[allow(unsafe_code, reason = "rust-rdkafka has no flush with a finer step")]
            unsafe {
                rdkafka::bindings::rd_kafka_flush(self.producer.client().native_ptr(), 1);
            }
            self.producer.poll(Duration::ZERO);
        }
        match self.failed.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(KafkaError::MessageProduction(
                RDKafkaErrorCode::MessageTimedOut,
            )),
        }
    }

    /// Undoes what failed; false if nothing can be written any more. An abort drops what is queued,
    /// so that a batch is never written twice.
    fn can_go_on(&self, error: &KafkaError) -> bool {
        if kafka_common::is_fatal(error) || self.producer.client().fatal_error().is_some() {
            return false;
        }
        loop {
            match self.producer.abort_transaction(STEP) {
                Ok(()) => return true,
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {}
                Err(_) => return false,
            }
        }
    }
}
