//! An operation with its state.

use std::cmp::Ordering;

use super::codec::{CodecError, Reader, Writer};
use super::indicators::{Ema, Rsi, Vwap};
use super::market::{Market, Refined};
use super::window::{ExactWindow, FloatWindow};
use crate::node::{Comparison, CrossType, Field};
use crate::plan::{Op, OpId};

/// The results of one evaluation, by operation. Only one of both is meaningful for each; checked
/// plans never read the other.
#[derive(Debug, Clone)]
pub(super) struct Results {
    /// NaN: no value.
    pub numbers: Box<[f64]>,
    /// None: no value.
    pub conditions: Box<[Option<bool>]>,
    /// Divisions by zero, each of which gave no value.
    pub undefined: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// Its result stands since the start.
    Constant,
    Market(Field),
    MarketMean {
        field: Field,
        window: ExactWindow,
    },
    Mean {
        input: usize,
        window: FloatWindow,
    },
    Ema {
        input: usize,
        ema: Ema,
    },
    Rsi {
        input: usize,
        rsi: Rsi,
    },
    Vwap(Vwap),
    Ratio {
        dividend: usize,
        divisor: usize,
    },
    Compare {
        comparison: Comparison,
        first: usize,
        second: usize,
    },
    Cross {
        cross_type: CrossType,
        fast: usize,
        slow: usize,
        previous: Option<Ordering>,
    },
    /// `on` holds while the input is beyond the level; `rising` tells which side that is.
    Latch {
        input: usize,
        rising: bool,
        on_level: f64,
        off_level: f64,
        on: bool,
    },
    All(Box<[OpId]>),
    Any(Box<[OpId]>),
    Not(usize),
}

impl Cell {
    pub(super) fn new(op: &Op, market: &Market) -> Self {
        let at = |id: &OpId| *id as usize;
        match op {
            Op::Number { .. } | Op::Flag { .. } => Self::Constant,
            Op::Market { field } => Self::Market(*field),
            Op::MarketMean { field, period } => {
                let unit = match field {
                    Field::Volume => market.volume_unit,
                    _ => market.price_unit,
                };
                Self::MarketMean {
                    field: *field,
                    window: ExactWindow::new(*period, unit),
                }
            }
            Op::Mean { input, period } => Self::Mean {
                input: at(input),
                window: FloatWindow::new(*period),
            },
            Op::Ema { input, period } => Self::Ema {
                input: at(input),
                ema: Ema::new(*period),
            },
            Op::Rsi { input, period } => Self::Rsi {
                input: at(input),
                rsi: Rsi::new(*period),
            },
            Op::Vwap { period } => Self::Vwap(Vwap::new(*period, market.volume_unit)),
            Op::Ratio { dividend, divisor } => Self::Ratio {
                dividend: at(dividend),
                divisor: at(divisor),
            },
            Op::Compare {
                comparison,
                first,
                second,
            } => Self::Compare {
                comparison: *comparison,
                first: at(first),
                second: at(second),
            },
            Op::Cross {
                cross_type,
                fast,
                slow,
            } => Self::Cross {
                cross_type: *cross_type,
                fast: at(fast),
                slow: at(slow),
                previous: None,
            },
            Op::Above { input, on, off } | Op::Below { input, on, off } => Self::Latch {
                input: at(input),
                rising: matches!(op, Op::Above { .. }),
                on_level: on.get(),
                off_level: off.get(),
                on: false,
            },
            Op::All { inputs } => Self::All(inputs.as_slice().into()),
            Op::Any { inputs } => Self::Any(inputs.as_slice().into()),
            Op::Not { input } => Self::Not(at(input)),
        }
    }

    /// Evaluates the operation, whose own number is `index`. An input without a value leaves every
    /// average as it was, and gives none.
    #[inline]
    pub(super) fn step(&mut self, index: usize, market: &Market, results: &mut Results) {
        let number = match self {
            Self::Constant => return,
            Self::Market(field) => market.real(*field),
            Self::MarketMean { field, window } => {
                if market.real(*field).is_nan() {
                    f64::NAN
                } else {
                    window.push(market.units(*field))
                }
            }
            Self::Mean { input, window } => known(results.numbers[*input], |x| window.push(x)),
            Self::Ema { input, ema } => known(results.numbers[*input], |x| ema.push(x)),
            Self::Rsi { input, rsi } => known(results.numbers[*input], |x| rsi.push(x)),
            Self::Vwap(vwap) => {
                let price = market.typical_price();
                let volume = market.real(Field::Volume);
                if price.is_nan() || volume.is_nan() {
                    f64::NAN
                } else {
                    let sums = vwap.push(price, volume, market.units(Field::Volume));
                    ratio(sums.0, sums.1, &mut results.undefined)
                }
            }
            Self::Ratio { dividend, divisor } => {
                let (dividend, divisor) = (results.numbers[*dividend], results.numbers[*divisor]);
                ratio(dividend, divisor, &mut results.undefined)
            }
            _ => {
                results.conditions[index] = self.condition(results);
                return;
            }
        };
        results.numbers[index] = number;
    }

