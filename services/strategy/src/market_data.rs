//! market-data, for its candles.

use axum::http::StatusCode;
use backtest::Candle;
use chrono::DateTime;
use rust_decimal::Decimal;
use serde::Deserialize;
use service_kit::{Auth, Context, Problem, Role};
use strategy_engine::limits::MAX_HISTORY;

/// Our name in tokens.
const CALLER: &str = "strategy";
/// Lengths of its candles on which strategies can be evaluated, in seconds.
pub(crate) const INTERVALS: [(&str, u32); 8] = [
    ("1s", 1),
    ("5s", 5),
    ("15s", 15),
    ("1m", 60),
    ("5m", 300),
    ("15m", 900),
    ("1h", 3_600),
    ("1d", 86_400),
];

/// The market-data service. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct MarketData {
    http: reqwest::Client,
    auth: Auth,
    url: String,
}

#[derive(Deserialize)]
struct CandlesPage {
    items: Vec<CandleItem>,
}

#[derive(Deserialize)]
struct CandleItem {
    time: i64,
    #[serde(with = "kafka_common::decimal::number")]
    open: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    high: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    low: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    close: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    volume: Decimal,
}

impl MarketData {
    pub(crate) fn new(context: &Context) -> Self {
        let url = &context.settings.services.market_data_url;
        Self {
            http: context.http.clone(),
            auth: context.auth.clone(),
            url: url.trim_end_matches('/').to_owned(),
        }
    }

    /// The newest candles of a symbol, the newest last: as many as it gives at once.
    ///
    /// # Errors
    /// It doesn't answer, or has no such symbol.
    pub(crate) async fn candles(
        &self,
        symbol: &str,
        interval: &str,
    ) -> Result<Vec<Candle>, Problem> {
        let away = |error: reqwest::Error| Problem::unavailable("the market-data service", error);
        let token = self.auth.issue(CALLER, Role::Service)?.token;
        let answer = self
            .http
            .get(format!("{}/v1/candles/{symbol}", self.url))
            .query(&[("interval", interval), ("limit", &MAX_HISTORY.to_string())])
            .bearer_auth(token)
            .send()
            .await
            .map_err(away)?;
        if matches!(answer.status().as_u16(), 404 | 422) {
            let detail = format!("market-data has no candles of {symbol}");
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Problem::new(status, "unknown_symbol", detail)
                .field("symbol")
                .hint("GET /v1/products lists the symbols"));
        }
        let page: CandlesPage = answer
            .error_for_status()
            .map_err(away)?
            .json()
            .await
            .map_err(away)?;
        let candles = page.items.into_iter().filter_map(|item| {
            Some(Candle {
                time: DateTime::from_timestamp(item.time, 0)?,
                open: item.open,
                high: item.high,
                low: item.low,
                close: item.close,
                volume: item.volume,
            })
        });
        Ok(candles.collect())
    }
}
