//! What a strategy reads of its position is what the account holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZeroU32;
use std::sync::Arc;

use backtest::{Backtest, Candle, CandleBacktest, Openings, Result, Terms};
use chrono::{DateTime, TimeDelta, Utc};
use paper_exchange::{
    Account, Action, CostMethod, Disposition, Distance, Execution, ExecutionStatus, MarketTrade,
    OrderRequest, OrderTerms, Origin, Output, QuantityType, SessionTerms, StopLoss, Target,
};
use rust_decimal::{Decimal, RoundingStrategy};
use strategy_engine::{Holding, Plan, Position, Tick, compile_script};
use uuid::Uuid;

fn plan(script: &str) -> Arc<Plan> {
    let script = compile_script(script);
    let plan = script.compilation.plan.clone();
    Arc::new(plan.unwrap_or_else(|| panic!("{:#?}", script.diagnostics())))
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_767_571_200 + second)
}

fn run(script: &str, prices: &[&str]) -> Result {
    let terms = Terms {
        fee_rate: Decimal::ZERO,
        ..Terms::default()
    };
    let mut backtest = Backtest::new(&plan(script), &terms).unwrap();
    for (second, price) in prices.iter().enumerate() {
        let tick = Tick {
            time: at(second as i64),
            price: price.parse().unwrap(),
            volume: Decimal::ONE,
            ..Tick::default()
        };
        backtest.on_tick(&tick).unwrap();
    }
    backtest.finish()
}

/// Side and price of what was filled.
fn fills(result: &Result) -> Vec<(Action, String)> {
    let filled = result.executions.iter();
    let filled = filled.filter(|execution| execution.status == ExecutionStatus::Filled);
    filled
        .map(|execution| (execution.action, execution.price.normalize().to_string()))
        .collect()
}

#[test]
fn a_strategy_sees_the_fill_of_the_trade_that_it_is_evaluated_at() {
    let script = "held = position()\n\
        if close > 100 and held == 0:\n    buy(size=units(1))\n\
        if held.unrealized_percent > 1:\n    sell()\n";
    let prices = ["99", "101", "102", "103", "103.5", "104", "105", "105"];
    let result = run(script, &prices);
    // Ordered at 101, filled and known of at 102; 103 is 0.98 percent above that, 103.5 is 1.47.
    // At 104 the sale is known of, so that another purchase is ordered.
    let expected = [
        (Action::Buy, "102"),
        (Action::Sell, "104"),
        (Action::Buy, "105"),
    ];
    let expected = expected.map(|(action, price)| (action, price.to_owned()));
    assert_eq!(fills(&result), expected);
    let sale = result.executions.iter().find(|e| e.action == Action::Sell);
    assert_eq!(sale.unwrap().reason, "unrealised PnL in percent 1.4706 > 1");
}

#[test]
fn what_is_realized_ends_a_strategy() {
    let script = "held = position()\n\
        if held == 0 and held.realized > -3:\n    buy(size=units(1))\n\
        if held.unrealized < -1 or held.seconds >= 4:\n    sell()\n";
    let prices = ["100", "100", "98", "98", "98", "96", "96", "96", "96", "96"];
    // Two are lost with each of two purchases, and then enough is.
    let expected = [
        (Action::Buy, "100"),
        (Action::Sell, "98"),
        (Action::Buy, "98"),
        (Action::Sell, "96"),
    ];
    let expected = expected.map(|(action, price)| (action, price.to_owned()));
    assert_eq!(fills(&run(script, &prices)), expected);
    // Held for four seconds.
    let held = run(script, &["100"; 9]);
    let times: Vec<i64> = held
        .executions
        .iter()
        .map(|e| (e.time - at(0)).num_seconds())
        .collect();
    assert_eq!(times[..2], [1, 6]);
}

