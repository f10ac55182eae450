//! Strategies that read their position, on real servers: each trades in a session exactly as in a
//! backtest on the same trades, whatever is killed meanwhile; and what its user does is part of what it
//! knows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use coinbase::simulator::Speed;
use end_to_end_tests::api::Api;
use end_to_end_tests::ledger::{at_least, backtest, before_the_end, lines};
use end_to_end_tests::log;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::{Plan, Stack};
use end_to_end_tests::tool::Tool;
use kafka_common::Topics;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::Role;
use uuid::Uuid;

const TRADES: u64 = 8_000;

/// Takes a small profit or a small loss, each as far as its own position says so.
const PROFIT: &str = "held = position()\n\
    average = sma(close, 5)\n\
    if crosses_above(close, average) and held == 0:\n    buy(size=percent_of_cash(50))\n\
    if held.unrealized_percent > 0.02 or held.unrealized < -20:\n    sell()\n";

/// Stops and targets close it without the strategy's doing, and it waits after that.
const STOPPED: &str = "held = position()\n\
    if held == 0:\n    buy(size=percent_at_risk(0.1, fall=20))\n    stop_loss(amount=20)\n    take_profit(amount=30)\n\
    if held.bars > 15 and close < held.entry_price or held.seconds > 45:\n    sell(size=percent_of_position(60))\n\
    if held.realized < -500:\n    sell(id=\"enough\")\n";

/// Sells what its user buys.
const HELPER: &str = "if position().unrealized_percent > 0.01:\n    sell()\n";

struct Started {
    name: &'static str,
    timeframe: &'static str,
    strategy_id: String,
    /// Beyond the default ones.
    terms: Value,
    url: String,
}

impl Started {
    /// What asks for it, or for the same in the past.
    fn body(&self, starts_at: Option<DateTime<Utc>>) -> Value {
        let mut body = json!({"strategy_id": self.strategy_id, "symbol": "BTCUSD",
            "timeframe": self.timeframe});
        let fields = body.as_object_mut().unwrap();
        fields.extend(self.terms.as_object().unwrap().clone());
        if let Some(time) = starts_at {
            fields.insert("starts_at".to_owned(), json!(time));
        }
        body
    }
}

