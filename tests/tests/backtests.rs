//! Backtests over HTTP: the ledger of a forward test on the same trades, a grid of parameters,
//! candles, and everything that is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use end_to_end_tests::api::{Answer, Api, auth};
use end_to_end_tests::ledger::{at_least, backtest, backtest_over, lines};
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::Role;

const SCRIPT: &str = "strategy(\"Bands\")\n\nn = param(\"n\", 20, min=2, max=400)\n\
    middle = sma(close, n)\n\nif crosses_above(close, middle):\n    buy(size=percent_of_cash(50))\n\
    if crosses_below(close, middle):\n    sell()\n";

fn refused(answer: &Answer, status: u16, code: &str, field: &str) {
    let told = (answer.status, answer.text("code"), answer.text("field"));
    assert_eq!(told, (status, code, field), "{}", answer.body);
    assert!(!answer.text("detail").is_empty(), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_over_http_has_the_ledger_of_a_forward_test() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::hour(folder.path());
    let mut stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let session_url = stack.start_session(&api, "BTCUSD").await;
    let strategies = format!("{}/v1/strategies", stack.url("strategy"));
    let saved = api.get(&strategies).await["items"][0].clone();
    let url = format!("{}/v1/backtests", stack.url("strategy"));

    // Before anything was traded there is nothing to try it on.
    let early = json!({"strategy_id": saved["id"], "symbol": "BTCUSD"});
    let answer = api.post(&url, &early).await;
    let failed = backtest_over(&api, &format!("{url}/{}", answer.text("id"))).await;
    assert_eq!(
        (&failed["status"], &failed["problem"]["code"]),
        (&json!("FAILED"), &json!("no_trades"))
    );

    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;

    let result = backtest(
        &api,
        &url,
        &json!({"strategy_id": saved["id"], "version": 1, "symbol": "BTC-USD"}),
    )
    .await;
    let back = result["trades"].as_array().expect("trades");
    let forward = at_least(&api, &session_url, back.len()).await;
    assert!(forward.len() > 10, "{}", forward.len());
    assert_eq!(lines(back), lines(&forward));
    assert_eq!(
        (&result["gaps"], &result["trades_omitted"]),
        (&json!(0), &json!(0))
    );
    let last = api.get(&session_url).await;
    assert_eq!(result["runs"][0]["fees"], last["fees"], "{last}");
    let part = &result["log"];
    assert!(
        part["end_offset"].as_u64() > part["first_offset"].as_u64(),
        "{part}"
    );

    // A grid: each of them as it is alone, the best first.
    let grid = json!({"kind": "script", "source": SCRIPT, "symbol": "BTCUSD",
        "parameters": {"n": [10, 20, "40"]}});
    let grid = backtest(&api, &url, &grid).await;
    let runs = grid["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 3);
    let equity = |run: &Value| run["final_equity"].as_f64().expect("a number");
    assert!(
        runs.is_sorted_by(|a, b| equity(a) >= equity(b)),
        "best first"
    );
    let alone = json!({"kind": "script", "source": SCRIPT, "symbol": "BTCUSD"});
    let alone = backtest(&api, &url, &alone).await;
    let same = runs
        .iter()
        .find(|run| run["parameters"]["n"] == "20")
        .expect("n=20");
    assert_eq!(same["ledger_sha256"], alone["runs"][0]["ledger_sha256"]);
    assert!(alone["runs"][0]["fills"].as_u64() > Some(10), "{alone}");

    // A part of the time: what is outside counts neither for the strategy nor for the exchange.
    let (from, to) = (
        result["from"].as_str().unwrap(),
        result["to"].as_str().unwrap(),
    );
    let middle = forward[forward.len() / 2]["timestamp"].clone();
    let part = json!({"strategy_id": saved["id"], "symbol": "BTCUSD", "to": middle});
    let part = backtest(&api, &url, &part).await;
    assert!(
        part["ticks"].as_u64() < result["ticks"].as_u64(),
        "{from} to {to}"
    );
    assert_eq!(part["from"], result["from"]);

    // Candles of the same hour.
    let candles = json!({"kind": "script", "source": SCRIPT, "symbol": "BTCUSD",
        "data": "candles", "interval": "5s", "timeframe": "15s", "parameters": {"n": 5}});
    let candles = backtest(&api, &url, &candles).await;
    assert!(candles["ticks"].as_u64() > Some(100), "{candles}");
    assert!(candles["runs"][0]["fills"].as_u64() > Some(0), "{candles}");
    assert_eq!(candles["log"], Value::Null);

    a_session_knows_the_past(&stack, &api).await;
    refusals(&api, &url, &saved).await;
    the_queue(&api, &url).await;
}

/// A session on bars begins with the candles before it, if its strategy asks for them.
async fn a_session_knows_the_past(stack: &Stack, api: &Api) {
    let strategies = format!("{}/v1/strategies", stack.url("strategy"));
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    for (warm_up, timeframe, knows) in [
        ("candles", "5s", true),
        ("candles", "tick", false),
        ("live", "5s", false),
    ] {
        let source = SCRIPT.replace("\"Bands\"", &format!("\"Bands\", warm_up=\"{warm_up}\""));
        let body = json!({"name": "Warm", "kind": "script", "source": source});
        let saved = api.post(&strategies, &body).await;
        assert_eq!(saved.status, 201, "{}", saved.body);
        let body =
            json!({"strategy_id": saved.text("id"), "symbol": "BTCUSD", "timeframe": timeframe});
        let session = api.post(&sessions, &body).await;
        assert_eq!(session.status, 201, "{}", session.body);
        // What forward-test asks, as forward-test.
        let token = auth()
            .issue("forward-test", Role::Service)
            .expect("a token");
        let deployment = reqwest::Client::new()
            .get(format!(
                "{}/v1/deployments/{}",
                stack.url("strategy"),
                session.text("id")
            ))
            .bearer_auth(token.token)
            .send()
            .await
            .expect("an answer");
        let deployment: Value = deployment.json().await.expect("JSON");
        let candles = deployment["history"].as_u64().expect("a number");
        assert_eq!(
            candles > 100,
            knows,
            "{warm_up} on {timeframe}: {deployment}"
        );
    }
}

/// What can't be run is told at once, with its field.
async fn refusals(api: &Api, url: &str, saved: &Value) {
    let script = |more: Value| {
        let mut body = json!({"kind": "script", "source": SCRIPT, "symbol": "BTCUSD"});
        let more = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(more);
        body
    };
    for (body, status, code, field) in [
        (
            json!({"symbol": "BTCUSD"}),
            422,
            "strategy_unclear",
            "strategy_id",
        ),
        (
            script(json!({"strategy_id": saved["id"]})),
            422,
            "strategy_unclear",
            "strategy_id",
        ),
        (
            json!({"strategy_id": saved["id"], "version": 7, "symbol": "BTCUSD"}),
            404,
            "not_found",
            "version",
        ),
        (script(json!({"kind": "poem"})), 422, "unknown_kind", "kind"),
        (
            script(json!({"source": 7})),
            422,
            "invalid_source",
            "source",
        ),
        (
            script(json!({"source": "buy("})),
            422,
            "strategy_invalid",
            "source",
        ),
        (
            script(json!({"symbol": "?"})),
            422,
            "invalid_symbol",
            "symbol",
        ),
        (
            script(json!({"timeframe": "2h"})),
            422,
            "invalid_timeframe",
            "timeframe",
        ),
        (
            script(json!({"initial_balance": -1})),
            422,
            "out_of_range",
            "initial_balance",
        ),
        (
            script(json!({"parameters": {"n": "1..400"}})),
            422,
            "too_many_combinations",
            "parameters",
        ),
        (
            script(json!({"parameters": {"n": 500}})),
            422,
            "invalid_parameter",
            "parameters",
        ),
        (
            script(json!({"parameters": {"m": 5}})),
            422,
            "invalid_parameter",
            "parameters",
        ),
        (
            script(json!({"data": "candles", "interval": "2m"})),
            422,
            "invalid_interval",
            "interval",
        ),
        (script(json!({"speed": 9})), 422, "invalid_field", "speed"),
    ] {
        refused(&api.post(url, &body).await, status, code, field);
    }
    let other = Api::new("mallory");
    let foreign = json!({"strategy_id": saved["id"], "symbol": "BTCUSD"});
    refused(
        &other.post(url, &foreign).await,
        404,
        "not_found",
        "strategy_id",
    );
}

/// Lists, other users, cancelling, and how many may wait.
async fn the_queue(api: &Api, url: &str) {
    let list = api.get(url).await;
    let items = list["items"].as_array().expect("items");
    assert!(items.len() >= 5, "{list}");
    assert!(items.iter().all(|item| item["result"] == Value::Null));
    let first = format!("{url}/{}", items[0]["id"].as_str().expect("an id"));
    let other = Api::new("mallory");
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(other.call(method, &first, None).await.status, 404);
    }
    assert_eq!(other.get(url).await["items"], json!([]));
    assert_eq!(api.call(Method::DELETE, &first, None).await.status, 204);
    assert_eq!(api.call(Method::GET, &first, None).await.status, 404);

    // Many at once: two may wait or run, the others are told so.
    let body = json!({"kind": "script", "source": SCRIPT, "symbol": "BTCUSD",
        "parameters": {"n": "2..100"}});
    let answers = [(); 6].map(|()| {
        let (api, url, body) = (api.clone(), url.to_owned(), body.clone());
        tokio::spawn(async move { api.post(&url, &body).await })
    });
    let mut taken = Vec::new();
    let mut told = 0;
    for answer in answers {
        let answer = answer.await.expect("an answer");
        match answer.status {
            202 => taken.push(format!("{url}/{}", answer.text("id"))),
            429 => {
                assert_eq!(answer.text("code"), "too_many_backtests");
                told += 1;
            }
            _ => panic!("{}", answer.body),
        }
    }
    assert!(told >= 1 && taken.len() >= 2, "{told} were refused");
    for backtest in &taken {
        let deleted = api.call(Method::DELETE, backtest, None).await;
        assert_eq!(deleted.status, 204, "{}", deleted.body);
        let left = api.call(Method::GET, backtest, None).await;
        let status = left.body["status"].as_str();
        assert!(
            left.status == 404 || status == Some("CANCELLED"),
            "{}",
            left.body
        );
    }
}