#[test]
fn on_candles_it_is_the_position_at_the_end_of_the_candle_before() {
    let script = "if close > 1:\n    buy(size=units(1))\nif position().bars >= 1:\n    sell()\n";
    let minute = NonZeroU32::new(60).unwrap();
    let terms = Terms {
        timeframe: "1m".parse().unwrap(),
        ..Terms::default()
    };
    let mut backtest = CandleBacktest::new(&plan(script), &terms, minute).unwrap();
    for index in 0..6_i64 {
        let open = Decimal::from(100 + 10 * index);
        let candle = Candle {
            time: at(60 * index),
            open,
            high: open + Decimal::from(5),
            low: open,
            close: open + Decimal::ONE,
            volume: Decimal::ONE,
        };
        backtest.on_candle(&candle).unwrap();
    }
    // Bought at the open of the second candle, which is the first that it is held at the end of.
    let expected = [(Action::Buy, "110"), (Action::Sell, "130")];
    let expected = expected.map(|(action, price)| (action, price.to_owned()));
    assert_eq!(fills(&backtest.finish()), expected);
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// The books of a session, kept from its executions only.
#[derive(Default)]
struct Own {
    units: Decimal,
    cost: Decimal,
    realized: Decimal,
    number: u64,
    since: DateTime<Utc>,
}

fn round8(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(8, RoundingStrategy::MidpointAwayFromZero)
}

impl Own {
    fn fill(&mut self, execution: &Execution) {
        self.realized += execution.realized_pnl;
        match execution.action {
            Action::Buy => {
                if self.units.is_zero() {
                    self.number += 1;
                    self.since = execution.time;
                }
                self.units += execution.quantity;
                self.cost += execution.quantity * execution.price;
            }
            Action::Sell if execution.quantity == self.units => {
                (self.units, self.cost) = (Decimal::ZERO, Decimal::ZERO);
            }
            Action::Sell => {
                self.cost -= round8(self.cost * execution.quantity / self.units);
                self.units -= execution.quantity;
            }
        }
    }

    fn holding(&self, price: Decimal) -> Holding {
        let unrealized = self.units * price - self.cost;
        Holding {
            realized: self.realized,
            position: (!self.units.is_zero()).then(|| Position {
                units: self.units,
                entry_price: Some(round8(self.cost / self.units)),
                unrealized: Some(unrealized),
                unrealized_percent: Some(unrealized * Decimal::ONE_HUNDRED / self.cost),
                number: self.number,
                since: self.since,
            }),
        }
    }
}

fn an_order(random: &mut Random, id: u64, time: DateTime<Utc>) -> (OrderRequest, OrderTerms) {
    let buys = random.below(2) == 0;
    let (quantity, quantity_type) = match (random.below(3), buys) {
        (0, true) => (30, QuantityType::PercentOfCash),
        (0, false) => (100, QuantityType::PercentOfPosition),
        (1, false) => (35, QuantityType::PercentOfPosition),
        _ => (1 + random.below(20), QuantityType::Units),
    };
    let request = OrderRequest {
        signal_id: Uuid::from_u128(id.into()),
        action: if buys { Action::Buy } else { Action::Sell },
        quantity: quantity.into(),
        quantity_type,
        reason: String::new(),
        time,
    };
    let mut terms = OrderTerms::default();
    if buys && random.below(3) == 0 {
        terms.stop_loss = Some(StopLoss {
            distance: Distance::Percent(Decimal::new(5, 1)),
            trailing: None,
        });
        terms.take_profit = vec![Target {
            distance: Distance::Percent(Decimal::new(4, 1)),
            portion: Decimal::ONE_HUNDRED,
        }];
    }
    (request, terms)
}

#[test]
fn the_figures_are_those_of_the_account_whatever_it_does() {
    let mut closed = 0;
    for seed in 1..=300_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let fee = Decimal::new(random.below(3) as i64, 3);
        let terms = SessionTerms::new(Decimal::from(10_000), fee).unwrap();
        // Whether what is read is the account's own is asked of both methods, what it should be of
        // the one that the test has books of.
        let fifo = seed % 4 == 0;
        let method = if fifo {
            CostMethod::Fifo
        } else {
            CostMethod::Average
        };
        let mut account = Account::new(terms.with_cost_method(method));
        let (mut openings, mut own, mut outputs) =
            (Openings::default(), Own::default(), Vec::new());
        account.start(at(0), &mut outputs);
        let mut cents = 10_000_i64;
        for step in 0..200 {
            let time = at(step);
            if random.below(3) == 0 {
                let (request, terms) = an_order(&mut random, step as u64, time);
                let taken = account.on_order(request, terms, Origin::Strategy, &mut outputs);
                assert_ne!(taken, Disposition::NotRunning);
            } else {
                cents += random.below(61) as i64 - 30;
                let trade = MarketTrade {
                    price: Decimal::new(cents, 2),
                    volume: Decimal::ONE,
                    time,
                };
                account.on_trade(&trade, &mut outputs).unwrap();
            }
            for output in &outputs {
                if let Output::Execution(execution) = output
                    && execution.status == ExecutionStatus::Filled
                {
                    own.fill(execution);
                    closed += u64::from(own.units.is_zero());
                }
            }
            openings.note(&outputs);
            outputs.clear();
            let holding = openings.holding(&account);
            assert_eq!(holding.realized, account.realized_pnl());
            let units = holding.position.map_or(Decimal::ZERO, |held| held.units);
            assert_eq!(units, account.position());
            if let Some(held) = holding.position {
                assert_eq!(held.entry_price, account.average_cost());
                assert_eq!(held.unrealized, account.unrealized_pnl());
                assert_eq!((held.number, held.since), (own.number, own.since));
            }
            if !fifo {
                assert_eq!(
                    holding,
                    own.holding(Decimal::new(cents, 2)),
                    "{seed}, {step}"
                );
            }
            // What is kept of it goes on from anywhere.
            let kept = serde_json::to_string(&openings).unwrap();
            openings = serde_json::from_str(&kept).unwrap();
        }
    }
    assert!(closed > 1_000, "{closed}");
}

/// Reasons of the sales that the template `dipWithTarget` gives, when after a dip the price goes on by
/// these steps in turns.
fn sales_after_a_dip(steps: [&str; 2], count: usize) -> Vec<String> {
    let template = strategy_engine::templates()
        .iter()
        .find(|template| template.key == "dipWithTarget")
        .unwrap();
    let mut price = Decimal::from(100);
    let mut prices = Vec::new();
    let mut go = |steps: [&str; 2], count: usize| {
        for step in steps.iter().cycle().take(count) {
            price += step.parse::<Decimal>().unwrap();
            prices.push(price.to_string());
        }
    };
    go(["0.1", "-0.1"], 20);
    go(["-0.5", "-0.5"], 8);
    go(steps, count);
    let prices: Vec<&str> = prices.iter().map(String::as_str).collect();
    let result = run(template.script, &prices);
    let sales = result.executions.iter();
    let sales = sales.filter(|execution| execution.action == Action::Sell);
    sales.map(|sale| sale.reason.clone()).collect()
}

#[test]
fn the_template_that_reads_its_position_takes_its_gain_or_loses_its_patience() {
    assert_eq!(
        sales_after_a_dip(["0.2", "-0.1"], 120),
        ["unrealised PnL in percent 1.0152 > 1"]
    );
    assert_eq!(
        sales_after_a_dip(["0.05", "-0.05"], 520),
        ["evaluations since entry 500 >= 500"]
    );
}
