//! What an evaluation is told of the session's position.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::codec::{CodecError, Reader, Writer};
use super::exact::nearest;
use crate::limits::MAX_VALUE;
use crate::plan::HoldingFigure;

/// The session's account when a plan is evaluated; the default is one that has never traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holding {
    /// Realised by all fills so far, fees included.
    pub realized: Decimal,
    /// What is held; none where nothing is.
    pub position: Option<Position>,
}

/// A position that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Units of the base currency.
    pub units: Decimal,
    /// What a unit was bought for, fees excluded.
    pub entry_price: Option<Decimal>,
    /// What it is worth beyond its cost at the last price.
    pub unrealized: Option<Decimal>,
    /// The same in percent of its cost.
    pub unrealized_percent: Option<Decimal>,
    /// Which of the session's positions it is, from 1: each begins with a fill that finds nothing
    /// held.
    pub number: u64,
    /// Event time of that fill.
    pub since: DateTime<Utc>,
}

/// The figures of the present evaluation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// By [`HoldingFigure`]; NaN: no value. That of `Bars` is not read.
    figures: [f64; HoldingFigure::ALL.len()],
    /// 0 where nothing is held.
    number: u64,
}

impl Held {
    /// Nothing, and nothing was.
    pub(super) const NOTHING: Self = Self {
        figures: [0.0, f64::NAN, 0.0, 0.0, 0.0, 0.0, 0.0],
        number: 0,
    };

    pub(super) fn of(holding: &Holding, now: DateTime<Utc>) -> Self {
        let mut held = Self::NOTHING;
        let mut set = |figure: HoldingFigure, value| held.figures[figure as usize] = value;
        set(HoldingFigure::Realized, real(Some(holding.realized)));
        if let Some(position) = &holding.position {
            // Event time may go back, and a position is never younger than nothing.
            let micros = (now - position.since)
                .num_microseconds()
                .unwrap_or(i64::MAX);
            let seconds = micros.max(0) as f64 / 1_000_000.0;
            set(HoldingFigure::Units, real(Some(position.units)));
            set(HoldingFigure::EntryPrice, real(position.entry_price));
            set(HoldingFigure::Unrealized, real(position.unrealized));
            set(
                HoldingFigure::UnrealizedPercent,
                real(position.unrealized_percent),
            );
            set(HoldingFigure::Seconds, seconds);
            held.number = position.number;
        }
        held
    }

    #[inline]
    pub(super) fn figure(&self, figure: HoldingFigure) -> f64 {
        self.figures[figure as usize]
    }
}

/// No value where there is none, and from 1e20 on, as everywhere.
fn real(value: Option<Decimal>) -> f64 {
    let real = value.map_or(f64::NAN, nearest);
    match real.abs() < MAX_VALUE {
        true => real,
        false => f64::NAN,
    }
}

/// Counts the evaluations of one position.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BarsHeld {
    /// Which position; 0 while nothing is held.
    number: u64,
    /// The evaluation that saw it first.
    first: i64,
}

impl BarsHeld {
    #[inline]
    pub(super) fn step(&mut self, held: &Held, evaluation: i64) -> f64 {
        if held.number != self.number {
            self.number = held.number;
            self.first = evaluation;
        }
        match self.number {
            0 => 0.0,
            _ => (evaluation - self.first) as f64,
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.integer(i128::from(self.number));
        out.integer(i128::from(self.first));
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.number = u64::try_from(input.integer()?).map_err(|_| CodecError)?;
        self.first = i64::try_from(input.integer()?).map_err(|_| CodecError)?;
        Ok(())
    }
}
