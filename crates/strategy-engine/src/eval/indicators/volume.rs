//! Prices weighted by volume.

use crate::eval::codec::{CodecError, Reader, Writer};
use crate::eval::exact::Unit;
use crate::eval::window::{ExactWindow, FloatWindow};
use crate::plan::Anchor;

/// Average price weighted by volume. The volume's sum is exact, so that no volume is exactly zero.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Vwap {
    turnover: FloatWindow,
    pub(in crate::eval) volume: ExactWindow,
}

impl Vwap {
    pub(in crate::eval) fn new(period: u32, volume_unit: Unit) -> Self {
        Self {
            turnover: FloatWindow::new(period),
            volume: ExactWindow::new(period, volume_unit),
        }
    }

    /// The mean turnover and the mean volume, which the caller divides.
    #[inline]
    pub(in crate::eval) fn push(
        &mut self,
        price: f64,
        volume: f64,
        volume_units: i128,
    ) -> (f64, f64) {
        (
            self.turnover.push(price * volume),
            self.volume.push(volume_units),
        )
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        self.turnover.save(out);
        self.volume.save(out);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.turnover.load(input)?;
        self.volume.load(input)
    }
}

/// Average price weighted by volume since the day or the week began, in UTC.
#[derive(Debug, Clone)]
pub(in crate::eval) struct AnchoredVwap {
    anchor: Anchor,
    /// Which day or week; none before the first trade.
    span: Option<i64>,
    turnover: f64,
    volume: f64,
}

impl AnchoredVwap {
    pub(in crate::eval) fn new(anchor: Anchor) -> Self {
        Self {
            anchor,
            span: None,
            turnover: 0.0,
            volume: 0.0,
        }
    }

    /// The turnover and the volume since the anchor, which the caller divides. A trade of an
    /// earlier day counts into the present one, as with bars.
    #[inline]
    pub(in crate::eval) fn push(
        &mut self,
        epoch_seconds: i64,
        price: f64,
        volume: f64,
    ) -> (f64, f64) {
        const DAY: i64 = 86_400;
        let day = epoch_seconds.div_euclid(DAY);
        let span = match self.anchor {
            Anchor::Day => day,
            // Day 0 was a Thursday.
            Anchor::Week => (day + 3).div_euclid(7),
        };
        if self.span.is_none_or(|current| span > current) {
            self.span = Some(span);
            self.turnover = 0.0;
            self.volume = 0.0;
        }
        self.turnover += price * volume;
        self.volume += volume;
        (self.turnover, self.volume)
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.optional(self.span);
        out.real(self.turnover);
        out.real(self.volume);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.span = input.optional()?;
        self.turnover = input.real()?;
        self.volume = input.real()?;
        Ok(())
    }
}
