//! Trades of the past: `GET /products/{id}/trades`.

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;

use super::rest::{RestClient, RestError};
use crate::decimal::parse_exact;
use crate::products::ProductId;
use crate::trade::{Side, Trade};

/// Trades of one page at most.
pub const TRADES_PER_PAGE: u64 = 1_000;

/// The cursor toward older trades.
const OLDER: HeaderName = HeaderName::from_static("cb-after");

/// Trades next to each other in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradePage {
    /// As the server has them: the newest first. Without best bid and ask.
    pub trades: Vec<Trade>,
    /// Ask with `after` for older ones; `None` where there are none.
    pub older: Option<u64>,
}

/// A trade as it stands in a page.
#[derive(Deserialize)]
struct RawTrade {
    trade_id: u64,
    time: DateTime<Utc>,
    price: String,
    size: String,
    /// The maker's.
    side: String,
}

impl RestClient {
    /// Up to `limit` trades that are older than the one named by `after`, the newest first; from
    /// the newest on without it. One that can't be read is left out and logged.
    ///
    /// # Errors
    /// [`RestError`]; nothing is tried again.
    pub async fn trades(
        &self,
        product: ProductId,
        after: Option<u64>,
        limit: u64,
    ) -> Result<TradePage, RestError> {
        let mut path = format!("/products/{product}/trades?limit={limit}");
        if let Some(after) = after {
            path.push_str(&format!("&after={after}"));
        }
        let (headers, body) = self.fetch(&path).await?;
        let raw: Vec<RawTrade> = serde_json::from_slice(&body)?;
        let count = raw.len();
        let trades: Vec<Trade> = raw
            .into_iter()
            .filter_map(|raw| read(product, &raw))
            .collect();
        if trades.len() < count {
            let unreadable = count - trades.len();
            tracing::warn!(%product, unreadable, "trades left out of a page");
        }
        let older = older(&headers);
        Ok(TradePage { trades, older })
    }
}

fn older(headers: &HeaderMap) -> Option<u64> {
    headers.get(OLDER)?.to_str().ok()?.trim().parse().ok()
}

fn read(product_id: ProductId, raw: &RawTrade) -> Option<Trade> {
    let positive = |text: &str| parse_exact(text).filter(|number| number.is_sign_positive());
    let (price, size) = (positive(&raw.price)?, positive(&raw.size)?);
    if price.is_zero() || size.is_zero() {
        return None;
    }
    Some(Trade {
        product_id,
        trade_id: raw.trade_id,
        sequence: None,
        price: price.normalize(),
        size: size.normalize(),
        side: Some(Side::parse(&raw.side)?.opposite()),
        time: raw.time,
        bid: None,
        ask: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_page_is_read_as_a_match_is() {
        let body = r#"{"trade_id":74,"side":"sell","size":"0.20000000","price":"63514.60",
            "time":"2026-07-07T22:58:17.164892Z","more":1}"#;
        let raw: RawTrade = serde_json::from_str(body).unwrap();
        let product = ProductId::parse("BTC-USD").unwrap();
        let trade = read(product, &raw).unwrap();
        assert_eq!(trade.side, Some(Side::Buy), "the page has the maker's side");
        assert_eq!(
            (trade.price.to_string(), trade.size.to_string()),
            ("63514.6".to_owned(), "0.2".to_owned())
        );
        for (price, size, side) in [("0", "1", "buy"), ("1", "-1", "buy"), ("1", "1", "x")] {
            let wrong = RawTrade {
                price: price.to_owned(),
                size: size.to_owned(),
                side: side.to_owned(),
                ..serde_json::from_str(body).unwrap()
            };
            assert_eq!(read(product, &wrong), None, "{price} {size} {side}");
        }
    }
}
