//! A session's figures.

use axum::Json;
use axum::extract::{Path, State};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;
use service_kit::{Identity, Problem};
use session_account::Opening;
use uuid::Uuid;

use crate::sessions::find;
use crate::state::AppState;
use crate::{figures, repository};

/// A UTC day of a session.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(crate) struct DayAnswer {
    day: NaiveDate,
    /// At the end of the day.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    equity: Decimal,
    /// Since the end of the day before.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    return_pct: Decimal,
}

/// A session in figures.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MetricsAnswer {
    #[serde(flatten)]
    #[schema(value_type = crate::figures::FiguresAnswer)]
    session: std::collections::BTreeMap<String, Box<RawValue>>,
    /// The days, oldest first; at most the newest 366.
    days: Vec<DayAnswer>,
}

/// A session's figures, as of its latest output.
#[utoipa::path(get, path = "/v1/sessions/{id}/metrics", tag = "sessions",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = MetricsAnswer), (status = 404, body = Problem)))]
pub(crate) async fn metrics(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<MetricsAnswer>, Problem> {
    let session = find(&state, &identity.user_id, id).await?;
    let text = match repository::metrics(&state.database, id).await? {
        Some(text) => Some(text),
        // It hasn't said anything yet: the figures of one that has just begun.
        None => Opening::of(
            session.initial_balance,
            session.fee_rate,
            session.terms.as_ref().map(|terms| &terms.0),
        )
        .ok()
        .and_then(|opening| figures::json(opening.account.figures())),
    };
    let unreadable = |error| Problem::unavailable("the database", error);
    let session = serde_json::from_str(text.as_deref().unwrap_or("{}")).map_err(unreadable)?;
    let days = repository::days(&state.database, id).await?;
    Ok(Json(MetricsAnswer { session, days }))
}
