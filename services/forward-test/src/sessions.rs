//! Sessions over HTTP.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use service_kit::{ApiJson, FieldError, Identity, Page, PageQuery, Problem};
use session_account::Terms;
use timeframe::{Timeframe, TimeframeError};
use uuid::Uuid;

use crate::answers::{EquityAnswer, SessionAnswer};
use crate::commands::{self, Command};
use crate::peers::CallError;
use crate::repository::{self, Inserted, NewSession, SessionRow};
use crate::state::AppState;
use crate::terms::TermsBody;

/// Ids of sessions that were created with an idempotency key.
const KEY_NAMESPACE: Uuid = Uuid::from_u128(0x5a0e_7d1c_93f2_4b0a_8a43_d2b6_0c1f_9e77);
const MAX_NAME_CHARS: usize = 200;
const MAX_KEY_BYTES: usize = 200;
/// Points of an equity curve in one answer.
const MAX_EQUITY_POINTS: i64 = 5_000;

/// A session to be started.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionBody {
    /// One of the user's strategies; its latest version is used, and kept.
    strategy_id: Uuid,
    /// For example `BTCUSD`.
    symbol: String,
    /// `tick`; the length of bars of time, `1s` … `1d`; or what closes bars of trades (`ticks:100`), of
    /// volume in the base currency (`volume:2.5`) or of price (`range:25`).
    #[serde(default = "default_timeframe")]
    timeframe: String,
    /// Cash to begin with, in the quote currency.
    #[serde(default = "default_balance", with = "kafka_common::decimal::number")]
    #[schema(value_type = f64, default = 100_000)]
    initial_balance: Decimal,
    /// Fee as a fraction of the notional: 0.001 is 0.1 %.
    #[serde(default = "default_fee_rate", with = "kafka_common::decimal::number")]
    #[schema(value_type = f64, default = 0.001)]
    fee_rate: Decimal,
    /// Up to 200 characters; made from the symbol where it is missing.
    name: Option<String>,
    /// `{"kind": "next_trade"}` (where it is missing); `{"kind": "quote", "max_age_ms", "stale":
    /// "wait" | "reject", "max_wait_seconds"}`; `{"kind": "volume", "share", "queue"}`.
    #[schema(value_type = Option<Object>)]
    fill_model: Option<serde_json::Value>,
    /// `{"maker", "taker"}` in place of `fee_rate`, or `{"preset": "coinbase", "volume"}` (dollars in the
    /// 30 days before, which choose the tier; 0 where it is missing).
    #[schema(value_type = Option<Object>)]
    fees: Option<serde_json::Value>,
    /// `{"kind": "fixed", "amount"}`, `{"kind": "proportional", "rate"}` or
    /// `{"kind": "square_root", "rate"}`.
    #[schema(value_type = Option<Object>)]
    slippage: Option<serde_json::Value>,
    /// `{"kind": "fixed", "ms"}` or `{"kind": "uniform", "min_ms", "max_ms", "seed"}`.
    #[schema(value_type = Option<Object>)]
    latency: Option<serde_json::Value>,
    /// Where trades of the market are missing, orders that go to the market `wait` or are
    /// refused (`reject`).
    #[schema(value_type = Option<Object>)]
    gap: Option<serde_json::Value>,
    /// `{"quantity_increment", "price_increment", "min_quantity", "min_notional"}`.
    #[schema(value_type = Option<Object>)]
    product: Option<serde_json::Value>,
    /// `{"max_position", "max_order", "max_orders_per_minute", "max_daily_loss", "max_drawdown",
    /// "action": "reject" | "halt"}`.
    #[schema(value_type = Option<Object>)]
    risk: Option<serde_json::Value>,
    /// `average` (where it is missing) or `fifo`.
    #[schema(value_type = Option<Object>)]
    cost_method: Option<serde_json::Value>,
    /// Event time in the past: it meets the market's trades from there on, as far as the log reaches
    /// back (a day), at full speed, and then goes on with what comes.
    starts_at: Option<DateTime<Utc>>,
    /// Event time at which it stops by itself: no trade of the market at this time or later is met.
    ends_at: Option<DateTime<Utc>>,
}

