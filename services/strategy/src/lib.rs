//! The strategy service: strategies over HTTP, and their evaluation on the log of market data.
//!
//! - [`strategies`]: create, read, update, delete, compile
//! - [`versions`]: what a strategy was; a version never changes
//! - [`source`]: drawn or written, one plan
//! - [`values`]: what a running session's nodes give at the moment
//! - [`deployments`]: which sessions run which strategy; called by forward-test
//! - [`commands`]: what users ask of running sessions; called by forward-test
//! - [`backtests`]: strategies on the market's past
//! - [`history`]: what sessions have seen before they begin
//! - [`past`]: what sessions meet that begin in the past
//! - [`evaluation`]: the state machine that turns ticks into signals

mod backtests;
mod commands;
mod compilations;
mod deployments;
mod evaluation;
mod history;
mod market_data;
mod orders;
mod past;
mod repository;
mod source;
mod state;
mod strategies;
mod values;
mod versions;

use std::sync::Arc;

use kafka_common::past::{KafkaPast, Past};
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{KafkaProducer, StrategyService, processor};
use service_kit::{Context, Service, Starting, database};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::backtests::Backtests;
use crate::compilations::Compiler;
use crate::deployments::Deployments;
use crate::evaluation::Evaluation;
use crate::market_data::MarketData;
use crate::repository::SnapshotStore;
use crate::state::AppState;
use crate::values::Values;

/// Schema of the service's tables.
pub(crate) const SCHEMA: &str = "strategy";

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
    let producer = KafkaProducer::<StrategyService>::start(&context.settings.kafka)?;
    let checked = producer.clone();
    context
        .health
        .require("kafka", move || std::future::ready(checked.check()));
    let deployments = Deployments::new(context.database.clone());
    let kafka = &context.settings.kafka;
    let past: Arc<dyn Past> = Arc::new(KafkaPast::<StrategyService, MarketDataUpdates>::new(kafka));
    let evaluation = processor::spawn(
        &context.settings.kafka,
        Evaluation::new(deployments.clone(), Arc::clone(&past)),
        Arc::new(SnapshotStore::new(context.database.clone())),
        context.shutdown.clone(),
    );
    let status = Arc::clone(&evaluation.status);
    context.health.require("strategy evaluation", move || {
        std::future::ready(status.ready())
    });
    let status = Arc::clone(&evaluation.status);
    context.health.vital("strategy evaluation", move || {
        std::future::ready(status.live())
    });
    let values = Values::new(deployments.clone(), evaluation.commands.clone());
    let feeder = tokio::spawn(deployments::feed(
        deployments.clone(),
        evaluation.commands,
        context.shutdown.clone(),
    ));
    let market_data = MarketData::new(&context);
    let (backtests, mut tasks) = Backtests::start(&context, market_data.clone());
    tasks.extend([evaluation.task, feeder]);
    let state = AppState {
        backtests,
        database: context.database.clone(),
        compiler: Compiler::new(producer),
        deployments,
        market_data,
        past,
        values,
    };
    let (router, openapi) = OpenApiRouter::new()
        .routes(routes!(strategies::list, strategies::create))
        .routes(routes!(
            strategies::show,
            strategies::update,
            strategies::remove
        ))
        .routes(routes!(strategies::compile))
        .routes(routes!(versions::list))
        .routes(routes!(versions::show))
        .routes(routes!(versions::compare))
        .routes(routes!(strategies::templates))
        .routes(routes!(strategies::picture))
        .routes(routes!(values::show))
        .routes(routes!(
            deployments::put,
            deployments::remove,
            deployments::show
        ))
        .routes(routes!(commands::put))
        .routes(routes!(backtests::list, backtests::create))
        .routes(routes!(backtests::show, backtests::remove))
        .with_state(state)
        .split_for_parts();
    Ok(Service {
        router,
        openapi,
        tasks,
    })
}
