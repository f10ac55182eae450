//! What goes into the log.

use chrono::{DateTime, Utc};
use coinbase::{Side, Symbol, Trade};
use kafka_common::messages::{MarketDataUpdate, SubscriptionAction, SymbolSubscription, TakerSide};

/// A trade as `market-data-updates` has it.
pub fn update(trade: &Trade, source: &str) -> MarketDataUpdate {
    MarketDataUpdate {
        symbol: trade.product_id.symbol().to_string(),
        price: trade.price,
        volume: trade.size,
        timestamp: trade.time,
        source: source.to_owned(),
        trade_id: Some(trade.trade_id),
        sequence: trade.sequence,
        side: Some(match trade.side {
            Side::Buy => TakerSide::Buy,
            Side::Sell => TakerSide::Sell,
        }),
        bid: trade.bid,
        ask: trade.ask,
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

    #[test]
    fn a_ticker_frame_becomes_the_documented_update() {
        let frame = r#"{"type":"ticker","sequence":1000200030,"product_id":"BTC-USD","price":"51234.56","open_24h":"51000","volume_24h":"100.5","low_24h":"50000.01","high_24h":"52000.2","volume_30d":"3000.25","best_bid":"51234.55","best_bid_size":"0.5","best_ask":"51234.56","best_ask_size":"0.25","side":"buy","time":"2026-01-05T00:00:00.123456Z","trade_id":123456789,"last_size":"0.00012345"}"#;
        let trade = parse(frame).unwrap().trade().unwrap();
        assert_eq!(
            serde_json::to_string(&update(&trade, "coinbase")).unwrap(),
            r#"{"symbol":"BTCUSD","price":51234.56,"volume":0.00012345,"timestamp":"2026-01-05T00:00:00.123456Z","source":"coinbase","trade_id":123456789,"sequence":1000200030,"side":"buy","bid":51234.55,"ask":51234.56}"#
        );
    }

    #[test]
    fn a_match_frame_tells_the_takers_side_and_no_quote() {
        let frame = r#"{"type":"match","trade_id":7,"maker_order_id":"a","taker_order_id":"b","side":"sell","size":"0.2","price":"63514.6","product_id":"BTC-USD","sequence":9,"time":"2026-07-07T22:58:17.164892Z"}"#;
        let trade = parse(frame).unwrap().trade().unwrap();
        assert_eq!(
            serde_json::to_string(&update(&trade, "simulator")).unwrap(),
            r#"{"symbol":"BTCUSD","price":63514.6,"volume":0.2,"timestamp":"2026-07-07T22:58:17.164892Z","source":"simulator","trade_id":7,"sequence":9,"side":"buy"}"#
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
