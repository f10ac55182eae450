//! Conditions and figures of the evaluation's time, and spans that begin at one.

use super::codec::{CodecError, Reader, Writer};
use super::market::Market;
use crate::plan::{ClockFigure, DayWindow, Span, Zone};

const MICROS: i64 = 1_000_000;

/// A zone's clock. The offset is looked up once a minute of event time: zones change on whole
/// minutes.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    zone: Zone,
    minute: i64,
    offset: i64,
}

impl Clock {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            minute: i64::MIN,
            offset: 0,
        }
    }

    /// Seconds since 1970 as the zone's clocks show them.
    #[inline]
    fn local(&mut self, market: &Market) -> i64 {
        let seconds = market.time.div_euclid(MICROS);
        let minute = seconds.div_euclid(60);
        if minute != self.minute {
            self.minute = minute;
            self.offset = self.zone.offset_at(seconds);
        }
        seconds + self.offset
    }

    #[inline]
    pub(super) fn figure(&mut self, figure: ClockFigure, market: &Market) -> f64 {
        let local = self.local(market);
        let number = match figure {
            ClockFigure::Hour => local.rem_euclid(86_400) / 3_600,
            ClockFigure::Minute => local.rem_euclid(3_600) / 60,
            ClockFigure::DayOfWeek => weekday(local),
            ClockFigure::Timestamp => market.time.div_euclid(MICROS),
        };
        number as f64
    }

    #[inline]
    pub(super) fn is_in(&mut self, window: DayWindow, market: &Market) -> bool {
        let local = self.local(market);
        let minute = local.rem_euclid(86_400) / 60;
        window.contains(minute as u16, weekday(local) as u8)
    }
}

/// From Monday = 0; 1 January 1970 was a Thursday.
fn weekday(seconds: i64) -> i64 {
    (seconds.div_euclid(86_400) + 3).rem_euclid(7)
}

/// How far a span has come, counted in what the span counts.
#[inline]
fn now(span: Span, market: &Market) -> i64 {
    match span {
        Span::Seconds(_) => market.time,
        Span::Evaluations(_) => market.evaluation,
    }
}

#[inline]
fn is_over(span: Span, since: i64, market: &Market) -> bool {
    let (length, unit) = match span {
        Span::Seconds(seconds) => (seconds, MICROS),
        Span::Evaluations(count) => (count, 1),
    };
    // Spans are at most ten years, which times a million is far from overflow.
    now(span, market).saturating_sub(since) >= length as i64 * unit
}

/// Whether a condition became true: it is, and the last value it had was not.
#[derive(Debug, Clone, Copy, Default)]
struct Edge {
    last: Option<bool>,
}

impl Edge {
    #[inline]
    fn rises(&mut self, now: Option<bool>) -> bool {
        let Some(now) = now else { return false };
        let before = self.last.replace(now);
        now && before != Some(true)
    }
}

/// On from where the trigger becomes true.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    span: Option<Span>,
    edge: Edge,
    /// When it went on, while it is on.
    since: Option<i64>,
}

impl Hold {
    pub(super) fn new(span: Option<Span>) -> Self {
        Self {
            span,
            edge: Edge::default(),
            since: None,
        }
    }

    /// `until` is true where the condition that ends it holds.
    #[inline]
    pub(super) fn step(
        &mut self,
        trigger: Option<bool>,
        until: bool,
        market: &Market,
    ) -> Option<bool> {
        let over = |since| self.span.is_some_and(|span| is_over(span, since, market));
        if until || self.since.is_some_and(over) {
            self.since = None;
        }
        if self.edge.rises(trigger) && !until && self.since.is_none() {
            self.since = Some(self.span.map_or(0, |span| now(span, market)));
        }
        if self.since.is_none() && trigger.is_none() {
            return None;
        }
        Some(self.since.is_some())
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.condition(self.edge.last);
        out.optional(self.since);
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.edge.last = input.condition()?;
        self.since = input.optional()?;
        Ok(())
    }
}

/// Lets a trigger through when it becomes true, and then none until the span is over.
#[derive(Debug, Clone)]
pub(super) struct Cooldown {
    span: Span,
    edge: Edge,
    /// When it last let one through.
    since: Option<i64>,
}

impl Cooldown {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            edge: Edge::default(),
            since: None,
        }
    }

    #[inline]
    pub(super) fn step(&mut self, trigger: Option<bool>, market: &Market) -> Option<bool> {
        trigger?;
        let ready = self
            .since
            .is_none_or(|since| is_over(self.span, since, market));
        let passes = self.edge.rises(trigger) && ready;
        if passes {
            self.since = Some(now(self.span, market));
        }
        Some(passes)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.condition(self.edge.last);
        out.optional(self.since);
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.edge.last = input.condition()?;
        self.since = input.optional()?;
        Ok(())
    }
}
