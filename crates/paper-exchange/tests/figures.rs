//! The figures against plain arithmetic over everything that a session said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::random::Random;
use common::{executions, order, started, trade};
use paper_exchange::{Action, ExecutionStatus, QuantityType};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

fn close_to(found: Option<f64>, expected: f64) {
    let found = found.expect("a value");
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error < 1e-9, "{found} is not {expected}");
}

fn percent(value: Option<Decimal>) -> Option<f64> {
    value.and_then(|value| value.to_f64())
}

#[test]
fn ratios_are_those_of_the_minutes() {
    let mut random = Random::new(11);
    let mut account = started(Decimal::from(10_000), Decimal::new(1, 3));
    let (mut out, mut prices) = (Vec::new(), Vec::new());
    // Equity at the end of each minute, which is when the next trade comes.
    let mut closes = vec![10_000.0];
    let mut cents = 10_000_i64;
    for minute in 0..600_i64 {
        if minute > 0 {
            closes.push(account.equity().to_f64().unwrap());
        }
        for second in [1, 20, 40] {
            cents = (cents + random.pick(&[-40, -20, -5, 0, 5, 20, 41])).max(100);
            let price = Decimal::new(cents, 2);
            prices.push(price.to_f64().unwrap());
            account
                .on_trade(&trade(price, minute * 60 + second), &mut out)
                .unwrap();
        }
        let (action, quantity_type) = random.pick(&[
            (Action::Buy, QuantityType::PercentOfCash),
            (Action::Sell, QuantityType::PercentOfPosition),
        ]);
        let request = order(action, Decimal::from(90), quantity_type);
        let _ = account.on_signal(request, &mut out);
    }
    let figures = account.figures();
    let returns: Vec<f64> = closes
        .windows(2)
        .map(|pair| pair[1] / pair[0] - 1.0)
        .collect();
    let count = returns.len() as f64;
    assert_eq!(figures.minutes, 599);
    let mean = returns.iter().sum::<f64>() / count;
    let square = |x: f64| x * x;
    let deviation = (returns.iter().map(|r| square(r - mean)).sum::<f64>() / (count - 1.0)).sqrt();
    let below = (returns.iter().map(|r| square(r.min(0.0))).sum::<f64>() / count).sqrt();
    let year = 525_600_f64;
    close_to(figures.sharpe, mean / deviation * year.sqrt());
    close_to(figures.sortino, mean / below * year.sqrt());
    let pct = |value: Decimal| value.to_f64().unwrap() / 100.0;
    let growth = account.equity().to_f64().unwrap() / 10_000.0;
    let yearly = growth.powf(year / 599.0) - 1.0;
    close_to(figures.calmar, yearly / pct(figures.max_drawdown_pct));

    let sales: Vec<f64> = executions(&out)
        .into_iter()
        .filter(|e| e.status == ExecutionStatus::Filled && e.action == Action::Sell)
        .map(|e| e.realized_pnl.to_f64().unwrap())
        .collect();
    let won: Vec<f64> = sales.iter().copied().filter(|pnl| *pnl > 0.0).collect();
    let lost: Vec<f64> = sales.iter().copied().filter(|pnl| *pnl < 0.0).collect();
    assert!(
        won.len() > 20 && lost.len() > 20,
        "{} won, {} lost",
        won.len(),
        lost.len()
    );
    let (profit, loss) = (won.iter().sum::<f64>(), -lost.iter().sum::<f64>());
    let each = sales.len() as f64;
    close_to(figures.profit_factor, profit / loss);
    // Amounts are shown with 8 decimals.
    let near = |found: Option<Decimal>, expected: f64| {
        let error = (percent(found).expect("a value") - expected).abs();
        assert!(error < 1e-7, "{found:?} is not {expected}");
    };
    near(figures.expectancy, (profit - loss) / each);
    near(figures.win_rate_pct, won.len() as f64 / each * 100.0);
    near(figures.average_win, profit / won.len() as f64);
    near(figures.average_loss, loss / lost.len() as f64);
    let held = (prices[prices.len() - 1] / prices[0] - 1.0) * 100.0;
    near(figures.buy_and_hold_pct, held);
    let traded: f64 = executions(&out)
        .into_iter()
        .filter(|e| e.status == ExecutionStatus::Filled)
        .map(|e| (e.quantity * e.price).to_f64().unwrap())
        .sum();
    assert!((figures.turnover.to_f64().unwrap() - traded).abs() < 1e-4);
}

#[test]
fn time_in_the_market_and_below_a_peak_is_counted() {
    let mut account = started(Decimal::from(1000), Decimal::ZERO);
    let mut out = Vec::new();
    let price = |cents: i64, seconds: i64| trade(Decimal::new(cents, 2), seconds);
    account.on_trade(&price(10_000, 0), &mut out).unwrap();
    let bought = order(Action::Buy, Decimal::from(100), QuantityType::PercentOfCash);
    let _ = account.on_signal(bought, &mut out);
    for (cents, seconds) in [(10_000, 60), (9_000, 120), (9_500, 180), (11_000, 240)] {
        account.on_trade(&price(cents, seconds), &mut out).unwrap();
    }
    let figures = account.figures();
    assert_eq!(
        figures.exposure_pct,
        Some(Decimal::from(75)),
        "of 240 s, 60 to 240"
    );
    assert_eq!(figures.max_drawdown_pct, Decimal::from(10));
    assert_eq!(
        figures.max_drawdown_seconds, 120,
        "from 60 to 180, below the peak"
    );
}
