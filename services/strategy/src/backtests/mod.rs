//! Backtests over HTTP: a queue in the database, and the crate `backtest` on threads of their own.
//!
//! - [`request`]: what is asked for, checked
//! - [`queue`]: what waits, runs and is over
//! - [`worker`]: takes from the queue
//! - [`run`]: one backtest, within its bounds
//! - [`data`]: trades out of the log, candles out of market-data

mod data;
mod job;
mod limits;
mod queue;
mod request;
mod result;
mod run;
mod worker;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use service_kit::{ApiJson, Context, Identity, Page, Problem};
use sqlx::PgPool;
use strategy_engine::Timeframe;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

use self::job::Data;
use self::limits::MAX_OPEN;
use self::queue::{Added, Row};
pub(crate) use self::request::BacktestBody;
pub(crate) use self::result::BacktestResult;
pub(crate) use self::run::Progress;
use self::worker::Workers;
use crate::market_data::MarketData;
use crate::state::AppState;

/// Ids of backtests that were asked for with an idempotency key.
const KEY_NAMESPACE: Uuid = Uuid::from_u128(0x5c1f_8a52_0d3b_4f0e_8a55_7f0b_2f9a_14c7);
const MAX_KEY_BYTES: usize = 255;

/// Where backtests are asked for. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Backtests {
    pool: PgPool,
    added: Arc<Notify>,
}

impl Backtests {
    /// Starts what runs them.
    pub(crate) fn start(context: &Context, market_data: MarketData) -> (Self, Vec<JoinHandle<()>>) {
        let added = Arc::<Notify>::default();
        let workers = Workers::new(context, market_data, Arc::clone(&added)).start();
        let pool = context.database.clone();
        (Self { pool, added }, workers)
    }
}

/// A backtest.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BacktestAnswer {
    id: Uuid,
    /// `QUEUED`, `RUNNING`, `DONE`, `FAILED` or `CANCELLED`.
    status: String,
    /// What the strategy is called.
    name: String,
    strategy_id: Option<Uuid>,
    strategy_version: Option<i32>,
    symbol: String,
    data: Data,
    #[schema(value_type = String)]
    timeframe: Timeframe,
    /// How far it is, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Progress>)]
    progress: Option<Box<RawValue>>,
    /// What came of it; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BacktestResult>)]
    result: Option<Box<RawValue>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Problem>)]
    problem: Option<Box<RawValue>>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl BacktestAnswer {
    fn new(row: Row, whole: bool) -> Self {
        let job = row.job.0;
        let runs = row.status == "RUNNING";
        Self {
            id: row.id,
            status: row.status,
            name: job.name,
            strategy_id: job.strategy_id,
            strategy_version: job.version,
            symbol: job.symbol,
            data: job.data,
            timeframe: job.timeframe,
            progress: row.progress.filter(|_| runs).map(|progress| progress.0),
            result: row.result.filter(|_| whole).map(|result| result.0),
            problem: row.problem.map(|problem| problem.0),
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

/// The id that the same `Idempotency-Key` makes again; a new one without a key.
fn keyed_id(headers: &HeaderMap, user_id: &str) -> Result<Uuid, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(Uuid::now_v7());
    };
    let key = key.to_str().ok();
    let key = key.filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES);
    let key = key.ok_or_else(|| {
        let detail = "the key can't be used";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail)
            .field("Idempotency-Key")
            .hint(format!("use 1 to {MAX_KEY_BYTES} visible ASCII characters"))
    })?;
    let name = format!("{user_id}/{key}");
    Ok(Uuid::new_v5(&KEY_NAMESPACE, name.as_bytes()))
}

/// Tries a strategy on the market's past: the plan and the paper exchange of a session, and so its
/// ledger, to the last digit. `GET /v1/backtests/{id}` tells how far it is and what came of it. The
/// same `Idempotency-Key` gives the same backtest.
#[utoipa::path(post, path = "/v1/backtests", tag = "backtests", request_body = BacktestBody,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = BacktestAnswer), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    ApiJson(body): ApiJson<BacktestBody>,
) -> Result<Response, Problem> {
    let user_id = identity.user_id.clone();
    let id = keyed_id(&headers, &user_id)?;
    let job = body.into_job(&state, &identity).await?;
    let backtests = &state.backtests;
    match queue::add(&backtests.pool, id, &user_id, &job).await? {
        Added::Yes => backtests.added.notify_one(),
        Added::Repeated => {}
        Added::Different => {
            let detail = "the key belongs to another backtest";
            let status = StatusCode::CONFLICT;
            return Err(Problem::new(status, "idempotency_key_reused", detail)
                .field("Idempotency-Key")
                .hint("use a new key for a new backtest"));
        }
        Added::TooMany => {
            let detail = format!("{MAX_OPEN} backtests of yours wait or run");
            let status = StatusCode::TOO_MANY_REQUESTS;
            return Err(Problem::new(status, "too_many_backtests", detail)
                .hint("wait for one to end, or DELETE it"));
        }
    }
    let row = find(&state, &user_id, id).await?;
    let location = format!("/v1/backtests/{id}");
    let answer = Json(BacktestAnswer::new(row, true));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], answer).into_response())
}

async fn find(state: &AppState, user_id: &str, id: Uuid) -> Result<Row, Problem> {
    let row = queue::find(&state.backtests.pool, user_id, id).await?;
    row.ok_or_else(|| Problem::not_found("backtest").field("id"))
}

/// A backtest: how far it is, or what came of it.
#[utoipa::path(get, path = "/v1/backtests/{id}", tag = "backtests", params(("id" = Uuid, Path)),
    responses((status = 200, body = BacktestAnswer), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<BacktestAnswer>, Problem> {
    let row = find(&state, &identity.user_id, id).await?;
    Ok(Json(BacktestAnswer::new(row, true)))
}

/// The user's backtests, newest first: 50 are kept.
#[utoipa::path(get, path = "/v1/backtests", tag = "backtests",
    responses((status = 200, body = Page<BacktestAnswer>)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<Page<BacktestAnswer>>, Problem> {
    let rows = queue::list(&state.backtests.pool, &identity.user_id).await?;
    let answers = rows.into_iter().map(|row| BacktestAnswer::new(row, false));
    Ok(Json(Page::all(answers.collect())))
}

/// Ends a backtest that waits or runs; forgets one that is over.
#[utoipa::path(delete, path = "/v1/backtests/{id}", tag = "backtests", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    match queue::remove(&state.backtests.pool, &identity.user_id, id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("backtest").field("id")),
    }
}
