#![doc = include_str!("../README.md")]

mod audit;
mod consumer;
mod dead_letters;
mod fold;
mod health;
mod http;
mod leader;
mod notices;
mod portfolio;
mod store;
mod telemetry;

use std::sync::Arc;
use std::time::Duration;

use kafka_common::{KafkaProducer, Operations};
use service_kit::consuming::ConsumerStatus;
use service_kit::{Context, Service, Starting, database};
use tokio_util::sync::CancellationToken;

use crate::health::Probes;
use crate::leader::Leader;
use crate::store::Store;

/// Schema of the tables.
pub(crate) const SCHEMA: &str = "ops";
/// How often services are asked.
const PROBE: Duration = Duration::from_secs(15);
/// How often it is looked for changes to relay.
const RELAY: Duration = Duration::from_secs(1);
/// How often it is looked for days that are over.
const SUMMARIES: Duration = Duration::from_secs(60);
/// Time for what is on its way to Kafka when the process ends.
const DRAIN: Duration = Duration::from_secs(4);

/// Starts it.
///
/// # Errors
/// The database can't be migrated, or the Kafka settings are refused.
#[must_use]
pub fn start(context: Context) -> Starting<Service> {
    Box::pin(start_now(context))
}

async fn start_now(context: Context) -> anyhow::Result<Service> {
    database::migrate(&context.database, SCHEMA, sqlx::migrate!()).await?;
    let producer = KafkaProducer::<Operations>::start(&context.settings.kafka)?;
    let checked = producer.clone();
    context
        .health
        .require("ops kafka", move || std::future::ready(checked.check()));
    let status = ConsumerStatus::default();
    status.require(&context.health, "ops consumer");
    let live = status.clone();
    context
        .health
        .vital("ops consumer", move || std::future::ready(live.live()));

    let kafka = context.settings.kafka.clone();
    let store = Store::new(context.database.clone());
    let leader = Leader::new(&context);
    let probes = Arc::new(Probes::new(&context, producer.clone()));
    let shutdown = context.shutdown.clone();
    let tasks = [
        tokio::spawn(again(PROBE, shutdown.clone(), {
            let (leader, probes) = (leader.clone(), Arc::clone(&probes));
            move || {
                let (leader, probes) = (leader.clone(), Arc::clone(&probes));
                async move {
                    // Every replica asks, so that each can tell; one writes to the topic.
                    probes.ask(leader.leads().await).await;
                }
            }
        })),
        tokio::spawn(again(RELAY, shutdown.clone(), {
            let (leader, producer) = (leader.clone(), producer.clone());
            let pool = context.database.clone();
            move || {
                let (leader, producer, pool) = (leader.clone(), producer.clone(), pool.clone());
                async move {
                    if leader.leads().await {
                        audit::relay(&pool, &producer).await;
                    }
                }
            }
        })),
        tokio::spawn(again(SUMMARIES, shutdown.clone(), {
            let (leader, producer, store) = (leader.clone(), producer.clone(), store.clone());
            move || {
                let (leader, producer, store) = (leader.clone(), producer.clone(), store.clone());
                async move {
                    if leader.leads().await {
                        notices::tell_days(&store, &producer, chrono::Utc::now()).await;
                    }
                }
            }
        })),
        tokio::spawn(async move {
            let kafka = context.settings.kafka.clone();
            consumer::run(kafka, store, producer.clone(), status, shutdown).await;
            // What isn't delivered in time is told by the producer.
            let _ = producer.stop(DRAIN).await;
        }),
    ];
    let (letters, document) = dead_letters::router(kafka);
    let (router, mut openapi) = http::router(probes);
    openapi.merge(document);
    Ok(Service {
        router: router.merge(letters),
        openapi,
        tasks: tasks.into(),
    })
}

/// Does something now and then, until `shutdown`. What is in hand is finished.
async fn again<F, R>(every: Duration, shutdown: CancellationToken, mut action: F)
where
    F: FnMut() -> R,
    R: Future<Output = ()>,
{
    while !shutdown.is_cancelled() {
        action().await;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
