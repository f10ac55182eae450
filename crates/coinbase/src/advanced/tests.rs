#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::exchange::{ErrorFrame, ParseReason};
use crate::{ProductId, Side, Trade};
use proptest::prelude::*;

const TRADES: &str = concat!(
    r#"{"channel":"market_trades","client_id":"","timestamp":"2025-01-02T03:04:05.123456789Z","#,
    r#""sequence_num":7,"events":[{"type":"update","trades":["#,
    r#"{"product_id":"BTC-USD","trade_id":"12","price":"60000.10","size":"0.00000001","#,
    r#""time":"2025-01-02T03:04:05.1234Z","side":"BUY"},"#,
    r#"{"product_id":"BTC-USD","trade_id":"11","price":"60000.1","size":"1.50000000","#,
    r#""time":"2025-01-02T03:04:05.123Z","side":"SELL"},"#,
    r#"{"product_id":"BTC-USD","trade_id":"10","price":"60000","size":"2","#,
    r#""time":"2025-01-02T03:04:04Z","side":"UNKNOWN_ORDER_SIDE"}]}]}"#
);

fn btc() -> ProductId {
    "BTC-USD".parse().unwrap()
}

fn trades(text: &str) -> Trades {
    match parse(text).unwrap().body {
        Body::Trades(trades) => trades,
        other => panic!("{other:?}"),
    }
}

#[test]
fn trades_come_oldest_first_with_the_takers_side() {
    let message = parse(TRADES).unwrap();
    assert_eq!(message.sequence_num, Some(7));
    let told = trades(TRADES);
    assert!(told.malformed.is_empty());
    let short = |trade: &Trade| {
        (
            trade.trade_id,
            trade.price.to_string(),
            trade.size.to_string(),
        )
    };
    let expected = [
        (10, "60000".to_owned(), "2".to_owned()),
        (11, "60000.1".to_owned(), "1.5".to_owned()),
        (12, "60000.1".to_owned(), "0.00000001".to_owned()),
    ];
    assert_eq!(told.trades.iter().map(short).collect::<Vec<_>>(), expected);
    let sides: Vec<_> = told.trades.iter().map(|trade| trade.side).collect();
    assert_eq!(sides, [None, Some(Side::Buy), Some(Side::Sell)]);
}

/// One trade as both feeds tell it is one trade.
#[test]
fn both_feeds_tell_the_same_trade() {
    let exchange = crate::exchange::parse(concat!(
        r#"{"type":"match","trade_id":12,"side":"buy","size":"0.00000001","price":"60000.1","#,
        r#""product_id":"BTC-USD","time":"2025-01-02T03:04:05.123400Z"}"#
    ));
    let exchange = exchange.unwrap().trade().unwrap();
    assert_eq!(trades(TRADES).trades[2], exchange);
}

