//! Heartbeats where the source has none.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::source::SimFrame;
use crate::exchange::FrameKind;
use crate::market::text;
use crate::products::ProductId;

/// The last trade of each product that has been played.
#[derive(Default)]
pub(super) struct Heartbeats {
    last: BTreeMap<ProductId, LastTrade>,
}

struct LastTrade {
    trade_id: u64,
    sequence: u64,
}

impl Heartbeats {
    pub fn see(&mut self, frame: &SimFrame) {
        if let Some(trade) = frame.trade {
            let sequence = trade.sequence.unwrap_or_default();
            let last = LastTrade {
                trade_id: trade.trade_id,
                sequence,
            };
            self.last.insert(trade.product_id, last);
        }
    }

    /// One for each product of which a trade was played, for this moment of event time. In full
    /// seconds, as real ones.
    pub fn at(&self, micros: i64) -> Vec<SimFrame> {
        let second: DateTime<Utc> =
            DateTime::from_timestamp(micros.div_euclid(1_000_000), 0).unwrap_or_default();
        let frame = |(product, last): (&ProductId, &LastTrade)| SimFrame {
            kind: FrameKind::Heartbeat,
            product: Some(*product),
            due: micros,
            text: text::heartbeat(*product, last.trade_id, last.sequence, second).into(),
            trade: None,
        };
        self.last.iter().map(frame).collect()
    }
}
