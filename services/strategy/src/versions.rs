//! What a strategy was: each change is a version of its own, and a version never changes.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use service_kit::{Identity, Page, PageQuery, Problem};
use strategy_engine::{Diff, Form, diff};
use uuid::Uuid;

use crate::repository::{self, VersionRow};
use crate::source::Kind;
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

/// What is different between two versions.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DiffAnswer {
    from: VersionAnswer,
    to: VersionAnswer,
    /// Whether both do the same: their plans are equal, whatever is different in how they are
    /// drawn or written.
    same_plan: bool,
    /// Nodes and edges that came, went or changed; null where one can't be drawn.
    #[schema(value_type = Option<Object>)]
    graph: Option<strategy_engine::GraphDiff>,
    /// Lines that came and went, as `diff -u` writes them; null where one can't be written.
    script: Option<String>,
}

fn form(row: &VersionRow) -> Form<'_> {
    match (row.kind.parse(), row.source.0.as_str()) {
        (Ok(Kind::Script), Some(text)) => Form::Script(text),
        _ => Form::Graph(&row.source.0),
    }
}

/// What is different between two versions of a strategy, in both forms.
#[utoipa::path(get, path = "/v1/strategies/{id}/versions/{from}/diff/{to}", tag = "strategies",
    params(("id" = Uuid, Path), ("from" = i32, Path), ("to" = i32, Path)),
    responses((status = 200, body = DiffAnswer), (status = 404, body = Problem)))]
pub(crate) async fn compare(
    State(state): State<AppState>,
    identity: Identity,
    Path((id, from, to)): Path<(Uuid, i32, i32)>,
) -> Result<Json<DiffAnswer>, Problem> {
    let read = async |version: i32, field: &str| {
        let row = repository::version(&state.database, &identity.user_id, id, version).await?;
        row.ok_or_else(|| Problem::not_found("version").field(field))
    };
    let (before, after) = (read(from, "from").await?, read(to, "to").await?);
    // As compiling: pure computation.
    let compared = tokio::task::spawn_blocking(move || {
        let found = diff(form(&before), form(&after));
        (found, before, after)
    });
    let compared = compared.await;
    let (Diff { graph, script }, before, after) =
        compared.map_err(|error| Problem::unavailable("the comparison", error))?;
    Ok(Json(DiffAnswer {
        same_plan: before.plan_hash == after.plan_hash,
        from: VersionAnswer::new(before, false),
        to: VersionAnswer::new(after, false),
        graph,
        script,
    }))
}
