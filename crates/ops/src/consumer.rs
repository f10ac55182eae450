//! What is consumed, and by whom.

use kafka_common::{ClientError, KafkaConsumer, KafkaProducer, KafkaSettings, Operations, Topics};
use service_kit::consuming::{ConsumerStatus, Ended, keep_consuming};
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::{notices, portfolio, telemetry};

/// Consumes until `shutdown`.
pub(crate) async fn run(
    settings: KafkaSettings,
    store: Store,
    producer: KafkaProducer<Operations>,
    status: ConsumerStatus,
    shutdown: CancellationToken,
) {
    let tell = |ended: Ended<'_>| match ended {
        Ended::Failed(error, _) => telemetry::failed("consumer", error),
        Ended::Halted(error) => telemetry::failed("consumer, which has halted", error),
    };
    keep_consuming(&status, &shutdown, tell, || {
        consume(&settings, &store, &producer, &status, &shutdown)
    })
    .await;
}

async fn consume(
    settings: &KafkaSettings,
    store: &Store,
    producer: &KafkaProducer<Operations>,
    status: &ConsumerStatus,
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
    status.runs(consumer.watchdog());
    consumer.start_consuming(shutdown.clone()).await
}
