//! Runs the consumer, and starts it again when it ends with an error.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_common::{
    ClientError, KafkaConsumer, KafkaProducer, KafkaSettings, Operations, Topics, Watchdog,
};
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::{notices, portfolio, telemetry};

const BACKOFF: Duration = Duration::from_secs(10);
/// How long it rests after too many records failed: starting again at once would write the next
/// ones to the dead letters.
const HALT: Duration = Duration::from_secs(300);

/// What the health checks know of the consumer: its watchdog, or why there is none. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerState(Arc<Mutex<Result<Watchdog, String>>>);

impl Default for ConsumerState {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Err("not started yet".to_owned()))))
    }
}

impl ConsumerState {
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.lock().as_ref().map_err(Clone::clone)?.ready()
    }

    pub(crate) fn live(&self) -> Result<(), String> {
        self.lock().as_ref().map_or(Ok(()), Watchdog::check)
    }

    fn set(&self, state: Result<Watchdog, String>) {
        *self.lock() = state;
    }

    fn lock(&self) -> MutexGuard<'_, Result<Watchdog, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Consumes until `shutdown`.
pub(crate) async fn run(
    settings: KafkaSettings,
    store: Store,
    producer: KafkaProducer<Operations>,
    state: ConsumerState,
    shutdown: CancellationToken,
) {
    while !shutdown.is_cancelled() {
        let outcome = consume(&settings, &store, &producer, &state, &shutdown).await;
        let (error, rest) = match outcome {
            Ok(()) => ("ended".to_owned(), BACKOFF),
            Err(error @ ClientError::Halted { .. }) => (error.to_string(), HALT),
            Err(error) => (error.to_string(), BACKOFF),
        };
        if !shutdown.is_cancelled() {
            telemetry::failed("consumer", &error);
        }
        state.set(Err(error));
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn consume(
    settings: &KafkaSettings,
    store: &Store,
    producer: &KafkaProducer<Operations>,
    state: &ConsumerState,
    shutdown: &CancellationToken,
) -> Result<(), ClientError> {
    let (store, folding, telling) = (store.clone(), producer.clone(), producer.clone());
    let consumer = KafkaConsumer::<Operations>::new(settings)
        .add_message_handler(Topics::TRADE_EXECUTIONS, move |record| {
            let (store, producer) = (store.clone(), folding.clone());
            async move { portfolio::handle(&store, &producer, record).await }
        })
        .add_message_handler(Topics::FORWARD_TEST_EVENTS, move |record| {
            let producer = telling.clone();
            async move { notices::on_event(&producer, record).await }
        })
        // Records of a session keep their order; those of others pass.
        .concurrency(32)
        .start()?;
    state.set(Ok(consumer.watchdog()));
    consumer.start_consuming(shutdown.clone()).await
}