    #[inline]
    fn condition(&mut self, results: &Results) -> Option<bool> {
        let Results {
            numbers,
            conditions,
            ..
        } = results;
        match self {
            Self::Compare {
                comparison,
                first,
                second,
            } => comparison.holds(numbers[*first], numbers[*second]),
            Self::Cross {
                cross_type,
                fast,
                slow,
                previous,
            } => {
                let now = numbers[*fast].partial_cmp(&numbers[*slow]);
                let before = std::mem::replace(previous, now)?;
                let now = now?;
                let above = before.is_le() && now.is_gt();
                let below = before.is_ge() && now.is_lt();
                Some(match cross_type {
                    CrossType::Above => above,
                    CrossType::Below => below,
                    CrossType::Any => above || below,
                })
            }
            Self::Latch {
                input,
                rising,
                on_level,
                off_level,
                on,
            } => {
                let value = numbers[*input];
                if value.is_nan() {
                    return None;
                }
                let level = if *on { *off_level } else { *on_level };
                *on = if *rising {
                    value > level
                } else {
                    value < level
                };
                Some(*on)
            }
            Self::All(inputs) => fold(inputs, conditions, |all, next| all && next),
            Self::Any(inputs) => fold(inputs, conditions, |any, next| any || next),
            Self::Not(input) => conditions[*input].map(|holds| !holds),
            // Numbers, which `step` has dealt with.
            _ => None,
        }
    }

    /// Goes over to finer units.
    pub(super) fn refine(&mut self, refined: Refined) {
        let (window, factor) = match self {
            Self::MarketMean {
                field: Field::Volume,
                window,
            } => (window, refined.volume),
            Self::MarketMean { window, .. } => (window, refined.price),
            Self::Vwap(vwap) => (&mut vwap.volume, refined.volume),
            _ => return,
        };
        if let Some(factor) = factor {
            window.refine(factor);
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        match self {
            Self::MarketMean { window, .. } => window.save(out),
            Self::Mean { window, .. } => window.save(out),
            Self::Ema { ema, .. } => ema.save(out),
            Self::Rsi { rsi, .. } => rsi.save(out),
            Self::Vwap(vwap) => vwap.save(out),
            Self::Cross { previous, .. } => {
                out.byte(previous.map_or(3, |order| (order as i8 + 1) as u8));
            }
            Self::Latch { on, .. } => out.condition(Some(*on)),
            Self::Constant
            | Self::Market(_)
            | Self::Ratio { .. }
            | Self::Compare { .. }
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_) => {}
        }
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        match self {
            Self::MarketMean { window, .. } => window.load(input),
            Self::Mean { window, .. } => window.load(input),
            Self::Ema { ema, .. } => ema.load(input),
            Self::Rsi { rsi, .. } => rsi.load(input),
            Self::Vwap(vwap) => vwap.load(input),
            Self::Cross { previous, .. } => {
                *previous = match input.byte()? {
                    0 => Some(Ordering::Less),
                    1 => Some(Ordering::Equal),
                    2 => Some(Ordering::Greater),
                    3 => None,
                    _ => return Err(CodecError),
                };
                Ok(())
            }
            Self::Latch { on, .. } => {
                *on = input.condition()?.ok_or(CodecError)?;
                Ok(())
            }
            Self::Constant
            | Self::Market(_)
            | Self::Ratio { .. }
            | Self::Compare { .. }
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_) => Ok(()),
        }
    }
}

#[inline]
fn known(input: f64, then: impl FnOnce(f64) -> f64) -> f64 {
    if input.is_nan() {
        f64::NAN
    } else {
        then(input)
    }
}

/// A quotient, or NaN where there is none; NaN operands aren't counted, as that was done where they
/// arose.
#[inline]
fn ratio(dividend: f64, divisor: f64, undefined: &mut u64) -> f64 {
    let quotient = dividend / divisor;
    if quotient.is_finite() || dividend.is_nan() || divisor.is_nan() {
        return quotient;
    }
    *undefined += 1;
    f64::NAN
}

/// Combines conditions; none if any has no value.
#[inline]
fn fold(
    inputs: &[OpId],
    conditions: &[Option<bool>],
    combine: impl Fn(bool, bool) -> bool,
) -> Option<bool> {
    let (first, others) = inputs.split_first()?;
    let mut result = conditions[*first as usize]?;
    for input in others {
        result = combine(result, conditions[*input as usize]?);
    }
    Some(result)
}
