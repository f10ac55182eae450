//! Runs a plan over the trades of one symbol.

mod bar;
mod cell;
mod clock;
mod codec;
mod exact;
mod holding;
mod indicators;
mod market;
mod reason;
mod shown;
mod snapshot;
mod terms;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use timeframe::Timeframe;

pub use holding::{Holding, Position};
pub use shown::Shown;
pub use snapshot::{Counts, SnapshotError};

use crate::node::{Side, SizeType};
use crate::plan::{OnGap, Op, OpId, OrderTerms, Plan};
use bar::Bar;
use cell::{Cell, Results};
use exact::Unit;
use holding::Held;
use market::Market;

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
    /// What each action waits for, in the plan's order.
    triggers: Box<[Trigger]>,
    evaluations: u64,
}

/// What an action waits for.
#[derive(Debug, Clone)]
struct Trigger {
    /// The condition.
    op: OpId,
    repeat: bool,
    /// The last value that it had; none before its first.
    last: Option<bool>,
}

impl Trigger {
    /// Whether the action fires at this evaluation.
    #[inline]
    fn fires(&mut self, conditions: &[Option<bool>]) -> bool {
        let Some(now) = conditions[self.op as usize] else {
            return false;
        };
        let before = self.last.replace(now);
        now && (self.repeat || before != Some(true))
    }
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
            triggers: plan
                .actions()
                .iter()
                .map(|action| Trigger {
                    op: action.trigger,
                    repeat: action.repeat,
                    last: None,
                })
                .collect(),
            evaluations: 0,
            plan,
        }
    }

    /// Takes the next trade; gives the orders that it causes, usually none (and then allocates
    /// nothing).
    ///
    /// On time bars, a trade at or past the end of the present bar closes it: the plan is evaluated
    /// on the closed bar, and this trade begins the next. A trade from before the present bar counts
    /// into the present one, because a closed bar stays closed. A span without trades has no bar.
    ///
    /// Tick, volume and range bars are closed by the trade that completes them, which is their last:
    /// the plan is evaluated at once, and the next trade begins the next bar.
    #[inline]
    pub fn on_tick(&mut self, tick: &Tick) -> Vec<Signal> {
        match self.timeframe {
            Timeframe::Tick => self.market.see_tick(tick),
            Timeframe::Seconds(seconds) => match bar::in_time(&mut self.bar, seconds, tick) {
                Some(closed) => self.market.see_bar(&closed),
                None => return Vec::new(),
            },
            timeframe => match bar::completed(&mut self.bar, timeframe, tick) {
                Some(closed) => self.market.see_bar(&closed),
                None => return Vec::new(),
            },
        }
        self.evaluate(tick.price)
    }

    /// As [`Self::on_tick`], for a plan that [reads its position](Plan::reads_position): what the
    /// account holds once its orders have met this trade.
    pub fn on_tick_holding(&mut self, tick: &Tick, holding: &Holding) -> Vec<Signal> {
        self.market.held = Held::of(holding, tick.time);
        let signals = self.on_tick(tick);
        self.market.held = Held::NOTHING;
        signals
    }

    /// Evaluates what the market shows.
    #[inline]
    fn evaluate(&mut self, price: Decimal) -> Vec<Signal> {
        if let Some(refined) = self.market.take_refined() {
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
    /// on time bars the last one is over: the session's first trade begins another.
    pub fn warm_up(&mut self, past: impl IntoIterator<Item = Tick>) {
        for tick in past {
            self.on_tick(&tick);
        }
        let ends = self.timeframe.seconds().is_some();
        if let Some(bar) = self.bar.take_if(|_| ends) {
            self.market.see_bar(&bar);
            self.evaluate(bar.close);
        }
    }

    /// Whether it has seen nothing yet.
    pub fn is_fresh(&self) -> bool {
        self.evaluations == 0 && self.bar.is_none()
    }

    /// An action fires when its trigger is true and the last value it had was not, or at each
    /// evaluation if it repeats. No value neither fires nor counts as a change.
    #[inline]
    fn fire(&mut self, price: Decimal) -> Vec<Signal> {
        for index in 0..self.triggers.len() {
            if self.triggers[index].fires(&self.results.conditions) {
                return self.order(index, price);
            }
        }
        Vec::new()
    }

    /// The orders of the actions that fire, of which this one is the first. An order whose terms
    /// read something without a value is not placed: it would lack its stop.
    #[cold]
    fn order(&mut self, first: usize, price: Decimal) -> Vec<Signal> {
        let mut signals = Vec::new();
        for index in first..self.triggers.len() {
            if index > first && !self.triggers[index].fires(&self.results.conditions) {
                continue;
            }
            let action = &self.plan.actions()[index];
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
