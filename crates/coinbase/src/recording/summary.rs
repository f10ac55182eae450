//! What a recording holds, without keeping it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use memchr::memmem::Finder;
use rust_decimal::Decimal;

use super::expand::expand;
use super::reader::{RecordingError, RecordingReader, TimeRange};
use crate::products::{Product, ProductId};

/// Coinbase's smallest step of a size, for all its larger products.
const SIZE_DECIMALS: u32 = 8;

static PRICE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""price":""#));

/// What a recording holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Lines that are frames.
    pub frames: u64,
    /// Lines that aren't.
    pub malformed: u64,
    /// Frames of type `ticker`.
    pub tickers: u64,
    /// Frames of type `match`.
    pub matches: u64,
    /// Frames of type `heartbeat`.
    pub heartbeats: u64,
    /// Each product that a frame is about.
    pub products: BTreeMap<ProductId, ProductSummary>,
    /// The earliest event time.
    pub first: Option<DateTime<Utc>>,
    /// The latest event time.
    pub last: Option<DateTime<Utc>>,
}

/// What a recording holds of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProductSummary {
    /// Frames about it.
    pub frames: u64,
    /// The largest number of digits after the point in any of its prices.
    pub price_decimals: u32,
}

impl Summary {
    /// How many trades the recording tells about; a trade that is repeated counts again. Tickers
    /// and matches tell the same trades, so that one of the two is counted.
    pub fn trades(&self) -> u64 {
        self.tickers.max(self.matches)
    }

    /// The products as `GET /products` would list them. The step of the price is derived from the
    /// prices; that of the size is 0.00000001.
    pub fn to_products(&self) -> Vec<Product> {
        let listed = self.products.iter().map(|(id, product)| Product {
            id: *id,
            base_currency: id.base().to_owned(),
            quote_currency: id.quote().to_owned(),
            base_increment: Decimal::new(1, SIZE_DECIMALS),
            quote_increment: Decimal::new(1, product.price_decimals.min(SIZE_DECIMALS)),
            status: "online".to_owned(),
            status_message: None,
            trading_disabled: false,
        });
        listed.collect()
    }

    fn add(&mut self, frame: &super::RecordedFrame) {
        let Some(kind) = &frame.kind else {
            self.malformed += 1;
            return;
        };
        self.frames += 1;
        match kind.as_str() {
            "ticker" => self.tickers += 1,
            "match" => self.matches += 1,
            "heartbeat" => self.heartbeats += 1,
            _ => {}
        }
        if let Some(time) = frame.time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        if let Some(id) = frame.product_id {
            let product = self.products.entry(id).or_default();
            product.frames += 1;
            product.price_decimals = product.price_decimals.max(price_decimals(&frame.text));
        }
    }
}

/// Reads a recording through. Takes about a second for each two million frames; not for the async
/// runtime's threads.
///
/// # Errors
/// [`RecordingError`], as reading it does.
pub fn summarize(path: &Path, range: TimeRange) -> Result<Summary, RecordingError> {
    let mut summary = Summary::default();
    for frame in RecordingReader::open(path)?.between(range) {
        expand(frame?).for_each(|frame| summary.add(&frame));
    }
    Ok(summary)
}

fn price_decimals(frame: &str) -> u32 {
    let Some(found) = PRICE.find(frame.as_bytes()) else {
        return 0;
    };
    let after = found + PRICE.needle().len();
    let value = frame.get(after..).unwrap_or_default();
    let value = value.split('"').next().unwrap_or_default();
    let decimals = value
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    u32::try_from(decimals).unwrap_or(SIZE_DECIMALS)
}
