//! Sessions on ticks and on every kind of bar, over a market of which trades are missing: each has the
//! ledger of its backtest, and does at the gap what its strategy says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use coinbase::recording::{RecordingReader, RecordingWriter};
use end_to_end_tests::api::Api;
use end_to_end_tests::ledger::{at_least, backtest, before_the_end, lines};
use end_to_end_tests::log;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use kafka_common::Topics;
use kafka_common::messages::{ForwardTestEventKind, MissingTrades, RecordKind};
use serde_json::{Value, json};

/// The trades of the market, by their number among BTC's, that nobody has.
const LOST: std::ops::RangeInclusive<usize> = 900..=939;
const PAUSE: &str = "trades of the market are missing, and the strategy pauses then";

/// A recording without some of BTC's trades in its middle, and the ids of those.
fn with_a_gap(folder: &Path) -> (Recording, MissingTrades) {
    let whole = Recording::generated(folder, 6_000);
    let path = folder.join("gap.ndjson.zst");
    let mut writer = RecordingWriter::create(&path).unwrap();
    let mut ids: Vec<u64> = Vec::new();
    let mut lost = Vec::new();
    for frame in RecordingReader::open(&whole.path).unwrap() {
        let text = frame.unwrap().text;
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let of_btc = parsed["product_id"] == "BTC-USD";
        let id = parsed["trade_id"].as_u64().filter(|_| of_btc);
        if let Some(id) = id {
            // Each trade is told by two frames.
            let number = ids.iter().rposition(|known| *known == id);
            let number = number.unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            });
            if LOST.contains(&number) {
                lost.push(id);
                continue;
            }
        }
        writer.write(&text).unwrap();
    }
    writer.finish().unwrap();
    let missing = MissingTrades {
        first_trade_id: *lost.iter().min().unwrap(),
        last_trade_id: *lost.iter().max().unwrap(),
    };
    (Recording::whole(&path), missing)
}

/// Trades often, whatever it is evaluated on.
fn script(on_gap: &str, entry: &str, exit: &str) -> String {
    format!(
        "strategy(\"Bands\", on_gap=\"{on_gap}\")\nmiddle = sma(close, 4)\n\
         if crosses_above(close, middle){entry}:\n    buy(size=percent_of_cash(50))\n\
         if crosses_below(close, middle){exit}:\n    sell()\n"
    )
}

/// Whoever looks at the market only.
const PLAIN: (&str, &str) = ("", "");
/// Whoever also looks at what it holds.
const HOLDING: (&str, &str) = (" and position() == 0", " and position().bars > 2");

