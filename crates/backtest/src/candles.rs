//! Candles in a row, checked, and as texts hold them.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use strategy_engine::{Plan, Timeframe};

use crate::candle::Candle;
use crate::run::{Backtest, BacktestError, Result as Outcome, Terms};

/// The columns, by their names.
const COLUMNS: [&str; 6] = ["time", "open", "high", "low", "close", "volume"];
/// Whole numbers from here on are milliseconds: as seconds they would be in the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// Candles of one length, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candles {
    candles: Vec<Candle>,
    interval: NonZeroU32,
}

/// Why a text or a list has no candles that can be used. Rows count from 1, without the header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CandlesError {
    /// A column is missing.
    #[error("there is no column `{0}`: the columns are time, open, high, low, close and volume")]
    Column(&'static str),
    /// A figure can't be read.
    #[error("row {row}: `{text}` is no {column}")]
    Figure {
        /// Which candle.
        row: usize,
        /// Which figure of it.
        column: &'static str,
        /// What stands there.
        text: String,
    },
    /// It is no JSON.
    #[error("row {row}: {error}")]
    Json {
        /// Which candle.
        row: usize,
        /// The parser's words.
        error: String,
    },
    /// A candle is none.
    #[error("row {row}: {what}")]
    Candle {
        /// Which candle.
        row: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There are fewer than two, and no length was told.
    #[error("there are too few candles to tell how long one is")]
    TooFew,
    /// The candles are of no whole number of seconds.
    #[error("candles of {0} seconds can't be used")]
    Interval(i64),
}

impl Candles {
    /// Checks candles. Their length is the smallest distance between two, unless it is told.
    ///
    /// # Errors
    /// They aren't in order, one is none, or their length can't be told.
    pub fn new(
        candles: Vec<Candle>,
        interval: Option<NonZeroU32>,
    ) -> std::result::Result<Self, CandlesError> {
        let interval = match interval {
            Some(interval) => interval,
            None => interval_of(&candles)?,
        };
        let mut before: Option<DateTime<Utc>> = None;
        for (index, candle) in candles.iter().enumerate() {
            let what = wrong(candle, before, interval);
            if let Some(what) = what {
                return Err(CandlesError::Candle {
                    row: index + 1,
                    what,
                });
            }
            before = Some(candle.time);
        }
        Ok(Self { candles, interval })
    }

    /// Whether a text begins like one of candles: with a header, or with a JSON object or list that
    /// has an `open`, perhaps below `items`.
    pub fn are_in(text: &str) -> bool {
        let line = text.lines().find(|line| !line.trim().is_empty());
        let line = line.unwrap_or_default().trim();
        match line.starts_with(['{', '[']) {
            true => line.contains("\"open\"") || line.contains("\"items\""),
            false => header(line).is_ok(),
        }
    }

    /// Reads a text: CSV with a header, JSON lines, or the JSON that market-data's `/v1/candles`
    /// answers. Further columns are left alone.
    ///
    /// # Errors
    /// As of [`Candles::new`], and where a figure can't be read.
    pub fn parse(
        text: &str,
        interval: Option<NonZeroU32>,
    ) -> std::result::Result<Self, CandlesError> {
        let candles = match text.trim_start().starts_with(['{', '[']) {
            true => json(text)?,
            false => csv(text)?,
        };
        Self::new(candles, interval)
    }

    /// The candles.
    pub fn list(&self) -> &[Candle] {
        &self.candles
    }

    /// How long each is, in seconds.
    pub fn interval(&self) -> NonZeroU32 {
        self.interval
    }

    /// The timeframe of one candle; none where strategies have none of that length.
    pub fn timeframe(&self) -> Option<Timeframe> {
        let own = Timeframe::Seconds(self.interval);
        Timeframe::names()
            .filter_map(|name| name.parse().ok())
            .find(|known| *known == own)
    }
}

/// A strategy that is tried on candles.
#[derive(Debug)]
pub struct CandleBacktest {
    backtest: Backtest,
    interval: NonZeroU32,
}

impl CandleBacktest {
    /// Begins, for candles of a length in seconds.
    ///
    /// # Errors
    /// The terms are refused, or their timeframe isn't one or several candles.
    pub fn new(
        plan: &Arc<Plan>,
        terms: &Terms,
        interval: NonZeroU32,
    ) -> std::result::Result<Self, BacktestError> {
        let seconds = terms.timeframe.seconds().map_or(0, NonZeroU32::get);
        if seconds == 0 || !seconds.is_multiple_of(interval.get()) {
            return Err(BacktestError::Timeframe {
                timeframe: terms.timeframe,
                interval,
            });
        }
        Ok(Self {
            backtest: Backtest::new(plan, terms)?,
            interval,
        })
    }

    /// As [`Backtest::keeping`].
    #[must_use]
    pub fn keeping(self, most: usize) -> Self {
        Self {
            backtest: self.backtest.keeping(most),
            ..self
        }
    }

    /// Applies the next candle.
    ///
    /// # Errors
    /// [`BacktestError::Ledger`], which is a bug.
    pub fn on_candle(&mut self, candle: &Candle) -> std::result::Result<(), BacktestError> {
        self.backtest.on_candle(candle, self.interval)
    }

    /// Ends it.
    pub fn finish(self) -> Outcome {
        self.backtest.finish()
    }
}

fn interval_of(candles: &[Candle]) -> std::result::Result<NonZeroU32, CandlesError> {
    let distances = candles.windows(2).filter_map(|pair| match pair {
        [before, after] => Some((after.time - before.time).num_seconds()),
        _ => None,
    });
    let shortest = distances.min().ok_or(CandlesError::TooFew)?;
    let seconds = u32::try_from(shortest).ok().and_then(NonZeroU32::new);
    seconds.ok_or(CandlesError::Interval(shortest))
}

fn wrong(
    candle: &Candle,
    before: Option<DateTime<Utc>>,
    interval: NonZeroU32,
) -> Option<&'static str> {
    let Candle {
        time,
        open,
        high,
        low,
        close,
        volume,
    } = *candle;
    if before.is_some_and(|before| time <= before) {
        return Some("its time is not after the one before: sort them, each once");
    }
    if time.timestamp().rem_euclid(i64::from(interval.get())) != 0
        || time.timestamp_subsec_nanos() != 0
    {
        return Some("its time is not at a multiple of the candles' length since 1970");
    }
    if low <= Decimal::ZERO {
        return Some("its prices have to be above 0");
    }
    if open < low || open > high || close < low || close > high {
        return Some("open and close have to lie between low and high");
    }
    (volume < Decimal::ZERO).then_some("its volume is below 0")
}

