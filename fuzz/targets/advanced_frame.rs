//! Messages of the Advanced Trade feed.
#![no_main]

use algotrade_fuzz::target;
use coinbase::advanced::{Body, parse_bytes};
use rust_decimal::Decimal;

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let messages = [
        r#"{"channel":"market_trades","client_id":"","timestamp":"2026-01-05T00:00:00.3Z","sequence_num":7,"events":[{"type":"update","trades":[{"trade_id":"12","product_id":"BTC-USD","price":"87786.04","size":"0.00028194","side":"SELL","time":"2026-01-05T00:00:00.049274Z"},{"trade_id":"11","product_id":"BTC-USD","price":"87786","size":"1","side":"UNKNOWN_ORDER_SIDE","time":"2026-01-05T00:00:00Z"}]}]}"#,
        r#"{"channel":"ticker","timestamp":"2026-01-05T00:00:00Z","sequence_num":0,"events":[{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"87786.04","best_bid":"87786.03","best_ask":"87786.05","best_bid_quantity":"1"}]}]}"#,
        r#"{"channel":"heartbeats","timestamp":"2026-01-05T00:00:00Z","sequence_num":3,"events":[{"current_time":"2026-01-05 00:00:00","heartbeat_counter":3049}]}"#,
        r#"{"channel":"heartbeats","sequence_num":3,"events":[{"heartbeat_counter":"3049"}]}"#,
        r#"{"channel":"subscriptions","timestamp":"2026-01-05T00:00:00Z","sequence_num":1,"events":[{"subscriptions":{"ticker":["BTC-USD"],"heartbeats":["heartbeats"]}}]}"#,
        r#"{"channel":"status","sequence_num":0,"events":[{"type":"snapshot","products":[{"product_type":"SPOT","id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","base_increment":"0.00000001","quote_increment":"0.01","status":"online","status_message":"","min_market_funds":"1"}]}]}"#,
        r#"{"channel":"l2_data","sequence_num":5,"events":[]}"#,
        r#"{"type":"error","message":"authentication failure"}"#,
    ];
    messages.map(|message| message.as_bytes().to_vec()).to_vec()
}

fn check(data: &[u8]) {
    let Ok(message) = parse_bytes(data) else {
        return;
    };
    if let Body::Trades(told) = message.body {
        assert!(told.trades.is_sorted_by_key(|trade| trade.trade_id));
        for trade in told.trades {
            assert!(trade.price > Decimal::ZERO && trade.size > Decimal::ZERO);
        }
    }
}
