//! `/v1/notifications/deliveries`: what went out, what waits, and what was given up.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use service_kit::{Identity, Page, Problem};
use utoipa::IntoParams;
use uuid::Uuid;

use super::App;
use super::api::unprocessable;
use crate::outside::{Delivery, DeliveryState};

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 500;

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Wanted {
    /// Only those in this state.
    state: Option<DeliveryState>,
    /// Only those to this target.
    target_id: Option<Uuid>,
    /// Most items of the page: 1 to 500, 50 where it is missing.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The user's deliveries of the last 7 days, newest first.
#[utoipa::path(
    get, path = "/v1/notifications/deliveries", tag = "notifications",
    operation_id = "list_notification_deliveries", params(Wanted),
    responses(
        (status = 200, body = Page<Delivery>),
        (status = 401, body = Problem),
        (status = 422, description = "invalid_cursor, invalid_query", body = Problem),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    identity: Identity,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let Query(wanted) = query.map_err(|error| unprocessable("query", &error.body_text()))?;
    let before = match &wanted.cursor {
        None => i64::MAX,
        Some(cursor) => cursor
            .parse()
            .map_err(|_| unprocessable("cursor", "the cursor is not one of ours"))?,
    };
    let limit = wanted.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let (user, queue) = (&identity.user_id, &app.outside.queue);
    let items = queue
        .list(user, wanted.state, wanted.target_id, before, limit + 1)
        .await?;
    Ok(Json(Page::cut(items, limit, |last| last.seq.to_string())))
}

/// Has a delivery tried again that was given up or suppressed.
#[utoipa::path(
    post, path = "/v1/notifications/deliveries/{id}/retry", tag = "notifications",
    operation_id = "retry_notification_delivery", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = Delivery),
        (status = 401, body = Problem),
        (status = 404, description = "not_found, or neither given up nor suppressed",
            body = Problem),
    )
)]
pub(super) async fn retry(
    State(app): State<App>,
    identity: Identity,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<Delivery>, Problem> {
    let gone = || Problem::not_found("delivery that was given up");
    let Path(id) = id.map_err(|_| gone())?;
    let tried = app.outside.queue.retry(&identity.user_id, id).await?;
    tried.map(Json).ok_or_else(gone)
}