impl SessionBody {
    fn terms(&self) -> TermsBody {
        TermsBody {
            fill_model: self.fill_model.clone(),
            fees: self.fees.clone(),
            slippage: self.slippage.clone(),
            latency: self.latency.clone(),
            gap: self.gap.clone(),
            product: self.product.clone(),
            risk: self.risk.clone(),
            cost_method: self.cost_method.clone(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        }
    }
}

fn default_timeframe() -> String {
    "tick".to_owned()
}

fn default_balance() -> Decimal {
    Decimal::from(100_000)
}

fn default_fee_rate() -> Decimal {
    Decimal::new(1, 3)
}

fn check(body: &SessionBody) -> Result<(Timeframe, Terms), Problem> {
    let mut errors = Vec::new();
    let timeframe = body
        .timeframe
        .parse()
        .unwrap_or_else(|error: TimeframeError| {
            errors.push(FieldError {
                field: "timeframe".to_owned(),
                code: "invalid_timeframe".to_owned(),
                detail: format!("`{}` is not a timeframe", body.timeframe),
                hint: error.to_string(),
            });
            Timeframe::default()
        });
    let terms = body.terms().read().unwrap_or_else(|wrong| {
        errors.extend(wrong);
        Terms::default()
    });
    if let Err(wrong) = terms.session(body.initial_balance, body.fee_rate) {
        errors.extend(wrong.into_iter().map(|error| FieldError {
            field: error.field.to_owned(),
            code: error.code.to_owned(),
            detail: error.detail,
            hint: error.hint.to_owned(),
        }));
    }
    let name = body.name.as_deref().unwrap_or("unnamed").trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        errors.push(FieldError {
            field: "name".to_owned(),
            code: "invalid_name".to_owned(),
            detail: "the name is empty or too long".to_owned(),
            hint: format!("give it 1 to {MAX_NAME_CHARS} characters, or none at all"),
        });
    }
    match errors.is_empty() {
        true => Ok((timeframe, terms)),
        false => Err(Problem::invalid(errors)),
    }
}

/// An id that the same `Idempotency-Key` makes again in the same scope; a new one without a key.
pub(crate) fn keyed_id(headers: &HeaderMap, scope: &str) -> Result<Uuid, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(Uuid::now_v7());
    };
    let key = key
        .to_str()
        .ok()
        .filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES);
    let key = key.ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            "the key can't be used",
        )
        .field("Idempotency-Key")
        .hint(format!("use 1 to {MAX_KEY_BYTES} visible ASCII characters"))
    })?;
    Ok(Uuid::new_v5(
        &KEY_NAMESPACE,
        format!("{scope}/{key}").as_bytes(),
    ))
}

/// Starts a session. The same `Idempotency-Key` gives the same session.
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", request_body = SessionBody,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = SessionAnswer), (status = 200, body = SessionAnswer),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    ApiJson(body): ApiJson<SessionBody>,
) -> Result<Response, Problem> {
    let (timeframe, terms) = check(&body)?;
    // The same amount has one name, so that a repeated request is known as one.
    let timeframe = timeframe.to_string();
    let id = keyed_id(&headers, &identity.user_id)?;
    let subscribed = state.peers.subscribe(&body.symbol).await;
    let symbol = subscribed.map_err(|error| error.into_problem("the market-data service"))?;
    let name = body.name.map_or_else(
        || format!("{symbol} {timeframe}"),
        |name| name.trim().to_owned(),
    );
    let new = NewSession {
        id,
        user_id: identity.user_id,
        name,
        strategy_id: body.strategy_id,
        symbol,
        timeframe,
        initial_balance: body.initial_balance,
        fee_rate: body.fee_rate,
        terms: terms.to_json(),
    };
    start(&state, new).await
}

/// Adds a session and brings it to the strategy service.
pub(crate) async fn start(state: &AppState, new: NewSession) -> Result<Response, Problem> {
    let id = new.id;
    let inserted = repository::insert(&state.database, &new, state.max_sessions).await?;
    if inserted == Inserted::TooMany {
        let detail = format!(
            "you have {} sessions that haven't ended",
            state.max_sessions
        );
        return Err(
            Problem::new(StatusCode::CONFLICT, "too_many_sessions", detail)
                .hint("stop one that you don't need any more"),
        );
    }
    let session = find(state, &new.user_id, id).await?;
    if inserted == Inserted::Before {
        return repeated(&new, session);
    }
    match state.deployer.deploy(&session).await {
        Ok(()) => {}
        Err(CallError::Refused(problem)) => {
            repository::remove(&state.database, id).await?;
            return Err(problem);
        }
        // The session is kept; the strategy service gets it when it is back.
        Err(CallError::Unreachable(error)) => {
            tracing::warn!(%id, error, "strategy service does not answer, session waits");
        }
    }
    let session = find(state, &new.user_id, id).await?;
    Ok((StatusCode::CREATED, Json(SessionAnswer::from(session))).into_response())
}

fn repeated(new: &NewSession, session: SessionRow) -> Result<Response, Problem> {
    let same = session.strategy_id == new.strategy_id
        && session.symbol == new.symbol
        && session.timeframe == new.timeframe
        && session.initial_balance == new.initial_balance
        && session.fee_rate == new.fee_rate
        && session.terms.as_ref().map(|terms| &terms.0) == new.terms.as_ref();
    match same {
        true => Ok(Json(SessionAnswer::from(session)).into_response()),
        false => Err(Problem::new(
            StatusCode::CONFLICT,
            "idempotency_key_reused",
            "the key belongs to a session with other terms",
        )
        .field("Idempotency-Key")
        .hint("use a new key for a new session")),
    }
}

