//! The trades of a recording, as market-data would publish them.

use std::path::Path;

use anyhow::bail;
use coinbase::recording::{RecordingReader, TimeRange, expand};
use coinbase::{ProductId, Sequencer, TradeOutcome, exchange};
use strategy_engine::Tick;

/// Trades beyond which a recording is taken in parts: they are held in memory, about 100 bytes each.
const MOST: usize = 50_000_000;

/// What a recording has of one product.
#[derive(Debug, Default)]
pub(super) struct Trades {
    pub(super) ticks: Vec<Tick>,
    /// Trades that are told twice, or late.
    pub(super) dropped: u64,
    /// Trades that are missing.
    pub(super) missing: u64,
}

/// Reads them: each once, in order.
pub(super) fn read(path: &Path, product: ProductId, range: TimeRange) -> anyhow::Result<Trades> {
    let mut trades = Trades::default();
    let mut sequencer = Sequencer::new();
    for frame in RecordingReader::open(path)?.between(range) {
        for frame in expand(frame?) {
            let tells = matches!(frame.kind.as_deref(), Some("ticker" | "match"));
            if !tells || frame.product_id != Some(product) {
                continue;
            }
            let parsed = exchange::parse(&frame.text).ok();
            let Some(trade) = parsed.and_then(|parsed| parsed.trade()) else {
                continue;
            };
            match sequencer.trade(product, trade.trade_id) {
                TradeOutcome::Emit { gap, .. } => {
                    trades.missing += gap.map_or(0, |gap| gap.count());
                    trades.ticks.push(Tick {
                        time: trade.time,
                        price: trade.price,
                        volume: trade.size,
                        bid: trade.bid,
                        ask: trade.ask,
                    });
                }
                TradeOutcome::Duplicate | TradeOutcome::Regression => trades.dropped += 1,
            }
            if trades.ticks.len() > MOST {
                bail!("the recording has over {MOST} trades: take a part with --from and --to");
            }
        }
    }
    Ok(trades)
}
