//! Which sessions run which strategy.
//!
//! forward-test owns sessions; it deploys and removes them here, over HTTP, idempotently and as
//! often as it takes. When a deployment takes effect is decided by the evaluation, as a position
//! in the log, and written here *before* the evaluation commits past it.

use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use kafka_common::partitioner::market_data_partition;
use kafka_common::processor::StoreError;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{ApiJson, CallingService, Problem};
use session_account::Opening;
use sqlx::PgPool;
use sqlx::types::Json as SqlJson;
use strategy_engine::Timeframe;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::commands;
use crate::evaluation::Command;
use crate::history::{self, History};
use crate::past;
use crate::repository::{self, StrategyRow};
use crate::source::{Kind, compile_source};
use crate::state::AppState;

/// How often deployments that another replica wrote are looked for.
const FEED_INTERVAL: Duration = Duration::from_secs(1);

/// A session that runs a strategy.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Deployment {
    pub(crate) session_id: Uuid,
    pub(crate) user_id: String,
    pub(crate) strategy_id: Uuid,
    pub(crate) strategy_name: String,
    pub(crate) version: i32,
    pub(crate) kind: String,
    pub(crate) source: SqlJson<Value>,
    pub(crate) symbol: String,
    pub(crate) unit: i32,
    pub(crate) timeframe: String,
    pub(crate) initial_balance: Decimal,
    pub(crate) fee_rate: Decimal,
    pub(crate) terms: Option<SqlJson<Value>>,
    pub(crate) start_offset: Option<i64>,
    pub(crate) stop_requested: bool,
    pub(crate) stop_offset: Option<i64>,
    pub(crate) history: Option<SqlJson<History>>,
    pub(crate) starts_at: Option<DateTime<Utc>>,
    pub(crate) past_offset: Option<i64>,
}

/// The table of deployments. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Deployments {
    pool: PgPool,
    changed: std::sync::Arc<Notify>,
}

impl Deployments {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            changed: std::sync::Arc::default(),
        }
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Has the feed look at once.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    async fn insert(&self, new: &Deployment) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO strategy.deployments (session_id, user_id, strategy_id, strategy_name,
                 version, kind, source, symbol, unit, timeframe, initial_balance, fee_rate, terms, history,
                 starts_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (session_id) DO NOTHING",
        )
        .bind(new.session_id)
        .bind(&new.user_id)
        .bind(new.strategy_id)
        .bind(&new.strategy_name)
        .bind(new.version)
        .bind(&new.kind)
        .bind(&new.source)
        .bind(&new.symbol)
        .bind(new.unit)
        .bind(&new.timeframe)
        .bind(new.initial_balance)
        .bind(new.fee_rate)
        .bind(&new.terms)
        .bind(&new.history)
        .bind(new.starts_at)
        .execute(&self.pool)
        .await?;
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) async fn find(&self, session_id: Uuid) -> Result<Option<Deployment>, sqlx::Error> {
        sqlx::query_as("SELECT * FROM strategy.deployments WHERE session_id = $1")
            .bind(session_id)
            .fetch_optional(&self.pool)
            .await
    }

    async fn request_stop(&self, session_id: Uuid) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE strategy.deployments SET stop_requested = TRUE WHERE session_id = $1",
        )
        .bind(session_id)
        .execute(&self.pool)
        .await?;
        self.changed.notify_one();
        Ok(done.rows_affected() > 0)
    }

    /// How many sessions run a strategy.
    pub(crate) async fn running(&self, strategy_id: Uuid) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT count(*) FROM strategy.deployments
             WHERE strategy_id = $1 AND stop_offset IS NULL",
        )
        .bind(strategy_id)
        .fetch_one(&self.pool)
        .await
    }

    async fn pending(&self) -> Result<Vec<Deployment>, sqlx::Error> {
        sqlx::query_as(
            "SELECT * FROM strategy.deployments
             WHERE start_offset IS NULL OR (stop_requested AND stop_offset IS NULL)
             ORDER BY created_at LIMIT 1000",
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Deployments of a unit that trade at or after a position. Called from the processor's
    /// thread.
    pub(crate) fn active_from(
        &self,
        unit: i32,
        position: i64,
    ) -> Result<Vec<Deployment>, StoreError> {
        let query = sqlx::query_as(
            "SELECT * FROM strategy.deployments
             WHERE unit = $1 AND start_offset IS NOT NULL
               AND (stop_offset IS NULL OR stop_offset >= $2)",
        )
        .bind(unit)
        .bind(position);
        Handle::current()
            .block_on(query.fetch_all(&self.pool))
            .map_err(|error| StoreError::new("reading deployments", error))
    }

    /// Makes positions durable, if none are yet, and tells those that hold: where the session
    /// starts, and where its past begins, if it has one.
    pub(crate) fn fix_start(
        &self,
        session_id: Uuid,
        position: i64,
        past: Option<i64>,
    ) -> Result<(i64, Option<i64>), StoreError> {
        let query = sqlx::query_as(
            "UPDATE strategy.deployments SET
                 past_offset = CASE WHEN start_offset IS NULL THEN $3 ELSE past_offset END,
                 start_offset = COALESCE(start_offset, $2)
             WHERE session_id = $1 RETURNING start_offset, past_offset",
        );
        let query = query.bind(session_id).bind(position).bind(past);
        Handle::current()
            .block_on(query.fetch_one(&self.pool))
            .map_err(|error| StoreError::new("writing a deployment's start", error))
    }

    /// As [`Self::fix_start`] for the end.
    pub(crate) fn fix_stop(&self, session_id: Uuid, position: i64) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar(
            "UPDATE strategy.deployments SET stop_offset = COALESCE(stop_offset, $2)
             WHERE session_id = $1 RETURNING stop_offset",
        );
        let query = query.bind(session_id).bind(position);
        Handle::current()
            .block_on(query.fetch_one(&self.pool))
            .map_err(|error| StoreError::new("writing a deployment's stop", error))
    }
}

