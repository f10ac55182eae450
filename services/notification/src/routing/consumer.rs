//! Runs the consumer, and starts it again when it ends with an error.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_common::{
    ClientError, ErrorClass, KafkaConsumer, KafkaSettings, NotificationService, Topics, Watchdog,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::router::Router;
use crate::store::Store;
use crate::telemetry;

const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// After running this long, a failure is a new one.
const SETTLED: Duration = Duration::from_secs(60);
/// How long it halts after too many records failed because something was away.
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
    /// Ok while it runs and the broker answers.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.lock().as_ref().map_err(Clone::clone)?.ready()
    }

    /// An error only where the consumer is stuck: the rest isn't mended by a restart.
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
    router: Arc<Router>,
    store: Store,
    state: ConsumerState,
    shutdown: CancellationToken,
) {
    let mut backoff = MIN_BACKOFF;
    while !shutdown.is_cancelled() {
        let started = Instant::now();
        let outcome = consume(&settings, &router, &store, &state, &shutdown).await;
        if shutdown.is_cancelled() {
            if let Err(error) = outcome {
                tracing::warn!(%error, "the consumer ended badly");
            }
            break;
        }
        let error = match outcome {
            Ok(()) => "ended without an error".to_owned(),
            Err(error @ ClientError::Halted { class, .. }) => {
                telemetry::consumer_halted(&error);
                state.set(Err(error.to_string()));
                // Starting again would write the next records to the dead letters: somebody has
                // to look first. Only what was away may come back by itself.
                let away = class == ErrorClass::Transient;
                tokio::select! {
                    () = tokio::time::sleep(HALT), if away => continue,
                    () = shutdown.cancelled() => break,
                }
            }
            Err(error) => error.to_string(),
        };
        if started.elapsed() >= SETTLED {
            backoff = MIN_BACKOFF;
        }
        telemetry::consumer_failed(&error, backoff);
        state.set(Err(error));
        tokio::select! {
            () = tokio::time::sleep(backoff) => {}
            () = shutdown.cancelled() => {}
        }
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
    state.set(Err("stopping".to_owned()));
}

async fn consume(
    settings: &KafkaSettings,
    router: &Arc<Router>,
    store: &Store,
    state: &ConsumerState,
    shutdown: &CancellationToken,
) -> Result<(), ClientError> {
    let (trades, events, notices) = (Arc::clone(router), Arc::clone(router), Arc::clone(router));
    let store = store.clone();
    let consumer = KafkaConsumer::<NotificationService>::new(settings)
        .add_message_handler(Topics::TRADE_EXECUTIONS, move |record| {
            let router = Arc::clone(&trades);
            async move { router.trade(record).await }
        })
        .add_message_handler(Topics::FORWARD_TEST_EVENTS, move |record| {
            let router = Arc::clone(&events);
            async move { router.session_event(record).await }
        })
        .add_message_handler(Topics::USER_NOTIFICATIONS, move |record| {
            let (router, store) = (Arc::clone(&notices), store.clone());
            async move {
                // The push first: a database that is away must not keep a warning from the user.
                // When storing is tried again, the push is recognised as a repeat.
                router.notification(&record).await?;
                store.keep(&record.meta, &record.data).await
            }
        })
        .start()?;
    state.set(Ok(consumer.watchdog()));
    consumer.start_consuming(shutdown.clone()).await
}
