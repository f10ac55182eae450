//! The market's past in a file: trades that were recorded, or candles.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use backtest::{Candles, Terms};
use chrono::{DateTime, Utc};
use coinbase::ProductId;
use coinbase::recording::TimeRange;
use strategy_engine::Timeframe;

use super::trades::{self, Trades};

/// As much of a file as tells what is in it.
const BEGIN: u64 = 4_096;
/// Larger files of candles are taken in parts: they are held in memory.
const MOST_BYTES: u64 = 1 << 30;

/// What a strategy is tried on.
pub(super) enum Market {
    Trades(Trades),
    Candles(Candles),
}

impl Market {
    /// Reads a file of candles, or what a recording has of a product.
    pub(super) fn read(path: &Path, product: ProductId, range: TimeRange) -> anyhow::Result<Self> {
        match are_candles(path)? {
            true => Ok(Self::Candles(candles(path, range)?)),
            false => Ok(Self::Trades(trades::read(path, product, range)?)),
        }
    }

    /// `trades` or `candles`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Trades(_) => "trades",
            Self::Candles(_) => "candles",
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Trades(trades) => trades.ticks.len(),
            Self::Candles(candles) => candles.list().len(),
        }
    }

    pub(super) fn first(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Trades(trades) => trades.ticks.first().map(|tick| tick.time),
            Self::Candles(candles) => candles.list().first().map(|candle| candle.time),
        }
    }

    pub(super) fn last(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Trades(trades) => trades.ticks.last().map(|tick| tick.time),
            Self::Candles(candles) => candles.list().last().map(|candle| candle.time),
        }
    }

    /// Trades that were told twice, and those that are missing.
    pub(super) fn dropped_and_missing(&self) -> (u64, u64) {
        match self {
            Self::Trades(trades) => (trades.dropped, trades.missing),
            Self::Candles(_) => (0, 0),
        }
    }

    /// When strategies are evaluated that don't say it themselves.
    pub(super) fn timeframe(&self) -> anyhow::Result<Timeframe> {
        match self {
            Self::Trades(_) => Ok(Timeframe::Tick),
            Self::Candles(candles) => candles.timeframe().with_context(|| {
                let seconds = candles.interval();
                format!("there is no timeframe of {seconds} s: set --timeframe to several candles")
            }),
        }
    }

    /// Tries a plan on all of it.
    pub(super) fn run(
        &self,
        plan: &std::sync::Arc<strategy_engine::Plan>,
        terms: &Terms,
    ) -> Result<backtest::Result, backtest::BacktestError> {
        match self {
            Self::Trades(trades) => {
                let mut backtest = backtest::Backtest::new(plan, terms)?;
                for tick in &trades.ticks {
                    backtest.on_tick(tick)?;
                }
                Ok(backtest.finish())
            }
            Self::Candles(candles) => {
                let interval = candles.interval();
                let mut backtest = backtest::CandleBacktest::new(plan, terms, interval)?;
                for candle in candles.list() {
                    backtest.on_candle(candle)?;
                }
                Ok(backtest.finish())
            }
        }
    }
}

fn are_candles(path: &Path) -> anyhow::Result<bool> {
    if !path.is_file() {
        return Ok(false);
    }
    let name = || path.display().to_string();
    let file = std::fs::File::open(path).with_context(name)?;
    let mut begin = Vec::new();
    file.take(BEGIN)
        .read_to_end(&mut begin)
        .with_context(name)?;
    // What is compressed is no text, and a recording.
    Ok(Candles::are_in(&String::from_utf8_lossy(&begin)))
}

fn candles(path: &Path, range: TimeRange) -> anyhow::Result<Candles> {
    let name = || path.display().to_string();
    if std::fs::metadata(path).with_context(name)?.len() > MOST_BYTES {
        bail!("{} is larger than 1 GiB: take a part of it", name());
    }
    let text = std::fs::read_to_string(path).with_context(name)?;
    let candles = Candles::parse(&text, None).with_context(name)?;
    let is_within = |time: DateTime<Utc>| {
        range.from.is_none_or(|from| time >= from) && range.to.is_none_or(|to| time < to)
    };
    let within = candles
        .list()
        .iter()
        .filter(|candle| is_within(candle.time));
    let within = within.copied().collect();
    Ok(Candles::new(within, Some(candles.interval()))?)
}
