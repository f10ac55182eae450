//! From a simulator's socket to the log, to the cache and to whoever asks over HTTP.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::{LogRecord, PATIENCE, TestApp, log, player, recording, settings, trades_of};
use coinbase::Trade;
use coinbase::market::MarketConfig;
use coinbase::simulator::{Simulator, SimulatorConfig};
use kafka_common::messages::{MarketDataUpdate, TakerSide};
use kafka_common::partitioner::market_data_partition;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service_kit::Role;
use service_kit::settings::Settings;

const ALL: [&str; 3] = ["BTC-USD", "ETHUSD", "SOL-USD"];

fn assert_is(record: &LogRecord, trade: &Trade) {
    let update: MarketDataUpdate = serde_json::from_str(&record.data().to_string()).unwrap();
    let side = trade.side.map(|side| match side {
        coinbase::Side::Buy => TakerSide::Buy,
        coinbase::Side::Sell => TakerSide::Sell,
    });
    let expected = MarketDataUpdate {
        symbol: trade.product_id.as_str().replace('-', ""),
        price: trade.price,
        volume: trade.size,
        timestamp: trade.time,
        source: "simulator".to_owned(),
        trade_id: Some(trade.trade_id),
        sequence: trade.sequence,
        side,
        bid: trade.bid,
        ask: trade.ask,
        quote_age_ms: trade.bid.map(|_| 0),
        backfilled: false,
        gap: None,
    };
    assert_eq!(update, expected);
    assert_eq!(record.value["producer_service"], "market-data");
}

