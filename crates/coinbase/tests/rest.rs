//! The simulator's REST interface.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use coinbase::client::install_crypto_provider;
use coinbase::recording::TimeRange;
use coinbase::simulator::{Chaos, RestTrouble, Simulator, SimulatorConfig, SimulatorHandle, Speed};
use coinbase::{Side, Trade, parse_exact};
use common::{client, collect_new, fast_config, product, recording, trades_of};
use reqwest::StatusCode;
use serde_json::Value;

struct Rest(reqwest::Client, String);

impl Rest {
    fn of(simulator: &SimulatorHandle) -> Self {
        install_crypto_provider();
        Self(reqwest::Client::new(), simulator.rest_url())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (status, _, body) = self.with_cursors(path).await;
        (status, body)
    }

    /// Also the cursors: `CB-BEFORE`, `CB-AFTER`.
    async fn with_cursors(&self, path: &str) -> (StatusCode, [Option<u64>; 2], Value) {
        let response = self
            .0
            .get(format!("{}{path}", self.1))
            .send()
            .await
            .unwrap();
        let cursor = |name| {
            let header = response.headers().get(name)?;
            header.to_str().ok()?.parse().ok()
        };
        let cursors = [cursor("cb-before"), cursor("cb-after")];
        let status = response.status();
        let text = response.text().await.unwrap();
        (
            status,
            cursors,
            serde_json::from_str(&text).unwrap_or(Value::Null),
        )
    }
}

/// A simulator that has played a recording to its end.
async fn played(config: SimulatorConfig, played: &Path) -> SimulatorHandle {
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        ..config
    };
    let simulator = Simulator::start(config).await.unwrap();
    let all = ["BTC-USD", "ETH-USD", "SOL-USD"].map(product);
    let (mut feed, _shutdown) = client(fast_config(simulator.ws_url()), &all);
    let expected = trades_of(played, TimeRange::ALL, &all).len();
    collect_new(&mut feed, expected).await;
    tokio::time::timeout(common::LONG, simulator.finished())
        .await
        .expect("it ends");
    simulator
}

fn trade_of(row: &Value, id: &str) -> Trade {
    let number = |name: &str| {
        parse_exact(row[name].as_str().unwrap())
            .unwrap()
            .normalize()
    };
    Trade {
        product_id: product(id),
        trade_id: row["trade_id"].as_u64().unwrap(),
        sequence: None,
        price: number("price"),
        size: number("size"),
        // The row has the maker's.
        side: Some(
            Side::parse(row["side"].as_str().unwrap())
                .unwrap()
                .opposite(),
        ),
        time: row["time"].as_str().unwrap().parse().unwrap(),
        bid: None,
        ask: None,
    }
}

fn plain(trade: &Trade) -> Trade {
    Trade {
        sequence: None,
        bid: None,
        ask: None,
        ..*trade
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paging_backwards_gives_every_trade_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 3_000);
    let simulator = played(SimulatorConfig::recording(&path), &path).await;
    let rest = Rest::of(&simulator);
    let expected = trades_of(&path, TimeRange::ALL, &[product("BTC-USD")]);
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/products/BTC-USD/trades?limit=170{after}");
        let (status, [before, next], rows) = rest.with_cursors(&path).await;
        assert_eq!(status, StatusCode::OK);
        let rows = rows.as_array().unwrap().clone();
        if rows.is_empty() {
            assert_eq!((before, next), (None, None));
            break;
        }
        assert_eq!(before, rows[0]["trade_id"].as_u64());
        assert_eq!(next, rows[rows.len() - 1]["trade_id"].as_u64());
        assert!(rows.len() == 170 || next == Some(expected[0].trade_id));
        found.extend(rows.iter().map(|row| trade_of(row, "BTC-USD")));
        after = format!("&after={}", next.unwrap());
    }
    found.reverse();
    let expected: Vec<Trade> = expected.iter().map(plain).collect();
    assert!(found == expected, "{} of {}", found.len(), expected.len());
    // Only newer ones, and at most a thousand.
    let from = expected[expected.len() - 6].trade_id;
    let (_, rows) = rest
        .get(&format!("/products/BTC-USD/trades?before={from}"))
        .await;
    assert_eq!(rows.as_array().unwrap().len(), 5);
    let (_, rows) = rest.get("/products/BTC-USD/trades").await;
    assert_eq!(rows.as_array().unwrap().len(), expected.len().min(1_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candles_are_what_the_trades_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 3_000);
    let simulator = played(SimulatorConfig::recording(&path), &path).await;
    let rest = Rest::of(&simulator);
    let trades = trades_of(&path, TimeRange::ALL, &[product("ETH-USD")]);
    let (status, rows) = rest.get("/products/ETH-USD/candles?granularity=60").await;
    assert_eq!(status, StatusCode::OK);
    let rows = rows.as_array().unwrap();
    let minutes: Vec<i64> = rows.iter().map(|row| row[0].as_i64().unwrap()).collect();
    assert!(
        minutes.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first"
    );
    for row in rows {
        let minute = row[0].as_i64().unwrap();
        let within = |trade: &&Trade| trade.time.timestamp().div_euclid(60) * 60 == minute;
        let of_minute: Vec<&Trade> = trades.iter().filter(within).collect();
        let prices = || of_minute.iter().map(|trade| trade.price);
        let volume: rust_decimal::Decimal = of_minute.iter().map(|trade| trade.size).sum();
        let expected = [
            prices().min().unwrap(),
            prices().max().unwrap(),
            of_minute[0].price,
            of_minute[of_minute.len() - 1].price,
            volume,
        ];
        for (at, expected) in expected.iter().enumerate() {
            let told = parse_exact(&row[at + 1].to_string()).unwrap().normalize();
            assert_eq!(told, expected.normalize(), "{row}");
        }
    }
    let range = "start=2025-11-25T05:01:00Z&end=2025-11-25T05:01:59Z";
    let (_, one) = rest
        .get(&format!("/products/ETH-USD/candles?granularity=60&{range}"))
        .await;
    assert_eq!(one.as_array().unwrap().len(), 1);
    let (_, none) = rest
        .get("/products/ETH-USD/candles?granularity=60&start=100&end=200")
        .await;
    assert_eq!(none, Value::Array(Vec::new()), "no trade, no row");
    for wrong in [
        "granularity=61",
        "granularity=60&start=0&end=86400",
        "granularity=60&start=x&end=y",
        "granularity=60&start=200&end=100",
        "start=100",
    ] {
        let (status, body) = rest
            .get(&format!("/products/ETH-USD/candles?{wrong}"))
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(body["message"].is_string());
    }
}

