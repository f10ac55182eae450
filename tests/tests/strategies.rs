//! Strategies over HTTP, drawn and written, on the real services.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use end_to_end_tests::api::{Answer, Api};
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Value, json};

const SCRIPT: &str = "strategy(\"Mine\")\nfast = sma(close, 10)\nslow = sma(close, 30)\n\
                      if crosses_above(fast, slow):\n    buy(size=percent_of_cash(95))\n\
                      if crosses_below(fast, slow):\n    sell()\n";

async fn put(api: &Api, url: &str, body: &Value) -> Answer {
    api.call(Method::PUT, url, Some(&body.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_a_strategy_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), 3_000);
    let stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let strategies = format!("{}/v1/strategies", stack.url("strategy"));
    let compile = format!("{strategies}/compile");

    // a script and its graph are the same plan, and each is shown as the other
    let written = api
        .post(&compile, &json!({"kind": "script", "source": SCRIPT}))
        .await;
    assert_eq!(written.status, 200, "{}", written.body);
    assert_eq!(written.body["ok"], true, "{}", written.body);
    let graph = &written.body["graph"];
    let body = json!({"kind": "graph", "source": graph});
    let drawn = api.post(&format!("{compile}?forms=true"), &body).await;
    assert_eq!(
        drawn.body["plan"]["hash"], written.body["plan"]["hash"],
        "{}",
        drawn.body
    );
    let again = json!({"kind": "script", "source": drawn.body["script"]});
    let again = api.post(&compile, &again).await;
    assert_eq!(
        again.body["plan"]["hash"], written.body["plan"]["hash"],
        "{}",
        again.body
    );
    let plain = api.post(&compile, &body).await;
    assert!(plain.body.get("script").is_none(), "{}", plain.body);

    // problems have a place
    let wrong = json!({"kind": "script", "source": "if close > emma(close, 3):\n    buy()\n"});
    let answer = api.post(&compile, &wrong).await;
    assert_eq!(
        (answer.status, &answer.body["ok"]),
        (200, &json!(false)),
        "{}",
        answer.body
    );
    let problem = &answer.body["diagnostics"][0];
    assert_eq!(problem["code"], "name_unknown", "{problem}");
    for (field, value) in [
        ("line", 1),
        ("column", 12),
        ("end_line", 1),
        ("end_column", 16),
    ] {
        assert_eq!(problem[field], value, "{problem}");
    }
    let stops = "if close > 3:\n    buy()\n    take_profit(percent=2)\n";
    let stops = api
        .post(&compile, &json!({"kind": "script", "source": stops}))
        .await;
    assert_eq!(stops.body["ok"], true, "{}", stops.body);

    // and a body that makes no sense names its field
    for (body, code, field) in [
        (
            json!({"kind": "script", "source": {"nodes": []}}),
            "invalid_source",
            "source",
        ),
        (
            json!({"kind": "python", "source": SCRIPT}),
            "unknown_kind",
            "kind",
        ),
    ] {
        let answer = api.post(&compile, &body).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert_eq!(
            (answer.text("code"), answer.text("field")),
            (code, field),
            "{}",
            answer.body
        );
    }

    // saved: every change is a version of its own
    let body = json!({"name": "Mine", "kind": "script", "source": SCRIPT});
    let saved = api.post(&strategies, &body).await;
    assert_eq!(saved.status, 201, "{}", saved.body);
    assert_eq!(saved.body["source"], SCRIPT, "{}", saved.body);
    let strategy = format!("{strategies}/{}", saved.text("id"));
    let body = json!({"name": "Mine", "kind": "graph", "source": graph});
    let changed = put(&api, &strategy, &body).await;
    assert_eq!(
        (changed.status, &changed.body["version"]),
        (200, &json!(2)),
        "{}",
        changed.body
    );
    let faster = SCRIPT.replace("close, 10", "close, 5");
    let body = json!({"name": "Mine", "kind": "script", "source": faster});
    let changed = put(&api, &strategy, &body).await;
    assert_eq!(changed.body["kind"], "script", "{}", changed.body);
    let bad = json!({"name": "Mine", "kind": "script", "source": "buy()\n"});
    assert_eq!(put(&api, &strategy, &bad).await.status, 422);
    let versions = api.get(&format!("{strategy}/versions?limit=2")).await;
    let numbers: Vec<&Value> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| &v["version"])
        .collect();
    assert_eq!(numbers, [3, 2], "{versions}");
    let cursor = versions["next_cursor"].as_str().unwrap();
    let older = api
        .get(&format!("{strategy}/versions?limit=2&cursor={cursor}"))
        .await;
    let [first] = &older["items"].as_array().unwrap()[..] else {
        panic!("{older}")
    };
    assert_eq!(first["kind"], "script");
    assert_eq!(
        first["plan_hash"], versions["items"][1]["plan_hash"],
        "the same, drawn"
    );
    assert_ne!(first["plan_hash"], versions["items"][0]["plan_hash"]);
    assert!(first.get("source").is_none(), "{first}");
    let first = api.get(&format!("{strategy}/versions/1")).await;
    assert_eq!(
        (&first["source"], &first["kind"]),
        (&json!(SCRIPT), &json!("script"))
    );
    assert!(first["created_at"].is_string(), "{first}");

    // what is different between two of them, whichever form each has
    let drawn = api.get(&format!("{strategy}/versions/1/diff/2")).await;
    assert_eq!(drawn["same_plan"], true, "{drawn}");
    assert_eq!(drawn["graph"]["nodes_changed"], json!([]), "{drawn}");
    let faster = api.get(&format!("{strategy}/versions/2/diff/3")).await;
    assert_eq!(faster["same_plan"], false, "{faster}");
    let change = &faster["graph"]["nodes_changed"][0];
    assert_eq!(change["fields"][0]["field"], "period", "{faster}");
    let written = faster["script"].as_str().unwrap();
    assert!(written.contains("+fast = sma(close, 5)"), "{written}");
    assert_eq!(
        (&faster["from"]["version"], &faster["to"]["kind"]),
        (&json!(2), &json!("script"))
    );
    for url in [
        format!("{strategy}/versions/4"),
        format!("{strategy}/versions/1/diff/4"),
        format!("{strategies}/{}/versions", uuid::Uuid::nil()),
    ] {
        assert_eq!(api.call(Method::GET, &url, None).await.status, 404, "{url}");
    }
    let other = Api::new("mallory");
    for url in [
        format!("{strategy}/versions"),
        format!("{strategy}/versions/1"),
        format!("{strategy}/versions/1/diff/2"),
    ] {
        assert_eq!(
            other.call(Method::GET, &url, None).await.status,
            404,
            "{url}"
        );
    }

    // templates come in both forms
    let templates = api
        .get(&format!("{}/v1/templates", stack.url("strategy")))
        .await;
    for template in templates["items"].as_array().unwrap() {
        assert_eq!(template["kind"], "graph", "{template}");
        assert!(
            template["script"].as_str().unwrap().contains("buy("),
            "{template}"
        );
    }

    // a session on a script trades, with a reason that tells the figures
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let body = json!({"strategy_id": saved.text("id"), "symbol": "BTCUSD", "timeframe": "tick"});
    let session = api.post(&sessions, &body).await;
    assert_eq!(session.status, 201, "{}", session.body);
    let session = format!("{sessions}/{}", session.text("id"));
    let running = api.wait_for(&session, "RUNNING").await;
    assert_eq!(running["strategy_version"], 3, "{running}");
    stack.simulator.release();
    let started = Instant::now();
    let trade = loop {
        // The first crossing may go down, and then there is nothing to sell.
        let mut trades = api.trades(&session).await.into_iter();
        if let Some(trade) = trades.find(|trade| trade["status"] == "FILLED") {
            break trade;
        }
        assert!(started.elapsed() < Duration::from_secs(90), "no trade");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let reason = trade["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("SMA(5) ") && reason.contains(" crossed "),
        "{reason}"
    );
}