/// The log holds a recording's trades: all, once, in order, each symbol on its partition.
async fn assert_log_is(settings: &Settings, path: &Path) {
    let records = log(settings, "market-data-updates", 8).await;
    let expected = trades_of(path);
    let count: usize = expected.values().map(Vec::len).sum();
    assert_eq!(records.len(), count);
    for (symbol, trades) in expected {
        let of_symbol: Vec<&LogRecord> = records.iter().filter(|r| r.key == symbol).collect();
        assert_eq!(of_symbol.len(), trades.len(), "{symbol}");
        for (record, trade) in of_symbol.into_iter().zip(&trades) {
            assert_is(record, trade);
            assert_eq!(record.partition, market_data_partition(&symbol));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_becomes_the_log_exactly_also_over_a_restart() {
    let own = test_support::isolated().await;
    let settings = settings(&own).await;
    let folder = tempfile::tempdir().unwrap();
    let (first, longer) = (
        recording(folder.path(), 1_500),
        recording(folder.path(), 4_000),
    );

    let simulator = player(&first).await;
    let app = TestApp::start(settings.clone(), &simulator, &ALL).await;
    let counts = app.play(&simulator).await;
    assert_log_is(&settings, &first).await;
    assert_eq!(counts.published, simulator.stats().trades_played);
    assert_eq!((counts.gaps, counts.missing, counts.lost), (0, 0, 0));
    assert_eq!((counts.malformed, counts.in_flight), (0, 0));
    assert_eq!(
        counts.duplicates, counts.published,
        "each is told by ticker and match"
    );
    let stopping = Instant::now();
    app.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(10));

    // The same market, from its start: what is in the log isn't published again.
    let simulator = player(&longer).await;
    let app = TestApp::start(settings.clone(), &simulator, &ALL).await;
    let counts = app.play(&simulator).await;
    assert_log_is(&settings, &longer).await;
    assert_eq!((counts.published, counts.gaps), (2_500, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticks_and_candles_are_those_of_the_recording() {
    let own = test_support::isolated().await;
    let settings = settings(&own).await;
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 6_000);
    let simulator = player(&path).await;
    let app = TestApp::start(settings, &simulator, &ALL).await;
    app.play(&simulator).await;
    let trades = trades_of(&path).remove("BTCUSD").unwrap();
    let newest = trades.last().unwrap();

    // The cache is written twice a second.
    let path = "/v1/ticks/BTC-USD?limit=1000";
    let waiting = async {
        loop {
            let items = app.get(path).await.1["items"].as_array().unwrap().clone();
            if items
                .last()
                .is_some_and(|tick| tick["trade_id"] == newest.trade_id)
            {
                return items;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ticks = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert_eq!(ticks.len(), 1_000);
    for (tick, trade) in ticks.iter().zip(&trades[trades.len() - 1_000..]) {
        assert_eq!(tick["trade_id"], trade.trade_id);
        assert_eq!(tick["price"].to_string(), trade.price.to_string());
        assert_eq!(tick["volume"].to_string(), trade.size.to_string());
    }

    let (status, page) = app.get("/v1/candles/BTCUSD?interval=1m&limit=1000").await;
    assert_eq!(status, StatusCode::OK);
    let candles = page["items"].as_array().unwrap();
    let minute = |trade: &Trade| trade.time.timestamp() / 60 * 60;
    let mut minutes: Vec<i64> = trades.iter().map(minute).collect();
    minutes.dedup();
    let times: Vec<i64> = candles
        .iter()
        .map(|c| c["time"].as_i64().unwrap())
        .collect();
    assert_eq!(times, minutes);
    let of_last = trades
        .iter()
        .filter(|trade| minute(trade) == minutes[minutes.len() - 1]);
    let of_last: Vec<&Trade> = of_last.collect();
    let candle = &candles[candles.len() - 1];
    let number = |value: Option<rust_decimal::Decimal>| value.unwrap().to_string();
    let prices = || of_last.iter().map(|trade| trade.price);
    assert_eq!(candle["open"].to_string(), number(prices().next()));
    assert_eq!(candle["high"].to_string(), number(prices().max()));
    assert_eq!(candle["low"].to_string(), number(prices().min()));
    assert_eq!(candle["close"].to_string(), number(prices().next_back()));
    let volume: rust_decimal::Decimal = of_last.iter().map(|trade| trade.size).sum();
    let told: rust_decimal::Decimal = candle["volume"].to_string().parse().unwrap();
    assert_eq!(told, volume);

    let (_, page) = app.get("/v1/subscriptions").await;
    let btc = &page["items"][0];
    assert_eq!(btc["symbol"], "BTCUSD");
    assert_eq!(btc["trades"], trades.len());
    assert_eq!(btc["last_price"].to_string(), newest.price.to_string());
    app.stop().await;
}

fn events(records: &[LogRecord], symbol: &str) -> Vec<(String, String)> {
    let of_symbol = records.iter().filter(|record| record.key == symbol);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of_symbol
        .map(|record| {
            let data = record.data();
            (text(&data["action"]), text(&data["requested_by"]))
        })
        .collect()
}

async fn simulated_market() -> coinbase::simulator::SimulatorHandle {
    let config = MarketConfig {
        trades_per_second: 100.0,
        ..MarketConfig::default()
    };
    Simulator::start(SimulatorConfig::market(config))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_change_what_is_carried_and_survive_a_restart() {
    let own = test_support::isolated().await;
    let settings = settings(&own).await;
    let simulator = simulated_market().await;
    let app = TestApp::start(settings.clone(), &simulator, &["BTC-USD"]).await;
    app.ready().await;

    let (status, item) = app.subscribe("alice", "eth/usd").await;
    assert_eq!(status, StatusCode::CREATED, "{item}");
    assert_eq!(item["product_id"], "ETH-USD");
    assert_eq!(item["requested_by"], json!(["alice"]));
    assert_eq!(item["source"], "simulator");
    assert_eq!(app.subscribe("alice", "ETHUSD").await.0, StatusCode::OK);
    assert_eq!(app.subscribe("bob", "ETHUSD").await.0, StatusCode::CREATED);
    assert_eq!(app.subscribe("bob", "SOLUSD").await.0, StatusCode::CREATED);
    let waiting = async {
        loop {
            let items = app.get("/v1/subscriptions").await.1["items"].clone();
            let items = items.as_array().unwrap().clone();
            if items.iter().all(|item| item["trades"].as_u64() > Some(0)) {
                return items;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let items = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert_eq!(items.len(), 3, "all three trade now");
    assert_eq!(items[0]["requested_by"], json!(["configuration"]));

    assert_eq!(
        app.unsubscribe("alice", "ETHUSD").await.0,
        StatusCode::NO_CONTENT
    );
    let (status, problem) = app.unsubscribe("alice", "ETHUSD").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("requested_by_others"))
    );
    assert_eq!(
        app.unsubscribe("bob", "SOLUSD").await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        app.unsubscribe("bob", "SOLUSD").await.0,
        StatusCode::NOT_FOUND
    );
    app.stop().await;

    let records = log(&settings, "symbol-subscriptions", 2).await;
    let event = |action: &str, who: &str| (action.to_owned(), who.to_owned());
    let (on, off) = ("SUBSCRIBED", "UNSUBSCRIBED");
    assert_eq!(events(&records, "BTCUSD"), [event(on, "configuration")]);
    assert_eq!(events(&records, "ETHUSD"), [event(on, "alice")]);
    assert_eq!(
        events(&records, "SOLUSD"),
        [event(on, "bob"), event(off, "bob")]
    );

    let app = TestApp::start(settings, &simulator, &["BTC-USD"]).await;
    let (_, page) = app.get("/v1/subscriptions").await;
    let carried: Vec<&Value> = page["items"].as_array().unwrap().iter().collect();
    assert_eq!(carried.len(), 2);
    assert_eq!(carried[1]["symbol"], "ETHUSD");
    assert_eq!(carried[1]["requested_by"], json!(["bob"]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_with_the_field_and_the_way_out() {
    let own = test_support::isolated().await;
    let simulator = simulated_market().await;
    let app = TestApp::start(settings(&own).await, &simulator, &["BTC-USD"]).await;
    for path in [
        "/v1/ticks/BTCUDS",
        "/v1/candles/BTCUDS",
        "/v1/market/stream?symbols=ETHUSD,BTCUDS",
    ] {
        let (status, problem) = app.get(path).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(problem["code"], "unknown_symbol", "{path}");
        let hint = problem["hint"].as_str().unwrap();
        assert!(hint.starts_with("did you mean BTCUSD"), "{path}: {hint}");
    }
    let (status, problem) = app.subscribe("alice", "BTCUDS").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["field"], "symbol");
    for (path, field) in [
        ("/v1/candles/BTCUSD?interval=2m", "interval"),
        ("/v1/ticks/BTCUSD?limit=many", "limit"),
        ("/v1/market/stream", "symbols"),
        ("/v1/market/stream?symbols=,", "symbols"),
    ] {
        let (status, problem) = app.get(path).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(problem["field"], field, "{path}: {problem}");
    }

    let post = |token: Option<String>, body: Value| {
        let app = &app;
        async move {
            let path = "/v1/subscriptions";
            app.call(Method::POST, path, token.as_deref(), Some(body))
                .await
        }
    };
    let body = json!({"symbol": "ETHUSD"});
    assert_eq!(post(None, body.clone()).await.0, StatusCode::UNAUTHORIZED);
    let service = app.token("forward-test", Role::Service);
    let (status, problem) = post(Some(service.clone()), body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["field"], "requested_by");
    let on_behalf = json!({"symbol": "ETHUSD", "requested_by": "session-1"});
    let (status, item) = post(Some(service.clone()), on_behalf).await;
    assert_eq!(
        (status, &item["requested_by"]),
        (StatusCode::CREATED, &json!(["session-1"]))
    );
    let path = "/v1/subscriptions/ETHUSD?requested_by=session-1";
    let (status, _) = app.call(Method::DELETE, path, Some(&service), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let alice = app.token("alice", Role::User);
    let (status, problem) = post(Some(alice), json!({"symbol": "ETHUSD", "x": 1})).await;
    assert_eq!(
        (status, &problem["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("x"))
    );

    let (_, page) = app.get("/v1/products?limit=2").await;
    assert_eq!(page["items"][0]["id"], "BTC-USD");
    assert_eq!(page["items"][0]["quote_increment"], json!(0.01));
    let rest = format!(
        "/v1/products?limit=2&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let (_, page) = app.get(&rest).await;
    assert_eq!(
        (&page["items"][0]["id"], &page["next_cursor"]),
        (&json!("SOL-USD"), &Value::Null)
    );

    let (_, document) = app.get("/openapi.json").await;
    for path in [
        "/v1/products",
        "/v1/subscriptions",
        "/v1/subscriptions/{symbol}",
        "/v1/ticks/{symbol}",
        "/v1/candles/{symbol}",
        "/v1/market/stream",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let limit = &document["paths"]["/v1/products"]["get"]["parameters"][0];
    assert_eq!(
        (&limit["name"], &limit["in"]),
        (&json!("limit"), &json!("query"))
    );
    let price = &document["components"]["schemas"]["Tick"]["properties"]["price"];
    assert_eq!(price["type"], "number");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_prices_are_coalesced_and_end_with_the_service() {
    let own = test_support::isolated().await;
    let simulator = simulated_market().await;
    let app = TestApp::start(settings(&own).await, &simulator, &ALL).await;
    app.ready().await;
    let path = "/v1/market/stream?symbols=BTC-USD,ETHUSD";
    let mut stream = app.send(Method::GET, path, None, None).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");

    let mut text = String::new();
    let watched = Duration::from_secs(3);
    let reading = async {
        while let Some(chunk) = stream.chunk().await.unwrap() {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    assert!(
        tokio::time::timeout(watched, reading).await.is_err(),
        "it goes on"
    );
    assert!(text.contains("event: tick\n"));
    let ticks = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let ticks: Vec<Value> = ticks
        .filter_map(|json| serde_json::from_str(json).ok())
        .collect();
    for symbol in ["BTCUSD", "ETHUSD"] {
        let ids: Vec<u64> = ticks
            .iter()
            .filter(|tick| tick["symbol"] == symbol)
            .map(|tick| tick["trade_id"].as_u64().unwrap())
            .collect();
        // 100 trades a second would be 300.
        assert!((2..=32).contains(&ids.len()), "{symbol}: {}", ids.len());
        assert!(ids.is_sorted_by(|a, b| a < b), "{symbol}: {ids:?}");
    }
    assert!(ticks.iter().all(|tick| tick["symbol"] != "SOLUSD"));
    let tick = &ticks[0];
    for field in ["price", "volume"] {
        assert!(tick[field].is_number(), "{tick}");
    }
    assert_eq!(tick["source"], "simulator");
    assert!(tick["timestamp"].is_string() && tick["side"].is_string());

    let stopping = Instant::now();
    let (_, ()) = tokio::join!(app.stop(), async {
        while let Ok(Some(_)) = stream.chunk().await {}
    });
    assert!(stopping.elapsed() < Duration::from_secs(10));
}
