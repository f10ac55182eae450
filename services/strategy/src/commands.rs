//! What users ask of running sessions: orders of their own, cancels, pauses.
//!
//! forward-test owns sessions and their rules; a command passes through here only to get its place
//! in the one order of ticks and signals. The place is written here *before* the evaluation commits
//! past it, so that a command is never lost and never moves.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use kafka_common::messages::{OrderDetails, RecordKind, Signal};
use kafka_common::processor::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_kit::{ApiJson, CallingService, Problem};
use sqlx::PgPool;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::state::AppState;

/// What a record of a command carries, besides what all records do.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandBody {
    /// `signal` (an order), `cancel`, `replace`, `pause`, `resume` or `close`.
    kind: String,
    /// Side, size and reason; HOLD where there is nothing to trade.
    #[schema(value_type = Object)]
    pub(crate) signal: Signal,
    pub(crate) order_type: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub(crate) order: Option<Box<OrderDetails>>,
}

/// A command as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
struct CommandRow {
    id: Uuid,
    session_id: Uuid,
    unit: i32,
    kind: String,
    body: sqlx::types::Json<Box<RawValue>>,
    position: Option<i64>,
    created_at: DateTime<Utc>,
}

/// A command on its way into the log.
#[derive(Debug, Clone)]
pub(crate) struct UserCommand {
    pub(crate) id: Uuid,
    pub(crate) session_id: Uuid,
    pub(crate) unit: i32,
    pub(crate) kind: RecordKind,
    pub(crate) body: CommandBody,
    /// None until the evaluation has decided.
    pub(crate) position: Option<i64>,
    /// When it was taken: its time where the market has none yet.
    pub(crate) created_at: DateTime<Utc>,
}

impl CommandRow {
    /// `None`, with a log line, for a row that this build can't read: it can't take effect.
    fn read(self) -> Option<UserCommand> {
        let body = serde_json::from_str(self.body.0.get());
        let (Some(kind), Ok(body)) = (RecordKind::parse(Some(&self.kind)), body) else {
            tracing::error!(command = %self.id, kind = self.kind, "command can't be read");
            return None;
        };
        Some(UserCommand {
            id: self.id,
            session_id: self.session_id,
            unit: self.unit,
            kind,
            body,
            position: self.position,
            created_at: self.created_at,
        })
    }
}

const COLUMNS: &str =
    "SELECT id, session_id, unit, kind, body, position, created_at FROM strategy.commands";

/// Commands that have no position yet, oldest first.
pub(crate) async fn pending(pool: &PgPool) -> Result<Vec<UserCommand>, sqlx::Error> {
    let statement = format!("{COLUMNS} WHERE position IS NULL ORDER BY created_at, id LIMIT 1000");
    let rows: Vec<CommandRow> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().filter_map(CommandRow::read).collect())
}

/// Commands of a unit that take effect at or after a position. Called from the processor's thread.
pub(crate) fn from(
    pool: &PgPool,
    unit: i32,
    position: i64,
) -> Result<Vec<UserCommand>, StoreError> {
    let statement = format!(
        "{COLUMNS} WHERE unit = $1 AND position >= $2 ORDER BY position, place NULLS FIRST, created_at, id"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(unit)
        .bind(position);
    let rows: Vec<CommandRow> = Handle::current()
        .block_on(query.fetch_all(pool))
        .map_err(|error| StoreError::new("reading commands", error))?;
    Ok(rows.into_iter().filter_map(CommandRow::read).collect())
}

/// Makes a command's position durable, if none is yet, and tells the one that holds. Called from
/// the processor's thread.
pub(crate) fn fix(pool: &PgPool, id: Uuid, position: i64) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(
        "UPDATE strategy.commands SET position = COALESCE(position, $2),
             place = COALESCE(place, nextval('strategy.command_places'))
         WHERE id = $1 RETURNING position",
    )
    .bind(id)
    .bind(position);
    Handle::current()
        .block_on(query.fetch_one(pool))
        .map_err(|error| StoreError::new("writing a command's position", error))
}

/// Takes a command for a session; repeating it changes nothing.
#[utoipa::path(put, path = "/v1/deployments/{session_id}/commands/{command_id}",
    tag = "deployments", request_body = CommandBody,
    params(("session_id" = Uuid, Path), ("command_id" = Uuid, Path)),
    responses((status = 202), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn put(
    State(state): State<AppState>,
    _service: CallingService,
    Path((session_id, command_id)): Path<(Uuid, Uuid)>,
    ApiJson(body): ApiJson<CommandBody>,
) -> Result<(StatusCode, Json<serde_json::Value>), Problem> {
    let told = RecordKind::parse(Some(&body.kind)).filter(|kind| {
        let own = [RecordKind::Start, RecordKind::Stop, RecordKind::Progress];
        !own.contains(kind)
    });
    let Some(kind) = told else {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let detail = format!("`{}` is not a command", body.kind);
        return Err(Problem::new(status, "invalid_command", detail)
            .field("kind")
            .hint("use signal, cancel, replace, pause, resume or close"));
    };
    let text = serde_json::value::to_raw_value(&body)
        .map_err(|error| Problem::unavailable("the command", error))?;
    // Only for a deployment that is there: its partition is the command's.
    let found = sqlx::query_scalar::<_, i32>(
        "WITH deployment AS (SELECT unit FROM strategy.deployments WHERE session_id = $2),
         added AS (
             INSERT INTO strategy.commands (id, session_id, unit, kind, body)
             SELECT $1, $2, unit, $3, $4 FROM deployment
             ON CONFLICT (id) DO NOTHING)
         SELECT unit FROM deployment",
    )
    .bind(command_id)
    .bind(session_id)
    .bind(kind.as_str())
    .bind(sqlx::types::Json(text))
    .fetch_optional(&state.database)
    .await?;
    let Some(partition) = found else {
        return Err(Problem::not_found("deployment").field("session_id"));
    };
    state.deployments.wake();
    let answer = serde_json::json!({"id": command_id, "partition": partition});
    Ok((StatusCode::ACCEPTED, Json(answer)))
}
