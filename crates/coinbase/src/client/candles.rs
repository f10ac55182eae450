//! Candles of the past: `GET /products/{id}/candles`.

use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::rest::{RestClient, RestError};
use crate::decimal::parse_exact;
use crate::products::ProductId;

/// Candles of one request at most.
pub const CANDLES_PER_REQUEST: i64 = 300;

/// What was traded within an interval, as the exchange counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastCandle {
    /// The interval's start, in seconds since 1970.
    pub time: i64,
    /// The lowest price.
    pub low: Decimal,
    /// The highest price.
    pub high: Decimal,
    /// Price of the first trade.
    pub open: Decimal,
    /// Price of the last trade.
    pub close: Decimal,
    /// Traded in all, in units of the base.
    pub volume: Decimal,
}

impl RestClient {
    /// The candles of `granularity` seconds (60, 300, 900, 3,600, 21,600 or 86,400) whose times lie
    /// from `start` to `end`, at most 300, the oldest first. There is none where nothing was
    /// traded. One that can't be read is left out and logged.
    ///
    /// # Errors
    /// [`RestError`]; nothing is tried again.
    pub async fn candles(
        &self,
        product: ProductId,
        granularity: i64,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Vec<PastCandle>, RestError> {
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let path = format!(
            "/products/{product}/candles?granularity={granularity}&start={}&end={}",
            text(start),
            text(end)
        );
        let (_headers, body) = self.fetch(&path).await?;
        let rows: Vec<[&RawValue; 6]> = serde_json::from_slice(&body)?;
        let count = rows.len();
        let mut candles: Vec<PastCandle> = rows.iter().filter_map(read).collect();
        if candles.len() < count {
            let unreadable = count - candles.len();
            tracing::warn!(%product, unreadable, "candles left out");
        }
        candles.sort_by_key(|candle| candle.time);
        Ok(candles)
    }
}

/// Numbers, whose digits are taken as they stand: no binary float comes in between.
fn read(row: &[&RawValue; 6]) -> Option<PastCandle> {
    let [time, low, high, open, close, volume] = row.map(RawValue::get);
    let number = |text: &str| match parse_exact(text) {
        Some(number) => Some(number.normalize()),
        // Tiny volumes are written with an exponent.
        None => Decimal::from_scientific(text).ok().map(|n| n.normalize()),
    };
    Some(PastCandle {
        time: time.parse().ok()?,
        low: number(low)?,
        high: number(high)?,
        open: number(open)?,
        close: number(close)?,
        volume: number(volume)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_exact() {
        let body = "[1415398768, 0.32, 4.2, 0.35, 4.20, 1e-8]";
        let row: [&RawValue; 6] = serde_json::from_str(body).unwrap();
        let candle = read(&row).unwrap();
        assert_eq!(candle.time, 1_415_398_768);
        assert_eq!(candle.close, Decimal::new(42, 1));
        assert_eq!(candle.volume, Decimal::new(1, 8));
        let row: [&RawValue; 6] = serde_json::from_str("[1, 2, 3, null, 5, 6]").unwrap();
        assert_eq!(read(&row), None);
    }
}
