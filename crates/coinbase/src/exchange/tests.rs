#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::{ProductId, Side, parse_exact};
use proptest::prelude::*;
use rust_decimal::Decimal;

const TICKER: &str = concat!(
    r#"{"type":"ticker","sequence":5001,"product_id":"BTC-USD","price":"60000.10","#,
    r#""open_24h":"59000","volume_24h":"1000.5","low_24h":"58000","high_24h":"61000","#,
    r#""volume_30d":"30000.1","best_bid":"60000.09","best_bid_size":"0.5","#,
    r#""best_ask":"60000.10","best_ask_size":"1.25000000","side":"buy","#,
    r#""time":"2025-01-02T03:04:05.678901Z","trade_id":77,"last_size":"0.02000000"}"#
);

const MATCH: &str = concat!(
    r#"{"type":"match","trade_id":77,"maker_order_id":"m","taker_order_id":"t","#,
    r#""side":"sell","size":"0.02","price":"60000.1","product_id":"BTC-USD","#,
    r#""sequence":5001,"time":"2025-01-02T03:04:05.678901Z"}"#
);

const HEARTBEAT: &str = concat!(
    r#"{"type":"heartbeat","last_trade_id":7,"product_id":"BTC-USD","sequence":8,"#,
    r#""time":"2025-01-02T03:04:05.000000Z"}"#
);

fn last_match() -> String {
    MATCH.replace(r#""match""#, r#""last_match""#)
}

/// As serde reads it.
fn general(text: &str) -> Result<Frame<'_>, ParseError> {
    let kind = leading_kind(text).expect("the type stands in front");
    super::parse::parse_kind(kind.into(), text)
}

fn reason(text: &str) -> ParseReason {
    parse(text).expect_err(text).reason
}

fn btc() -> ProductId {
    "BTC-USD".parse().unwrap()
}

#[test]
fn a_ticker_and_a_match_of_one_trade_are_the_same_trade() {
    let ticker = parse(TICKER).unwrap().trade().unwrap();
    let found = parse(MATCH).unwrap().trade().unwrap();
    assert_eq!(
        ticker.side,
        Some(Side::Buy),
        "a ticker tells the taker's side"
    );
    assert_eq!(ticker.bid, parse_exact("60000.09"));
    assert_eq!(ticker.ask, parse_exact("60000.1"));
    assert_eq!((ticker.trade_id, ticker.sequence), (77, Some(5001)));
    assert_eq!(ticker.time.to_rfc3339(), "2025-01-02T03:04:05.678901+00:00");
    assert_eq!(ticker.size.to_string(), "0.02", "without the padding");
    assert_eq!(
        crate::Trade {
            bid: None,
            ask: None,
            ..ticker
        },
        found
    );
    assert_eq!(ticker.price.to_string(), found.price.to_string());
}

#[test]
fn a_last_match_is_not_a_new_trade() {
    let frame = MATCH.replace(r#""match""#, r#""last_match""#);
    let parsed = parse(&frame).unwrap();
    assert_eq!(parsed.kind(), "last_match");
    assert_eq!(parsed.trade(), None);
    let Frame::LastMatch(found) = parsed else {
        panic!("not a last_match")
    };
    assert_eq!(found.trade().side, Some(Side::Buy), "the maker sold");
}

#[test]
fn heartbeats() {
    let frame = r#"{"type":"heartbeat","last_trade_id":20,"product_id":"BTC-USD","sequence":90,
        "time":"2014-11-07T08:19:28.464459Z"}"#;
    let Frame::Heartbeat(heartbeat) = parse(frame).unwrap() else {
        panic!("not a heartbeat")
    };
    assert_eq!((heartbeat.product_id, heartbeat.last_trade_id), (btc(), 20));
}

#[test]
fn order_books_have_a_head() {
    let snapshot = r#"{"type":"snapshot","product_id":"BTC-USD","asks":[["1","2"]],"bids":[]}"#;
    let Frame::Book(book) = parse(snapshot).unwrap() else {
        panic!("not a book")
    };
    assert_eq!((book.kind, book.time), (BookKind::Snapshot, None));
    let update = r#"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","1","0.0"]],
        "time":"2025-01-01T00:00:00Z"}"#;
    let parsed = parse(update).unwrap();
    assert_eq!(parsed.kind(), "l2update");
    let Frame::Book(book) = parsed else {
        panic!("not a book")
    };
    assert!(book.time.is_some());
}

