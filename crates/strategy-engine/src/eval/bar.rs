//! Bars, aligned to event time.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::Tick;
use super::codec::{CodecError, Reader, Writer};

/// The trades of one span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    /// Number of the span since the epoch.
    pub index: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Decimal,
    /// The last ones told within the bar.
    pub bid: Option<Decimal>,
    pub ask: Option<Decimal>,
}

/// Number of the span that a time lies in.
#[inline]
pub(super) fn index_of(time: DateTime<Utc>, seconds: u32) -> i64 {
    time.timestamp().div_euclid(i64::from(seconds))
}

impl Bar {
    pub(super) fn new(index: i64, tick: &Tick) -> Self {
        let Tick {
            price,
            volume,
            bid,
            ask,
            ..
        } = *tick;
        Self {
            index,
            open: price,
            high: price,
            low: price,
            close: price,
            volume,
            bid,
            ask,
        }
    }

    #[inline]
    pub(super) fn add(&mut self, tick: &Tick) {
        self.high = self.high.max(tick.price);
        self.low = self.low.min(tick.price);
        self.close = tick.price;
        self.bid = tick.bid.or(self.bid);
        self.ask = tick.ask.or(self.ask);
        // A sum beyond any decimal is beyond the magnitude at which a volume has no value.
        self.volume = self.volume.checked_add(tick.volume).unwrap_or(Decimal::MAX);
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.integer(i128::from(self.index));
        for value in [self.open, self.high, self.low, self.close, self.volume] {
            out.raw(&value.serialize());
        }
        for quote in [self.bid, self.ask] {
            out.byte(u8::from(quote.is_some()));
            if let Some(price) = quote {
                out.raw(&price.serialize());
            }
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let index = i64::try_from(input.integer()?).map_err(|_| CodecError)?;
        Ok(Self {
            index,
            open: decimal(input)?,
            high: decimal(input)?,
            low: decimal(input)?,
            close: decimal(input)?,
            volume: decimal(input)?,
            bid: quote(input)?,
            ask: quote(input)?,
        })
    }
}

fn decimal(input: &mut Reader<'_>) -> Result<Decimal, CodecError> {
    let bytes: [u8; 16] = input.raw()?;
    // The scale is the third byte; the type's own reader takes it modulo 29 unchecked.
    if bytes[2] > 28 {
        Err(CodecError)
    } else {
        Ok(Decimal::deserialize(bytes))
    }
}

fn quote(input: &mut Reader<'_>) -> Result<Option<Decimal>, CodecError> {
    match input.byte()? {
        0 => Ok(None),
        1 => decimal(input).map(Some),
        _ => Err(CodecError),
    }
}
