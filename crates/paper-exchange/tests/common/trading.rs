//! Seeded random sessions in every kind of market, with every kind of order.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use paper_exchange::{
    Account, Action, CostMethod, Distance, Fees, FillModel, Latency, Leg, Market, MarketTrade,
    OrderKind, OrderRequest, OrderTerms, Origin, Output, ProductRules, QuantityType, Quote,
    Replacement, RiskAction, RiskLimits, SessionTerms, Slippage, StopLoss, Target, TimeInForce,
    Unsure, leg_id,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::at;
use super::oracle::time_text;
use super::random::Random;

/// What a session lives through.
#[derive(Debug, Clone)]
pub enum Step {
    Trade(MarketTrade, Option<Quote>),
    Gap(DateTime<Utc>),
    Order(OrderRequest, OrderTerms, Origin),
    Cancel(Uuid, DateTime<Utc>),
    Replace(Uuid, Replacement, DateTime<Utc>),
    Pause(DateTime<Utc>),
    Resume(DateTime<Utc>),
    Close(Uuid, DateTime<Utc>),
    Stop(DateTime<Utc>),
}

pub fn apply(account: &mut Account, step: &Step, out: &mut Vec<Output>) {
    match step {
        Step::Trade(trade, quote) => account.on_quoted_trade(trade, quote.as_ref(), out).unwrap(),
        Step::Gap(time) => account.on_gap(*time, out),
        Step::Order(request, terms, origin) => {
            let _ = account.on_order(request.clone(), terms.clone(), *origin, out);
        }
        Step::Cancel(id, time) => {
            let _ = account.cancel(*id, *time, out);
        }
        Step::Replace(id, change, time) => {
            let _ = account.replace(*id, *change, *time, out);
        }
        Step::Pause(time) => account.pause(*time, out),
        Step::Resume(time) => account.resume(*time, out),
        Step::Close(id, time) => account.close(*id, *time, out),
        Step::Stop(time) => account.stop(*time, out),
    }
}

/// As a line of the oracle's order file.
pub fn line(step: &Step) -> Value {
    let text = |value: Option<Decimal>| value.map(|value| value.to_string());
    match step {
        Step::Trade(trade, quote) => json!({"trade": {
            "price": trade.price.to_string(), "volume": trade.volume.to_string(),
            "time": time_text(trade.time),
            "quote": quote.map(|quote| json!({
                "bid": quote.bid.to_string(), "ask": quote.ask.to_string(), "age_ms": quote.age_ms,
            })),
        }}),
        Step::Gap(time) => json!({"gap": time_text(*time)}),
        Step::Order(request, terms, origin) => json!({"order": {
            "action": request.action.as_str(), "quantity": request.quantity.to_string(),
            "quantity_type": request.quantity_type.as_str(), "reason": request.reason,
            "time": time_text(request.time), "id": request.signal_id.to_string(),
            "manual": *origin == Origin::User, "terms": terms_value(terms),
        }}),
        Step::Cancel(id, time) => json!({"cancel": {"id": id, "time": time_text(*time)}}),
        Step::Replace(id, change, time) => json!({"replace": {
            "id": id, "quantity": text(change.quantity), "limit": text(change.limit),
            "trigger": text(change.trigger), "time": time_text(*time),
        }}),
        Step::Pause(time) => json!({"pause": time_text(*time)}),
        Step::Resume(time) => json!({"resume": time_text(*time)}),
        Step::Close(id, time) => json!({"close": {"id": id, "time": time_text(*time)}}),
        Step::Stop(time) => json!({"stop": time_text(*time)}),
    }
}

fn distance_value(distance: Distance) -> Value {
    match distance {
        Distance::Percent(figure) => json!(["percent", figure.to_string()]),
        Distance::Amount(figure) => json!(["amount", figure.to_string()]),
        Distance::Risk(figure) => json!(["risk", figure.to_string()]),
    }
}

