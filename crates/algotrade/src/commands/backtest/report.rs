//! What came of a backtest, for a person and as JSON.

use std::collections::BTreeMap;

use backtest::Terms;
use chrono::{DateTime, Utc};
use paper_exchange::Execution;
use rust_decimal::Decimal;
use serde::Serialize;

use super::Run;
use super::market::Market;
use crate::output;

/// `fast=5, slow=30`.
pub(super) fn named(params: &BTreeMap<String, String>) -> String {
    let named = params.iter().map(|(name, value)| format!("{name}={value}"));
    named.collect::<Vec<_>>().join(", ")
}

/// What a page is called.
pub(super) fn title(strategy: &str, params: &BTreeMap<String, String>) -> String {
    match params.is_empty() {
        true => strategy.to_owned(),
        false => format!("{strategy} ({})", named(params)),
    }
}

pub(super) fn table(strategy: &str, terms: &Terms, market: &Market, runs: &[Run], top: usize) {
    let (_, missing) = market.dropped_and_missing();
    let about = [
        ("strategy", strategy.to_owned()),
        ("timeframe", terms.timeframe.to_string()),
        (market.name(), market.len().to_string()),
        ("missing", missing.to_string()),
        ("from", output::time(market.first())),
        ("to", output::time(market.last())),
    ];
    for (name, value) in about {
        output::line(&format!("{name:<10} {value}"));
    }
    let header = [
        "parameters",
        "signals",
        "fills",
        "rejected",
        "won",
        "lost",
        "fees",
        "drawdown",
        "final equity",
        "return",
        "ledger",
    ];
    let mut table = output::table(&header);
    for run in runs.iter().take(top.max(1)) {
        let outcome = &run.outcome;
        let params = named(&run.params);
        table.add_row([
            if params.is_empty() {
                "-".to_owned()
            } else {
                params
            },
            outcome.signals.to_string(),
            outcome.fills.to_string(),
            outcome.rejected.to_string(),
            outcome.wins.to_string(),
            outcome.losses.to_string(),
            format!("{:.2}", outcome.fees),
            format!("{:.2} %", outcome.max_drawdown_pct),
            format!("{:.2}", outcome.final_equity),
            format!("{:+.2} %", outcome.return_pct),
            outcome.ledger_sha256.chars().take(16).collect(),
        ]);
    }
    output::align_right(&mut table, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    output::line(&table.to_string());
    if let Some(more) = runs.len().checked_sub(top.max(1)).filter(|more| *more > 0) {
        output::line(&format!("{more} more: --top {}", runs.len()));
    }
}

#[derive(Serialize)]
struct Report<'a> {
    strategy: &'a str,
    timeframe: String,
    /// What `trades` counts: `trades` or `candles`.
    data: &'static str,
    trades: usize,
    dropped: u64,
    missing: u64,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    runs: Vec<RunReport<'a>>,
}

#[derive(Serialize)]
struct RunReport<'a> {
    params: &'a BTreeMap<String, String>,
    evaluations: u64,
    undefined_values: u64,
    signals: u64,
    fills: u64,
    rejected: u64,
    wins: u64,
    losses: u64,
    #[serde(with = "kafka_common::decimal::number")]
    fees: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    max_drawdown: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    max_drawdown_pct: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    final_equity: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    return_pct: Decimal,
    ledger_sha256: &'a str,
    /// Every order of the best combination.
    #[serde(skip_serializing_if = "Option::is_none")]
    executions: Option<&'a [Execution]>,
}

pub(super) fn json(
    strategy: &str,
    terms: &Terms,
    market: &Market,
    runs: &[Run],
) -> anyhow::Result<()> {
    let runs = runs.iter().enumerate().map(|(index, run)| {
        let outcome = &run.outcome;
        RunReport {
            params: &run.params,
            evaluations: outcome.evaluations,
            undefined_values: outcome.undefined_values,
            signals: outcome.signals,
            fills: outcome.fills,
            rejected: outcome.rejected,
            wins: outcome.wins,
            losses: outcome.losses,
            fees: outcome.fees,
            max_drawdown: outcome.max_drawdown,
            max_drawdown_pct: outcome.max_drawdown_pct,
            final_equity: outcome.final_equity,
            return_pct: outcome.return_pct,
            ledger_sha256: &outcome.ledger_sha256,
            executions: (index == 0).then_some(&outcome.executions[..]),
        }
    });
    let (dropped, missing) = market.dropped_and_missing();
    output::json(&Report {
        strategy,
        timeframe: terms.timeframe.to_string(),
        data: market.name(),
        trades: market.len(),
        dropped,
        missing,
        from: market.first(),
        to: market.last(),
        runs: runs.collect(),
    })
}
