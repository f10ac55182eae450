//! A user's own orders on a running session: over HTTP, through the log, to the paper exchange and
//! back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use end_to_end_tests::api::Api;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Value, json};

/// Waits until an order has a status.
async fn order_is(api: &Api, session_url: &str, id: &str, status: &str) -> Value {
    let started = Instant::now();
    loop {
        let page = api.get(&format!("{session_url}/orders?limit=500")).await;
        let orders = page["items"].as_array().expect("items");
        let order = orders.iter().find(|order| order["order_id"] == id);
        match order {
            Some(order) if order["status"] == status => return order.clone(),
            _ if started.elapsed() < Duration::from_secs(60) => {}
            _ => panic!("not {status}: {order:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn place(api: &Api, session_url: &str, order: Value) -> String {
    let answer = api.post(&format!("{session_url}/orders"), &order).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.text("order_id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_orders_pass_through_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::hour(folder.path());
    let mut stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let strategy_id = api.create_crossover(&stack.url("strategy")).await;
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));

    let wrong = json!({"strategy_id": strategy_id, "symbol": "BTCUSD",
        "fill_model": {"kind": "volume", "share": 7}});
    let answer = api.post(&sessions, &wrong).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert!(
        answer.body.to_string().contains("fill_model.share"),
        "{}",
        answer.body
    );

    let body = json!({"strategy_id": strategy_id, "symbol": "BTCUSD",
        "fees": {"preset": "coinbase"}, "risk": {"max_order": 50000}});
    let answer = api.post(&sessions, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let session_url = format!("{sessions}/{}", answer.text("id"));
    api.wait_for(&session_url, "RUNNING").await;

    // Paused, the strategy's signals buy nothing; the user's orders are taken.
    let paused = api.post(&format!("{session_url}/pause"), &json!({})).await;
    assert_eq!(paused.status, 202, "{}", paused.body);
    api.wait_for(&session_url, "PAUSED").await;
    let low = json!({"action": "BUY", "order_type": "limit", "quantity": 0.01, "limit_price": 1});
    let kept = place(&api, &session_url, low.clone()).await;
    let dropped = place(&api, &session_url, low).await;
    assert_eq!(
        order_is(&api, &session_url, &dropped, "OPEN").await["limit_price"],
        1
    );
    let url = format!("{session_url}/orders/{kept}");
    let changed = api
        .call(Method::PATCH, &url, Some(r#"{"limit_price": 2}"#))
        .await;
    assert_eq!(changed.status, 202, "{}", changed.body);
    let url = format!("{session_url}/orders/{dropped}");
    let cancelled = api.call(Method::DELETE, &url, None).await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.body);
    order_is(&api, &session_url, &dropped, "CANCELLED").await;
    assert_eq!(
        order_is(&api, &session_url, &kept, "OPEN").await["limit_price"],
        2
    );
    let bracket = json!({"action": "BUY", "quantity": 0.1, "details": {
        "stop_loss": {"distance": {"percent": 50}},
        "take_profit": [{"distance": {"percent": 90}, "portion": 100}]}});
    let bought = place(&api, &session_url, bracket).await;
    order_is(&api, &session_url, &bought, "OPEN").await;

    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;

    let filled = order_is(&api, &session_url, &bought, "FILLED").await;
    assert_eq!(
        (&filled["filled"], &filled["leg"]),
        (&json!(0.1), &json!("entry"))
    );
    let open = api.get(&format!("{session_url}/orders?open=true")).await;
    let legs: Vec<&str> = open["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|order| order["leg"].as_str().expect("text"))
        .collect();
    assert_eq!(legs, ["take_profit", "stop_loss", "entry"]);
    let executions = api.trades(&session_url).await;
    let fills: Vec<&Value> = executions
        .iter()
        .filter(|trade| trade["status"] == "FILLED")
        .collect();
    assert_eq!(fills.len(), 1, "{fills:?}");
    assert_eq!(fills[0]["order"]["liquidity"], "taker");
    let reasons = executions
        .iter()
        .filter(|trade| trade["status"] == "REJECTED");
    for trade in reasons {
        assert_eq!(trade["reason"], "session_paused: the session is paused");
    }
    let metrics = api.get(&format!("{session_url}/metrics")).await;
    assert_eq!(
        (&metrics["fills"], &metrics["losses"]),
        (&json!(1), &json!(0))
    );
    assert!(
        metrics["buy_and_hold_pct"].is_number() && metrics["sharpe"].is_number(),
        "{metrics}"
    );
    assert_eq!(metrics["days"].as_array().map(Vec::len), Some(1));
    let export = format!("{session_url}/trades/export?format=json");
    assert_eq!(
        api.get(&export).await.as_array().map(Vec::len),
        Some(executions.len())
    );
    for (form, kind, begin) in [
        ("csv", "text/csv; charset=utf-8", &b"sequence,time,"[..]),
        ("parquet", "application/vnd.apache.parquet", b"PAR1"),
    ] {
        let (found, bytes) = api
            .download(&format!("{session_url}/trades/export?format={form}"))
            .await;
        assert_eq!(found, kind);
        assert!(bytes.starts_with(begin), "{form}: {} bytes", bytes.len());
    }

    // The position is sold at the next trade, so there is none here: what is open is cancelled.
    let url = format!("{session_url}/stop?close_position=true");
    let stopping = api.post(&url, &json!({})).await;
    assert_eq!(stopping.status, 202, "{}", stopping.body);
    order_is(&api, &session_url, &kept, "CANCELLED").await;
    let other = Api::new("mallory");
    let answer = other
        .call(Method::GET, &format!("{session_url}/orders"), None)
        .await;
    assert_eq!(answer.status, 404);
}
