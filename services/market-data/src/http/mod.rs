//! The paths under `/v1` that market-data serves.

mod candles;
mod products;
mod query;
mod stream;
mod subscriptions;
mod ticks;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use service_kit::Problem;
use service_kit::cache::Cache;
use service_kit::settings::FeedSource;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::book::Markets;
use crate::history::History;
use crate::listing::Listing;
use crate::quotes::Quotes;
use crate::registry::Registry;

pub use ticks::Tick;

/// Browsers that can watch live prices at the same time.
const MAX_STREAMS: usize = 1_000;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "AlgoTrade market data",
        description = "What the feed carries, its latest trades, and live prices"
    ),
    tags((name = "market data"))
)]
struct ApiDoc;

/// What the handlers need.
#[derive(Debug, Clone)]
pub struct AppState {
    /// Subscribes and unsubscribes.
    pub registry: Arc<Registry>,
    /// Knows the latest.
    pub markets: Arc<Markets>,
    /// Knows the products.
    pub listing: Arc<Listing>,
    /// Knows candles from before the start.
    pub history: Arc<History>,
    /// Tells live prices.
    pub quotes: Arc<Quotes>,
    /// Has the latest ticks, also those from before a restart.
    pub cache: Cache,
    /// What the feed is.
    pub source: FeedSource,
    /// Products that one user can ask for.
    pub max_products_per_user: usize,
    /// One permit for each stream.
    pub streams: Arc<Semaphore>,
    /// Ends the streams.
    pub shutdown: CancellationToken,
}

/// Places for browsers that watch.
pub fn stream_places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_STREAMS))
}

/// The paths, and the document that describes them.
pub fn router(state: AppState) -> (Router, OpenApi) {
    let mut document = ApiDoc::openapi();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("bearer", SecurityScheme::Http(bearer));
    OpenApiRouter::with_openapi(document)
        .routes(routes!(products::list))
        .routes(routes!(subscriptions::list, subscriptions::create))
        .routes(routes!(subscriptions::remove))
        .routes(routes!(ticks::list))
        .routes(routes!(candles::list))
        .routes(routes!(stream::watch))
        .with_state(state)
        .split_for_parts()
}

/// Finishes a change even if the one who asked for it goes away in the middle.
async fn finished<T: Send + 'static>(
    change: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(change).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a change ended badly");
        Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the change could not be made",
        ))
    })
}