pub(crate) async fn find(state: &AppState, user_id: &str, id: Uuid) -> Result<SessionRow, Problem> {
    let found = repository::find(&state.database, user_id, id).await?;
    found.ok_or_else(|| Problem::not_found("session").field("id"))
}

/// The user's sessions, newest first.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", params(PageQuery),
    responses((status = 200, body = Page<SessionAnswer>), (status = 401, body = Problem)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SessionAnswer>>, Problem> {
    let before = query.cursor.as_deref().map(|text| {
        let parsed = text.split_once('_').and_then(|(micros, id)| {
            Some((
                DateTime::from_timestamp_micros(micros.parse().ok()?)?,
                id.parse().ok()?,
            ))
        });
        parsed.ok_or_else(invalid_cursor)
    });
    let limit = query.limit();
    let before = before.transpose()?;
    let rows = repository::list(&state.database, &identity.user_id, before, limit + 1).await?;
    let sessions: Vec<SessionAnswer> = rows.into_iter().map(SessionAnswer::from).collect();
    Ok(Json(Page::cut(sessions, limit, SessionAnswer::cursor)))
}

pub(crate) fn invalid_cursor() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_cursor",
        "the cursor is not one of ours",
    )
    .field("cursor")
    .hint("use `next_cursor` of the page before")
}

/// One session.
#[utoipa::path(get, path = "/v1/sessions/{id}", tag = "sessions", params(("id" = Uuid, Path)),
    responses((status = 200, body = SessionAnswer), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<SessionAnswer>, Problem> {
    find(&state, &identity.user_id, id)
        .await
        .map(|row| Json(row.into()))
}

/// How to stop.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(crate) struct StopQuery {
    /// Whether to sell the position first: `CLOSING` until that is done.
    #[serde(default)]
    close_position: bool,
}

/// Stops a session. It ends at a place in the log, so the answer may still say `STOPPING`.
#[utoipa::path(post, path = "/v1/sessions/{id}/stop", tag = "sessions",
    params(("id" = Uuid, Path), StopQuery),
    responses((status = 202, body = SessionAnswer), (status = 404, body = Problem)))]
pub(crate) async fn stop(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(query): Query<StopQuery>,
) -> Result<(StatusCode, Json<SessionAnswer>), Problem> {
    let session = find(&state, &identity.user_id, id).await?;
    if query.close_position && repository::mark_closing(&state.database, id).await? {
        let command = Command::without_trade("close");
        let command_id = Uuid::new_v5(&id, b"close");
        commands::send(&state, id, command_id, &command).await?;
    } else if !query.close_position || session.status == "PENDING" {
        repository::mark_stopping(&state.database, id).await?;
        state.deployer.wake();
    }
    let session = find(&state, &identity.user_id, id).await?;
    Ok((StatusCode::ACCEPTED, Json(session.into())))
}

/// A session's filled and rejected orders, newest first, as on `trade-executions`.
#[utoipa::path(get, path = "/v1/sessions/{id}/trades", tag = "sessions",
    params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, body = Page<Object>), (status = 404, body = Problem)))]
pub(crate) async fn trades(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Box<RawValue>>>, Problem> {
    find(&state, &identity.user_id, id).await?;
    let before = match query.cursor.as_deref() {
        Some(cursor) => cursor.parse().map_err(|_| invalid_cursor())?,
        None => i64::MAX,
    };
    let limit = query.limit();
    let rows = repository::executions(&state.database, id, before, limit + 1).await?;
    let page = Page::cut(rows, limit, |(sequence, _)| sequence.to_string());
    let items = page.items.into_iter().map(|(_, data)| {
        RawValue::from_string(data).map_err(|error| Problem::unavailable("the database", error))
    });
    let items = items.collect::<Result<_, _>>()?;
    Ok(Json(Page {
        items,
        next_cursor: page.next_cursor,
    }))
}

/// The newest points of a session's equity curve, oldest first.
#[utoipa::path(get, path = "/v1/sessions/{id}/equity", tag = "sessions",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = Page<EquityAnswer>), (status = 404, body = Problem)))]
pub(crate) async fn equity(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<Page<EquityAnswer>>, Problem> {
    find(&state, &identity.user_id, id).await?;
    let rows = repository::equity(&state.database, id, MAX_EQUITY_POINTS).await?;
    Ok(Json(Page::all(
        rows.into_iter().map(EquityAnswer::from).collect(),
    )))
}
