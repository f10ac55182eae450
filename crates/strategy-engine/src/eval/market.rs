//! What one evaluation sees of the market: each figure as a binary number and in exact units.

use rust_decimal::Decimal;

use super::bar::Bar;
use super::exact::{Unit, nearest};
use super::{Tick, Timeframe};
use crate::limits::MAX_VALUE;
use crate::node::Field;
use crate::plan::Op;

/// Number of figures: open, high, low, close, volume, bid, ask.
const FIELDS: usize = 7;
const VOLUME: usize = Field::Volume as usize;
const QUOTE: [usize; 2] = [Field::Bid as usize, Field::Ask as usize];

/// The figures of the present evaluation.
#[derive(Debug, Clone)]
pub(super) struct Market {
    pub price_unit: Unit,
    pub volume_unit: Unit,
    /// Microseconds since 1970; of a bar, its begin. Meaningful if the plan reads time.
    pub time: i64,
    /// Number of the evaluation, from 1.
    pub evaluation: i64,
    /// Most plans look at neither, and converting them is a good part of a tick's cost.
    reads: Reads,
    /// NaN where a figure has no value.
    reals: [f64; FIELDS],
    /// Meaningful where the real isn't NaN.
    units: [i128; FIELDS],
}

/// What a plan looks at besides prices.
#[derive(Debug, Clone, Copy)]
struct Reads {
    volume: bool,
    quote: bool,
    time: bool,
}

/// By which factor windows over prices and over volumes have to become finer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Refined {
    pub price: Option<i128>,
    pub volume: Option<i128>,
}

impl Market {
    pub(super) fn new(price_unit: Unit, volume_unit: Unit, ops: &[Op]) -> Self {
        let reads_field = |op: &Op, wanted: &[Field]| match op {
            Op::Market { field } | Op::MarketMean { field, .. } => wanted.contains(field),
            Op::Vwap { .. } | Op::AnchoredVwap { .. } => wanted.contains(&Field::Volume),
            _ => false,
        };
        let reads = |wanted: &[Field]| ops.iter().any(|op| reads_field(op, wanted));
        Self {
            price_unit,
            volume_unit,
            time: 0,
            evaluation: 0,
            reads: Reads {
                volume: reads(&[Field::Volume]),
                quote: reads(&[Field::Bid, Field::Ask]),
                time: ops.iter().any(Op::reads_time),
            },
            reals: [f64::NAN; FIELDS],
            units: [0; FIELDS],
        }
    }

    #[inline]
    pub(super) fn real(&self, field: Field) -> f64 {
        self.reals[field as usize]
    }

    #[inline]
    pub(super) fn units(&self, field: Field) -> i128 {
        self.units[field as usize]
    }

    /// The price that a volume-weighted average takes: (high + low + close) / 3.
    #[inline]
    pub(super) fn typical_price(&self) -> f64 {
        let [_, high, low, close, ..] = self.reals;
        // One price must stay itself to the last bit, which a sum of three may not.
        if high <= low {
            close
        } else {
            (high + low + close) / 3.0
        }
    }

    #[inline]
    pub(super) fn see_tick(&mut self, tick: &Tick) -> Refined {
        let (real, units, mut price) = count(tick.price, &mut self.price_unit);
        self.reals = [real; FIELDS];
        self.units = [units; FIELDS];
        if self.reads.quote {
            self.see_quote([tick.bid, tick.ask], &mut price);
        }
        if self.reads.time {
            self.time = tick.time.timestamp_micros();
        }
        let volume = self.see_volume(tick.volume);
        Refined { price, volume }
    }

    pub(super) fn see_bar(&mut self, bar: &Bar, timeframe: Timeframe) -> Refined {
        let prices = [bar.open, bar.high, bar.low, bar.close];
        let mut refined: Option<i128> = None;
        for (index, price) in prices.into_iter().enumerate() {
            self.see_price(index, price, &mut refined);
        }
        if self.reads.quote {
            self.see_quote([bar.bid, bar.ask], &mut refined);
        }
        let seconds = timeframe
            .seconds()
            .map_or(0, |seconds| i64::from(seconds.get()));
        // Times are within a few hundred thousand years, but a damaged snapshot's bar may not be.
        self.time = bar.index.saturating_mul(seconds).saturating_mul(1_000_000);
        let volume = self.see_volume(bar.volume);
        Refined {
            price: refined,
            volume,
        }
    }

    /// Figures that were counted before a finer price go over to its unit.
    fn see_price(&mut self, index: usize, price: Decimal, refined: &mut Option<i128>) {
        let (real, units, factor) = count(price, &mut self.price_unit);
        if let Some(factor) = factor {
            // What stands there from the evaluation before is not read any more.
            self.units
                .iter_mut()
                .for_each(|earlier| *earlier = earlier.saturating_mul(factor));
            *refined = Some(refined.unwrap_or(1) * factor);
        }
        self.reals[index] = real;
        self.units[index] = units;
    }

    fn see_quote(&mut self, quote: [Option<Decimal>; 2], refined: &mut Option<i128>) {
        for (index, price) in QUOTE.into_iter().zip(quote) {
            match price {
                Some(price) => self.see_price(index, price, refined),
                None => self.reals[index] = f64::NAN,
            }
        }
    }

    #[inline]
    fn see_volume(&mut self, volume: Decimal) -> Option<i128> {
        if !self.reads.volume {
            return None;
        }
        let (real, units, factor) = count(volume, &mut self.volume_unit);
        self.reals[VOLUME] = real;
        self.units[VOLUME] = units;
        factor
    }
}

/// A value as a number and in units; beyond 1e20 it has none, so that no sum can overflow.
#[inline]
fn count(value: Decimal, unit: &mut Unit) -> (f64, i128, Option<i128>) {
    let real = nearest(value);
    if real.abs() >= MAX_VALUE {
        return (f64::NAN, 0, None);
    }
    let (units, factor) = unit.count(value);
    (real, units, factor)
}