fn terms_value(terms: &OrderTerms) -> Value {
    if terms.is_plain() {
        return json!({});
    }
    let mut value = json!({"kind": terms.kind.as_str(), "tif": terms.time_in_force.as_str()});
    let mut set = |name: &str, figure: Value| value[name] = figure;
    match terms.kind {
        OrderKind::Market => {}
        OrderKind::Limit { limit } => set("limit", json!(limit.to_string())),
        OrderKind::Stop { stop } => set("stop", json!(stop.to_string())),
        OrderKind::StopLimit { stop, limit } => {
            set("stop", json!(stop.to_string()));
            set("limit", json!(limit.to_string()));
        }
        OrderKind::TrailingStop { percent } => set("percent", json!(percent.to_string())),
        OrderKind::TakeProfit { target } => set("target", json!(target.to_string())),
    }
    if let TimeInForce::Gtd { until } = terms.time_in_force {
        set("until", json!(time_text(until)));
    }
    set("reduce_only", json!(terms.reduce_only));
    set("post_only", json!(terms.post_only));
    if let Some(group) = terms.group {
        set("group", json!(group));
    }
    if let Some(stop) = terms.stop_loss {
        let mut loss = json!({"distance": distance_value(stop.distance)});
        if let Some(trailing) = stop.trailing {
            loss["trailing"] = json!(trailing.to_string());
        }
        set("stop_loss", loss);
    }
    let targets: Vec<Value> = terms
        .take_profit
        .iter()
        .map(|target| {
            json!({"distance": distance_value(target.distance),
                   "portion": target.portion.to_string()})
        })
        .collect();
    set("take_profit", json!(targets));
    if let Some(fall) = terms.risk_distance {
        set("risk_distance", distance_value(fall));
    }
    if let Some(most) = terms.most {
        set("most", json!(most.to_string()));
    }
    value
}

fn cents(cents: u64) -> Decimal {
    Decimal::from_i128_with_scale(cents.into(), 2)
}

fn some<T>(random: &mut Random, one_in: u64, value: impl FnOnce(&mut Random) -> T) -> Option<T> {
    (random.below(one_in) == 0).then(|| value(random))
}

pub fn session_terms(random: &mut Random) -> SessionTerms {
    let unsure = |random: &mut Random| random.pick(&[Unsure::Wait, Unsure::Reject]);
    let market = Market {
        fill_model: match random.below(4) {
            0 => FillModel::NextTrade,
            1 => FillModel::Quote {
                max_age_ms: random.pick(&[0, 500, 5_000]),
                stale: unsure(random),
                max_wait_seconds: random.pick(&[0, 5, 60]),
            },
            _ => FillModel::Volume {
                share: random.pick(&[cents(1), cents(25), cents(100)]),
                queue: random.pick(&[cents(0), cents(50), cents(300)]),
            },
        },
        slippage: match random.below(4) {
            0 => Slippage::None,
            1 => Slippage::Fixed {
                amount: cents(random.below(30)),
            },
            2 => Slippage::Proportional {
                rate: Decimal::new(random.below(50) as i64, 4),
            },
            _ => Slippage::SquareRoot {
                rate: Decimal::new(random.below(50) as i64, 4),
            },
        },
        latency: match random.below(3) {
            0 => Latency::None,
            1 => Latency::Fixed {
                ms: random.pick(&[0, 900, 4_000]),
            },
            _ => Latency::Uniform {
                min_ms: 100,
                max_ms: 9_000,
                seed: random.next(),
            },
        },
        fees: some(random, 2, |random| Fees {
            maker: Decimal::new(random.below(60) as i64, 4),
            taker: Decimal::new(random.below(90) as i64, 4),
        }),
        gap: unsure(random),
        product: ProductRules {
            quantity_increment: some(random, 4, |random| random.pick(&[cents(1), cents(10)])),
            price_increment: some(random, 4, |random| random.pick(&[cents(1), cents(50)])),
            min_quantity: some(random, 5, |_| cents(20)),
            min_notional: some(random, 5, |_| cents(2_000)),
        },
    };
    let risk = RiskLimits {
        max_position: some(random, 4, |random| cents(100_000 + random.below(400_000))),
        max_order: some(random, 4, |random| cents(50_000 + random.below(400_000))),
        max_orders_per_minute: some(random, 5, |random| 1 + random.below(6) as u32),
        max_daily_loss: some(random, 4, |random| cents(500 + random.below(20_000))),
        max_drawdown: some(random, 4, |random| {
            Decimal::new(1 + random.below(80) as i64, 1)
        }),
        action: random.pick(&[RiskAction::Reject, RiskAction::Halt]),
    };
    let fee_rate = Decimal::new(random.below(30) as i64, 4);
    SessionTerms::new(cents(100_000 + random.below(500_000)), fee_rate)
        .unwrap()
        .with_market(market)
        .unwrap()
        .with_risk(risk)
        .unwrap()
        .with_cost_method(random.pick(&[CostMethod::Average, CostMethod::Fifo]))
}