/// Where each column is.
fn header(line: &str) -> std::result::Result<[usize; 6], CandlesError> {
    let names: Vec<String> = line
        .trim_start_matches('\u{feff}')
        .split(',')
        .map(|name| name.trim().trim_matches('"').to_ascii_lowercase())
        .collect();
    let mut places = [0; 6];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let found = names.iter().position(|name| name == column);
        *place = found.ok_or(CandlesError::Column(column))?;
    }
    Ok(places)
}

fn csv(text: &str) -> std::result::Result<Vec<Candle>, CandlesError> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let places = header(lines.next().unwrap_or_default())?;
    let row = |(index, line): (usize, &str)| {
        let fields: Vec<&str> = line.split(',').collect();
        let field = |column: usize| {
            let field = fields.get(places[column]).copied().unwrap_or_default();
            field.trim().trim_matches('"')
        };
        candle(index + 1, |column| Some(field(column).to_owned()))
    };
    lines.enumerate().map(row).collect()
}

fn json(text: &str) -> std::result::Result<Vec<Candle>, CandlesError> {
    let failed = |row: usize| {
        move |error: serde_json::Error| CandlesError::Json {
            row,
            error: error.to_string(),
        }
    };
    let mut rows = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match document.map_err(failed(rows.len() + 1))? {
            Value::Array(items) => rows.extend(items),
            Value::Object(mut fields) => match fields.remove("items") {
                Some(Value::Array(items)) => rows.extend(items),
                _ => rows.push(Value::Object(fields)),
            },
            other => rows.push(other),
        }
    }
    let row = |(index, row): (usize, &Value)| {
        candle(index + 1, |column| match row.get(COLUMNS[column])? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    rows.iter().enumerate().map(row).collect()
}

fn candle(
    row: usize,
    field: impl Fn(usize) -> Option<String>,
) -> std::result::Result<Candle, CandlesError> {
    let text = |column: usize| field(column).unwrap_or_default();
    let wrong = |column: usize| CandlesError::Figure {
        row,
        column: COLUMNS[column],
        text: text(column).chars().take(40).collect(),
    };
    let figure = |column: usize| decimal(&text(column)).ok_or_else(|| wrong(column));
    Ok(Candle {
        time: time(&text(0)).ok_or_else(|| wrong(0))?,
        open: figure(1)?,
        high: figure(2)?,
        low: figure(3)?,
        close: figure(4)?,
        volume: figure(5)?,
    })
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .ok()
}

/// RFC 3339, or seconds or milliseconds since 1970.
fn time(text: &str) -> Option<DateTime<Utc>> {
    match i64::from_str(text) {
        Ok(millis) if millis.abs() >= MILLISECONDS => DateTime::from_timestamp_millis(millis),
        Ok(seconds) => DateTime::from_timestamp(seconds, 0),
        Err(_) => text.parse().ok(),
    }
}
