//! Bars: of event time, and those that trades close.

use std::num::NonZeroU32;

use rust_decimal::Decimal;
use timeframe::Timeframe;

use super::Tick;
use super::codec::{CodecError, Reader, Writer};

const MICROS: i64 = 1_000_000;

/// Trades one after the other, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    /// Microseconds since 1970: where its span begins, or else its first trade's time.
    pub begin: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Decimal,
    /// How many there are; kept on tick bars only.
    trades: u32,
    /// The last ones told within the bar.
    pub bid: Option<Decimal>,
    pub ask: Option<Decimal>,
}

/// A trade meets a time bar: the bar that it closes, being the first one past its end.
#[inline]
pub(super) fn in_time(open: &mut Option<Bar>, seconds: NonZeroU32, tick: &Tick) -> Option<Bar> {
    let length = i64::from(seconds.get());
    let begin = tick.time.timestamp().div_euclid(length) * length * MICROS;
    match open {
        Some(bar) if begin <= bar.begin => {
            bar.add(tick);
            None
        }
        Some(bar) => Some(std::mem::replace(bar, Bar::new(begin, tick))),
        None => {
            *open = Some(Bar::new(begin, tick));
            None
        }
    }
}

/// A trade meets a bar of trades, volume or price: the bar that it completes. A trade is never
/// divided, nor is a price made up: a large one completes one bar, and a jump does as well.
#[inline]
pub(super) fn completed(open: &mut Option<Bar>, timeframe: Timeframe, tick: &Tick) -> Option<Bar> {
    match open {
        Some(bar) => bar.add(tick),
        None => *open = Some(Bar::new(tick.time.timestamp_micros(), tick)),
    }
    open.take_if(|bar| bar.is_complete(timeframe))
}

impl Bar {
    fn new(begin: i64, tick: &Tick) -> Self {
        let Tick {
            price,
            volume,
            bid,
            ask,
            ..
        } = *tick;
        Self {
            begin,
            open: price,
            high: price,
            low: price,
            close: price,
            volume,
            trades: 1,
            bid,
            ask,
        }
    }

    #[inline]
    fn add(&mut self, tick: &Tick) {
        self.high = self.high.max(tick.price);
        self.low = self.low.min(tick.price);
        self.close = tick.price;
        self.bid = tick.bid.or(self.bid);
        self.ask = tick.ask.or(self.ask);
        // A sum beyond any decimal is beyond the magnitude at which a volume has no value.
        self.volume = self.volume.checked_add(tick.volume).unwrap_or(Decimal::MAX);
        self.trades = self.trades.saturating_add(1);
    }

    #[inline]
    fn is_complete(&self, timeframe: Timeframe) -> bool {
        match timeframe {
            Timeframe::Ticks(count) => self.trades >= count.get(),
            Timeframe::Volume(amount) => self.volume >= amount.get(),
            Timeframe::Range(amount) => {
                let range = self.high.checked_sub(self.low);
                range.is_none_or(|range| range >= amount.get())
            }
            // Its end is no trade of its own.
            Timeframe::Tick | Timeframe::Seconds(_) => false,
        }
    }

    pub(super) fn save(&self, timeframe: Timeframe, out: &mut Writer) {
        out.integer(i128::from(self.begin / begin_unit(timeframe)));
        if let Timeframe::Ticks(_) = timeframe {
            out.integer(i128::from(self.trades));
        }
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

    pub(super) fn load(timeframe: Timeframe, input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let begin = i64::try_from(input.integer()?).map_err(|_| CodecError)?;
        let begin = begin.checked_mul(begin_unit(timeframe)).ok_or(CodecError)?;
        let trades = match timeframe {
            Timeframe::Ticks(_) => u32::try_from(input.integer()?).map_err(|_| CodecError)?,
            _ => 1,
        };
        Ok(Self {
            begin,
            open: decimal(input)?,
            high: decimal(input)?,
            low: decimal(input)?,
            close: decimal(input)?,
            volume: decimal(input)?,
            trades,
            bid: quote(input)?,
            ask: quote(input)?,
        })
    }
}

/// What a snapshot counts the begin of a bar in: microseconds, or spans of a time bar.
fn begin_unit(timeframe: Timeframe) -> i64 {
    let seconds = timeframe.seconds();
    seconds.map_or(1, |seconds| i64::from(seconds.get()) * MICROS)
}

pub(super) fn decimal(input: &mut Reader<'_>) -> Result<Decimal, CodecError> {
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