#[derive(Debug)]
struct Started {
    on_gap: &'static str,
    symbol: &'static str,
    timeframe: &'static str,
    strategy_id: String,
    session_id: String,
    url: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_has_the_ledger_of_its_backtest_and_does_at_a_gap_what_its_strategy_says() {
    let folder = tempfile::tempdir().unwrap();
    let (recording, missing) = with_a_gap(folder.path());
    let mut stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let strategies = format!("{}/v1/strategies", stack.url("strategy"));
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let mut started = Vec::new();
    for (on_gap, symbol, timeframe, (entry, exit)) in [
        ("carry_on", "BTCUSD", "tick", PLAIN),
        ("pause", "BTCUSD", "tick", PLAIN),
        ("reset", "BTCUSD", "tick", PLAIN),
        ("pause", "ETHUSD", "tick", PLAIN),
        ("carry_on", "BTCUSD", "1s", PLAIN),
        ("carry_on", "BTCUSD", "ticks:8", PLAIN),
        ("reset", "BTCUSD", "ticks:8", PLAIN),
        ("pause", "BTCUSD", "volume:0.02", PLAIN),
        ("reset", "BTCUSD", "range:15", PLAIN),
        ("carry_on", "BTCUSD", "tick", HOLDING),
        ("pause", "BTCUSD", "tick", HOLDING),
        ("reset", "BTCUSD", "ticks:8", HOLDING),
    ] {
        let source = script(on_gap, entry, exit);
        let body = json!({"name": on_gap, "kind": "script", "source": source});
        let saved = api.post(&strategies, &body).await;
        assert_eq!(saved.status, 201, "{}", saved.body);
        let strategy_id = saved.text("id").to_owned();
        let body = json!({"strategy_id": strategy_id, "symbol": symbol, "timeframe": timeframe});
        let answer = api.post(&sessions, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let session_id = answer.text("id").to_owned();
        let url = format!("{sessions}/{session_id}");
        let running = api.wait_for(&url, "RUNNING").await;
        assert_eq!(running["timeframe"], timeframe, "{running}");
        started.push(Started {
            on_gap,
            symbol,
            timeframe,
            strategy_id,
            session_id,
            url,
        });
    }
    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    // The mark of what is missing is a record, too.
    stack.caught_up(trades + 1).await;

    let market = log::read(&stack.kafka, Topics::MARKET_DATA_UPDATES);
    let marks: Vec<_> = market.iter().filter_map(|record| record.data.gap).collect();
    assert_eq!(marks, [missing]);

    let backtests = format!("{}/v1/backtests", stack.url("strategy"));
    let mut ledgers = Vec::new();
    for session in &started {
        let body = json!({"strategy_id": session.strategy_id, "version": 1,
            "symbol": session.symbol, "timeframe": session.timeframe});
        let result = backtest(&api, &backtests, &body).await;
        let back = before_the_end(&result);
        // Rows are written behind what is applied.
        let forward = at_least(&api, &session.url, back.len()).await;
        let fills = forward.iter().filter(|trade| trade["status"] == "FILLED");
        assert!(fills.count() > 3, "{session:?}: {} trades", forward.len());
        assert_eq!(lines(&back), lines(&forward), "{session:?}");
        let gaps = u64::from(session.symbol == "BTCUSD");
        assert_eq!(result["gaps"], gaps, "{session:?}");
        ledgers.push(forward);
    }
    the_policies(&stack, &api, &started, &ledgers).await;

    // On the same trades every kind of bar is a strategy of its own.
    let [ticks, _, _, _, time, eight, ..] = ledgers.as_slice() else {
        panic!("twelve sessions");
    };
    assert!(ticks.len() > time.len() && ticks.len() > eight.len());
    assert_ne!(lines(time), lines(eight));
}

/// Whoever pauses at a gap is paused right there, is told so, and trades on once it is resumed.
async fn the_policies(stack: &Stack, api: &Api, started: &[Started], ledgers: &[Vec<Value>]) {
    let events = log::read(&stack.kafka, Topics::FORWARD_TEST_EVENTS);
    let signals = log::read(&stack.kafka, Topics::STRATEGY_SIGNALS);
    for session in started {
        let pauses = session.on_gap == "pause" && session.symbol == "BTCUSD";
        let shown = api.get(&session.url).await;
        let (status, reason) = match pauses {
            true => ("PAUSED", json!(PAUSE)),
            false => ("RUNNING", Value::Null),
        };
        assert_eq!(
            (&shown["status"], &shown["status_reason"]),
            (&json!(status), &reason),
            "{session:?}"
        );
        let told: Vec<Option<&str>> = events
            .iter()
            .filter(|event| event.data.session_id.to_string() == session.session_id)
            .filter(|event| event.data.event == ForwardTestEventKind::SessionPaused)
            .map(|event| event.data.reason.as_deref())
            .collect();
        let records = signals
            .iter()
            .filter(|signal| signal.data.session_id.to_string() == session.session_id)
            .filter(|signal| signal.kind.as_deref() == Some(RecordKind::Pause.as_str()));
        let expected = if pauses {
            vec![Some(PAUSE)]
        } else {
            Vec::new()
        };
        assert_eq!(
            (told, records.count()),
            (expected.clone(), expected.len()),
            "{session:?}"
        );
    }

    // Up to the gap the paused one is the one that carries on; behind it, nothing is bought.
    let (carried, paused) = (&ledgers[0], &ledgers[1]);
    let before = lines(carried)
        .iter()
        .zip(lines(paused))
        .take_while(|(carried, paused)| *carried == paused)
        .count();
    assert!((10..carried.len()).contains(&before), "{before}");
    // An order from before the gap may still be filled by the first trade behind it.
    let behind = &paused[before..];
    let filled = behind
        .iter()
        .take_while(|trade| trade["status"] == "FILLED");
    let filled = filled.count();
    assert!(filled <= 1 && behind.len() > filled + 10, "{behind:?}");
    for trade in &behind[filled..] {
        assert_eq!(trade["reason"], "session_paused: the session is paused");
    }
    // What begins anew lacks the average's warm-up, and then trades as the others do.
    assert_ne!(lines(&ledgers[2]), lines(carried));

    let resumed = api
        .post(&format!("{}/resume", started[1].url), &json!({}))
        .await;
    assert_eq!(resumed.status, 202, "{}", resumed.body);
    api.wait_for(&started[1].url, "RUNNING").await;
}
