//! The path of `algotrade ops`.

use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::{Operator, Page, Problem};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::health::Probes;

/// A service's health, as on `service-health`.
#[derive(Debug, Serialize, ToSchema)]
struct HealthAnswer {
    service: String,
    /// `ready` or what it lacks.
    status: String,
    timestamp: DateTime<Utc>,
    latency_ms: Option<u64>,
    /// Records that its consumer group is behind.
    lag: Option<u64>,
    waiting_ms: Option<u64>,
}

/// The router and its document.
pub(crate) fn router(probes: Arc<Probes>) -> (Router, utoipa::openapi::OpenApi) {
    OpenApiRouter::new()
        .routes(routes!(health))
        .with_state(probes)
        .split_for_parts()
}

/// The services' health, as it was found last.
#[utoipa::path(get, path = "/v1/ops/health", tag = "ops",
    responses((status = 200, body = Page<HealthAnswer>), (status = 401, body = Problem),
        (status = 403, body = Problem)))]
async fn health(
    State(probes): State<Arc<Probes>>,
    _operator: Operator,
) -> Json<Page<HealthAnswer>> {
    let found = probes.latest().into_iter().map(|health| HealthAnswer {
        service: health.service,
        status: health.status,
        timestamp: health.timestamp,
        latency_ms: health.latency_ms,
        lag: health.lag,
        waiting_ms: health.waiting_ms,
    });
    Json(Page::all(found.collect()))
}
