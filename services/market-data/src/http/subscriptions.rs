//! `/v1/subscriptions`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use service_kit::{ApiJson, Identity, Page, PageQuery, Problem, Role};

use super::query::Query;
use super::{AppState, finished};
use crate::registry::Carried;

/// Longest name of a requester.
const MAX_REQUESTER_BYTES: usize = 128;

/// A symbol that the feed carries.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct Subscription {
    /// The name here, as `BTCUSD`.
    symbol: String,
    /// The exchange's name, as `BTC-USD`.
    product_id: String,
    /// Users, sessions, or `configuration`; nobody for a short while after the last has left.
    requested_by: Vec<String>,
    /// `coinbase` or `simulator`.
    source: &'static str,
    /// Price of the last trade since the start.
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    last_price: Option<Decimal>,
    /// When that was.
    last_trade_at: Option<DateTime<Utc>>,
    /// Trades since the start.
    trades: u64,
    /// Runs of trades that are missing since the start.
    gaps: u64,
}

impl Subscription {
    fn new(state: &AppState, carried: Carried) -> Self {
        let latest = state.markets.lock().latest(carried.product);
        Self {
            symbol: carried.product.symbol().to_string(),
            product_id: carried.product.to_string(),
            requested_by: carried.requested_by,
            source: state.source.as_str(),
            last_price: latest.trade.map(|trade| trade.price),
            last_trade_at: latest.trade.map(|trade| trade.time),
            trades: latest.trades,
            gaps: latest.gaps,
        }
    }
}

/// A symbol to be carried.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriptionBody {
    /// `BTCUSD` or `BTC-USD`.
    symbol: String,
    /// For whom; only services name somebody else than themselves.
    requested_by: Option<String>,
}

/// For whom a subscription ends.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(super) struct Requester {
    /// Only services name somebody else than themselves.
    requested_by: Option<String>,
}

/// What the feed carries, sorted by product.
#[utoipa::path(
    get,
    path = "/v1/subscriptions",
    operation_id = "list_subscriptions",
    tag = "market data",
    params(PageQuery),
    responses((status = 200, body = Page<Subscription>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(page): Query<PageQuery>,
) -> Json<Page<Subscription>> {
    let after = page.cursor.clone().unwrap_or_default();
    let limit = page.limit();
    let carried = state.registry.carried().await;
    let items = carried
        .into_iter()
        .filter(|carried| carried.product.as_str() > after.as_str())
        .take(usize::try_from(limit).unwrap_or_default() + 1)
        .map(|carried| Subscription::new(&state, carried))
        .collect();
    Json(Page::cut(items, limit, |item| item.product_id.clone()))
}

/// Has a symbol carried.
#[utoipa::path(
    post,
    path = "/v1/subscriptions",
    operation_id = "create_subscription",
    tag = "market data",
    security(("bearer" = [])),
    request_body = SubscriptionBody,
    responses(
        (status = 201, description = "carried for this requester from now on", body = Subscription),
        (status = 200, description = "it was there before", body = Subscription),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "unknown symbol, or too many subscriptions",
            body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn create(
    State(state): State<AppState>,
    identity: Identity,
    ApiJson(body): ApiJson<SubscriptionBody>,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    let requester = requester(&identity, body.requested_by)?;
    let product = state.listing.find(&body.symbol)?.id;
    let registry = state.registry.clone();
    // Services subscribe for many.
    let most = (identity.role == Role::User).then_some(state.max_products_per_user);
    let change = async move { registry.subscribe(product, &requester, most).await };
    let (carried, is_new) = finished(change).await?;
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(Subscription::new(&state, carried))))
}

/// Gives up a symbol; it is carried on as long as somebody else has asked for it, and for a short
/// while after the last has left.
#[utoipa::path(
    delete,
    path = "/v1/subscriptions/{symbol}",
    operation_id = "remove_subscription",
    tag = "market data",
    security(("bearer" = [])),
    params(("symbol" = String, Path, description = "`BTCUSD` or `BTC-USD`"), Requester),
    responses(
        (status = 204, description = "given up"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "it is not carried",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "only others have asked for it",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "unknown symbol",
            body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn remove(
    State(state): State<AppState>,
    identity: Identity,
    Path(symbol): Path<String>,
    Query(query): Query<Requester>,
) -> Result<StatusCode, Problem> {
    let requester = requester(&identity, query.requested_by)?;
    let product = state.listing.find(&symbol)?.id;
    let registry = state.registry.clone();
    finished(async move { registry.unsubscribe(product, &requester).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// On whose behalf: users on their own, services on that of whom they name.
fn requester(identity: &Identity, named: Option<String>) -> Result<String, Problem> {
    let problem = |code: &str, detail: &str, hint: &str| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
            .field("requested_by")
            .hint(hint)
    };
    match (identity.role, named) {
        (Role::User, None) => Ok(identity.user_id.clone()),
        (Role::User, Some(name)) if name == identity.user_id => Ok(name),
        (Role::User, Some(_)) => Err(problem(
            "not_oneself",
            "a user subscribes only for themselves",
            "leave the field out",
        )),
        (Role::Service, None) => Err(problem(
            "missing_field",
            "a service says for whom it subscribes",
            "name a user or a session",
        )),
        (Role::Service, Some(name)) if (1..=MAX_REQUESTER_BYTES).contains(&name.len()) => Ok(name),
        (Role::Service, Some(_)) => Err(problem(
            "invalid_field",
            "the name is empty or too long",
            "a name has 1 to 128 bytes",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn users_speak_for_themselves_and_services_for_others() {
        let identity = |role| Identity {
            user_id: "alice".to_owned(),
            role,
            operator: false,
            scope: service_kit::Scope::Trade,
            expires_at: Utc::now(),
        };
        let named = |role, name: Option<&str>| requester(&identity(role), name.map(str::to_owned));
        assert_eq!(named(Role::User, None).unwrap(), "alice");
        assert_eq!(named(Role::User, Some("alice")).unwrap(), "alice");
        assert_eq!(named(Role::Service, Some("bob")).unwrap(), "bob");
        let long = "x".repeat(129);
        for (role, name) in [
            (Role::User, Some("bob")),
            (Role::Service, None),
            (Role::Service, Some("")),
            (Role::Service, Some(long.as_str())),
        ] {
            let problem = named(role, name).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("requested_by"));
            assert_eq!(problem.status, 422);
        }
    }
}
