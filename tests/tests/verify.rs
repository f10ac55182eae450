//! `algotrade verify` on real servers: what agrees is proved, and what was tampered with is found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use end_to_end_tests::api::Api;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use end_to_end_tests::tool::{Outcome, Tool};
use kafka_common::Topics;
use kafka_common::messages::TradeExecution;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

fn verify(stack: &Stack, session: &str) -> Outcome {
    let tool = Tool::new(stack.servers());
    let database = &stack.servers().database_url;
    tool.run(&["verify", session, "--database", database, "--json"])
}

fn report(outcome: &Outcome) -> Value {
    let lines = outcome.json();
    lines
        .last()
        .cloned()
        .unwrap_or_else(|| panic!("{outcome:?}"))
}

/// The differences, as `place what field`.
fn differences(outcome: &Outcome) -> Vec<String> {
    let report = report(outcome);
    let differences = report["differences"].as_array().expect("differences");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    differences
        .iter()
        .map(|d| {
            let words = [text(&d["place"]), text(&d["what"]), text(&d["field"])];
            words.join(" ").trim_end().to_owned()
        })
        .collect()
}

/// Makes a change in the database, looks, and takes it back.
async fn tamper(stack: &Stack, session: &str, change: &str, undo: &str, found: &str) {
    let mut database = PgConnection::connect(&stack.servers().database_url)
        .await
        .expect("the database");
    let run = |sql: &str| AssertSqlSafe(sql.replace("SESSION", &format!("'{session}'")));
    let done = sqlx::raw_sql(run(change)).execute(&mut database).await;
    assert!(done.expect(change).rows_affected() > 0, "{change}");
    let outcome = verify(stack, session);
    assert_eq!(outcome.code, 1, "{change}: {outcome:?}");
    let differences = differences(&outcome);
    assert!(
        differences
            .iter()
            .any(|difference| difference.starts_with(found)),
        "{change}: {found} is not in {differences:?}"
    );
    let done = sqlx::raw_sql(run(undo)).execute(&mut database).await;
    assert!(done.expect(undo).rows_affected() > 0, "{undo}");
    let outcome = verify(stack, session);
    assert_eq!(outcome.code, 0, "{undo}: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agrees_is_proved_and_what_was_tampered_with_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), 12_000);
    let mut stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let strategy_id = api.create_crossover(&stack.url("strategy")).await;
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let mut urls = Vec::new();
    for terms in [
        json!({}),
        json!({"fill_model": {"kind": "volume", "share": 0.5}, "fees": {"preset": "coinbase"},
               "latency": {"kind": "uniform", "min_ms": 10, "max_ms": 400, "seed": 3},
               "slippage": {"kind": "square_root", "rate": 0.001}}),
    ] {
        let mut body = json!({"strategy_id": strategy_id, "symbol": "BTCUSD"});
        body.as_object_mut()
            .unwrap()
            .extend(terms.as_object().unwrap().clone());
        let answer = api.post(&sessions, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let url = format!("{sessions}/{}", answer.text("id"));
        api.wait_for(&url, "RUNNING").await;
        urls.push(url);
    }
    // A user's orders are in the log, too.
    let low = json!({"action": "BUY", "order_type": "limit", "quantity": 0.01, "limit_price": 1});
    for _ in 0..2 {
        let answer = api.post(&format!("{}/orders", urls[1]), &low).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;

    // Running, and stopped.
    let ids: Vec<&str> = urls
        .iter()
        .map(|url| url.rsplit('/').next().unwrap())
        .collect();
    for id in &ids {
        let outcome = verify(&stack, id);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
    for url in &urls {
        let answer = api.post(&format!("{url}/stop"), &json!({})).await;
        assert!(answer.status < 300, "{}", answer.body);
        api.wait_for(url, "STOPPED").await;
    }
    for id in &ids {
        let outcome = verify(&stack, id);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let report = report(&outcome);
        assert_eq!(report["replayed"], true, "{report}");
        assert_eq!(report["database_behind"], 0, "{report}");
        assert!(report["fills"].as_u64() > Some(20), "{report}");
        for hash in ["topic_sha256", "database_sha256"] {
            assert_eq!(report[hash], report["ledger_sha256"], "{report}");
        }
    }

    let id = ids[1];
    tamper(
        &stack,
        id,
        "UPDATE forward_test.executions SET data = replace(data::TEXT, '\"FILLED\"', '\"FILLED\" ')::JSON
         WHERE session_id = SESSION AND sequence = (SELECT MAX(sequence) FROM
             forward_test.executions WHERE session_id = SESSION AND data->>'status' = 'FILLED')",
        "UPDATE forward_test.executions SET data = replace(data::TEXT, '\"FILLED\" ', '\"FILLED\"')::JSON
         WHERE session_id = SESSION AND data::TEXT LIKE '%\"FILLED\" %'",
        "forward_test.executions different",
    )
    .await;
    tamper(
        &stack,
        id,
        "UPDATE forward_test.equity SET cash = cash + 0.00000001 WHERE session_id = SESSION
         AND sequence = (SELECT MIN(sequence) FROM forward_test.equity WHERE session_id = SESSION)",
        "UPDATE forward_test.equity SET cash = cash - 0.00000001 WHERE session_id = SESSION
         AND sequence = (SELECT MIN(sequence) FROM forward_test.equity WHERE session_id = SESSION)",
        "forward_test.equity different cash",
    )
    .await;
    tamper(
        &stack,
        id,
        "UPDATE forward_test.sessions SET realized_pnl = realized_pnl + 1 WHERE id = SESSION",
        "UPDATE forward_test.sessions SET realized_pnl = realized_pnl - 1 WHERE id = SESSION",
        "forward_test.sessions different realized_pnl",
    )
    .await;
    tamper(
        &stack,
        id,
        "UPDATE forward_test.orders SET filled = filled + 1 WHERE session_id = SESSION",
        "UPDATE forward_test.orders SET filled = filled - 1 WHERE session_id = SESSION",
        "forward_test.orders different",
    )
    .await;
    tamper(
        &stack,
        id,
        "CREATE TEMPORARY TABLE kept AS SELECT * FROM forward_test.orders
             WHERE session_id = SESSION;
         DELETE FROM forward_test.orders WHERE session_id = SESSION",
        "INSERT INTO forward_test.orders SELECT * FROM kept",
        "forward_test.orders missing",
    )
    .await;

    // The topics can't be changed, only added to: a copy of a record, and a made-up one.
    let records = end_to_end_tests::log::read(&stack.kafka, Topics::TRADE_EXECUTIONS);
    let mut ours = records.into_iter().filter(|record| record.key == id);
    let copy = ours.next().expect("an execution").data;
    add(&stack, id, &copy);
    let outcome = verify(&stack, id);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert_eq!(differences(&outcome), ["trade-executions repeated"]);
    let made_up = TradeExecution {
        sequence: Some(1_000_000),
        ..copy
    };
    add(&stack, id, &made_up);
    let found = differences(&verify(&stack, id));
    assert!(
        found.contains(&"trade-executions unexpected".to_owned()),
        "{found:?}"
    );
    assert_eq!(
        verify(&stack, ids[0]).code,
        0,
        "the other session is as it was"
    );

    let unknown = "00000000-0000-0000-0000-000000000001";
    verify(&stack, unknown).assert_refused(&["has no session", unknown]);
}

/// Adds a record to a session's executions, as anybody with the right to write could.
fn add(stack: &Stack, id: &str, execution: &TradeExecution) {
    let tool = Tool::new(stack.servers());
    let message = serde_json::to_string(execution).expect("JSON");
    let outcome = tool.run(&["produce", "trade-executions", &message, "--key", id]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
}