async fn start(
    stack: &Stack,
    api: &Api,
    (name, script, timeframe): (&'static str, &str, &'static str),
    terms: Value,
) -> Started {
    let strategies = format!("{}/v1/strategies", stack.url("strategy"));
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let body = json!({"name": name, "kind": "script", "source": script});
    let saved = api.post(&strategies, &body).await;
    assert_eq!(saved.status, 201, "{}", saved.body);
    let strategy_id = saved.text("id").to_owned();
    let begun = Started {
        name,
        timeframe,
        strategy_id,
        terms,
        url: String::new(),
    };
    let answer = api.post(&sessions, &begun.body(None)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let url = format!("{sessions}/{}", answer.text("id"));
    api.wait_for(&url, "RUNNING").await;
    Started { url, ..begun }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_that_reads_its_position_trades_as_in_its_backtest() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), TRADES);
    let plan = Plan {
        recording,
        // The market goes on while processes start.
        speed: Speed::Times(20.0),
        servers: test_support::isolated().await,
        binaries: None,
        settings: Vec::new(),
    };
    let mut stack = Stack::start_as(folder, plan).await;
    let api = Api::new("alice");
    let mut started = Vec::new();
    for of in [
        ("profit", PROFIT, "tick"),
        ("stopped", STOPPED, "tick"),
        ("profit on bars", PROFIT, "5s"),
    ] {
        started.push(start(&stack, &api, of, json!({})).await);
    }
    let helped = start(&stack, &api, ("helper", HELPER, "tick"), json!({})).await;
    // Terms that no backtest has: what it knows of its position is late, and counted otherwise.
    let terms = json!({"cost_method": "fifo", "fees": {"preset": "coinbase"},
        "latency": {"kind": "uniform", "min_ms": 50, "max_ms": 3000, "seed": 11}});
    let particular = start(&stack, &api, ("particular", STOPPED, "tick"), terms).await;
    // In the log before the first trade.
    let order = json!({"action": "BUY", "quantity": 0.25, "reason": "by hand"});
    let placed = api.post(&format!("{}/orders", helped.url), &order).await;
    assert_eq!(placed.status, 202, "{}", placed.body);
    until_in_the_log(&stack, placed.text("order_id")).await;

    stack.simulator.release();
    // Killed in the middle of positions, more than once; what it held comes from its snapshots and the
    // log.
    for trades in [6, 20, 40] {
        let before = at_least(&api, &started[0].url, trades).await;
        stack.process("strategy").kill();
        stack.launch("strategy");
        stack.ready("strategy").await;
        assert!(before.len() >= trades);
    }
    let so_far = log::read(&stack.kafka, Topics::MARKET_DATA_UPDATES).len() as u64;
    stack.process("forward-test").kill();
    stack.launch("forward-test");
    stack.ready("forward-test").await;
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;
    assert!(
        so_far < trades,
        "the market was over before strategy was killed"
    );

    let backtests = format!("{}/v1/backtests", stack.url("strategy"));
    for session in &started {
        let body = json!({"strategy_id": session.strategy_id, "version": 1,
            "symbol": "BTCUSD", "timeframe": session.timeframe});
        let result = backtest(&api, &backtests, &body).await;
        let back = before_the_end(&result);
        let forward = at_least(&api, &session.url, back.len()).await;
        assert_eq!(lines(&back), lines(&forward), "{}", session.name);
        let told = |part: &str| {
            let reasons = forward
                .iter()
                .map(|trade| trade["reason"].as_str().unwrap_or_default());
            reasons.filter(|reason| reason.contains(part)).count()
        };
        let by_position = match session.name {
            "stopped" => told("since entry"),
            _ => told("unrealised PnL"),
        };
        assert!(
            by_position > 3,
            "{}: {by_position} of {}",
            session.name,
            forward.len()
        );
    }

    let mut past = Vec::new();
    for lived in [&started[0], &started[2], &particular] {
        past.push(the_past_is_the_same(&stack, &api, lived).await);
    }
    what_cannot_be_known_is_refused(&stack, &started[0]).await;

    // What its user bought, the strategy knew of and sold.
    let trades = at_least(&api, &helped.url, 2).await;
    let reasons: Vec<&str> = trades
        .iter()
        .map(|trade| trade["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons[0], "by hand");
    assert!(
        reasons[1].starts_with("unrealised PnL in percent 0.01"),
        "{reasons:?}"
    );
    assert_eq!(
        (trades.len(), &trades[1]["position"]),
        (2, &json!(0)),
        "{reasons:?}"
    );

    let tool = Tool::new(stack.servers());
    let database = &stack.servers().database_url;
    let lived = started.iter().chain([&helped, &particular]);
    for url in lived.map(|session| &session.url).chain(&past) {
        let answer = api.post(&format!("{url}/stop"), &json!({})).await;
        assert!(answer.status < 300, "{}", answer.body);
        api.wait_for(url, "STOPPED").await;
        let id = url.rsplit('/').next().unwrap();
        let outcome = tool.run(&["verify", id, "--database", database, "--json"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
}

async fn until_in_the_log(stack: &Stack, order_id: &str) {
    let started = Instant::now();
    loop {
        let signals = log::read(&stack.kafka, Topics::STRATEGY_SIGNALS);
        let mut ids = signals.iter().filter_map(|signal| signal.data.signal_id);
        if ids.any(|id| id.to_string() == order_id) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{order_id}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A session that begins with the first trade of the log, and catches up: where it is.
async fn the_past_is_the_same(stack: &Stack, api: &Api, lived: &Started) -> String {
    let market = log::read(&stack.kafka, Topics::MARKET_DATA_UPDATES);
    let first = market.iter().find(|record| record.key == "BTCUSD").unwrap();
    let executions = log::read(&stack.kafka, Topics::TRADE_EXECUTIONS);
    let own = |id: Uuid| lived.url.ends_with(&id.to_string());
    let told = executions
        .iter()
        .filter(|record| own(record.data.session_id));
    let expected = at_least(api, &lived.url, told.count()).await;
    assert!(
        expected.len() > 5,
        "{}: {} trades",
        lived.name,
        expected.len()
    );
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let body = lived.body(Some(first.data.timestamp));
    let answer = api.post(&sessions, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let url = format!("{sessions}/{}", answer.text("id"));
    let found = at_least(api, &url, expected.len()).await;
    assert_eq!(lines(&found), lines(&expected), "{}", lived.name);
    url
}

/// Terms of a later release, which this one can't read.
async fn what_cannot_be_known_is_refused(stack: &Stack, of: &Started) {
    let url = format!(
        "{}/v1/deployments/{}",
        stack.url("strategy"),
        Uuid::from_u128(1)
    );
    let body = json!({"user_id": "alice", "strategy_id": of.strategy_id, "symbol": "BTCUSD",
        "timeframe": "tick", "initial_balance": 1000, "fee_rate": 0, "terms": {"moon": 1}});
    let service = Api::with_role("forward-test", Role::Service);
    let refused = service
        .call(Method::PUT, &url, Some(&body.to_string()))
        .await;
    let refusal = (refused.status, refused.text("code"), refused.text("field"));
    assert_eq!(refusal, (422, "invalid_terms", "terms"), "{}", refused.body);
    assert!(refused.text("detail").contains("moon"), "{}", refused.body);
}
