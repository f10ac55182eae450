//! Ledgers beside each other, and backtests over HTTP to compare them with.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::Api;

/// What two runs of one session must agree on, to the last digit: a line for each execution.
pub fn lines(trades: &[Value]) -> Vec<String> {
    let fields = [
        "sequence",
        "timestamp",
        "status",
        "action",
        "quantity",
        "price",
        "fee",
        "realized_pnl",
        "cash",
        "position",
        "reason",
    ];
    let number = |value: &Value| match kafka_common::decimal::parse(&value.to_string()) {
        Ok(number) => number.normalize().to_string(),
        Err(_) => value.to_string(),
    };
    let line = |trade: &Value| fields.map(|field| number(&trade[field])).join(" ");
    trades.iter().map(line).collect()
}

/// The executions of a session, once so many are in the database: they get there after the log.
pub async fn at_least(api: &Api, session_url: &str, count: usize) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let trades = api.trades(session_url).await;
        if trades.len() >= count {
            return trades;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{} of {count} executions: {}",
            trades.len(),
            api.get(session_url).await
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until a backtest is over.
pub async fn backtest_over(api: &Api, url: &str) -> Value {
    let started = Instant::now();
    loop {
        let backtest = api.get(url).await;
        match backtest["status"].as_str() {
            Some("QUEUED" | "RUNNING") => {}
            _ => return backtest,
        }
        assert!(started.elapsed() < Duration::from_secs(120), "{backtest}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks for a backtest, and waits for what comes of it.
pub async fn backtest(api: &Api, url: &str, body: &Value) -> Value {
    let answer = api.post(url, body).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let backtest = backtest_over(api, &format!("{url}/{}", answer.text("id"))).await;
    assert_eq!(backtest["status"], "DONE", "{backtest}");
    backtest["result"].clone()
}

/// A backtest's executions but for that of its end: its session stops with the log, those of a forward
/// test go on.
pub fn before_the_end(result: &Value) -> Vec<Value> {
    let ends = |trade: &&Value| {
        let reason = trade["reason"].as_str().unwrap_or_default();
        reason.starts_with("session_stopped: ")
    };
    let trades = result["trades"].as_array().expect("trades").iter();
    trades.filter(|trade| !ends(trade)).cloned().collect()
}
