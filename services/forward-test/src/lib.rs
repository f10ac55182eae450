//! The forward-test service: sessions over HTTP, and the paper exchange on the log.
//!
//! - [`sessions`]: start, list, show, stop; trades and equity
//! - [`control`]: pause, resume, clone
//! - [`comparing`]: several beside each other
//! - [`ordering`]: orders: to see, to place, to change, to cancel
//! - [`reports`]: a session's figures
//! - [`exporting`]: trades as a file; [`parquet`] is one form of it
//! - [`commands`]: what users ask of running sessions, on its way to the log
//! - [`deploying`]: brings sessions to the strategy service, as often as it takes
//! - [`one_order`]: the one order of ticks and signals
//! - [`exchange`]: the state machine that applies them to the sessions' accounts
//! - [`projection`]: what the state machine decided, in the database
//! - [`verify`]: whether topics, database and a fresh run agree

mod answers;
mod commands;
mod comparing;
mod control;
mod convert;
mod deploying;
mod exchange;
mod exporting;
mod figures;
mod one_order;
mod ordering;
mod orders;
mod parquet;
mod peers;
mod projection;
mod publishing;
mod reports;
mod repository;
mod sessions;
mod state;
mod subscribing;
mod terms;
pub mod verify;

use std::sync::Arc;

use kafka_common::past::KafkaPast;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{ForwardTestService, processor};
use service_kit::{Context, Service, Starting, database};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::deploying::Deployer;
use crate::exchange::Exchange;
use crate::peers::Peers;
use crate::projection::Projection;
use crate::state::AppState;

/// Schema of the service's tables.
pub(crate) const SCHEMA: &str = "forward_test";

/// Starts the service.
///
/// # Errors
/// The database can't be migrated, or the Kafka settings are refused.
#[must_use]
pub fn start(context: Context) -> Starting<Service> {
    Box::pin(start_now(context))
}

async fn start_now(context: Context) -> anyhow::Result<Service> {
    database::migrate(&context.database, SCHEMA, sqlx::migrate!()).await?;
    let kafka = &context.settings.kafka;
    let past = KafkaPast::<ForwardTestService, MarketDataUpdates>::new(kafka);
    let exchange = processor::spawn(
        kafka,
        Exchange {
            past: Arc::new(past),
        },
        Arc::new(Projection::new(context.database.clone())),
        context.shutdown.clone(),
    );
    let status = Arc::clone(&exchange.status);
    context
        .health
        .require("paper exchange", move || std::future::ready(status.ready()));
    let status = Arc::clone(&exchange.status);
    context
        .health
        .vital("paper exchange", move || std::future::ready(status.live()));
    let peers = Peers::new(&context);
    let deployer = Deployer::new(context.database.clone(), peers.clone());
    let deploying = tokio::spawn(deployer.clone().run(context.shutdown.clone()));
    let state = AppState {
        database: context.database.clone(),
        peers,
        deployer,
        max_sessions: context.settings.sessions.max_per_user,
    };
    let (router, openapi) = OpenApiRouter::new()
        .routes(routes!(sessions::list, sessions::create))
        .routes(routes!(comparing::compare))
        .routes(routes!(sessions::show))
        .routes(routes!(sessions::stop))
        .routes(routes!(sessions::trades))
        .routes(routes!(sessions::equity))
        .routes(routes!(control::pause))
        .routes(routes!(control::resume))
        .routes(routes!(control::clone))
        .routes(routes!(ordering::list, ordering::place))
        .routes(routes!(ordering::cancel, ordering::replace))
        .routes(routes!(reports::metrics))
        .routes(routes!(exporting::export))
        .with_state(state)
        .split_for_parts();
    Ok(Service {
        router,
        openapi,
        tasks: vec![exchange.task, deploying],
    })
}
