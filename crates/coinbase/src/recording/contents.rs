//! What is in a recording, down to the trades.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::index::Index;
use super::reader::{RecordedFrame, RecordingError, RecordingReader, files};
use crate::advanced::{self, Body};
use crate::exchange;
use crate::products::ProductId;
use crate::trade::Trade;

/// What is in a recording.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contents {
    /// Files that it consists of.
    pub files: u64,
    /// Frames.
    pub frames: u64,
    /// Their bytes, uncompressed.
    pub bytes: u64,
    /// Frames that can't be read.
    pub malformed: u64,
    /// Connections over which they came; 0 if the recording doesn't tell.
    pub connections: u64,
    /// Frames by type (Exchange) or channel (Advanced Trade).
    pub kinds: BTreeMap<String, u64>,
    /// The first frame's time: when it was received, or its own if that isn't told.
    pub first: Option<DateTime<Utc>>,
    /// The last frame's.
    pub last: Option<DateTime<Utc>>,
    /// Each product that traded.
    pub products: BTreeMap<ProductId, Traded>,
    /// Whether a file ends in the middle, as one does whose recorder was killed.
    pub cut: bool,
    #[serde(skip)]
    pub(super) connection: Option<String>,
}

/// One product's trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traded {
    /// Trades, each counted once.
    pub trades: u64,
    /// The smallest id.
    pub first_id: u64,
    /// The largest id.
    pub last_id: u64,
    /// The first trade's time.
    pub first: DateTime<Utc>,
    /// The last trade's time.
    pub last: DateTime<Utc>,
    /// Runs of ids between the two that aren't there.
    pub gaps: u64,
    /// How many ids these runs have.
    pub missing: u64,
}

impl Traded {
    fn new(trade: &Trade) -> Self {
        Self {
            trades: 1,
            first_id: trade.trade_id,
            last_id: trade.trade_id,
            first: trade.time,
            last: trade.time,
            gaps: 0,
            missing: 0,
        }
    }

    /// Goes on with what comes next. What was there already counts no more.
    fn append(&mut self, next: &Self) {
        if next.last_id <= self.last_id {
            return;
        }
        let skipped = next.first_id.saturating_sub(self.last_id + 1);
        self.gaps += next.gaps + u64::from(skipped > 0);
        self.missing += next.missing + skipped;
        self.trades += next.trades;
        self.last_id = next.last_id;
        self.last = next.last;
    }
}

impl Contents {
    pub(super) fn add(&mut self, frame: &RecordedFrame) {
        self.frames += 1;
        self.bytes += frame.text.len() as u64;
        if frame.connection.is_some() && frame.connection != self.connection {
            self.connections += 1;
            self.connection.clone_from(&frame.connection);
        }
        if let Some(time) = frame.received.or(frame.time) {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        let kind = frame.kind.as_deref().unwrap_or("malformed");
        match self.kinds.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.kinds.insert(kind.to_owned(), 1)),
        }
        match trades(frame) {
            Some(trades) => trades.iter().for_each(|trade| self.add_trade(trade)),
            None => self.malformed += 1,
        }
    }

    fn add_trade(&mut self, trade: &Trade) {
        let next = Traded::new(trade);
        self.products
            .entry(trade.product_id)
            .and_modify(|traded| traded.append(&next))
            .or_insert(next);
    }

    /// Goes on with the next file.
    pub(super) fn append(&mut self, next: Self) {
        self.files += next.files;
        self.frames += next.frames;
        self.bytes += next.bytes;
        self.malformed += next.malformed;
        self.connections += next.connections;
        self.cut |= next.cut;
        self.first = self.first.into_iter().chain(next.first).min();
        self.last = self.last.into_iter().chain(next.last).max();
        for (kind, count) in next.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        for (product, traded) in next.products {
            self.products
                .entry(product)
                .and_modify(|before| before.append(&traded))
                .or_insert(traded);
        }
    }
}

/// What a frame tells of trades; `None` if it can't be read.
fn trades(frame: &RecordedFrame) -> Option<Vec<Trade>> {
    let kind = frame.kind.as_deref()?;
    // Order books are long, and tell of none.
    if matches!(kind, "snapshot" | "l2update" | "l2_data" | "candles") {
        return Some(Vec::new());
    }
    if frame.is_advanced() {
        return match advanced::parse(&frame.text).ok()?.body {
            Body::Trades(told) => Some(told.trades),
            _ => Some(Vec::new()),
        };
    }
    let parsed = exchange::parse(&frame.text).ok()?;
    Some(parsed.trade().into_iter().collect())
}

/// Tells what is in a recording, a file or a folder of them. What a recorder has noted of its files
/// is taken from its index; the others are read. Blocks.
///
/// # Errors
/// [`RecordingError`], as reading it does.
pub fn inspect(path: &Path) -> Result<Contents, RecordingError> {
    let index = Index::read(path);
    let mut contents = Contents::default();
    for file in files(path)? {
        let known = index.get(&file);
        contents.append(match known {
            Some(known) => known,
            None => read(&file)?,
        });
    }
    Ok(contents)
}

fn read(file: &Path) -> Result<Contents, RecordingError> {
    let mut contents = Contents {
        files: 1,
        ..Contents::default()
    };
    let mut reader = RecordingReader::open(file)?;
    for frame in reader.by_ref() {
        contents.add(&frame?);
    }
    contents.cut = reader.is_cut();
    Ok(contents)
}
