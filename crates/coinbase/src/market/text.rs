//! The frames' texts, with the fields in Coinbase's order.

use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;

use crate::products::ProductId;
use crate::trade::{Side, Trade};

/// The statistics that a ticker carries. They start as if the day before had been quiet.
pub(super) struct DayStatistics {
    open: Decimal,
    low: Decimal,
    high: Decimal,
    volume_day: Decimal,
    volume_month: Decimal,
}

impl DayStatistics {
    pub fn new(price: Decimal, typical_size: Decimal) -> Self {
        let volume_day = typical_size * Decimal::from(1_000_000);
        let volume_month = volume_day * Decimal::from(30);
        Self {
            open: price,
            low: price,
            high: price,
            volume_day,
            volume_month,
        }
    }

    pub fn add(&mut self, trade: &Trade) {
        self.low = self.low.min(trade.price);
        self.high = self.high.max(trade.price);
        self.volume_day += trade.size;
        self.volume_month += trade.size;
    }
}

pub(super) fn ticker(trade: &Trade, day: &DayStatistics, depth: (Decimal, Decimal)) -> String {
    format!(
        concat!(
            r#"{{"type":"ticker","sequence":{},"product_id":"{}","price":"{}","open_24h":"{}","#,
            r#""volume_24h":"{:.8}","low_24h":"{}","high_24h":"{}","volume_30d":"{:.8}","#,
            r#""best_bid":"{}","best_bid_size":"{:.8}","best_ask":"{}","best_ask_size":"{:.8}","#,
            r#""side":"{}","time":"{}","trade_id":{},"last_size":"{}"}}"#
        ),
        trade.sequence.unwrap_or_default(),
        trade.product_id,
        trade.price,
        day.open,
        day.volume_day,
        day.low,
        day.high,
        day.volume_month,
        trade.bid.unwrap_or(trade.price),
        depth.0,
        trade.ask.unwrap_or(trade.price),
        depth.1,
        takers_side(trade).as_str(),
        rfc3339(trade.time),
        trade.trade_id,
        trade.size,
    )
}

/// A `match` or `last_match`. Its side is the maker's.
pub(crate) fn match_frame(kind: &str, trade: &Trade, orders: [u128; 2]) -> String {
    let [maker, taker] = orders.map(order_id);
    format!(
        concat!(
            r#"{{"type":"{}","trade_id":{},"maker_order_id":"{}","taker_order_id":"{}","#,
            r#""side":"{}","size":"{}","price":"{}","product_id":"{}","sequence":{},"#,
            r#""time":"{}"}}"#
        ),
        kind,
        trade.trade_id,
        maker,
        taker,
        takers_side(trade).opposite().as_str(),
        trade.size,
        trade.price,
        trade.product_id,
        trade.sequence.unwrap_or_default(),
        rfc3339(trade.time),
    )
}

pub(crate) fn heartbeat(
    product: ProductId,
    last_trade_id: u64,
    sequence: u64,
    time: DateTime<Utc>,
) -> String {
    let time = rfc3339(time);
    format!(
        concat!(
            r#"{{"type":"heartbeat","last_trade_id":{},"product_id":"{}","sequence":{},"#,
            r#""time":"{}"}}"#
        ),
        last_trade_id, product, sequence, time,
    )
}

/// The market knows it of each of its trades.
fn takers_side(trade: &Trade) -> Side {
    trade.side.unwrap_or(Side::Buy)
}

/// Times have six digits after the point.
fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A random UUID's text: version 4, variant 1.
fn order_id(random: u128) -> String {
    let version = 0x4_u128 << 76;
    let variant = 0x2_u128 << 62;
    let bits = random & !(0xf << 76) & !(0x3 << 62) | version | variant;
    let hex = format!("{bits:032x}");
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}
