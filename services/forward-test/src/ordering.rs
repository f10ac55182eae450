//! A session's orders over HTTP: to see, to place, to change and to cancel.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use kafka_common::messages::{OrderDetails, QuantityType, Signal, SignalAction};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use service_kit::{ApiJson, FieldError, Identity, Page, Problem};
use uuid::Uuid;

use crate::commands::{self, Command};
use crate::orders::{self, StoredOrder};
use crate::sessions::{find, invalid_cursor, keyed_id};
use crate::state::AppState;

const MAX_REASON_CHARS: usize = 256;
const MAX_PAGE: i64 = 500;

/// An order as it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OrderAnswer {
    /// The signal's id, or one derived from it for an exit.
    order_id: Uuid,
    signal_id: Uuid,
    /// `OPEN`, `TRIGGERED`, `PARTIALLY_FILLED`, `FILLED`, `REJECTED`, `CANCELLED` or `EXPIRED`.
    status: String,
    action: String,
    order_type: String,
    /// `entry`, `stop_loss` or `take_profit`.
    leg: String,
    time_in_force: String,
    /// Units in all; null until they are known.
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    quantity: Option<Decimal>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    filled: Decimal,
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    limit_price: Option<Decimal>,
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    stop_price: Option<Decimal>,
    reason: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[serde(skip)]
    first_sequence: i64,
}

impl From<StoredOrder> for OrderAnswer {
    fn from(order: StoredOrder) -> Self {
        let short = |value: Option<Decimal>| value.map(|value| value.normalize());
        Self {
            order_id: order.order_id,
            signal_id: order.signal_id,
            status: order.status,
            action: order.action,
            order_type: order.order_type,
            leg: order.leg,
            time_in_force: order.time_in_force,
            quantity: short(order.quantity),
            filled: order.filled.normalize(),
            limit_price: short(order.limit_price),
            stop_price: short(order.stop_price),
            reason: order.reason,
            created_at: order.created_at,
            updated_at: order.updated_at,
            first_sequence: order.first_sequence,
        }
    }
}

/// Which orders.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(crate) struct OrdersQuery {
    /// `true` for those that still wait.
    #[serde(default)]
    open: bool,
    /// Of the page before.
    cursor: Option<String>,
    /// At most 500.
    limit: Option<i64>,
}

/// A session's orders, newest first.
#[utoipa::path(get, path = "/v1/sessions/{id}/orders", tag = "orders",
    params(("id" = Uuid, Path), OrdersQuery),
    responses((status = 200, body = Page<OrderAnswer>), (status = 404, body = Problem)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(query): Query<OrdersQuery>,
) -> Result<Json<Page<OrderAnswer>>, Problem> {
    find(&state, &identity.user_id, id).await?;
    let before = match query.cursor.as_deref() {
        Some(cursor) => cursor.parse().map_err(|_| invalid_cursor())?,
        None => i64::MAX,
    };
    let limit = query.limit.unwrap_or(50).clamp(1, MAX_PAGE);
    let rows = orders::list(&state.database, id, before, query.open, limit + 1).await?;
    let items: Vec<OrderAnswer> = rows.into_iter().map(OrderAnswer::from).collect();
    Ok(Json(Page::cut(items, limit, |order| {
        order.first_sequence.to_string()
    })))
}

/// An order of the user's own.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderBody {
    /// `BUY` or `SELL`.
    #[schema(value_type = String)]
    action: SignalAction,
    /// `market` where it is missing.
    order_type: Option<String>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    quantity: Decimal,
    /// `units` where it is missing.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    quantity_type: QuantityType,
    /// Up to 256 characters.
    reason: Option<String>,
    /// `limit_price`, `stop_price`, `trail_percent`, `time_in_force`, `expires_at`, `reduce_only`,
    /// `post_only`, `group`, `stop_loss`, `take_profit`, `risk_distance`, `max_cost`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    details: OrderDetails,
    #[serde(default, with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    limit_price: Option<Decimal>,
    #[serde(default, with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    stop_price: Option<Decimal>,
    #[serde(default, with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    trail_percent: Option<Decimal>,
    time_in_force: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    post_only: bool,
}

/// What was taken.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Taken {
    /// The order's id, under which it appears once the log has it.
    order_id: Uuid,
}

fn invalid(field: &str, detail: &str, hint: &str) -> Problem {
    Problem::invalid(vec![FieldError {
        field: field.to_owned(),
        code: "invalid_order".to_owned(),
        detail: detail.to_owned(),
        hint: hint.to_owned(),
    }])
}

/// Orders can be placed, changed and cancelled while a session runs or is paused.
async fn running(state: &AppState, identity: &Identity, id: Uuid) -> Result<(), Problem> {
    let session = find(state, &identity.user_id, id).await?;
    if matches!(session.status.as_str(), "RUNNING" | "PAUSED") {
        return Ok(());
    }
    let detail = format!("the session is {}", session.status);
    Err(
        Problem::new(StatusCode::CONFLICT, "session_not_running", detail)
            .hint("wait until it runs, or start another"),
    )
}

