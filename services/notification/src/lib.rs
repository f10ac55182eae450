#![doc = include_str!("../README.md")]

pub mod accounts;
pub mod centrifuge;
pub mod channels;
mod http;
pub mod hub;
mod outside;
pub mod owners;
mod routing;
mod shared;
mod store;
mod telemetry;

use std::sync::Arc;
use std::time::Duration;

use kafka_common::KafkaProducer;
use secrecy::ExposeSecret;
use service_kit::consuming::ConsumerStatus;
use service_kit::{Context, Service, Starting, database};

use accounts::Accounts;
use centrifuge::{Gateway, Timings};
use channels::Channels;
use hub::{Hub, HubLimits};
use outside::{Client, Limits, Queue, Targets, Worker};
use owners::SessionOwners;
use routing::{Router, consume, start_mirror};
use shared::Shared;
use store::Store;

/// How much longer than a dead replica stays in the group its records may take to be consumed by
/// another one.
const TAKE_OVER: Duration = Duration::from_secs(15);

/// Starts the service.
///
/// # Errors
/// The database can't be migrated, or the Kafka client refuses its settings.
#[must_use]
pub fn start(context: Context) -> Starting<Service> {
    Box::pin(start_now(context))
}

async fn start_now(context: Context) -> anyhow::Result<Service> {
    let migrator = sqlx::migrate!("./migrations");
    database::migrate(&context.database, "notification", migrator).await?;
    let accounts = Accounts::new(context.database.clone(), context.auth.clone());
    let first = context.settings.auth.operator_password.as_ref();
    // Compose hands an unset variable on as an empty one.
    if let Some(password) = first.filter(|password| !password.expose_secret().is_empty()) {
        let made = accounts.make_first_operator(password).await;
        if made.map_err(|problem| anyhow::anyhow!("auth.operator_password: {}", problem.detail))? {
            tracing::info!(
                user_id = accounts::FIRST_OPERATOR,
                "made the first operator"
            );
        }
    }
    let limits = HubLimits {
        members: context.settings.notifications.connections_per_user,
        ..HubLimits::default()
    };
    let session_timeout = u64::from(context.settings.kafka.session_timeout_ms);
    let hold = Duration::from_millis(session_timeout) + TAKE_OVER;
    let redis = &context.settings.redis;
    let shared = Shared::new(&context.cache, redis, limits.clone(), hold)?;
    let hub = match shared {
        Some(_) => Hub::following(limits),
        None => Hub::new(limits),
    };
    let queue = Queue::new(context.database.clone());
    let store = Store::new(context.database.clone(), queue.clone());
    let client = Client::new(&context.settings.notifications)?;
    let worker = Worker::new(queue.clone(), client.clone(), Limits::default());
    let delivering = tokio::spawn(worker.run(context.shutdown.clone()));
    let producer = KafkaProducer::start(&context.settings.kafka)?;
    let checked = producer.clone();
    context
        .health
        .require("kafka", move || std::future::ready(checked.check()));
    let (sender, mirror) = start_mirror(producer);
    let router = Router::new(Arc::clone(&hub), shared.clone(), sender);
    let status = ConsumerStatus::default();
    status.require(&context.health, "consumer");
    let live = status.clone();
    let following = shared.clone();
    context.health.vital("consumer", move || {
        // A record that waits for the store isn't moved by a restart.
        let waits = following
            .as_ref()
            .is_some_and(|shared| !shared.is_following());
        std::future::ready(if waits { Ok(()) } else { live.live() })
    });
    let gateway = Gateway::new(
        Channels::new(Arc::clone(&hub), shared.clone()),
        context.auth.clone(),
        Timings::default(),
        context.shutdown.clone(),
    );
    let gateway = gateway.with_owners(SessionOwners::new(
        context.http.clone(),
        &context.settings.services.forward_test_url,
        context.auth.clone(),
    ));

    let forwarded = tokio::spawn(gateway.clone().take_forwarded());
    let follow = shared.map(|shared| {
        let following = shared.follow(hub, context.shutdown.clone());
        tokio::spawn(following)
    });
    let kafka = context.settings.kafka.clone();
    let (kept, shutdown) = (store.clone(), context.shutdown.clone());
    let pipeline = tokio::spawn(async move {
        let consuming = consume(kafka, Arc::clone(&router), kept, status, shutdown.clone());
        tokio::join!(consuming, router.keep(shutdown));
        router.flush().await;
        // With the last sender gone, the mirror delivers what it has and ends.
        drop(router);
        if let Err(error) = mirror.await {
            tracing::error!(%error, "the task for realtime-updates ended badly");
        }
    });
    let connections = tokio::spawn(gateway.clone().drained());
    let (router, openapi) = http::router(http::App {
        accounts,
        auth: context.auth,
        gateway,
        store,
        outside: http::Outside {
            targets: Targets::new(context.database),
            queue,
            client,
        },
        embedded: context.embedded,
        feed: context.settings.feed.source,
    });
    Ok(Service {
        router,
        openapi,
        tasks: [pipeline, connections, forwarded, delivering]
            .into_iter()
            .chain(follow)
            .collect(),
    })
}
