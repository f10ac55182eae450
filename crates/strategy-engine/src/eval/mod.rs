//! Runs a plan over the trades of one symbol.

mod bar;
mod cell;
mod clock;
mod codec;
mod exact;
mod indicators;
mod market;
mod reason;
mod snapshot;
mod terms;
#[cfg(test)]
mod tests;
mod timeframe;
mod window;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

pub use snapshot::SnapshotError;
pub use timeframe::{Timeframe, TimeframeError};

use crate::node::{Side, SizeType};
use crate::plan::{OnGap, Op, OpId, OrderTerms, Plan};
use bar::Bar;
use cell::{Cell, Results};
use exact::Unit;
use market::{Market, Refined};

/// One trade of the market, in the log's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// When it was made, by the exchange's clock.
    pub time: DateTime<Utc>,
    /// In the quote currency.
    pub price: Decimal,
    /// In the base currency.
    pub volume: Decimal,
    /// Best bid after it, where the feed tells it.
    pub bid: Option<Decimal>,
    /// Best ask after it, where the feed tells it.
    pub ask: Option<Decimal>,
}

/// An order that a strategy wants; its cause is the tick that was just evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Id of the action node.
    pub node: String,
    /// Buy or sell.
    pub action: Side,
    /// How much, in what `quantity_type` counts; above 0.
    pub quantity: Decimal,
    /// What `quantity` counts.
    pub quantity_type: SizeType,
    /// Why, in words and figures.
    pub reason: String,
    /// Price of the tick that caused it, in the quote currency.
    pub price: Decimal,
    /// What the order carries besides, with every distance in figures; none of a plain market
    /// order.
    pub terms: Option<Box<OrderTerms>>,
}

/// A plan with its state at one place in a symbol's log.
#[derive(Debug, Clone)]
pub struct Evaluator {
    plan: Arc<Plan>,
    timeframe: Timeframe,
    bar: Option<Bar>,
    market: Market,
    cells: Box<[Cell]>,
    results: Results,
    /// The last value that each action's trigger had; none before its first.
    triggers: Box<[Option<bool>]>,
    evaluations: u64,
}

impl Evaluator {
    pub(crate) fn new(plan: Arc<Plan>, timeframe: Timeframe) -> Self {
        let coarsest = Unit::default();
        Self::with_units(plan, timeframe, coarsest, coarsest)
    }

    fn with_units(
        plan: Arc<Plan>,
        timeframe: Timeframe,
        price_unit: Unit,
        volume_unit: Unit,
    ) -> Self {
        let ops = plan.ops();
        let market = Market::new(price_unit, volume_unit, ops);
        let (places, parts) = cell::places(ops);
        let mut results = Results {
            numbers: vec![f64::NAN; ops.len()].into(),
            conditions: vec![None; ops.len()].into(),
            parts: vec![f64::NAN; parts].into(),
            undefined: 0,
        };
        for (index, op) in ops.iter().enumerate() {
            match op {
                Op::Number { value } => results.numbers[index] = value.get(),
                Op::Flag { value } => results.conditions[index] = Some(*value),
                _ => {}
            }
        }
        Self {
            timeframe,
            bar: None,
            cells: ops
                .iter()
                .enumerate()
                .map(|(index, op)| Cell::new(op, &market, &places, index))
                .collect(),
            market,
            results,
            triggers: vec![None; plan.actions().len()].into(),
            evaluations: 0,
            plan,
        }
    }