/// Places an order. It enters the log, so its outcome shows among the session's orders. The same
/// `Idempotency-Key` places it once.
#[utoipa::path(post, path = "/v1/sessions/{id}/orders", tag = "orders", request_body = OrderBody,
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Taken), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn place(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    ApiJson(body): ApiJson<OrderBody>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    running(&state, &identity, id).await?;
    if body.action == SignalAction::Hold {
        return Err(invalid("action", "HOLD is no order", "use BUY or SELL"));
    }
    if body.quantity <= Decimal::ZERO {
        return Err(invalid(
            "quantity",
            "it must be above 0",
            "choose a larger number",
        ));
    }
    let reason = body.reason.unwrap_or_else(|| "manual order".to_owned());
    if reason.chars().count() > MAX_REASON_CHARS {
        return Err(invalid(
            "reason",
            "it is too long",
            "use at most 256 characters",
        ));
    }
    let details = OrderDetails {
        limit_price: body.limit_price.or(body.details.limit_price),
        stop_price: body.stop_price.or(body.details.stop_price),
        trail_percent: body.trail_percent.or(body.details.trail_percent),
        time_in_force: body.time_in_force.or(body.details.time_in_force.clone()),
        expires_at: body.expires_at.or(body.details.expires_at),
        reduce_only: body.reduce_only || body.details.reduce_only,
        post_only: body.post_only || body.details.post_only,
        manual: true,
        order_id: None,
        ..body.details
    };
    session_account::order_terms(body.order_type.as_deref(), Some(&details))
        .map_err(|(field, why)| invalid(field, "the order can't be read", why))?;
    let command = Command {
        kind: "signal".to_owned(),
        signal: Signal {
            action: body.action,
            quantity: body.quantity.normalize(),
            reason,
            quantity_type: body.quantity_type,
        },
        order_type: Some(body.order_type.unwrap_or_else(|| "market".to_owned())),
        order: Some(Box::new(details)),
    };
    let order_id = keyed_id(&headers, &format!("order/{id}"))?;
    commands::send(&state, id, order_id, &command).await?;
    Ok((StatusCode::ACCEPTED, Json(Taken { order_id })))
}

/// Cancels an order; one that isn't open any more stays as it is.
#[utoipa::path(delete, path = "/v1/sessions/{id}/orders/{order_id}", tag = "orders",
    params(("id" = Uuid, Path), ("order_id" = Uuid, Path)),
    responses((status = 202, body = Taken), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    identity: Identity,
    Path((id, order_id)): Path<(Uuid, Uuid)>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    running(&state, &identity, id).await?;
    let command = Command {
        order: Some(Box::new(OrderDetails {
            order_id: Some(order_id),
            ..OrderDetails::default()
        })),
        ..Command::without_trade("cancel")
    };
    // Cancelling twice is cancelling once.
    let command_id = Uuid::new_v5(&order_id, b"cancel");
    commands::send(&state, id, command_id, &command).await?;
    Ok((StatusCode::ACCEPTED, Json(Taken { order_id })))
}

/// What shall change of an order.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    /// Units in all, those that are filled included.
    #[serde(default, with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    quantity: Option<Decimal>,
    #[serde(default, with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    limit_price: Option<Decimal>,
    #[serde(default, with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    stop_price: Option<Decimal>,
}

/// Changes an open order, which loses its place in the book.
#[utoipa::path(patch, path = "/v1/sessions/{id}/orders/{order_id}", tag = "orders",
    request_body = ChangeBody,
    params(("id" = Uuid, Path), ("order_id" = Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Taken), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn replace(
    State(state): State<AppState>,
    identity: Identity,
    Path((id, order_id)): Path<(Uuid, Uuid)>,
    headers: HeaderMap,
    ApiJson(body): ApiJson<ChangeBody>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    running(&state, &identity, id).await?;
    if body
        .quantity
        .is_some_and(|quantity| quantity <= Decimal::ZERO)
    {
        return Err(invalid(
            "quantity",
            "it must be above 0",
            "cancel the order instead",
        ));
    }
    let mut command = Command {
        order: Some(Box::new(OrderDetails {
            order_id: Some(order_id),
            limit_price: body.limit_price,
            stop_price: body.stop_price,
            ..OrderDetails::default()
        })),
        ..Command::without_trade("replace")
    };
    command.signal.quantity = body.quantity.unwrap_or_default();
    let command_id = keyed_id(&headers, &format!("replace/{order_id}"))?;
    commands::send(&state, id, command_id, &command).await?;
    Ok((StatusCode::ACCEPTED, Json(Taken { order_id })))
}