fn distance(random: &mut Random, risk: bool) -> Distance {
    match random.below(if risk { 3 } else { 2 }) {
        0 => Distance::Percent(Decimal::new(1 + random.below(60) as i64, 1)),
        1 => Distance::Amount(cents(random.pick(&[0, 20, 150, 400, 999_999]))),
        _ => Distance::Risk(Decimal::new(1 + random.below(40) as i64, 1)),
    }
}

/// Mostly sensible, sometimes against a rule.
fn order_terms(random: &mut Random, price: u64, action: Action, time: i64) -> OrderTerms {
    let near = |random: &mut Random| match random.below(40) {
        0 => Decimal::new(random.below(200) as i64 - 100, 9),
        _ => cents((price + 300).saturating_sub(random.below(600)).max(1)),
    };
    let kind = match random.below(8) {
        0 | 1 => OrderKind::Market,
        2 | 3 => OrderKind::Limit {
            limit: near(random),
        },
        4 => OrderKind::Stop { stop: near(random) },
        5 => OrderKind::StopLimit {
            stop: near(random),
            limit: near(random),
        },
        6 => OrderKind::TrailingStop {
            percent: Decimal::new(random.below(40) as i64, 1),
        },
        _ => OrderKind::TakeProfit {
            target: near(random),
        },
    };
    let time_in_force = match random.below(8) {
        0 => TimeInForce::Ioc,
        1 => TimeInForce::Fok,
        2 => TimeInForce::Gtd {
            until: at(time + random.below(200) as i64),
        },
        3 => TimeInForce::Day,
        _ => TimeInForce::Gtc,
    };
    let bracket = match action {
        Action::Buy => random.below(2) == 0,
        Action::Sell => random.below(20) == 0,
    };
    let mut terms = OrderTerms {
        kind,
        time_in_force,
        reduce_only: random.below(if action == Action::Sell { 3 } else { 20 }) == 0,
        post_only: kind.limit().is_some() && random.below(5) == 0,
        group: some(random, 4, |random| Uuid::from_u128(random.below(3).into())),
        ..OrderTerms::default()
    };
    if bracket {
        terms.stop_loss = some(random, 2, |random| StopLoss {
            distance: distance(random, false),
            trailing: some(random, 3, |random| Decimal::new(random.below(40) as i64, 1)),
        });
        let targets = match random.below(4) {
            0 => vec![],
            1 => vec![100],
            2 => vec![50, 50],
            _ => vec![30, 33, 20],
        };
        let risk = terms.stop_loss.is_some();
        for portion in targets {
            terms.take_profit.push(Target {
                distance: distance(random, risk),
                portion: Decimal::from(portion),
            });
        }
    }
    terms
}