#[tokio::test]
async fn requests_that_cannot_be_are_refused_with_a_reason() {
    let simulator = Simulator::start(SimulatorConfig::market(common::market(1)))
        .await
        .unwrap();
    let rest = Rest::of(&simulator);
    for unknown in ["XYZ-USD/trades", "xyz/candles", "XYZ-USD"] {
        let (status, body) = rest.get(&format!("/products/{unknown}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(body["message"], "NotFound");
    }
    for wrong in ["limit=0", "limit=1001", "after=-1", "before=x"] {
        let (status, _) = rest.get(&format!("/products/BTC-USD/trades?{wrong}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let (status, rows) = rest.get("/products/BTC-USD/trades").await;
    assert_eq!((status, rows), (StatusCode::OK, Value::Array(Vec::new())));
    let (_, one) = rest.get("/products/BTC-USD").await;
    assert_eq!(one["quote_increment"], "0.01");
}

#[tokio::test]
async fn too_many_requests_are_turned_away() {
    let rest = RestTrouble {
        per_second: 1,
        failures: 0.0,
    };
    let config = SimulatorConfig {
        chaos: Chaos {
            rest,
            ..Chaos::default()
        },
        ..SimulatorConfig::market(common::market(1))
    };
    let simulator = Simulator::start(config).await.unwrap();
    let rest = Rest::of(&simulator);
    let mut refused = 0;
    for _ in 0..30 {
        let (status, _) = rest.get("/products").await;
        refused += u32::from(status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused > 0);
    let failing = SimulatorConfig {
        chaos: Chaos {
            rest: RestTrouble {
                per_second: 0,
                failures: 1.0,
            },
            ..Chaos::default()
        },
        ..SimulatorConfig::market(common::market(1))
    };
    let simulator = Simulator::start(failing).await.unwrap();
    let (status, _) = Rest::of(&simulator).get("/products").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// The feed's recording lacks trades, as real ones do; the truth's has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest_knows_what_the_feed_lost() {
    let folder = tempfile::tempdir().unwrap();
    let truth = recording(folder.path(), 900);
    let text = zstd::decode_all(std::fs::File::open(&truth).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let all = trades_of(&truth, TimeRange::ALL, &[product("BTC-USD")]);
    let lost = |line: &&str| {
        let trade = coinbase::exchange::parse(line).unwrap().trade();
        !trade.is_some_and(|trade| {
            trade.product_id == all[0].product_id
                && (all[50].trade_id..all[90].trade_id).contains(&trade.trade_id)
        })
    };
    let lossy = folder.path().join("lossy.ndjson");
    let kept: Vec<&str> = text.lines().filter(lost).collect();
    std::fs::write(&lossy, kept.join("\n")).unwrap();
    let config = SimulatorConfig {
        history: Some(truth.clone()),
        ..SimulatorConfig::recording(&lossy)
    };
    let simulator = played(config.clone(), &lossy).await;
    let rest = Rest::of(&simulator);
    let gap = format!(
        "/products/BTC-USD/trades?after={}&before={}",
        all[90].trade_id, all[49].trade_id
    );
    let (_, rows) = rest.get(&gap).await;
    let found: Vec<u64> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["trade_id"].as_u64().unwrap())
        .collect();
    let expected: Vec<u64> = all[50..90]
        .iter()
        .rev()
        .map(|trade| trade.trade_id)
        .collect();
    assert_eq!(found, expected);
    // Nothing is known before it has happened.
    let waiting = SimulatorConfig {
        hold: true,
        ..config.clone()
    };
    let waiting = Simulator::start(waiting).await.unwrap();
    let (_, rows) = Rest::of(&waiting).get("/products/BTC-USD/trades").await;
    assert_eq!(rows, Value::Array(Vec::new()));
    // There must be room for all of it.
    let small = SimulatorConfig {
        history_trades: 30,
        ..config
    };
    let error = Simulator::start(small).await.unwrap_err();
    assert!(
        error.to_string().contains("raise history_trades"),
        "{error}"
    );
}