/// Brings deployments and stops that have no position yet to the evaluation, until they have one.
pub(crate) async fn feed(
    deployments: Deployments,
    evaluation: mpsc::Sender<Command>,
    shutdown: CancellationToken,
) {
    while !shutdown.is_cancelled() {
        match deployments.pending().await {
            Ok(pending) => {
                for deployment in pending {
                    // A stop waits until its start has a position.
                    let command = match deployment.start_offset {
                        None => Command::Start(Box::new(deployment)),
                        Some(_) => Command::Stop {
                            unit: deployment.unit,
                            session_id: deployment.session_id,
                        },
                    };
                    if evaluation.send(command).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "pending deployments can't be read"),
        }
        match commands::pending(&deployments.pool).await {
            Ok(pending) => {
                for command in pending {
                    let command = Command::User(Box::new(command));
                    if evaluation.send(command).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "pending commands can't be read"),
        }
        tokio::select! {
            () = deployments.changed.notified() => {}
            () = tokio::time::sleep(FEED_INTERVAL) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// A session to be run.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeploymentBody {
    /// Owner of session and strategy.
    user_id: String,
    strategy_id: Uuid,
    /// For example `BTCUSD`.
    symbol: String,
    /// `tick`, `1s` … `1d`, `ticks:100`, `volume:2.5`, `range:25`.
    timeframe: String,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    initial_balance: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    fee_rate: Decimal,
    /// How the session's market answers and its limits; read where the strategy reads its position.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    terms: Option<Value>,
    /// Event time of the first trade that it is to meet, if that is in the past.
    #[serde(default)]
    starts_at: Option<DateTime<Utc>>,
}

/// A deployment as it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeploymentAnswer {
    session_id: Uuid,
    strategy_id: Uuid,
    strategy_name: String,
    strategy_version: i32,
    symbol: String,
    timeframe: String,
    /// Partition of `market-data-updates`.
    partition: i32,
    /// First offset that is evaluated; null until it is decided.
    start_offset: Option<i64>,
    /// First offset that is not evaluated any more.
    stop_offset: Option<i64>,
    stop_requested: bool,
    /// Candles that it has seen before it begins.
    history: usize,
    /// Event time of the first trade that it was to meet, where that was in the past.
    starts_at: Option<DateTime<Utc>>,
}

impl From<Deployment> for DeploymentAnswer {
    fn from(deployment: Deployment) -> Self {
        Self {
            session_id: deployment.session_id,
            strategy_id: deployment.strategy_id,
            strategy_name: deployment.strategy_name,
            strategy_version: deployment.version,
            symbol: deployment.symbol,
            timeframe: deployment.timeframe,
            partition: deployment.unit,
            start_offset: deployment.start_offset,
            stop_offset: deployment.stop_offset,
            stop_requested: deployment.stop_requested,
            history: deployment.history.map_or(0, |history| history.0.len()),
            starts_at: deployment.starts_at,
        }
    }
}

/// Runs a strategy's latest version for a session; repeating it changes nothing.
#[utoipa::path(put, path = "/v1/deployments/{session_id}", tag = "deployments",
    params(("session_id" = Uuid, Path)), request_body = DeploymentBody,
    responses((status = 202, body = DeploymentAnswer), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn put(
    State(state): State<AppState>,
    _service: CallingService,
    Path(session_id): Path<Uuid>,
    ApiJson(body): ApiJson<DeploymentBody>,
) -> Result<(StatusCode, Json<DeploymentAnswer>), Problem> {
    let timeframe = Timeframe::from_str(&body.timeframe).map_err(|error| {
        let detail = format!("`{}` is not a timeframe", body.timeframe);
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_timeframe",
            detail,
        )
        .field("timeframe")
        .hint(error.to_string())
    })?;
    if state.deployments.find(session_id).await?.is_none() {
        let strategy = repository::find(&state.database, &body.user_id, body.strategy_id).await?;
        let strategy = strategy.ok_or_else(|| {
            Problem::not_found("strategy")
                .field("strategy_id")
                .hint("GET /v1/strategies lists yours")
        })?;
        check_account(&strategy, &body).await?;
        if let Some(time) = body.starts_at {
            past::check(&state.past, &body.symbol, time).await?;
        }
        let history = match strategy.kind.parse::<Kind>() {
            Ok(kind) => {
                let source = &strategy.source.0;
                history::fetch(&state.market_data, kind, source, &body.symbol, timeframe).await
            }
            Err(_) => None,
        };
        let deployment = Deployment {
            session_id,
            user_id: body.user_id,
            strategy_id: strategy.id,
            strategy_name: strategy.name,
            version: strategy.version,
            kind: strategy.kind,
            source: strategy.source,
            unit: market_data_partition(&body.symbol),
            symbol: body.symbol,
            timeframe: body.timeframe,
            initial_balance: body.initial_balance,
            fee_rate: body.fee_rate,
            terms: body.terms.map(SqlJson),
            start_offset: None,
            stop_requested: false,
            stop_offset: None,
            history: history.map(SqlJson),
            starts_at: body.starts_at,
            past_offset: None,
        };
        state.deployments.insert(&deployment).await?;
    }
    let Json(answer) = find(&state, session_id).await?;
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// Refuses terms that this build can't read, for a strategy that reads its position: nobody could say
/// what it holds.
async fn check_account(strategy: &StrategyRow, body: &DeploymentBody) -> Result<(), Problem> {
    let opening = Opening::of(body.initial_balance, body.fee_rate, body.terms.as_ref());
    let Err(why) = opening else {
        return Ok(());
    };
    let Ok(kind) = strategy.kind.parse::<Kind>() else {
        return Ok(());
    };
    let source = strategy.source.0.clone();
    let compiled = tokio::task::spawn_blocking(move || compile_source(kind, &source)).await;
    let plan = compiled.ok().and_then(|source| source.compilation.plan);
    if !plan.is_some_and(|plan| plan.reads_position()) {
        return Ok(());
    }
    let detail =
        format!("the strategy reads its position, and the session's terms can't be: {why}");
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_terms", detail);
    Err(problem
        .field("terms")
        .hint("run services of the same release, or a strategy without `position()`"))
}

async fn find(state: &AppState, session_id: Uuid) -> Result<Json<DeploymentAnswer>, Problem> {
    let found = state.deployments.find(session_id).await?;
    let found = found.ok_or_else(|| Problem::not_found("deployment").field("session_id"))?;
    Ok(Json(found.into()))
}

/// Ends a session's run; repeating it changes nothing.
#[utoipa::path(delete, path = "/v1/deployments/{session_id}", tag = "deployments",
    params(("session_id" = Uuid, Path)),
    responses((status = 202, body = DeploymentAnswer), (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    _service: CallingService,
    Path(session_id): Path<Uuid>,
) -> Result<(StatusCode, Json<DeploymentAnswer>), Problem> {
    if !state.deployments.request_stop(session_id).await? {
        return Err(Problem::not_found("deployment").field("session_id"));
    }
    Ok((StatusCode::ACCEPTED, find(&state, session_id).await?))
}

/// A session's run.
#[utoipa::path(get, path = "/v1/deployments/{session_id}", tag = "deployments",
    params(("session_id" = Uuid, Path)),
    responses((status = 200, body = DeploymentAnswer), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    _service: CallingService,
    Path(session_id): Path<Uuid>,
) -> Result<Json<DeploymentAnswer>, Problem> {
    find(&state, session_id).await
}
