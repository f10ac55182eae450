//! What one evaluation sees of the market: each figure as a binary number and in exact units.

use rust_decimal::Decimal;

use super::Tick;
use super::bar::Bar;
use super::exact::{Unit, nearest};
use crate::limits::MAX_VALUE;
use crate::node::Field;
use crate::plan::Op;

/// Number of figures: open, high, low, close, volume.
const FIELDS: usize = 5;
const VOLUME: usize = Field::Volume as usize;

/// The figures of the present evaluation.
#[derive(Debug, Clone)]
pub(super) struct Market {
    pub price_unit: Unit,
    pub volume_unit: Unit,
    /// Most plans never look at the volume, and converting it is a good part of a tick's cost.
    volume_is_read: bool,
    /// NaN where a figure has no value.
    reals: [f64; FIELDS],
    /// Meaningful where the real isn't NaN.
    units: [i128; FIELDS],
}

/// By which factor windows over prices and over volumes have to become finer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Refined {
    pub price: Option<i128>,
    pub volume: Option<i128>,
}

impl Market {
    pub(super) fn new(price_unit: Unit, volume_unit: Unit, ops: &[Op]) -> Self {
        let reads_volume = |op: &Op| match op {
            Op::Market { field } | Op::MarketMean { field, .. } => *field == Field::Volume,
            Op::Vwap { .. } => true,
            _ => false,
        };
        Self {
            price_unit,
            volume_unit,
            volume_is_read: ops.iter().any(reads_volume),
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
        let [_, high, low, close, _] = self.reals;
        // One price must stay itself to the last bit, which a sum of three may not.
        if high <= low {
            close
        } else {
            (high + low + close) / 3.0
        }
    }

    #[inline]
    pub(super) fn see_tick(&mut self, tick: &Tick) -> Refined {
        let (real, units, price) = count(tick.price, &mut self.price_unit);
        self.reals = [real; FIELDS];
        self.units = [units; FIELDS];
        let volume = self.see_volume(tick.volume);
        Refined { price, volume }
    }

    pub(super) fn see_bar(&mut self, bar: &Bar) -> Refined {
        let prices = [bar.open, bar.high, bar.low, bar.close];
        let mut refined: Option<i128> = None;
        for (index, price) in prices.into_iter().enumerate() {
            let (real, units, factor) = count(price, &mut self.price_unit);
            if let Some(factor) = factor {
                self.units[..index]
                    .iter_mut()
                    .for_each(|earlier| *earlier *= factor);
                refined = Some(refined.unwrap_or(1) * factor);
            }
            self.reals[index] = real;
            self.units[index] = units;
        }
        let volume = self.see_volume(bar.volume);
        Refined {
            price: refined,
            volume,
        }
    }

    #[inline]
    fn see_volume(&mut self, volume: Decimal) -> Option<i128> {
        if !self.volume_is_read {
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
