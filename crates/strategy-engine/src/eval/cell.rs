//! An operation with its state.

use std::cmp::Ordering;

use super::clock::{Clock, Cooldown, Hold};
use super::codec::{CodecError, Reader, Writer};
use super::holding::BarsHeld;
use super::indicators::{AnchoredVwap, MOST_INPUTS, State, Vwap};
use super::market::{Market, Refined};
use super::window::ExactWindow;
use crate::limits::MAX_VALUE;
use crate::node::{Comparison, CrossType, Field};
use crate::plan::{Arithmetic, ClockFigure, DayWindow, HoldingFigure, Op, OpId};

/// The results of one evaluation, by operation. Only one of both is meaningful for each; checked
/// plans never read the other.
#[derive(Debug, Clone)]
pub(super) struct Results {
    /// NaN: no value.
    pub numbers: Box<[f64]>,
    /// None: no value.
    pub conditions: Box<[Option<bool>]>,
    /// The further results of all studies, each study's in one piece. NaN: no value.
    pub parts: Box<[f64]>,
    /// Calculations without a result, such as divisions by zero, each of which gave no value.
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
    Study {
        /// Those beyond the study's own repeat the first.
        inputs: [OpId; MOST_INPUTS],
        /// Where its further results are.
        parts: (usize, usize),
        /// Apart, because some are ten times as large as any other cell.
        state: Box<State>,
    },
    /// Where the result is.
    Part(usize),
    Vwap(Vwap),
    AnchoredVwap(AnchoredVwap),
    Arithmetic {
        operation: Arithmetic,
        first: usize,
        second: usize,
    },
    Absolute(usize),
    Choose {
        condition: usize,
        then: usize,
        otherwise: usize,
    },
    Clock {
        figure: ClockFigure,
        clock: Clock,
    },
    InWindow {
        window: DayWindow,
        clock: Clock,
    },
    Holding(HoldingFigure),
    BarsHeld(BarsHeld),
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
    Hold {
        trigger: usize,
        until: Option<usize>,
        hold: Hold,
    },
    Cooldown {
        trigger: usize,
        cooldown: Cooldown,
    },
}

/// Where the further results of each operation begin, and how many there are in all.
pub(super) fn places(ops: &[Op]) -> (Vec<usize>, usize) {
    let mut next = 0;
    let places = ops.iter().map(|op| {
        let place = next;
        if let Op::Study { study, .. } = op {
            next += usize::from(study.parts()) - 1;
        }
        place
    });
    (places.collect(), next)
}

