//! The state of an evaluator as bytes, to go on from later to the same signals.
//!
//! Layout: `ATSE`, format version, plan hash (32 bytes), timeframe (see [`save_timeframe`]), scales
//! of the units, counters, the open bar, then each operation's and each action's state in the
//! plan's order. The plan says how much there is, so nothing needs a tag.

use std::num::NonZeroU32;
use std::sync::Arc;

use timeframe::{Amount, Timeframe};

use super::Evaluator;
use super::bar::{self, Bar};
use super::codec::{CodecError, Reader, Writer};
use super::exact::Unit;
use crate::plan::{Plan, PlanHash};

const MAGIC: [u8; 4] = *b"ATSE";
const VERSION: u8 = 2;

/// Bars that trades close have a kind in the place of a length; what closes them follows.
const TICKS: i128 = -1;
const VOLUME: i128 = -2;
const RANGE: i128 = -3;

/// A snapshot that can't be gone on from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot of this version, or damaged.
    #[error("the snapshot is damaged or of another version")]
    Invalid,
    /// Taken from another plan.
    #[error("the snapshot belongs to plan {snapshot}, not to {plan}")]
    Plan {
        /// The plan that it was taken from.
        snapshot: PlanHash,
        /// The plan that it was to be restored into.
        plan: PlanHash,
    },
}

impl From<CodecError> for SnapshotError {
    fn from(_: CodecError) -> Self {
        Self::Invalid
    }
}

/// What an evaluator counts. Sessions that share one have counts of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// See [`Evaluator::evaluations`].
    pub evaluations: u64,
    /// See [`Evaluator::undefined_values`].
    pub undefined: u64,
}

impl Evaluator {
    /// What it has counted.
    pub fn counts(&self) -> Counts {
        Counts {
            evaluations: self.evaluations,
            undefined: self.results.undefined,
        }
    }

    /// Everything that later signals depend on.
    pub fn snapshot(&self) -> Vec<u8> {
        self.snapshot_counting(self.counts())
    }

    /// As [`Self::snapshot`], for a session that has counted otherwise.
    pub fn snapshot_counting(&self, counts: Counts) -> Vec<u8> {
        let mut out = Writer::default();
        out.raw(&MAGIC);
        out.byte(VERSION);
        out.raw(self.plan.hash().as_bytes());
        self.save_units(&mut out);
        out.position(counts.evaluations);
        out.position(counts.undefined);
        self.save_state(&mut out);
        out.finish()
    }

    /// Everything but the counts: of two evaluators of one plan for which this is equal, each gives
    /// the other's signals from here on. None for a plan to which it matters how many evaluations
    /// were before, or what its session holds.
    pub fn state(&self) -> Option<Vec<u8>> {
        if self.plan.counts_evaluations() {
            return None;
        }
        let mut out = Writer::default();
        self.save_units(&mut out);
        self.save_state(&mut out);
        Some(out.finish())
    }

    fn save_units(&self, out: &mut Writer) {
        save_timeframe(self.timeframe, out);
        out.byte(self.market.price_unit.scale() as u8);
        out.byte(self.market.volume_unit.scale() as u8);
    }

    fn save_state(&self, out: &mut Writer) {
        out.byte(u8::from(self.bar.is_some()));
        if let Some(bar) = &self.bar {
            bar.save(self.timeframe, out);
        }
        self.cells.iter().for_each(|cell| cell.save(out));
        self.triggers
            .iter()
            .for_each(|trigger| out.condition(trigger.last));
    }

    /// Goes on from a snapshot, with the timeframe that it was taken with.
    ///
    /// # Errors
    /// If the snapshot is damaged or belongs to another plan.
    pub fn restore(plan: &Arc<Plan>, snapshot: &[u8]) -> Result<Self, SnapshotError> {
        let mut input = Reader::new(snapshot);
        if input.raw()? != MAGIC || input.byte()? != VERSION {
            return Err(SnapshotError::Invalid);
        }
        let hash = PlanHash::from_bytes(input.raw()?);
        if hash != plan.hash() {
            return Err(SnapshotError::Plan {
                snapshot: hash,
                plan: plan.hash(),
            });
        }
        let timeframe = load_timeframe(&mut input)?;
        let price_unit = Unit::new(u32::from(input.byte()?)).ok_or(CodecError)?;
        let volume_unit = Unit::new(u32::from(input.byte()?)).ok_or(CodecError)?;
        let mut restored = Self::with_units(Arc::clone(plan), timeframe, price_unit, volume_unit);
        restored.evaluations = input.position()?.unsigned_abs();
        restored.results.undefined = input.position()?.unsigned_abs();
        restored.bar = match input.byte()? {
            0 => None,
            1 => Some(Bar::load(timeframe, &mut input)?),
            _ => return Err(SnapshotError::Invalid),
        };
        for cell in &mut restored.cells {
            cell.load(&mut input)?;
        }
        for trigger in &mut restored.triggers {
            trigger.last = input.condition()?;
        }
        input.finish()?;
        Ok(restored)
    }
}

/// The length of a time bar in seconds, 0 for the tick, or a kind and what closes a bar of it.
fn save_timeframe(timeframe: Timeframe, out: &mut Writer) {
    let (kind, amount) = match timeframe {
        Timeframe::Tick => return out.integer(0),
        Timeframe::Seconds(seconds) => return out.integer(i128::from(seconds.get())),
        Timeframe::Ticks(count) => {
            out.integer(TICKS);
            return out.integer(i128::from(count.get()));
        }
        Timeframe::Volume(amount) => (VOLUME, amount),
        Timeframe::Range(amount) => (RANGE, amount),
    };
    out.integer(kind);
    out.raw(&amount.get().serialize());
}

fn load_timeframe(input: &mut Reader<'_>) -> Result<Timeframe, CodecError> {
    let positive = |number: i128| {
        let number = u32::try_from(number).ok().and_then(NonZeroU32::new);
        number.ok_or(CodecError)
    };
    let amount = |input: &mut Reader<'_>| {
        let amount = bar::decimal(input)?;
        Amount::try_from(amount).map_err(|_| CodecError)
    };
    match input.integer()? {
        0 => Ok(Timeframe::Tick),
        TICKS => positive(input.integer()?).map(Timeframe::Ticks),
        VOLUME => amount(input).map(Timeframe::Volume),
        RANGE => amount(input).map(Timeframe::Range),
        seconds => positive(seconds).map(Timeframe::Seconds),
    }
}
