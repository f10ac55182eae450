//! What a strategy was: each change is a version of its own, and a version never changes.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use service_kit::{Identity, Page, PageQuery, Problem};
use uuid::Uuid;

use crate::repository::{self, VersionRow};
use crate::state::AppState;

/// A version of a strategy.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VersionAnswer {
    /// From 1.
    version: i32,
    /// `graph` or `script`.
    kind: String,
    /// The plan's content hash: the same wherever the strategy does the same.
    plan_hash: String,
    created_at: DateTime<Utc>,
    /// The graph, or the script's text; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    source: Option<Value>,
    /// What the compiler said; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    diagnostics: Option<Value>,
}

impl VersionAnswer {
    fn new(row: VersionRow, whole: bool) -> Self {
        Self {
            version: row.version,
            kind: row.kind,
            plan_hash: row.plan_hash,
            created_at: row.created_at,
            source: whole.then_some(row.source.0),
            diagnostics: whole.then_some(row.diagnostics.0),
        }
    }
}

/// The versions of a strategy, newest first.
#[utoipa::path(get, path = "/v1/strategies/{id}/versions", tag = "strategies",
    params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, body = Page<VersionAnswer>), (status = 404, body = Problem)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<VersionAnswer>>, Problem> {
    let before = match query.cursor.as_deref().map(str::parse) {
        None => None,
        Some(Ok(before)) => Some(before),
        Some(Err(_)) => {
            let detail = "the cursor is not one of ours";
            return Err(
                Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail)
                    .field("cursor")
                    .hint("use `next_cursor` of the page before"),
            );
        }
    };
    let limit = query.limit();
    let rows =
        repository::versions(&state.database, &identity.user_id, id, before, limit + 1).await?;
    // Every strategy has a version.
    if rows.is_empty() && before.is_none() {
        return Err(Problem::not_found("strategy").field("id"));
    }
    let answers = rows.into_iter().map(|row| VersionAnswer::new(row, false));
    Ok(Json(Page::cut(answers.collect(), limit, |answer| {
        answer.version.to_string()
    })))
}

/// One version of a strategy, with its source.
#[utoipa::path(get, path = "/v1/strategies/{id}/versions/{version}", tag = "strategies",
    params(("id" = Uuid, Path), ("version" = i32, Path)),
    responses((status = 200, body = VersionAnswer), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    identity: Identity,
    Path((id, version)): Path<(Uuid, i32)>,
) -> Result<Json<VersionAnswer>, Problem> {
    let row = repository::version(&state.database, &identity.user_id, id, version).await?;
    let row = row.ok_or_else(|| Problem::not_found("version").field("version"))?;
    Ok(Json(VersionAnswer::new(row, true)))
}
