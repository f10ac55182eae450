//! All products' streams as one, in the order of their times.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use super::config::{MarketConfig, MarketError};
use super::product::ProductStream;
use crate::exchange::FrameKind;
use crate::products::ProductId;
use crate::trade::Trade;

const SECOND: i64 = 1_000_000;

/// One frame of the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketFrame {
    /// Its event time.
    pub time: DateTime<Utc>,
    /// What it is about.
    pub product_id: ProductId,
    /// Its type: `ticker`, `match`, `last_match` or `heartbeat`.
    pub kind: FrameKind,
    /// The frame, as Coinbase would send it.
    pub text: String,
    /// The trade of a `ticker` or `match`; from the latter without bid and ask.
    pub trade: Option<Trade>,
}

/// An endless stream of frames: a `last_match` per product, then for each trade its `ticker` and
/// its `match`, and each full second a `heartbeat` per product. Times never run backwards.
pub struct RandomMarket {
    products: Vec<ProductStream>,
    next_heartbeat: i64,
    ready: VecDeque<MarketFrame>,
}

impl RandomMarket {
    /// Starts a market.
    ///
    /// # Errors
    /// [`MarketError`] if the configuration makes no market.
    pub fn new(config: &MarketConfig) -> Result<Self, MarketError> {
        config.check()?;
        let start = config.start.unwrap_or_else(Utc::now).timestamp_micros();
        let streams = config.products.iter().zip(0_u64..);
        let mut products: Vec<ProductStream> = streams
            .map(|(product, index)| ProductStream::new(config, product, index, start))
            .collect();
        let first = products.iter_mut().map(|product| MarketFrame {
            time: time(start),
            product_id: product.id(),
            kind: FrameKind::LastMatch,
            text: product.last_match(),
            trade: None,
        });
        let ready = first.collect();
        let next_heartbeat = (start.div_euclid(SECOND) + 1) * SECOND;
        Ok(Self {
            products,
            next_heartbeat,
            ready,
        })
    }

    fn advance(&mut self) {
        let next = self
            .products
            .iter_mut()
            .min_by_key(|product| product.next_at());
        match next {
            Some(product) if product.next_at() < self.next_heartbeat => {
                let (product_id, now) = (product.id(), time(product.next_at()));
                let (trade, ticker, match_frame) = product.trade();
                let plain = Trade {
                    bid: None,
                    ask: None,
                    ..trade
                };
                let frames = [
                    (FrameKind::Ticker, ticker, trade),
                    (FrameKind::Match, match_frame, plain),
                ];
                self.ready
                    .extend(frames.map(|(kind, text, trade)| MarketFrame {
                        time: now,
                        product_id,
                        kind,
                        text,
                        trade: Some(trade),
                    }));
            }
            _ => {
                let now = self.next_heartbeat;
                self.next_heartbeat += SECOND;
                self.ready
                    .extend(self.products.iter_mut().map(|product| MarketFrame {
                        time: time(now),
                        product_id: product.id(),
                        kind: FrameKind::Heartbeat,
                        text: product.heartbeat(now),
                        trade: None,
                    }));
            }
        }
    }
}

impl Iterator for RandomMarket {
    type Item = MarketFrame;

    fn next(&mut self) -> Option<MarketFrame> {
        while self.ready.is_empty() {
            self.advance();
        }
        self.ready.pop_front()
    }
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
