//! `/v1/ticks/{symbol}`

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use kafka_common::messages::{MarketDataUpdate, TakerSide};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use service_kit::{Page, Problem};

use super::AppState;
use super::query::Query;
use crate::book::KEPT_TICKS;
use crate::{message, tick_cache};

const DEFAULT_LIMIT: usize = 100;

/// One trade, as in `market-data-updates`.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Tick {
    /// For example `BTCUSD`.
    symbol: String,
    /// In the quote currency.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    price: Decimal,
    /// In the base currency.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    volume: Decimal,
    /// When the exchange matched the trade.
    timestamp: DateTime<Utc>,
    /// `coinbase` or `simulator`.
    source: String,
    /// Contiguous per symbol.
    #[serde(skip_serializing_if = "Option::is_none")]
    trade_id: Option<u64>,
    /// Position in the product's full stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// The taker's side: `buy` or `sell`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    side: Option<TakerSide>,
    /// Best bid after the trade.
    #[serde(
        with = "kafka_common::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<f64>)]
    bid: Option<Decimal>,
    /// Best ask after the trade.
    #[serde(
        with = "kafka_common::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<f64>)]
    ask: Option<Decimal>,
    /// How much older than the trade bid and ask are, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    quote_age_ms: Option<u32>,
    /// The feed didn't bring the trade: it was fetched afterwards.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    backfilled: bool,
}

impl From<MarketDataUpdate> for Tick {
    fn from(update: MarketDataUpdate) -> Self {
        Self {
            symbol: update.symbol,
            price: update.price,
            volume: update.volume,
            timestamp: update.timestamp,
            source: update.source,
            trade_id: update.trade_id,
            sequence: update.sequence,
            side: update.side,
            bid: update.bid,
            ask: update.ask,
            quote_age_ms: update.quote_age_ms,
            backfilled: update.backfilled,
        }
    }
}

impl Tick {
    /// Without what a live price doesn't need.
    #[must_use]
    pub fn brief(self) -> Self {
        Self {
            sequence: None,
            bid: None,
            ask: None,
            quote_age_ms: None,
            ..self
        }
    }
}

/// How many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(super) struct TicksQuery {
    /// 1 to 1,000; 100 where it is missing.
    limit: Option<usize>,
}

/// The newest trades of a symbol, the newest last.
#[utoipa::path(
    get,
    path = "/v1/ticks/{symbol}",
    operation_id = "list_ticks",
    tag = "market data",
    params(("symbol" = String, Path, description = "`BTCUSD` or `BTC-USD`"), TicksQuery),
    responses(
        (status = 200, body = Page<Tick>),
        (status = 422, description = "unknown symbol",
            body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Path(symbol): Path<String>,
    Query(query): Query<TicksQuery>,
) -> Result<Json<Page<Tick>>, Problem> {
    let product = state.listing.find(&symbol)?.id;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, KEPT_TICKS);
    let key = tick_cache::key(product.symbol());
    let ticks = match state.cache.latest(&key, limit).await {
        Ok(texts) => texts.iter().filter_map(|text| read(text)).collect(),
        Err(error) => {
            tracing::warn!(%error, "ticks come from memory: the cache doesn't answer");
            from_memory(&state, product, limit)
        }
    };
    Ok(Json(Page::all(ticks)))
}

/// What an older version wrote and this one can't read is left out.
fn read(text: &str) -> Option<Tick> {
    let update = serde_json::from_str::<MarketDataUpdate>(text);
    update.map(Tick::from).ok()
}

fn from_memory(state: &AppState, product: coinbase::ProductId, limit: usize) -> Vec<Tick> {
    let ticks = state.markets.lock().ticks(product, limit);
    let source = state.source.as_str();
    ticks
        .iter()
        .map(|tick| Tick::from(message::update(tick, source)))
        .collect()
}