#[test]
fn answers() {
    let frame = r#"{"type":"subscriptions","channels":[
        {"name":"ticker","product_ids":["BTC-USD"],"account_ids":null},{"name":"status"}]}"#;
    let Frame::Subscriptions(answer) = parse(frame).unwrap() else {
        panic!("no answer")
    };
    assert!(answer.contains("ticker", btc()));
    assert!(!answer.contains("matches", btc()));
    let frame = r#"{"type":"error","message":"Failed to subscribe","reason":"no such thing"}"#;
    let Frame::Error(error) = parse(frame).unwrap() else {
        panic!("no error")
    };
    assert_eq!(error.to_string(), "Failed to subscribe: no such thing");
    let Frame::Error(error) = parse(r#"{"type":"error","message":"m"}"#).unwrap() else {
        panic!("no error")
    };
    assert_eq!(error.to_string(), "m");
}

#[test]
fn states_may_lack_their_message() {
    let frame = r#"{"type":"status","currencies":[],"products":[
        {"id":"A-B","status":"online","status_message":null},
        {"id":"C-D","status":"offline","status_message":"moving"},{"id":"E-F"}]}"#;
    let Frame::Status(products) = parse(frame).unwrap() else {
        panic!("no states")
    };
    assert_eq!(products.len(), 3);
    assert_eq!(products[1].status_message.as_deref(), Some("moving"));
}

