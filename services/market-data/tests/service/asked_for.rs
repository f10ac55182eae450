//! Who asks for what: the time after the last one has left, bounds, and what is known without Kafka.

use std::time::Duration;

use crate::common::rest::RestDouble;
use crate::common::{PATIENCE, TestApp, log, player, recording, settings, trades_of};
use coinbase::market::MarketConfig;
use coinbase::simulator::{Simulator, SimulatorConfig, SimulatorHandle};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn market() -> SimulatorHandle {
    let config = SimulatorConfig::market(MarketConfig::default());
    Simulator::start(config).await.unwrap()
}

/// Waits until the list of subscriptions is as it should be.
async fn carried(app: &TestApp, symbols: &[&str]) {
    let waiting = async {
        loop {
            let (_, page) = app.get("/v1/subscriptions").await;
            let items = page["items"].as_array().unwrap();
            let names: Vec<&str> = items
                .iter()
                .map(|i| i["symbol"].as_str().unwrap())
                .collect();
            if names == symbols {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(in_time.is_ok(), "{symbols:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_in_time_finds_the_product_carried() {
    let own = test_support::isolated().await;
    let mut settings = settings(&own).await;
    settings.feed.subscription_grace_seconds = 2;
    settings.feed.max_products_per_user = 1;
    let simulator = market().await;
    let app = TestApp::start(settings.clone(), &simulator, &["BTC-USD"]).await;
    app.ready().await;
    assert_eq!(
        app.subscribe("alice", "ETHUSD").await.0,
        StatusCode::CREATED
    );
    let (status, problem) = app.subscribe("alice", "SOLUSD").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["code"], "too_many_subscriptions_of_user");

    assert_eq!(
        app.unsubscribe("alice", "ETHUSD").await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        app.unsubscribe("alice", "ETHUSD").await.0,
        StatusCode::NOT_FOUND
    );
    let (_, page) = app.get("/v1/subscriptions").await;
    assert_eq!(page["items"][1]["requested_by"], json!([]), "still carried");
    assert_eq!(app.subscribe("bob", "ETHUSD").await.0, StatusCode::CREATED);
    assert_eq!(
        app.unsubscribe("bob", "ETHUSD").await.0,
        StatusCode::NO_CONTENT
    );
    carried(&app, &["BTCUSD"]).await;
    app.stop().await;

    let records = log(&settings, "symbol-subscriptions", 2).await;
    let events: Vec<(Value, Value)> = records
        .iter()
        .filter(|record| record.key == "ETHUSD")
        .map(|record| {
            let data = record.data();
            (data["action"].clone(), data["requested_by"].clone())
        })
        .collect();
    let event = |action: &str, who: &str| (json!(action), json!(who));
    let expected = [event("SUBSCRIBED", "alice"), event("UNSUBSCRIBED", "bob")];
    assert_eq!(events, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_that_the_exchange_refuses_is_given_up_with_a_reason() {
    let own = test_support::isolated().await;
    let settings = settings(&own).await;
    let simulator = market().await;
    // The list has one more than the feed.
    let mut products = simulator.products().to_vec();
    let mut gone = products[0].clone();
    gone.id = "XYZ-USD".parse().unwrap();
    products.push(gone);
    let rest = RestDouble::start(&products, []).await;
    let configured = ["BTC-USD", "XYZ-USD"];
    let app = TestApp::start_with_rest(settings.clone(), &simulator, rest.url(), &configured).await;
    carried(&app, &["BTCUSD"]).await;
    app.ready().await;
    let (_, page) = app.get("/healthz/ready").await;
    let why = page["details"]["feed"]["refused_products"]["XYZ-USD"].as_str();
    assert!(why.is_some_and(|why| why.contains("XYZ-USD")), "{page}");
    let trading = async {
        while app.statistics.counts().published == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trading)
        .await
        .expect("BTC-USD trades");
    app.stop().await;
    let records = log(&settings, "symbol-subscriptions", 2).await;
    let refused: Vec<&Value> = records
        .iter()
        .filter(|record| record.key == "XYZUSD")
        .map(|record| &record.data()["requested_by"])
        .collect();
    assert_eq!(refused, [&json!("configuration"), &json!("exchange")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candles_reach_back_before_the_start() {
    let own = test_support::isolated().await;
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 6_000);
    let simulator = player(&path).await;
    let trades = trades_of(&path).remove("BTCUSD").unwrap();
    let rest = RestDouble::start(simulator.products(), []).await;
    let minute = |trade: &coinbase::Trade| trade.time.timestamp() / 60 * 60;
    let (first, last) = (minute(&trades[0]), minute(&trades[trades.len() - 1]));
    let rows = (-700..=0).map(|at| [first + at * 60, 1, 4, 2, 3, 5]);
    rest.set_candles("BTC-USD", rows.collect());
    let products = ["BTC-USD", "ETH-USD"];
    let app =
        TestApp::start_with_rest(settings(&own).await, &simulator, rest.url(), &products).await;
    app.play(&simulator).await;
    let (status, page) = app.get("/v1/candles/BTCUSD?interval=1m&limit=650").await;
    assert_eq!(status, StatusCode::OK);
    let candles = page["items"].as_array().unwrap();
    assert_eq!(candles.len(), 650);
    let newest = &candles[649];
    assert_eq!(newest["time"], last);
    let of_last: rust_decimal::Decimal = trades
        .iter()
        .filter(|trade| minute(trade) == last)
        .map(|trade| trade.size)
        .sum();
    assert_eq!(
        newest["volume"].to_string(),
        of_last.normalize().to_string()
    );
    let oldest = &candles[0];
    assert_eq!(
        oldest,
        &json!({"time": oldest["time"], "open": 2, "high": 4, "low": 1, "close": 3, "volume": 5})
    );
    for pair in candles.windows(2) {
        assert!(pair[0]["time"].as_i64() < pair[1]["time"].as_i64());
    }
    // The exchange has none of this product, and none of seconds.
    let (_, page) = app.get("/v1/candles/ETHUSD?interval=1d").await;
    assert!(!page["items"].as_array().unwrap().is_empty());
    let (status, _) = app.get("/v1/candles/BTCUSD?interval=1s").await;
    assert_eq!(status, StatusCode::OK);
    app.stop().await;
}
