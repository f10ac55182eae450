//! What is consumed, and by whom.

use std::sync::Arc;

use kafka_common::{ClientError, KafkaConsumer, KafkaSettings, NotificationService, Topics};
use service_kit::consuming::{ConsumerStatus, Ended, keep_consuming};
use tokio_util::sync::CancellationToken;

use super::router::Router;
use crate::store::Store;
use crate::telemetry;

/// Consumes until `shutdown`.
pub(crate) async fn run(
    settings: KafkaSettings,
    router: Arc<Router>,
    store: Store,
    status: ConsumerStatus,
    shutdown: CancellationToken,
) {
    let tell = |ended: Ended<'_>| match ended {
        Ended::Failed(error, again) => telemetry::consumer_failed(error, again),
        Ended::Halted(error) => telemetry::consumer_halted(error),
    };
    keep_consuming(&status, &shutdown, tell, || {
        consume(&settings, &router, &store, &status, &shutdown)
    })
    .await;
}

async fn consume(
    settings: &KafkaSettings,
    router: &Arc<Router>,
    store: &Store,
    status: &ConsumerStatus,
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
    status.runs(consumer.watchdog());
    consumer.start_consuming(shutdown.clone()).await
}
