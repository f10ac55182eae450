//! Bad records, one by one: what each becomes of is in `docs/bad-signals.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kafka_common::KafkaSettings;
use kafka_common::messages::{ExecutionStatus, TradeExecution};
use kafka_common::partitioner::{market_data_partition, signals_partition};
use kafka_common::topics::TradeExecutions;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit as MetricUnit,
};
use serde_json::{Value, json};

use super::*;

mod past;

const PAGE: &str = include_str!("../../../../docs/bad-signals.md");
const SYMBOL: &str = "BTCUSD";

/// Counts by name and label `reason`.
#[derive(Debug, Default)]
struct Counts(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counts {
    fn of(&self, reason: &str) -> u64 {
        let name = format!("forward_test_signals_ignored_total/{reason}");
        let counts = self.0.lock().unwrap();
        counts
            .get(&name)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn ignored(&self) -> u64 {
        let counts = self.0.lock().unwrap();
        let ignored = counts
            .iter()
            .filter(|(name, _)| name.starts_with("forward_test_signals"));
        ignored
            .map(|(_, count)| count.load(Ordering::Relaxed))
            .sum()
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<MetricUnit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<MetricUnit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<MetricUnit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let label = key.labels().find(|label| label.key() == "reason");
        let label = label.map(|label| label.value()).unwrap_or_default();
        let mut counts = self.0.lock().unwrap();
        let name = format!("{}/{label}", key.name());
        Counter::from_arc(Arc::clone(counts.entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// A partition's exchange with one session, and what it has said.
struct Bench {
    exchange: PartitionExchange,
    out: Out,
    next: [i64; 2],
    log: past::Log,
}

fn session() -> Uuid {
    Uuid::from_u128(7)
}

/// A record as the strategy service writes it; `change` makes it bad.
fn signal(change: impl FnOnce(&mut Value)) -> Value {
    let mut data = json!({
        "session_id": session(), "strategy_id": Uuid::nil(), "user_id": "alice",
        "signal": {"action": "BUY", "quantity": 0.5, "quantity_type": "units", "reason": "why"},
        "market_data": {"symbol": SYMBOL, "price": 100},
        "signal_id": Uuid::from_u128(99),
        "cause": {"partition": market_data_partition(SYMBOL), "offset": 0,
                  "timestamp": "2026-01-05T00:00:00Z"},
    });
    change(&mut data);
    data
}

fn enveloped(data: &str) -> String {
    format!(r#"{{"timestamp":"2026-01-05T00:00:00Z","producer_service":"strategy","data":{data}}}"#)
}

impl Bench {
    /// With a running session that has met its first trade.
    fn new() -> Self {
        let unit = signals_partition(market_data_partition(SYMBOL));
        let restored = Restored {
            unit,
            positions: vec![0, 0, 0],
            committed: vec![0, 0, 0],
            state: None,
        };
        let log = past::Log::default();
        let past = Arc::new(log.clone());
        let mut bench = Self {
            exchange: Exchange { past }.restore(restored).unwrap(),
            out: Out::new(&KafkaSettings::default(), vec![0, 0, 0]),
            next: [0, 0],
            log,
        };
        let start = signal(|data| {
            data["signal"]["action"] = json!("HOLD");
            data["signal_id"] = json!(Uuid::from_u128(1));
            data["cause"]["offset"] = json!(-1);
            data["start"] = json!({"initial_balance": 1000, "fee_rate": 0});
        });
        bench.record("start", &start).unwrap();
        bench.tick(100);
        bench
    }

    /// From a snapshot.
    fn restart(&mut self) {
        let positions = self.exchange.positions().to_vec();
        let restored = Restored {
            unit: signals_partition(market_data_partition(SYMBOL)),
            committed: positions.clone(),
            positions,
            state: Some(self.exchange.snapshot().unwrap()),
        };
        let past = Arc::new(self.log.clone());
        self.exchange = Exchange { past }.restore(restored).unwrap();
    }

    fn accept(&mut self, kind: Option<&str>, value: &[u8]) -> Result<(), String> {
        let offset = self.next[0];
        self.next[0] += 1;
        let record = InputRecord {
            input: 0,
            offset,
            key: Some(SYMBOL.as_bytes()),
            value: Some(value),
            record_kind: kind,
        };
        self.exchange.accept(record, &mut self.out)
    }

    fn record(&mut self, kind: &str, data: &Value) -> Result<(), String> {
        let text = enveloped(&data.to_string());
        self.accept(Some(kind), text.as_bytes())
    }

    /// A trade of the market, and the word that it was evaluated.
    fn tick(&mut self, price: u32) {
        let offset = self.next[1];
        self.next[1] += 1;
        let partition = market_data_partition(SYMBOL);
        let slot = self
            .exchange
            .market_data
            .iter()
            .position(|p| *p == partition);
        let text = enveloped(&format!(
            r#"{{"symbol":"{SYMBOL}","price":{price},"volume":1,"source":"simulator",
                "timestamp":"2026-01-05T00:00:{:02}Z"}}"#,
            offset % 60
        ));
        self.log.push(&text);
        let record = InputRecord {
            input: slot.unwrap() + 1,
            offset,
            key: Some(SYMBOL.as_bytes()),
            value: Some(text.as_bytes()),
            record_kind: None,
        };
        self.exchange.accept(record, &mut self.out).unwrap();
        let id = Uuid::new_v5(&Uuid::nil(), &offset.to_be_bytes());
        let progress = signal(|data| {
            data["session_id"] = json!(Uuid::nil());
            data["signal"]["action"] = json!("HOLD");
            data["signal_id"] = json!(id);
            data["cause"]["offset"] = json!(offset);
        });
        self.record("progress", &progress).unwrap();
    }

    fn executions(&self) -> Vec<TradeExecution> {
        let ours = self
            .out
            .sent()
            .filter(|(topic, _, _)| *topic == TradeExecutions::SPEC.name);
        ours.map(|(_, _, value)| {
            kafka_common::envelope::decode::<TradeExecution>(Some(value))
                .unwrap()
                .data
        })
        .collect()
    }
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// With this in its reason.
    DeadLetter(&'static str),
    /// With a reason that begins so.
    Rejected(&'static str),
    /// And counted under this label.
    Ignored(&'static str),
    Nothing,
    Filled,
}
use Outcome::{DeadLetter, Filled, Ignored as Unheard, Nothing, Rejected};

/// Applies a bad record, then a trade, and checks that only the expected has happened; and that the
/// session still trades.
fn check(name: &str, expected: Outcome, apply: impl FnOnce(&mut Bench) -> Result<(), String>) {
    let row = format!("\n| {name} | ");
    let at = PAGE
        .find(&row)
        .unwrap_or_else(|| panic!("the page lacks {name}"));
    let row = PAGE[at..].trim_start().lines().next().unwrap();
    let word = match expected {
        DeadLetter(_) => "dead letter",
        Rejected(code) | Unheard(code) => code,
        Nothing => "nothing",
        Filled => "filled",
    };
    assert!(row.contains(word), "{name}: `{row}` doesn't say {word}");

    let counts = Counts::default();
    metrics::with_local_recorder(&counts, || {
        let mut bench = Bench::new();
        let outcome = apply(&mut bench);
        bench.tick(101);
        match (expected, outcome) {
            (DeadLetter(part), Err(why)) => assert!(why.contains(part), "{name}: {why}"),
            (DeadLetter(_), Ok(())) => panic!("{name}: it could be read"),
            (_, Err(why)) => panic!("{name}: {why}"),
            (_, Ok(())) => {}
        }
        let told: Vec<_> = bench
            .executions()
            .into_iter()
            .map(|e| (e.status, e.reason.unwrap_or_default()))
            .collect();
        match (expected, told.as_slice()) {
            (Rejected(code), [(ExecutionStatus::Rejected, reason)]) => {
                assert!(reason.starts_with(code), "{name}: {reason}");
            }
            (Filled, [(ExecutionStatus::Filled, _)]) => {}
            (DeadLetter(_) | Unheard(_) | Nothing, []) => {}
            _ => panic!("{name}: {told:?}"),
        }
        match expected {
            Unheard(reason) => assert_eq!((counts.of(reason), counts.ignored()), (1, 1), "{name}"),
            _ => assert_eq!(counts.ignored(), 0, "{name}"),
        }
    });
}

fn one(
    kind: &'static str,
    change: impl FnOnce(&mut Value),
) -> impl FnOnce(&mut Bench) -> Result<(), String> {
    let data = signal(change);
    move |bench: &mut Bench| bench.record(kind, &data)
}

fn quantity(text: &str) -> impl FnOnce(&mut Bench) -> Result<(), String> {
    let data = signal(|_| {})
        .to_string()
        .replace("\"quantity\":0.5", &format!("\"quantity\":{text}"));
    let value = enveloped(&data);
    move |bench: &mut Bench| bench.accept(Some("signal"), value.as_bytes())
}

#[test]
fn what_cannot_be_read_is_a_dead_letter() {
    check("not JSON", DeadLetter("expected"), |b| {
        b.accept(None, b"buy!")
    });
    check("empty value", DeadLetter("no value"), |b| {
        b.accept(None, b"")
    });
    check(
        "unknown record-kind",
        DeadLetter("record-kind"),
        one("sing", |_| {}),
    );
    let without = |field: &'static str| {
        move |data: &mut Value| {
            data.as_object_mut().unwrap().remove(field);
        }
    };
    check(
        "no signal_id",
        DeadLetter("signal_id"),
        one("signal", without("signal_id")),
    );
    check(
        "no cause",
        DeadLetter("cause"),
        one("signal", without("cause")),
    );
    let foreign = one("signal", |data| {
        data["cause"]["partition"] = json!((market_data_partition(SYMBOL) + 1) % 8);
    });
    check(
        "cause in a foreign partition",
        DeadLetter("cause.partition"),
        foreign,
    );
    check(
        "quantity is no number",
        DeadLetter("expected value"),
        quantity("NaN"),
    );
    check(
        "quantity is no number",
        DeadLetter("not an exact decimal"),
        quantity("null"),
    );
    let digits = "0.12345678901234567890123456789012";
    check(
        "quantity beyond 28 digits",
        DeadLetter("not an exact decimal"),
        quantity(digits),
    );
    check(
        "quantity beyond 28 digits",
        DeadLetter("not an exact decimal"),
        quantity("1e400"),
    );
    let order_type = one("signal", |data| data["order_type"] = json!("iceberg"));
    check("unknown order type", DeadLetter("order_type"), order_type);
    let limit = one("signal", |data| data["order_type"] = json!("limit"));
    check(
        "limit order without a limit",
        DeadLetter("limit_price"),
        limit,
    );
}

#[test]
fn what_cannot_be_carried_out_is_rejected_with_a_reason() {
    check(
        "quantity is negative",
        Rejected("quantity_not_positive"),
        quantity("-1"),
    );
    check(
        "quantity is zero",
        Rejected("quantity_not_positive"),
        quantity("0.000"),
    );
    check(
        "quantity is enormous",
        Rejected("quantity_too_large"),
        quantity("1e22"),
    );
    let precise = quantity("0.123456789");
    check(
        "quantity has more than 8 decimals",
        Rejected("quantity_too_precise"),
        precise,
    );
    let percent = one("signal", |data| {
        data["signal"]["quantity"] = json!(101);
        data["signal"]["quantity_type"] = json!("percent_of_cash");
    });
    check(
        "more than 100 percent",
        Rejected("percent_too_large"),
        percent,
    );
    check("session is paused", Rejected("session_paused"), |bench| {
        let pause = signal(|data| {
            data["signal"]["action"] = json!("HOLD");
            data["signal_id"] = json!(Uuid::from_u128(50));
        });
        bench.record("pause", &pause).unwrap();
        bench.record("signal", &signal(|_| {}))
    });
}

#[test]
fn what_concerns_nobody_here_is_ignored_and_counted() {
    let unknown = one("signal", |data| {
        data["session_id"] = json!(Uuid::from_u128(8))
    });
    check("unknown session", Unheard("unknown_session"), unknown);
    let ended = |kind: &'static str| {
        move |bench: &mut Bench| {
            let end = signal(|data| {
                data["signal"]["action"] = json!("HOLD");
                data["signal_id"] = json!(Uuid::from_u128(50));
            });
            bench.record(kind, &end).unwrap();
            bench.record("signal", &signal(|_| {}))
        }
    };
    check("stopped session", Unheard("unknown_session"), ended("stop"));
    check(
        "session that ended by itself",
        Unheard("ended_session"),
        ended("close"),
    );
    let foreign = one("signal", |data| data["user_id"] = json!("mallory"));
    check("another user's session", Unheard("foreign_user"), foreign);
    let foreign = one("stop", |data| data["user_id"] = json!("mallory"));
    check("another user's session", Unheard("foreign_user"), foreign);
    check("out of order", Unheard("repeat"), |bench| {
        bench.record(
            "signal",
            &signal(|data| data["cause"]["offset"] = json!(-1)),
        )
    });
    check(
        "HOLD",
        Nothing,
        one("signal", |data| data["signal"]["action"] = json!("HOLD")),
    );
}

#[test]
fn a_record_that_comes_again_changes_nothing() {
    let page = "\n| the same record again | ignored | `repeat` |";
    assert!(PAGE.contains(page));
    let counts = Counts::default();
    metrics::with_local_recorder(&counts, || {
        let mut bench = Bench::new();
        for _ in 0..3 {
            bench.record("signal", &signal(|_| {})).unwrap();
        }
        bench.tick(101);
        bench.record("signal", &signal(|_| {})).unwrap();
        bench.tick(102);
        let executions = bench.executions();
        assert_eq!(executions.len(), 1, "{executions:?}");
        assert_eq!((counts.of("repeat"), counts.ignored()), (3, 3));
    });
}

#[test]
fn a_session_ends_before_the_first_trade_at_its_end() {
    let mut bench = Bench::new();
    let id = Uuid::from_u128(8);
    let start = signal(|data| {
        data["session_id"] = json!(id);
        data["signal"]["action"] = json!("HOLD");
        data["signal_id"] = json!(Uuid::from_u128(60));
        data["start"] = json!({"initial_balance": 1000, "fee_rate": 0,
            "terms": {"ends_at": "2026-01-05T00:00:02Z"}});
    });
    bench.record("start", &start).unwrap();
    let buy = signal(|data| data["session_id"] = json!(id));
    bench.record("signal", &buy).unwrap();
    bench.tick(101);
    assert_eq!(bench.executions().len(), 1);
    for (price, cause) in [(102, 2), (103, 3)] {
        bench.tick(price);
        let late = signal(|data| {
            data["session_id"] = json!(id);
            data["signal_id"] = json!(Uuid::from_u128(price.into()));
            data["cause"]["offset"] = json!(cause);
        });
        bench.record("signal", &late).unwrap();
    }
    assert_eq!(bench.executions().len(), 1, "nothing is bought any more");
    let ended = bench.out.rows().iter().find_map(|row| match row {
        Row::Session(update) if update.session_id == id => update.stopped_at,
        _ => None,
    });
    assert_eq!(ended, "2026-01-05T00:00:02Z".parse().ok());
    let last = bench
        .exchange
        .sessions
        .get(&id)
        .unwrap()
        .account
        .last_price();
    assert_eq!(last, Some(101.into()), "the trade at its end isn't met");
}

#[test]
fn age_is_measured_by_the_log() {
    let old = one("signal", |data| {
        data["cause"]["timestamp"] = json!("2001-01-01T00:00:00Z")
    });
    check("stale", Filled, old);
}

#[test]
fn every_row_of_the_page_has_been_tried() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| ")).skip(1);
    let source = include_str!("tests.rs");
    for row in rows {
        let name = row.trim_start_matches("| ").split(" | ").next().unwrap();
        assert!(
            source.contains(name),
            "{name} is in the page and in no test"
        );
    }
}
