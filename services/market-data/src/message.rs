//! What goes into the log.

use chrono::{DateTime, Utc};
use coinbase::{ProductId, Side, Symbol};
use kafka_common::messages::{
    MarketDataUpdate, MissingTrades, SubscriptionAction, SymbolSubscription, TakerSide,
};
use rust_decimal::Decimal;

use crate::book::Outgoing;
use crate::tick::{Entry, Missing, Tick};

/// A record as `market-data-updates` has it.
pub fn record(outgoing: &Outgoing, source: &str) -> MarketDataUpdate {
    match &outgoing.entry {
        Entry::Trade(tick) => update(tick, source),
        Entry::Gap(missing) => mark(outgoing.product, missing, source),
    }
}

/// A trade as `market-data-updates` has it.
pub fn update(tick: &Tick, source: &str) -> MarketDataUpdate {
    let trade = &tick.trade;
    MarketDataUpdate {
        symbol: trade.product_id.symbol().to_string(),
        price: trade.price,
        volume: trade.size,
        timestamp: trade.time,
        source: source.to_owned(),
        trade_id: Some(trade.trade_id),
        sequence: trade.sequence,
        side: trade.side.map(|side| match side {
            Side::Buy => TakerSide::Buy,
            Side::Sell => TakerSide::Sell,
        }),
        bid: trade.bid,
        ask: trade.ask,
        quote_age_ms: tick.quote_age_ms,
        backfilled: tick.backfilled,
        gap: None,
    }
}

/// The mark of missing trades: price and time are those of the trade beside them, nothing was
/// traded, and it has no trade id of its own.
fn mark(product: ProductId, missing: &Missing, source: &str) -> MarketDataUpdate {
    MarketDataUpdate {
        symbol: product.symbol().to_string(),
        price: missing.beside.price,
        volume: Decimal::ZERO,
        timestamp: missing.beside.time,
        source: source.to_owned(),
        trade_id: None,
        sequence: None,
        side: None,
        bid: None,
        ask: None,
        quote_age_ms: None,
        backfilled: false,
        gap: Some(MissingTrades {
            first_trade_id: missing.first,
            last_trade_id: missing.last,
        }),
    }
}

/// A change of what the feed carries, as `symbol-subscriptions` has it.
pub fn subscription(
    symbol: Symbol,
    action: SubscriptionAction,
    requested_by: &str,
    timestamp: DateTime<Utc>,
) -> SymbolSubscription {
    SymbolSubscription {
        symbol: symbol.to_string(),
        action,
        requested_by: requested_by.to_owned(),
        timestamp,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use coinbase::exchange::parse;

    use super::*;
    use crate::tick::{Anchor, GapReason};

    fn told(frame: &str, quote_age_ms: Option<u32>) -> Tick {
        Tick {
            trade: parse(frame).unwrap().trade().unwrap(),
            quote_age_ms,
            backfilled: false,
        }
    }

    #[test]
    fn a_ticker_frame_becomes_the_documented_update() {
        let frame = r#"{"type":"ticker","sequence":1000200030,"product_id":"BTC-USD","price":"51234.56","open_24h":"51000","volume_24h":"100.5","low_24h":"50000.01","high_24h":"52000.2","volume_30d":"3000.25","best_bid":"51234.55","best_bid_size":"0.5","best_ask":"51234.56","best_ask_size":"0.25","side":"buy","time":"2026-01-05T00:00:00.123456Z","trade_id":123456789,"last_size":"0.00012345"}"#;
        assert_eq!(
            serde_json::to_string(&update(&told(frame, Some(0)), "coinbase")).unwrap(),
            r#"{"symbol":"BTCUSD","price":51234.56,"volume":0.00012345,"timestamp":"2026-01-05T00:00:00.123456Z","source":"coinbase","trade_id":123456789,"sequence":1000200030,"side":"buy","bid":51234.55,"ask":51234.56,"quote_age_ms":0}"#
        );
    }

    #[test]
    fn a_match_frame_tells_the_takers_side_and_no_quote() {
        let frame = r#"{"type":"match","trade_id":7,"maker_order_id":"a","taker_order_id":"b","side":"sell","size":"0.2","price":"63514.6","product_id":"BTC-USD","sequence":9,"time":"2026-07-07T22:58:17.164892Z"}"#;
        let tick = Tick {
            backfilled: true,
            ..told(frame, None)
        };
        assert_eq!(
            serde_json::to_string(&update(&tick, "simulator")).unwrap(),
            r#"{"symbol":"BTCUSD","price":63514.6,"volume":0.2,"timestamp":"2026-07-07T22:58:17.164892Z","source":"simulator","trade_id":7,"sequence":9,"side":"buy","backfilled":true}"#
        );
    }

    #[test]
    fn a_gap_is_marked_in_the_shape_of_a_trade_of_nothing() {
        let missing = Missing {
            first: 7,
            last: 9,
            beside: Anchor {
                price: Decimal::new(635_146, 1),
                time: "2026-07-07T22:58:17Z".parse().unwrap(),
            },
            reason: GapReason::NotThere,
        };
        let outgoing = Outgoing {
            product: ProductId::parse("BTC-USD").unwrap(),
            entry: Entry::Gap(missing),
            heard: std::time::Instant::now(),
        };
        assert_eq!(
            serde_json::to_string(&record(&outgoing, "coinbase")).unwrap(),
            r#"{"symbol":"BTCUSD","price":63514.6,"volume":0,"timestamp":"2026-07-07T22:58:17Z","source":"coinbase","gap":{"first_trade_id":7,"last_trade_id":9}}"#
        );
    }

    #[test]
    fn a_subscription_event_has_the_documented_shape() {
        let time = "2026-01-01T00:00:00Z".parse().unwrap();
        let symbol = Symbol::parse("BTCUSD").unwrap();
        let event = subscription(symbol, SubscriptionAction::Unsubscribed, "alice", time);
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"symbol":"BTCUSD","action":"UNSUBSCRIBED","requested_by":"alice","timestamp":"2026-01-01T00:00:00Z"}"#
        );
    }
}
