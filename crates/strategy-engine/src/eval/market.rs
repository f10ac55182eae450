//! What one evaluation sees of the market: each figure as a binary number and in exact units.

use rust_decimal::Decimal;

use super::Tick;
use super::bar::Bar;
use super::exact::{Unit, nearest};
use super::holding::Held;
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
    /// What the session holds, as far as the evaluation was told.
    pub held: Held,
    /// Most plans look at neither, and converting them is a good part of a tick's cost.
    reads: Reads,
    /// By how much units have become finer since it was last asked: hardly ever.
    refined: Refined,
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
            held: Held::NOTHING,
            reads: Reads {
                volume: reads(&[Field::Volume]),
                quote: reads(&[Field::Bid, Field::Ask]),
                time: ops.iter().any(Op::reads_time),
            },
            refined: Refined::default(),
            reals: [f64::NAN; FIELDS],
            units: [0; FIELDS],
        }
    }

    #[inline]
    pub(super) fn real(&self, field: Field) -> f64 {
        self.reals[field as usize]
    }

    /// A figure that the plan looks at; none for no value.
    pub(super) fn shown(&self, field: Field) -> Option<f64> {
        let is_read = match field {
            Field::Volume => self.reads.volume,
            Field::Bid | Field::Ask => self.reads.quote,
            // Prices always are.
            _ => true,
        };
        let real = self.real(field);
        (is_read && !real.is_nan()).then_some(real)
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
    pub(super) fn see_tick(&mut self, tick: &Tick) {
        let counted = count(tick.price, &mut self.price_unit, &mut self.refined.price);
        self.reals = [counted.real; FIELDS];
        self.units = [counted.units; FIELDS];
        if self.reads.quote {
            self.see_quote([tick.bid, tick.ask]);
        }
        if self.reads.time {
            self.time = tick.time.timestamp_micros();
        }
        self.see_volume(tick.volume);
    }

    pub(super) fn see_bar(&mut self, bar: &Bar) {
        let prices = [bar.open, bar.high, bar.low, bar.close];
        for (index, price) in prices.into_iter().enumerate() {
            self.see_price(index, price);
        }
        if self.reads.quote {
            self.see_quote([bar.bid, bar.ask]);
        }
        self.time = bar.begin;
        self.see_volume(bar.volume);
    }

    /// By how much units have become finer since the last call, if they have.
    #[inline]
    pub(super) fn take_refined(&mut self) -> Option<Refined> {
        match self.refined.price.is_some() || self.refined.volume.is_some() {
            true => Some(std::mem::take(&mut self.refined)),
            false => None,
        }
    }

    /// Figures that were counted before a finer price go over to its unit.
    fn see_price(&mut self, index: usize, price: Decimal) {
        let mut finer = None;
        let counted = count(price, &mut self.price_unit, &mut finer);
        if let Some(factor) = finer {
            // What stands there from the evaluation before is not read any more.
            self.units
                .iter_mut()
                .for_each(|earlier| *earlier = earlier.saturating_mul(factor));
            let before = self.refined.price.unwrap_or(1);
            self.refined.price = Some(before * factor);
        }
        self.reals[index] = counted.real;
        self.units[index] = counted.units;
    }

    fn see_quote(&mut self, quote: [Option<Decimal>; 2]) {
        for (index, price) in QUOTE.into_iter().zip(quote) {
            match price {
                Some(price) => self.see_price(index, price),
                None => self.reals[index] = f64::NAN,
            }
        }
    }

    #[inline]
    fn see_volume(&mut self, volume: Decimal) {
        if !self.reads.volume {
            return;
        }
        let counted = count(volume, &mut self.volume_unit, &mut self.refined.volume);
        self.reals[VOLUME] = counted.real;
        self.units[VOLUME] = counted.units;
    }
}

/// A value as a number and in units.
struct Counted {
    real: f64,
    units: i128,
}

/// Counts a value; beyond 1e20 it has none, so that no sum can overflow. `finer` is set where the
/// unit has to become finer first.
///
/// Always inlined, with the rare result aside: returned through memory, a value is read back in
/// other pieces than it was written in, and the processor waits for that at each tick.
#[inline(always)]
fn count(value: Decimal, unit: &mut Unit, finer: &mut Option<i128>) -> Counted {
    let real = nearest(value);
    if real.abs() >= MAX_VALUE {
        return Counted {
            real: f64::NAN,
            units: 0,
        };
    }
    Counted {
        real,
        units: unit.count(value, finer),
    }
}