#[test]
fn unknown_types_are_named_and_not_fatal() {
    let parsed = parse(r#"{"type":"auction","price":{"of":[1]}}"#).unwrap();
    assert_eq!(
        parsed,
        Frame::Unknown {
            kind: "auction".into()
        }
    );
    let parsed = parse(r#"{"price":1,"type":"new\"kind"}"#).unwrap();
    assert_eq!(parsed.kind(), "new\"kind");
}

#[test]
fn order_and_spacing_of_fields_do_not_matter() {
    let spaced = r#" { "price" : "5", "time" : "2025-01-01T00:00:00.1Z", "size" : "1",
        "side" : "buy", "trade_id" : 3, "product_id" : "BTC-USD", "type" : "match", "x" : [{}] }"#;
    let trade = parse(spaced).unwrap().trade().unwrap();
    assert_eq!(
        (trade.trade_id, trade.sequence, trade.side),
        (3, None, Some(Side::Sell))
    );
}

#[test]
fn escaped_text_is_read() {
    let escaped = MATCH.replace("BTC-USD", r"BTC\u002dUSD");
    assert_eq!(parse(&escaped).unwrap().trade().unwrap().product_id, btc());
    let escaped = MATCH.replace(r#""match""#, r#""m\u0061tch""#);
    assert!(parse(&escaped).unwrap().trade().is_some());
}

#[test]
fn old_tickers_lack_much() {
    let first = r#"{"type":"ticker","sequence":1,"product_id":"BTC-USD","price":"8000.01",
        "open_24h":"7900","best_bid":"8000","best_ask":"8000.01"}"#;
    let Frame::Ticker(ticker) = parse(first).unwrap() else {
        panic!("no ticker")
    };
    assert_eq!(ticker.last_trade, None);
    assert_eq!(parse(first).unwrap().trade(), None);
    let without_book = TICKER
        .replace(r#""best_bid":"60000.09""#, r#""best_bid":"""#)
        .replace("best_ask", "other");
    let trade = parse(&without_book).unwrap().trade().unwrap();
    assert_eq!((trade.bid, trade.ask), (None, None));
}

#[test]
fn each_missing_field_is_named() {
    for field in ["product_id", "price", "side", "time", "last_size"] {
        let frame = TICKER.replace(&format!("\"{field}\""), "\"other\"");
        let error = parse(&frame).unwrap_err();
        assert_eq!(
            (error.reason, error.field),
            (ParseReason::MissingField, Some(field))
        );
    }
    for field in ["product_id", "price", "side", "time", "size", "trade_id"] {
        let frame = MATCH.replace(&format!("\"{field}\""), "\"other\"");
        let error = parse(&frame).unwrap_err();
        assert_eq!(
            (error.reason, error.field),
            (ParseReason::MissingField, Some(field))
        );
    }
    assert_eq!(reason("{}"), ParseReason::MissingField);
    assert_eq!(
        reason(r#"{"type":"heartbeat","product_id":"A-B"}"#),
        ParseReason::MissingField
    );
    assert_eq!(reason(r#"{"type":null}"#), ParseReason::MissingField);
}

#[test]
fn hostile_values() {
    let with = |from: &str, to: &str| {
        assert!(MATCH.contains(from), "{from}");
        reason(&MATCH.replace(from, to))
    };
    assert_eq!(with(r#""60000.1""#, r#""6e4""#), ParseReason::BadDecimal);
    assert_eq!(with(r#""60000.1""#, "60000.1"), ParseReason::WrongType);
    assert_eq!(with(r#""60000.1""#, r#""0.00""#), ParseReason::NotPositive);
    assert_eq!(with(r#""0.02""#, r#""-0.02""#), ParseReason::NotPositive);
    assert_eq!(
        with(r#""60000.1""#, &format!("\"{}\"", "9".repeat(1000))),
        ParseReason::BadDecimal
    );
    assert_eq!(
        with(r#""sell""#, r#""UNKNOWN_ORDER_SIDE""#),
        ParseReason::BadSide
    );
    assert_eq!(with("2025-01-02T", "2025-13-02T"), ParseReason::BadTime);
    assert_eq!(with("BTC-USD", "btc usd"), ParseReason::BadProduct);
    // What a spreadsheet makes of an id.
    assert_eq!(
        with(r#""trade_id":77"#, r#""trade_id":41766820.0"#),
        ParseReason::WrongType
    );
    assert_eq!(
        with(r#""trade_id":77"#, r#""trade_id":"77""#),
        ParseReason::WrongType
    );
    assert_eq!(
        with(r#""trade_id":77"#, r#""trade_id":-1"#),
        ParseReason::WrongType
    );
    assert_eq!(
        with(
            r#""trade_id":77"#,
            r#""trade_id":99999999999999999999999999"#
        ),
        ParseReason::WrongType
    );
    let long = MATCH.replace("BTC-USD", &"X".repeat(1 << 20));
    assert!(
        parse(&long).unwrap_err().detail.len() < 200,
        "errors stay short"
    );
}

#[test]
fn not_even_json() {
    for text in [
        "",
        " ",
        "{",
        r#"{"type":"match""#,
        r#"{"type":"match","price":"#,
    ] {
        assert_eq!(reason(text), ParseReason::Truncated, "{text:?}");
    }
    assert_eq!(reason("hello"), ParseReason::NotJson);
    assert_eq!(reason(r#"{"type":"match"}}"#), ParseReason::NotJson);
    assert_eq!(reason(r#"{"type":"anything"}}"#), ParseReason::NotJson);
    assert_eq!(reason(r#"["error"]"#), ParseReason::WrongType);
    assert_eq!(reason("7"), ParseReason::WrongType);
    assert_eq!(reason(r#"{"type":7}"#), ParseReason::WrongType);
    assert_eq!(
        parse_bytes(b"{\"type\":\"\xff\"}").unwrap_err().reason,
        ParseReason::NotUtf8
    );
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(200_000), close.repeat(200_000));
        format!(r#"{{"type":"surprise","x":{open}1{close}}}"#)
    };
    for frame in [deep("[", "]"), deep(r#"{"a":"#, "}")] {
        // Either answer is good; what counts is that there is one.
        let _ = parse(&frame);
    }
    let unclosed = format!(r#"{{"type":"ticker","x":{}"#, "[".repeat(1 << 20));
    assert!(parse(&unclosed).is_err());
}

#[test]
fn every_cut_of_a_frame_is_an_error() {
    for end in 0..TICKER.len() {
        assert!(parse(&TICKER[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn what_comes_all_the_time_is_read_where_it_stands() {
    for frame in [TICKER, MATCH, HEARTBEAT, &last_match()] {
        let usual = super::usual::frame(frame.as_bytes());
        assert_eq!(usual.map(Ok), Some(general(frame)), "{frame}");
    }
    let empty_book = TICKER.replace("60000.09", "0.00");
    let usual = super::usual::frame(empty_book.as_bytes());
    assert_eq!(usual.map(Ok), Some(general(&empty_book)));
}

/// The recorded data beside the repository, if it is there: read alike in all three ways, and all of
/// it in the quickest.
#[test]
fn recorded_frames_are_read_alike() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in [
        "exchange_ticker_2025-11-25T04-08Z.ndjson.zst",
        "exchange_l2batch_matches_heartbeat_60s.ndjson.zst",
    ] {
        let path = root.join("../shared/data").join(name);
        if !path.exists() {
            return;
        }
        let frames = crate::recording::RecordingReader::open(&path).unwrap();
        for frame in frames {
            let text = frame.unwrap().text;
            let usual = super::usual::frame(text.as_bytes()).map(Ok);
            match leading_kind(&text).unwrap() {
                "ticker" | "match" | "last_match" | "heartbeat" => {
                    assert_eq!(usual, Some(general(&text)), "{text}");
                    assert_eq!(super::parse::parse_unusual(&text), general(&text));
                }
                _ => assert_eq!(usual, None),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_bytes(&bytes);
    }

    /// However a frame is damaged, the quick way and serde's judge it alike.
    #[test]
    fn any_damaged_frame_is_judged_alike_and_without_a_panic(
        which in 0_usize..4,
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 0..4),
    ) {
        let mut bytes = [TICKER, MATCH, HEARTBEAT, &last_match()][which].as_bytes().to_vec();
        for (at, kind, byte) in damages {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                // What matters in JSON.
                _ => bytes[at] = br#"{}[]",:\0-. nu"#[usize::from(byte) % 14],
            }
        }
        let quick = parse_bytes(&bytes);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            prop_assert!(quick.is_err());
            return Ok(());
        };
        if leading_kind(text).is_none() {
            return Ok(());
        }
        let general = general(text);
        for quick in [quick, super::parse::parse_unusual(text)] {
            match (&quick, &general) {
                (Err(quick), Err(general)) => prop_assert_eq!(quick.reason, general.reason),
                _ => prop_assert_eq!(&quick, &general),
            }
        }
    }

    /// However long the numbers are, and whatever they are worth.
    #[test]
    fn any_numbers_are_read_alike(
        price in "[0-9]{0,20}\\.?[0-9]{0,20}",
        size in "[0-9]{1,9}(\\.[0-9]{1,9})?",
        bid in "0?\\.?[0-9]{0,9}",
        [trade_id, sequence] in any::<[u64; 2]>(),
        digits in 0_u32..64,
        time in "2025-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,10})?Z",
    ) {
        for frame in [TICKER, MATCH, HEARTBEAT] {
            let frame = frame
                .replace(r#""60000.10""#, &format!(r#""{price}""#))
                .replace(r#""60000.1""#, &format!(r#""{price}""#))
                .replace("60000.09", &bid)
                .replace("0.02", &size)
                .replace(":77", &format!(":{}", trade_id >> digits))
                .replace(":5001", &format!(":{sequence}"))
                .replace("2025-01-02T03:04:05.678901Z", &time);
            let general = general(&frame);
            for quick in [parse(&frame), super::parse::parse_unusual(&frame)] {
                match (&quick, &general) {
                    (Err(quick), Err(general)) => prop_assert_eq!(quick.reason, general.reason),
                    _ => prop_assert_eq!(&quick, &general),
                }
            }
        }
    }

    #[test]
    fn prices_and_sizes_are_exact(price in 1_u64..=u64::MAX, size in 1_u64..=u64::MAX,
                                  decimals in 0_u32..=18, padding in 0_usize..4) {
        let exact = |number: u64| Decimal::from_i128_with_scale(number.into(), decimals);
        let padding = if decimals == 0 { String::new() } else { "0".repeat(padding) };
        let frame = MATCH
            .replace(r#""60000.1""#, &format!(r#""{}{padding}""#, exact(price)))
            .replace(r#""0.02""#, &format!(r#""{}{padding}""#, exact(size)));
        let trade = parse(&frame).unwrap().trade().unwrap();
        prop_assert_eq!(trade.price, exact(price));
        prop_assert_eq!(trade.size, exact(size));
    }
}