fn order(random: &mut Random, price: u64, time: i64) -> Step {
    let action = random.pick(&[Action::Buy, Action::Buy, Action::Sell]);
    let mut terms = match random.below(4) {
        0 => OrderTerms::default(),
        _ => order_terms(random, price, action, time),
    };
    use QuantityType as T;
    let quantity_type = random.pick(&[
        T::Units,
        T::Units,
        T::CashAmount,
        T::PercentOfCash,
        T::PercentOfPosition,
        T::PercentOfPosition,
        T::PercentOfEquity,
        T::PercentAtRisk,
        T::AmountAtRisk,
    ]);
    let quantity = match quantity_type {
        T::Units => cents(1 + random.below(1_500)),
        T::CashAmount => cents(1 + random.below(200_000)),
        T::PercentAtRisk => Decimal::new(1 + random.below(50) as i64, 1),
        T::AmountAtRisk => cents(1 + random.below(5_000)),
        _ => random.pick(&[
            cents(10_000),
            cents(5_000),
            cents(1_000),
            Decimal::new(12_345, 3),
        ]),
    };
    if matches!(quantity_type, T::PercentAtRisk | T::AmountAtRisk) && random.below(10) > 0 {
        terms.risk_distance = Some(distance(random, false));
    }
    if matches!(quantity_type, T::PercentOfEquity | T::PercentAtRisk) {
        terms.most = some(random, 3, |random| cents(1_000 + random.below(100_000)));
    }
    let request = OrderRequest {
        signal_id: Uuid::from_u128(random.next().into()),
        action,
        quantity,
        quantity_type,
        reason: "why".into(),
        time: at(time),
    };
    let origin = random.pick(&[Origin::Strategy, Origin::Strategy, Origin::User]);
    Step::Order(request, terms, origin)
}

/// A session of some 150 steps around a price of 100.
pub fn steps(random: &mut Random) -> Vec<Step> {
    let (mut price, mut time) = (10_000_u64, 0_i64);
    let mut known: VecDeque<Uuid> = VecDeque::new();
    let mut steps = Vec::new();
    for _ in 0..100 + random.below(100) {
        time += random.pick(&[0, 1, 1, 2, 7, 30, -3]);
        if random.below(60) == 0 {
            time += 40_000;
        }
        let id = |random: &mut Random, known: &VecDeque<Uuid>| {
            let place = random.below(known.len().max(1) as u64) as usize;
            let signal = known.get(place).copied().unwrap_or_default();
            let leg = random.pick(&[Leg::Entry, Leg::Entry, Leg::StopLoss, Leg::TakeProfit(0)]);
            leg_id(signal, leg)
        };
        let step = match random.below(100) {
            0..=21 => order(random, price, time),
            22..=25 => Step::Cancel(id(random, &known), at(time)),
            26..=29 => Step::Replace(
                id(random, &known),
                Replacement {
                    quantity: some(random, 3, |random| cents(random.below(1_500))),
                    limit: some(random, 2, |random| cents(price + 200 - random.below(400))),
                    trigger: some(random, 4, |random| cents(price + 200 - random.below(400))),
                },
                at(time),
            ),
            30 => Step::Pause(at(time)),
            31 | 32 => Step::Resume(at(time)),
            33 | 34 => Step::Gap(at(time)),
            35 if random.below(4) == 0 => Step::Close(Uuid::from_u128(time as u128), at(time)),
            36 if random.below(8) == 0 => Step::Stop(at(time)),
            _ => {
                let moved = price + random.pick(&[0, 0, 3, 20, 90, 100, 150]);
                price = moved
                    .saturating_sub(random.pick(&[0, 0, 3, 20, 90, 100, 140]))
                    .max(500);
                let trade = MarketTrade {
                    price: cents(price),
                    volume: random.pick(&[cents(1), cents(40), cents(250), cents(2_000)]),
                    time: at(time),
                };
                let quote = (random.below(5) > 0).then(|| Quote {
                    bid: cents(price - random.below(30)),
                    ask: cents(price + random.below(30)),
                    age_ms: random.pick(&[0, 0, 0, 400, 3_000, 10_000]),
                });
                Step::Trade(trade, quote)
            }
        };
        if let Step::Order(request, ..) = &step {
            known.push_front(request.signal_id);
            known.truncate(6);
        }
        steps.push(step);
    }
    steps
}
