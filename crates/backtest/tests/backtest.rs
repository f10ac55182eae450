//! A strategy over trades: the ledger, the grid, the page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use backtest::{Axis, AxisError, Backtest, BacktestError, Grid, Result, Terms, page};
use chrono::{DateTime, TimeDelta, Utc};
use paper_exchange::{Action, ExecutionStatus, LedgerHasher};
use rust_decimal::Decimal;
use strategy_engine::{Plan, Tick, compile_script};

fn plan(script: &str) -> Arc<Plan> {
    let script = compile_script(script);
    Arc::new(
        script
            .compilation
            .plan
            .clone()
            .unwrap_or_else(|| panic!("{:#?}", script.diagnostics())),
    )
}

/// One trade a second at these prices.
fn ticks(prices: &[&str]) -> Vec<Tick> {
    let begin: DateTime<Utc> = "2026-01-05T00:00:00Z".parse().unwrap();
    let tick = |(index, price): (usize, &&str)| Tick {
        time: begin + TimeDelta::seconds(index as i64),
        price: price.parse().unwrap(),
        volume: Decimal::ONE,
        ..Tick::default()
    };
    prices.iter().enumerate().map(tick).collect()
}

fn run(script: &str, terms: &Terms, prices: &[&str]) -> Result {
    let mut backtest = Backtest::new(&plan(script), terms).unwrap();
    for tick in ticks(prices) {
        backtest.on_tick(&tick).unwrap();
    }
    backtest.finish()
}

const SWING: &str = "if close > 100:\n    buy(size=cash(1001))\nif close < 90:\n    sell()\n";

#[test]
fn orders_meet_the_trade_after_their_signal() {
    let prices = ["95", "101", "100", "95", "85", "80", "80"];
    let result = run(SWING, &Terms::default(), &prices);
    assert_eq!(
        (result.ticks, result.signals, result.fills, result.rejected),
        (7, 2, 2, 0)
    );
    let [buy, sell] = &result.executions[..] else {
        panic!("{:#?}", result.executions)
    };
    assert_eq!((buy.action, sell.action), (Action::Buy, Action::Sell));
    // 1,001 pays for 10 at 100 and a fee of 0.1 percent.
    assert_eq!(
        (buy.price, buy.quantity.normalize()),
        (Decimal::from(100), Decimal::from(10))
    );
    assert_eq!(
        (sell.price, sell.position),
        (Decimal::from(80), Decimal::ZERO)
    );
    assert_eq!(result.final_equity.normalize().to_string(), "99798.2");
    assert_eq!((result.wins, result.losses), (0, 1));
    let mut hasher = LedgerHasher::new();
    result
        .executions
        .iter()
        .for_each(|execution| hasher.push(execution));
    assert_eq!(result.ledger_sha256, hasher.finish());
}

#[test]
fn what_cannot_be_paid_for_is_rejected_with_a_reason() {
    let result = run(
        "if close > 1:\n    buy(size=units(10_000))\n",
        &Terms::default(),
        &["100", "100"],
    );
    assert_eq!((result.signals, result.fills, result.rejected), (1, 0, 1));
    assert_eq!(result.executions[0].status, ExecutionStatus::Rejected);
    assert_eq!(result.final_equity, Decimal::from(100_000));
}

#[test]
fn bars_are_evaluated_when_they_close() {
    let terms = Terms {
        timeframe: "5s".parse().unwrap(),
        ..Terms::default()
    };
    let result = run(SWING, &terms, &["101"; 12]);
    assert_eq!(
        (result.evaluations, result.signals, result.fills),
        (2, 1, 1)
    );
    assert_eq!(
        result.executions[0].time.to_string(),
        "2026-01-05 00:00:06 UTC"
    );
}

#[test]
fn terms_that_make_no_sense_are_refused_with_the_field() {
    let terms = Terms {
        initial_balance: Decimal::ZERO,
        fee_rate: Decimal::ONE,
        ..Terms::default()
    };
    let Err(BacktestError::Terms(problems)) = Backtest::new(&plan(SWING), &terms) else {
        panic!("accepted")
    };
    assert!(
        problems.contains("initial_balance") && problems.contains("fee_rate"),
        "{problems}"
    );
}

#[test]
fn nothing_at_all_is_a_result() {
    let result = run(SWING, &Terms::default(), &[]);
    assert_eq!(
        (result.ticks, result.final_equity),
        (0, Decimal::from(100_000))
    );
    assert!(page("empty", &result).contains("Nothing to show"));
}

#[test]
fn a_grid_lists_every_combination() {
    let axis = |text: &str| text.parse::<Axis>();
    let grid = Grid::new(vec![
        axis("fast=5..15:5").unwrap(),
        axis("zone=UTC, EST").unwrap(),
    ])
    .unwrap();
    let all = grid.combinations();
    assert_eq!(all.len(), 6);
    assert_eq!(
        (all[0]["fast"].as_str(), all[0]["zone"].as_str()),
        ("5", "UTC")
    );
    assert_eq!(
        (all[5]["fast"].as_str(), all[5]["zone"].as_str()),
        ("15", "EST")
    );
    assert_eq!(
        axis("x=0.1..0.3:0.1").unwrap().values,
        ["0.1", "0.2", "0.3"]
    );
    assert_eq!(axis("x=1..3").unwrap().values, ["1", "2", "3"]);
    for text in ["x", "=1", "x=", "x=1..b", "x=1,,2"] {
        assert!(matches!(axis(text), Err(AxisError::Form(_))), "{text}");
    }
    for text in ["x=1..2:0", "x=1..2:-1", "x=2..1"] {
        assert!(matches!(axis(text), Err(AxisError::Step(_))), "{text}");
    }
    assert_eq!(axis("x=1..1000000000"), Err(AxisError::TooMany));
    let wide = || axis("x=1..1000").unwrap();
    assert!(matches!(
        Grid::new(vec![wide(), wide()]),
        Err(AxisError::TooMany)
    ));
    assert_eq!(Grid::default().combinations().len(), 1);
}

#[test]
fn the_page_needs_nothing_but_itself_and_runs_no_foreign_text() {
    let prices: Vec<String> = (0..20_000)
        .map(|i| (80 + (i * 7) % 41).to_string())
        .collect();
    let prices: Vec<&str> = prices.iter().map(String::as_str).collect();
    let result = run(SWING, &Terms::default(), &prices);
    assert!(result.prices.len() <= 4_002, "{}", result.prices.len());
    let values = || result.prices.iter().map(|point| point.value);
    assert_eq!(
        (values().min(), values().max()),
        (Some(Decimal::from(80)), Some(Decimal::from(120)))
    );
    let html = page("<script>alert('x')</script>", &result);
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
    assert_eq!(html.matches("<script>").count(), 1);
    assert_eq!(html.matches("<svg").count(), 3);
    for foreign in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.contains("class=\"buy\"") && html.contains("class=\"sell\""));
    assert!(html.len() < 2_000_000, "{}", html.len());
}
