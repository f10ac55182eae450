//! The recording that a test plays: an hour of the real one where it is there, else a generated
//! one of the same kind.

use std::path::{Path, PathBuf};

use coinbase::market::{self, MarketConfig, Until};
use coinbase::recording::TimeRange;

use crate::binaries;

/// A file of frames and the part of it that is played.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The file.
    pub path: PathBuf,
    /// Event time of the first frame, as RFC 3339.
    pub from: Option<&'static str>,
    /// Event time before which the last frame lies.
    pub to: Option<&'static str>,
}

impl Recording {
    /// Hour 05 of the real recording, which has no losses; else 30,000 generated trades.
    pub fn hour(folder: &Path) -> Self {
        let real = binaries::workspace()
            .join("../shared/data/exchange_ticker_2025-11-25T04-08Z.ndjson.zst");
        match real.exists() {
            true => Self {
                path: real,
                from: Some("2025-11-25T05:00:00Z"),
                to: Some("2025-11-25T06:00:00Z"),
            },
            false => Self::generated(folder, 30_000),
        }
    }

    /// All of a file.
    pub fn whole(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            from: None,
            to: None,
        }
    }

    /// A generated one: the same for the same number of trades.
    pub fn generated(folder: &Path, trades: u64) -> Self {
        let path = folder.join("generated.ndjson.zst");
        let start = "2026-01-05T00:00:00Z".parse().expect("a time");
        let config = MarketConfig {
            seed: 7,
            start: Some(start),
            ..MarketConfig::default()
        };
        market::record(&config, Until::Trades(trades), &path).expect("a generated recording");
        Self {
            path,
            from: None,
            to: None,
        }
    }

    /// The part that is played.
    pub fn range(&self) -> TimeRange {
        let time = |text: &str| text.parse().expect("a time");
        TimeRange {
            from: self.from.map(time),
            to: self.to.map(time),
        }
    }

    /// The part as command-line options, which oracle and `algotrade replay` share.
    pub fn options(&self) -> Vec<String> {
        let option = |name: &str, value: Option<&str>| {
            value.map(|value| [name.to_owned(), value.to_owned()])
        };
        [option("--from", self.from), option("--to", self.to)]
            .into_iter()
            .flatten()
            .flatten()
            .collect()
    }
}