impl Cell {
    /// `places` is what [`places`] gives for the plan, and `index` the operation's own number.
    pub(super) fn new(op: &Op, market: &Market, places: &[usize], index: usize) -> Self {
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
            Op::Study { study, inputs } => {
                let first = inputs.first().copied().unwrap_or_default();
                let input = |place: usize| inputs.get(place).copied().unwrap_or(first);
                let begin = places[index];
                Self::Study {
                    inputs: [input(0), input(1), input(2)],
                    parts: (begin, begin + usize::from(study.parts()) - 1),
                    state: Box::new(State::new(*study)),
                }
            }
            Op::Part { of, part } => Self::Part(places[at(of)] + usize::from(*part) - 1),
            Op::Vwap { period } => Self::Vwap(Vwap::new(*period, market.volume_unit)),
            Op::AnchoredVwap { anchor } => Self::AnchoredVwap(AnchoredVwap::new(*anchor)),
            Op::Arithmetic {
                operation,
                first,
                second,
            } => Self::Arithmetic {
                operation: *operation,
                first: at(first),
                second: at(second),
            },
            Op::Absolute { input } => Self::Absolute(at(input)),
            Op::Choose {
                condition,
                then,
                otherwise,
            } => Self::Choose {
                condition: at(condition),
                then: at(then),
                otherwise: at(otherwise),
            },
            Op::Clock { figure, zone } => Self::Clock {
                figure: *figure,
                clock: Clock::new(zone.clone()),
            },
            Op::InWindow { window, zone } => Self::InWindow {
                window: *window,
                clock: Clock::new(zone.clone()),
            },
            Op::Holding {
                figure: HoldingFigure::Bars,
            } => Self::BarsHeld(BarsHeld::default()),
            Op::Holding { figure } => Self::Holding(*figure),
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
            Op::Hold {
                trigger,
                until,
                span,
            } => Self::Hold {
                trigger: at(trigger),
                until: until.as_ref().map(at),
                hold: Hold::new(*span),
            },
            Op::Cooldown { trigger, span } => Self::Cooldown {
                trigger: at(trigger),
                cooldown: Cooldown::new(*span),
            },
        }
    }

    /// Evaluates the operation, whose own number is `index`. An input without a value leaves every
    /// indicator as it was, and gives none.
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
            Self::Study {
                inputs,
                parts,
                state,
            } => {
                let numbers = &results.numbers;
                let values = inputs.map(|input| numbers[input as usize]);
                let parts = &mut results.parts[parts.0..parts.1];
                parts.fill(f64::NAN);
                if values.iter().any(|value| value.is_nan()) {
                    f64::NAN
                } else {
                    state.push(values, parts)
                }
            }
            Self::Part(place) => results.parts[*place],
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
            Self::AnchoredVwap(vwap) => {
                let price = market.typical_price();
                let volume = market.real(Field::Volume);
                if price.is_nan() || volume.is_nan() {
                    f64::NAN
                } else {
                    let sums = vwap.push(market.time.div_euclid(1_000_000), price, volume);
                    ratio(sums.0, sums.1, &mut results.undefined)
                }
            }
            Self::Arithmetic {
                operation,
                first,
                second,
            } => {
                let (first, second) = (results.numbers[*first], results.numbers[*second]);
                let result = operation.apply(first, second);
                if result.abs() < MAX_VALUE || first.is_nan() || second.is_nan() {
                    result
                } else {
                    results.undefined += 1;
                    f64::NAN
                }
            }
            Self::Absolute(input) => results.numbers[*input].abs(),
            Self::Choose {
                condition,
                then,
                otherwise,
            } => match results.conditions[*condition] {
                Some(true) => results.numbers[*then],
                Some(false) => results.numbers[*otherwise],
                None => f64::NAN,
            },
            Self::Clock { figure, clock } => clock.figure(*figure, market),
            Self::Holding(figure) => market.held.figure(*figure),
            Self::BarsHeld(bars) => bars.step(&market.held, market.evaluation),
            _ => {
                results.conditions[index] = self.condition(market, results);
                return;
            }
        };
        results.numbers[index] = number;
    }

    #[inline]
    fn condition(&mut self, market: &Market, results: &Results) -> Option<bool> {
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
            Self::InWindow { window, clock } => Some(clock.is_in(*window, market)),
            Self::Hold {
                trigger,
                until,
                hold,
            } => {
                let until = until.is_some_and(|until| conditions[until] == Some(true));
                hold.step(conditions[*trigger], until, market)
            }
            Self::Cooldown { trigger, cooldown } => cooldown.step(conditions[*trigger], market),
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
            Self::Study { state, .. } => state.save(out),
            Self::Vwap(vwap) => vwap.save(out),
            Self::AnchoredVwap(vwap) => vwap.save(out),
            Self::Cross { previous, .. } => {
                out.byte(previous.map_or(3, |order| (order as i8 + 1) as u8));
            }
            Self::Latch { on, .. } => out.condition(Some(*on)),
            Self::Hold { hold, .. } => hold.save(out),
            Self::Cooldown { cooldown, .. } => cooldown.save(out),
            Self::BarsHeld(bars) => bars.save(out),
            _ => {}
        }
    }

    /// Reads what [`Self::save`] wrote.
    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        match self {
            Self::MarketMean { window, .. } => window.load(input),
            Self::Study { state, .. } => state.load(input),
            Self::Vwap(vwap) => vwap.load(input),
            Self::AnchoredVwap(vwap) => vwap.load(input),
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
            Self::Hold { hold, .. } => hold.load(input),
            Self::Cooldown { cooldown, .. } => cooldown.load(input),
            Self::BarsHeld(bars) => bars.load(input),
            // The others have no memory; a clock's is only of what it looked up.
            _ => Ok(()),
        }
    }
}

/// A quotient, or NaN where there is none.
#[inline]
fn ratio(dividend: f64, divisor: f64, undefined: &mut u64) -> f64 {
    let quotient = dividend / divisor;
    if quotient.abs() < MAX_VALUE || dividend.is_nan() || divisor.is_nan() {
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