#[test]
fn one_bad_trade_does_not_cost_the_others() {
    let told = trades(&TRADES.replace(r#""1.50000000""#, r#""0""#));
    assert_eq!(told.trades.len(), 2);
    assert_eq!(told.malformed[0].error.reason, ParseReason::NotPositive);
    assert_eq!(
        told.malformed[0].product.map(|product| product.to_string()),
        Some("BTC-USD".to_owned())
    );
    let told = trades(&TRADES.replace(r#""trade_id":"12""#, r#""trade_id":"twelve""#));
    assert_eq!(told.malformed[0].error.field, Some("trade_id"));
    assert_eq!(told.trades.len(), 2);
}

#[test]
fn heartbeats_quotes_and_subscriptions() {
    let heartbeat = concat!(
        r#"{"channel":"heartbeats","timestamp":"2025-01-02T03:04:05Z","sequence_num":1,"events":"#,
        r#"[{"current_time":"2025-01-02 03:04:05.1 +0000 UTC m=+41.2","heartbeat_counter":41}]}"#
    );
    assert_eq!(
        parse(heartbeat).unwrap().body,
        Body::Heartbeat { counter: 41 }
    );
    let as_text = heartbeat.replace(":41}", r#":"41"}"#);
    assert_eq!(
        parse(&as_text).unwrap().body,
        Body::Heartbeat { counter: 41 }
    );
    let ticker = concat!(
        r#"{"channel":"ticker","timestamp":"2025-01-02T03:04:05Z","sequence_num":2,"events":"#,
        r#"[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"5","#,
        r#""best_bid":"4.99","best_ask":""}]}]}"#
    );
    let Body::Quotes(quotes) = parse(ticker).unwrap().body else {
        panic!("no quotes")
    };
    assert_eq!(quotes[0].bid.unwrap().to_string(), "4.99");
    assert_eq!((quotes[0].product_id, quotes[0].ask), (btc(), None));
    let answer = concat!(
        r#"{"channel":"subscriptions","timestamp":"2025-01-02T03:04:05Z","sequence_num":3,"#,
        r#""events":[{"subscriptions":{"market_trades":["BTC-USD"],"heartbeats":["x"]}}]}"#
    );
    let Body::Subscriptions(told) = parse(answer).unwrap().body else {
        panic!("no subscriptions")
    };
    assert!(told.contains("market_trades", btc()));
}

#[test]
fn an_error_has_no_channel() {
    let parsed = parse(r#"{"type":"error","message":"authentication failure"}"#).unwrap();
    let expected = ErrorFrame {
        message: "authentication failure".to_owned(),
        reason: None,
    };
    assert_eq!(
        (parsed.sequence_num, parsed.body),
        (None, Body::Error(expected))
    );
}

#[test]
fn what_is_not_known_is_named_and_what_is_not_readable_is_an_error() {
    let unknown = parse(r#"{"channel":"new","sequence_num":4,"x":[{}]}"#).unwrap();
    assert_eq!(unknown.sequence_num, Some(4));
    assert!(matches!(unknown.body, Body::Unknown { channel } if channel == "new"));
    let book = r#"{"channel":"l2_data","sequence_num":5,"events":[{"updates":[]}]}"#;
    assert_eq!(parse(book).unwrap().body, Body::Other);
    for (text, reason) in [
        ("", ParseReason::Truncated),
        ("[]", ParseReason::WrongType),
        ("{}", ParseReason::MissingField),
        (r#"{"channel":"market_trades"}"#, ParseReason::WrongType),
        (
            r#"{"channel":"market_trades","events":[{"trades":7}]}"#,
            ParseReason::WrongType,
        ),
        (
            r#"{"channel":"heartbeats","events":[]}"#,
            ParseReason::MissingField,
        ),
        (&TRADES[..200], ParseReason::Truncated),
        (r#"{"channel":NaN}"#, ParseReason::NotJson),
    ] {
        assert_eq!(parse(text).expect_err(text).reason, reason, "{text}");
    }
    assert_eq!(
        parse_bytes(b"\xff").unwrap_err().reason,
        ParseReason::NotUtf8
    );
}

#[test]
fn one_channel_a_request() {
    let request = Request::subscribe(Channel::MarketTrades, &[btc()]).to_json();
    let expected = r#"{"type":"subscribe","product_ids":["BTC-USD"],"channel":"market_trades"}"#;
    assert_eq!(request, expected);
}

#[test]
fn against_usdc_is_another_name_for_against_usd() {
    let usdc: ProductId = "BTC-USDC".parse().unwrap();
    assert_eq!((alias(usdc), alias(btc())), (Some(btc()), None));
}

#[test]
fn what_is_written_can_be_read() {
    let told = trades(TRADES);
    let newest_first = told.trades.iter().rev();
    let event = text::trades("update", newest_first);
    let time = "2025-01-02T03:04:05Z".parse().unwrap();
    let message = text::message("market_trades", 9, time, &event);
    assert_eq!(trades(&message), told);
    let beat = text::message("heartbeats", 10, time, &text::heartbeat(time, 3));
    assert_eq!(parse(&beat).unwrap().body, Body::Heartbeat { counter: 3 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_bytes(&bytes);
    }

    #[test]
    fn any_damaged_message_is_judged_without_a_panic(
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..4),
    ) {
        let mut bytes = TRADES.as_bytes().to_vec();
        for (at, kind, byte) in damages {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] = br#"{}[]",:\0-. nu"#[usize::from(byte) % 14],
            }
        }
        if let Ok(Message { body: Body::Trades(told), .. }) = parse_bytes(&bytes) {
            prop_assert!(told.trades.len() + told.malformed.len() <= 3);
        }
    }
}
