//! Frames of the Exchange feed: the quick way of reading one and serde's come to the same.
#![no_main]

use algotrade_fuzz::{market, target, text};
use coinbase::exchange::{parse, parse_bytes};

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let others = [
        r#"{"type":"subscriptions","channels":[{"name":"ticker","product_ids":["BTC-USD"]}]}"#,
        r#"{"type":"error","message":"Failed to subscribe","reason":"ticker is not a valid channel"}"#,
        r#"{"type":"status","products":[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","base_increment":"0.00000001","quote_increment":"0.01","status":"online","status_message":"","min_market_funds":"1"}],"currencies":[]}"#,
        r#"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","87786.04","0.1"]],"time":"2026-01-05T00:00:00.049274Z"}"#,
        r#"{"type":"snapshot","product_id":"BTC-USD","asks":[["87786.05","1"]],"bids":[]}"#,
        r#"{"product_id":"BTC-USD","type":"match","trade_id":1,"maker_order_id":"a","side":"sell","size":"1.0","price":"5","time":"2026-01-05T00:00:00Z","sequence":9}"#,
    ];
    let market = market::frames(30).into_iter().map(|frame| frame.text);
    let all = market.chain(others.map(str::to_owned));
    all.map(String::into_bytes).collect()
}

fn check(data: &[u8]) {
    let bytes = parse_bytes(data);
    let Some(text) = text(data) else {
        assert!(bytes.is_err());
        return;
    };
    // With a space behind it, a frame isn't as Coinbase writes it, and is read by serde.
    let slow = format!("{text} ");
    match (bytes, parse(&slow)) {
        (Ok(quick), Ok(slow)) => {
            assert_eq!(quick, slow);
            let _ = (quick.kind(), quick.trade());
        }
        (Err(_), Err(_)) => {}
        (quick, slow) => panic!("quick: {quick:?}\nslow: {slow:?}"),
    }
}
