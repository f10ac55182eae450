//! What the log has, and recordings with losses.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use coinbase::Trade;
use coinbase::exchange::Frame;
use coinbase::recording::RecordingReader;
use kafka_common::messages::MarketDataUpdate;
use service_kit::settings::Settings;

use super::{LogRecord, log};

/// Ids of missing trades, both ends.
pub type Gap = (u64, u64);

/// What the log has of a symbol.
#[derive(Debug, Default, PartialEq)]
pub struct Logged {
    pub trades: Vec<u64>,
    pub backfilled: Vec<u64>,
    pub gaps: Vec<Gap>,
}

/// The log by symbol. Each record has what the specification says, whatever it is.
pub async fn logged(settings: &Settings) -> HashMap<String, Logged> {
    let mut by_symbol: HashMap<String, Logged> = HashMap::new();
    for record in log(settings, "market-data-updates", 8).await {
        let data = record.data();
        for (field, is_right) in [
            ("symbol", data["symbol"] == record.key.as_str()),
            ("price", data["price"].as_f64() > Some(0.0)),
            ("volume", data["volume"].is_number()),
            ("timestamp", data["timestamp"].is_string()),
            ("source", data["source"].is_string()),
        ] {
            assert!(is_right, "{field}: {data}");
        }
        add(by_symbol.entry(record.key.clone()).or_default(), &record);
    }
    by_symbol
}

fn add(logged: &mut Logged, record: &LogRecord) {
    let update: MarketDataUpdate = serde_json::from_str(&record.data().to_string()).unwrap();
    let Some(gap) = update.gap else {
        let id = update.trade_id.unwrap();
        logged.trades.push(id);
        if update.backfilled {
            logged.backfilled.push(id);
        }
        assert_eq!(record.kind, None);
        return;
    };
    assert_eq!(record.kind.as_deref(), Some("gap"));
    assert!(update.volume.is_zero() && update.trade_id.is_none());
    logged.gaps.push((gap.first_trade_id, gap.last_trade_id));
}

/// Ascending, each once, and with the gaps nothing between first and last is left out.
pub fn assert_whole(symbol: &str, logged: &Logged) {
    let runs = logged.trades.iter().map(|id| (*id, *id));
    let mut parts: Vec<Gap> = runs.chain(logged.gaps.iter().copied()).collect();
    assert!(logged.trades.is_sorted_by(|a, b| a < b), "{symbol}");
    parts.sort_unstable();
    for pair in parts.windows(2) {
        assert_eq!(pair[0].1 + 1, pair[1].0, "{symbol}: {pair:?}");
    }
}

/// Writes a recording without the frames of some trades, and without heartbeats, which would tell
/// of what is lost at the end.
pub fn cut(from: &Path, to: PathBuf, is_lost: impl Fn(&Trade) -> bool) -> PathBuf {
    cut_frames(from, to, |frame| {
        frame.kind() == "heartbeat" || frame.trade().is_some_and(|trade| is_lost(&trade))
    })
}

/// Writes a recording without some frames.
pub fn cut_frames(from: &Path, to: PathBuf, is_lost: impl Fn(&Frame<'_>) -> bool) -> PathBuf {
    let mut file = std::fs::File::create(&to).unwrap();
    for frame in RecordingReader::open(from).unwrap() {
        let text = frame.unwrap().text;
        if !is_lost(&coinbase::exchange::parse(&text).unwrap()) {
            writeln!(file, "{text}").unwrap();
        }
    }
    to
}

/// Runs of ids that are in the first set and not in the second, between the second's ends.
pub fn gaps_between(all: &[u64], left: &[u64]) -> Vec<Gap> {
    let left: BTreeSet<u64> = left.iter().copied().collect();
    let (first, last) = (left.first().unwrap(), left.last().unwrap());
    let mut gaps: Vec<Gap> = Vec::new();
    for id in all.iter().filter(|id| (first..=last).contains(id)) {
        match gaps.last_mut() {
            _ if left.contains(id) => {}
            Some(gap) if gap.1 + 1 == *id => gap.1 = *id,
            _ => gaps.push((*id, *id)),
        }
    }
    gaps
}

pub fn ids(trades: &[Trade]) -> Vec<u64> {
    trades.iter().map(|trade| trade.trade_id).collect()
}
