//! The paths of this service.

mod accounts;
mod api;
mod confirmations;
mod dashboard;
mod deliveries;
mod events;
mod preferences;
mod target_checks;
mod targets;

use axum::Router;
use axum::routing::any;
use service_kit::Auth;
use service_kit::settings::FeedSource;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::Accounts;
use crate::centrifuge::Gateway;
use crate::outside::{Client, Queue, Targets};
use crate::store::Store;

/// What the handlers need. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) accounts: Accounts,
    pub(crate) auth: Auth,
    pub(crate) gateway: Gateway,
    pub(crate) store: Store,
    pub(crate) outside: Outside,
    pub(crate) embedded: bool,
    pub(crate) feed: FeedSource,
}

/// What goes out of the house. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) targets: Targets,
    pub(crate) queue: Queue,
    pub(crate) client: Client,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "AlgoTrade notification",
    description = "Signing in, accounts, a user's notifications here and outside (webhooks, Slack, \
                   Discord, Telegram, e-mail), and a user's events over the Centrifuge protocol (JSON or \
                   protobuf) at /connection/websocket, /connection/sse and \
                   /connection/http_stream"
))]
struct Document;

/// The router and its document. Every other path that is asked for with GET is the dashboard's.
pub(crate) fn router(app: App) -> (Router, utoipa::openapi::OpenApi) {
    let (router, openapi) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(api::guest))
        .routes(routes!(api::me))
        .routes(routes!(api::notifications))
        .routes(routes!(targets::list, targets::create))
        .routes(routes!(targets::change, targets::delete))
        .routes(routes!(targets::test))
        .routes(routes!(confirmations::send))
        .routes(routes!(confirmations::confirm))
        .routes(routes!(targets::exchange_secret))
        .routes(routes!(preferences::get, preferences::put))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::retry))
        .routes(routes!(api::status))
        .routes(routes!(events::websocket))
        .routes(routes!(events::sse))
        .routes(routes!(events::http_stream))
        .routes(routes!(events::emulation))
        .merge(accounts::router())
        .with_state(app)
        .split_for_parts();
    // Only the page is compressed: events on a socket are not, and the API's answers are small.
    let pages = any(dashboard::serve).layer(CompressionLayer::new());
    (router.fallback_service(pages), openapi)
}