    /// Takes the next trade; gives the orders that it causes, usually none (and then allocates
    /// nothing).
    ///
    /// On bars, a trade at or past the end of the present bar closes it: the plan is evaluated on
    /// the closed bar, and this trade begins the next. A trade from before the present bar counts
    /// into the present one, because a closed bar stays closed. A span without trades has no bar.
    #[inline]
    pub fn on_tick(&mut self, tick: &Tick) -> Vec<Signal> {
        let refined = match self.timeframe {
            Timeframe::Tick => self.market.see_tick(tick),
            Timeframe::Seconds(seconds) => {
                let index = bar::index_of(tick.time, seconds.get());
                match &mut self.bar {
                    Some(bar) if index <= bar.index => {
                        bar.add(tick);
                        return Vec::new();
                    }
                    None => {
                        self.bar = Some(Bar::new(index, tick));
                        return Vec::new();
                    }
                    Some(bar) => {
                        let closed = std::mem::replace(bar, Bar::new(index, tick));
                        self.market.see_bar(&closed, self.timeframe)
                    }
                }
            }
        };
        self.evaluate(refined, tick.price)
    }

    #[inline]
    fn evaluate(&mut self, refined: Refined, price: Decimal) -> Vec<Signal> {
        if refined != Refined::default() {
            self.cells.iter_mut().for_each(|cell| cell.refine(refined));
        }
        self.evaluations += 1;
        self.market.evaluation = self.evaluations as i64;
        for (index, cell) in self.cells.iter_mut().enumerate() {
            cell.step(index, &self.market, &mut self.results);
        }
        self.fire(price)
    }

    /// Takes trades from before a session's first one. What they would have ordered is dropped, and
    /// on bars the last one is over: the session's first trade begins another.
    pub fn warm_up(&mut self, past: impl IntoIterator<Item = Tick>) {
        for tick in past {
            self.on_tick(&tick);
        }
        if let Some(bar) = self.bar.take() {
            let refined = self.market.see_bar(&bar, self.timeframe);
            self.evaluate(refined, bar.close);
        }
    }

    /// Whether it has seen nothing yet.
    pub fn is_fresh(&self) -> bool {
        self.evaluations == 0 && self.bar.is_none()
    }

    /// An action fires when its trigger is true and the last value it had was not, or at each
    /// evaluation if it repeats. No value neither fires nor counts as a change. An order whose
    /// terms read something without a value is not placed: it would lack its stop.
    #[inline]
    fn fire(&mut self, price: Decimal) -> Vec<Signal> {
        let mut signals = Vec::new();
        for (action, last) in self.plan.actions().iter().zip(&mut self.triggers) {
            let Some(now) = self.results.conditions[action.trigger as usize] else {
                continue;
            };
            let before = last.replace(now);
            if !now || (before == Some(true) && !action.repeat) {
                continue;
            }
            let Some(terms) = terms::in_figures(&action.terms, &self.results) else {
                self.results.undefined += 1;
                continue;
            };
            signals.push(Signal {
                node: action.node.clone(),
                action: action.side,
                quantity: action.quantity,
                quantity_type: action.size_type,
                reason: reason::of(action, self.plan.ops(), &self.results),
                price,
                terms,
            });
        }
        signals
    }

    /// Trades of the market are missing here. By the plan's policy it goes on, or begins anew as far
    /// as trades are concerned; that a session is to be paused is for the caller to do.
    pub fn on_gap(&mut self) -> OnGap {
        let policy = self.plan.on_gap();
        if policy == OnGap::Reset {
            let fresh = Self::new(Arc::clone(&self.plan), self.timeframe);
            let before = std::mem::replace(self, fresh);
            self.evaluations = before.evaluations;
            self.results.undefined = before.results.undefined;
        }
        policy
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// When it evaluates.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// How often the plan was evaluated: ticks, or closed bars.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// What an operation that is a number gave at the last evaluation; none for no value.
    pub fn number(&self, op: OpId) -> Option<f64> {
        let number = self.results.numbers.get(op as usize).copied();
        number.filter(|number| !number.is_nan())
    }

    /// What an operation that is a condition gave at the last evaluation; none for no value.
    pub fn condition(&self, op: OpId) -> Option<bool> {
        self.results.conditions.get(op as usize).copied().flatten()
    }

    /// How many calculations gave no value and so no trade: divisions by zero, results of 1e20 and
    /// more, orders whose terms had none.
    pub fn undefined_values(&self) -> u64 {
        self.results.undefined
    }
}
