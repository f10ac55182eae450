//! Indicators with a memory, as TA-Lib defines them; those that TA-Lib lacks as their authors do.
//!
//! Each takes the values of one evaluation, all of them known, and gives its first result; further
//! results go to `parts`. NaN is no value yet. Nothing is allocated after the start, and each costs
//! the same however long its period is, averaged over a period (but for the CCI).

mod averages;
mod cci;
mod deviation;
mod extreme;
mod oscillators;
mod pattern;
mod swings;
mod trend;
mod volume;

use super::codec::{CodecError, Reader, Writer};
use super::window::FloatWindow;
use crate::plan::Study;
use averages::{Ema, Macd, Rsi, Wma};
use cci::Cci;
use deviation::Deviation;
use extreme::{Highest, Lowest};
use oscillators::{Lag, Obv, Stochastic, WilliamsR};
use pattern::PatternFinder;
use swings::Divergence;
use trend::{Adx, Atr, Sar, Supertrend};
pub(super) use volume::{AnchoredVwap, Vwap};

/// The most numbers that a study takes.
pub(super) const MOST_INPUTS: usize = 3;

/// The values of one evaluation; those beyond the study's inputs mean nothing.
pub(super) type Inputs = [f64; MOST_INPUTS];

/// TA-Lib takes what is smaller for zero.
const ALMOST_ZERO: f64 = 1e-14;

macro_rules! states {
    ($($name:ident($state:ty)),* $(,)?) => {
        /// The memory of one study.
        #[derive(Debug, Clone)]
        pub(super) enum State {
            $($name($state)),*
        }

        impl State {
            /// Takes the values of the next evaluation.
            #[inline]
            pub(super) fn push(&mut self, inputs: Inputs, parts: &mut [f64]) -> f64 {
                match self {
                    $(Self::$name(state) => Push::push(state, inputs, parts)),*
                }
            }

            pub(super) fn save(&self, out: &mut Writer) {
                match self {
                    $(Self::$name(state) => state.save(out)),*
                }
            }

            pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
                match self {
                    $(Self::$name(state) => state.load(input)),*
                }
            }
        }
    };
}

states! {
    Mean(FloatWindow),
    Ema(Ema),
    Wma(Wma),
    StdDev(Deviation),
    Rsi(Rsi),
    Macd(Macd),
    Highest(Highest),
    Lowest(Lowest),
    Lag(Lag),
    Stochastic(Stochastic),
    Atr(Atr),
    Adx(Adx),
    Cci(Cci),
    WilliamsR(WilliamsR),
    Sar(Sar),
    Supertrend(Supertrend),
    Obv(Obv),
    Divergence(Divergence),
    Pattern(Box<PatternFinder>),
}

impl State {
    pub(super) fn new(study: Study) -> Self {
        match study {
            Study::Mean { period } => Self::Mean(FloatWindow::new(period)),
            Study::Ema { period } => Self::Ema(Ema::new(period)),
            Study::Wma { period } => Self::Wma(Wma::new(period)),
            Study::StdDev { period } => Self::StdDev(Deviation::new(period)),
            Study::Rsi { period } => Self::Rsi(Rsi::new(period)),
            Study::Macd { fast, slow, signal } => Self::Macd(Macd::new(fast, slow, signal)),
            Study::Highest { period } => Self::Highest(Highest::new(period)),
            Study::Lowest { period } => Self::Lowest(Lowest::new(period)),
            Study::Lag { period } => Self::Lag(Lag::new(period)),
            Study::Stochastic { k, smooth, d } => Self::Stochastic(Stochastic::new(k, smooth, d)),
            Study::Atr { period } => Self::Atr(Atr::new(period)),
            Study::Adx { period } => Self::Adx(Adx::new(period)),
            Study::Cci { period } => Self::Cci(Cci::new(period)),
            Study::WilliamsR { period } => Self::WilliamsR(WilliamsR::new(period)),
            Study::Sar { step, maximum } => Self::Sar(Sar::new(step.get(), maximum.get())),
            Study::Supertrend { period, multiplier } => {
                Self::Supertrend(Supertrend::new(period, multiplier.get()))
            }
            Study::Obv => Self::Obv(Obv::default()),
            Study::Divergence {
                lookback,
                wing,
                regular,
                hidden,
            } => Self::Divergence(Divergence::new(lookback, wing, regular, hidden)),
            Study::Pattern {
                pattern,
                lookback,
                wing,
                tolerance,
            } => Self::Pattern(Box::new(PatternFinder::new(
                pattern,
                lookback,
                wing,
                tolerance.get(),
            ))),
        }
    }
}

/// One study's step.
trait Push {
    fn push(&mut self, inputs: Inputs, parts: &mut [f64]) -> f64;
}

impl<T: Push> Push for Box<T> {
    #[inline]
    fn push(&mut self, inputs: Inputs, parts: &mut [f64]) -> f64 {
        (**self).push(inputs, parts)
    }
}

impl Push for FloatWindow {
    #[inline]
    fn push(&mut self, [value, ..]: Inputs, _parts: &mut [f64]) -> f64 {
        Self::push(self, value)
    }
}
