//! A strategy and its orders, without a log.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use backtest::{Backtest, Terms};
use chrono::DateTime;
use coinbase::exchange::FrameKind;
use coinbase::market::{MarketConfig, RandomMarket};
use strategy_engine::Tick;

use super::account::agreed;
use crate::commands::bench::figure::median;
use crate::demo;

/// Trades of the comparison.
const TRADES: usize = 200_000;

/// Trades of the random market's first product: the same in every call.
pub(super) fn trades() -> anyhow::Result<Vec<Tick>> {
    let mut config = MarketConfig {
        seed: 11,
        start: DateTime::from_timestamp(1_767_571_200, 0),
        ..MarketConfig::default()
    };
    config.products.truncate(1);
    let tickers = RandomMarket::new(&config)?.filter(|frame| frame.kind == FrameKind::Ticker);
    let once = tickers.filter_map(|frame| {
        let trade = frame.trade?;
        Some(Tick {
            time: trade.time,
            price: trade.price,
            volume: trade.size,
            bid: trade.bid,
            ask: trade.ask,
        })
    });
    let trades: Vec<Tick> = once.take(TRADES).collect();
    match trades.len() {
        TRADES => Ok(trades),
        count => bail!("{count} trades, not {TRADES}"),
    }
}

/// Trades a second, the fills, and the ledger's fingerprint.
pub(super) fn measure(trades: &[Tick], rounds: u32) -> anyhow::Result<(f64, u64, String)> {
    let (_, graph) = demo::crossover()?;
    let plan = strategy_engine::compile(&graph).plan;
    let plan = Arc::new(plan.context("the crossover doesn't compile")?);
    let (mut rates, mut said, mut fills) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let started = Instant::now();
        let mut backtest = Backtest::new(&plan, &Terms::default())?;
        for tick in trades {
            backtest.on_tick(tick)?;
        }
        let result = backtest.finish();
        rates.push(trades.len() as f64 / started.elapsed().as_secs_f64());
        fills = result.fills;
        said.push(format!("{} ({fills} fills)", result.ledger_sha256));
    }
    Ok((median(&rates), fills, agreed(said)?))
}
