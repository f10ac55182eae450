//! `/v1/candles/{symbol}`

use axum::Json;
use axum::extract::{Path, State};
use chrono::Utc;
use serde::Deserialize;
use service_kit::{Page, Problem};

use super::AppState;
use super::query::Query;
use crate::candles::{Candle, Interval, KEPT};

const DEFAULT_LIMIT: usize = 300;

/// Which candles.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(super) struct CandlesQuery {
    /// `1m` where it is missing.
    #[serde(default)]
    #[param(inline)]
    interval: Interval,
    /// 1 to 1,000; 300 where it is missing.
    limit: Option<usize>,
}

/// The newest candles of a symbol, the newest last. Where nothing was traded there is no candle.
/// From one minute on, the exchange's candles stand where the service's own begin too late or lack
/// trades; `missing` tells how many trades a candle lacks even so.
#[utoipa::path(
    get,
    path = "/v1/candles/{symbol}",
    operation_id = "list_candles",
    tag = "market data",
    params(("symbol" = String, Path, description = "`BTCUSD` or `BTC-USD`"), CandlesQuery),
    responses(
        (status = 200, body = Page<Candle>),
        (status = 422, description = "unknown symbol or interval",
            body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Path(symbol): Path<String>,
    Query(query): Query<CandlesQuery>,
) -> Result<Json<Page<Candle>>, Problem> {
    let product = state.listing.find(&symbol)?.id;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, KEPT);
    let (own, latest) = {
        let book = state.markets.lock();
        (
            book.candles(product, query.interval, limit),
            book.latest(product).trade,
        )
    };
    let until = latest.map_or_else(Utc::now, |trade| trade.time);
    let candles = state
        .history
        .complete(product, query.interval, own, limit, until)
        .await;
    Ok(Json(Page::all(candles)))
}
