//! A recording of the random market.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::config::{MarketConfig, MarketError};
use super::random::RandomMarket;
use crate::exchange::FrameKind;
use crate::recording::{RecordingError, RecordingWriter, Summary, TimeRange, summarize};

/// When a recording is long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After this many trades, of all products together.
    Trades(u64),
    /// After this much event time.
    Elapsed(Duration),
}

/// Why the market could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is no such market.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The file can't be written.
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

/// Writes a recording of the market as fast as it goes, and tells what it holds. Set
/// [`MarketConfig::start`] to get the same file each time. Blocks; not for the async runtime's
/// threads.
///
/// # Errors
/// [`RecordError`] if the configuration makes no market or the file can't be written.
pub fn record(config: &MarketConfig, until: Until, path: &Path) -> Result<Summary, RecordError> {
    let mut writer = RecordingWriter::create(path)?;
    let mut trades = 0;
    let mut end = None;
    for frame in RandomMarket::new(config)? {
        let is_over = match until {
            // A trade is complete with its match; heartbeats after the last one still belong.
            Until::Trades(wanted) => trades >= wanted && frame.kind == FrameKind::Ticker,
            Until::Elapsed(length) => {
                frame.time >= *end.get_or_insert_with(|| after(frame.time, length))
            }
        };
        if is_over {
            break;
        }
        trades += u64::from(frame.kind == FrameKind::Ticker);
        writer.write(&frame.text)?;
    }
    writer.finish()?;
    Ok(summarize(path, TimeRange::ALL)?)
}

fn after(time: DateTime<Utc>, length: Duration) -> DateTime<Utc> {
    let length = TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
    time.checked_add_signed(length)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
