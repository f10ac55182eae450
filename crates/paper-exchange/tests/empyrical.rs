//! A session's figures against empyrical, the library that many backtests are judged by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::random::Random;
use common::{order, started, trade};
use paper_exchange::{Action, Figures, Output, QuantityType};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

/// Agreement that is asked for, of a ratio and of a percentage alike.
const RELATIVE: f64 = 1e-9;
/// Percentages are shown with 8 decimals.
const SHOWN: f64 = 0.51e-8;
const BALANCE: i64 = 100_000;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python that has empyrical; installed the first time.
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let script = workspace().join("scripts/install-test-tools.sh");
    let installed = Command::new(script).arg("metrics").status();
    assert!(
        installed.unwrap().success(),
        "scripts/install-test-tools.sh could not install empyrical, see above"
    );
    cache.join("algotrade/metrics-venv/bin/python")
}

fn ask(sessions: &[Value]) -> Vec<Value> {
    let script = workspace().join("tests/oracle/metrics.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let request = Value::from(sessions.to_vec()).to_string();
    let mut input = child.stdin.take().unwrap();
    input.write_all(request.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "see above");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A random session: what empyrical is asked, and what the account says.
fn session(seed: u64) -> (Value, Figures) {
    let mut random = Random::new(seed);
    // A small fee, so that about as many win as lose.
    let mut account = started(Decimal::from(BALANCE), Decimal::new(1, 6));
    let float = |value: Decimal| value.to_f64().unwrap();
    let (mut out, mut prices) = (Vec::new(), Vec::new());
    let mut minutes = vec![BALANCE as f64];
    let mut cents = 1_000_000_i64;
    let length = 100 + 40 * seed as i64;
    for minute in 0..length {
        if minute > 0 {
            minutes.push(float(account.equity()));
        }
        for second in [0, 17, 41] {
            cents = (cents + random.pick(&[-4_000, -900, -30, 0, 25, 800, 4_100])).max(10_000);
            let price = Decimal::new(cents, 2);
            prices.push(float(price));
            let trade = trade(price, minute * 60 + second);
            account.on_trade(&trade, &mut out).unwrap();
        }
        let (action, quantity_type) = random.pick(&[
            (Action::Buy, QuantityType::PercentOfCash),
            (Action::Sell, QuantityType::PercentOfPosition),
        ]);
        let request = order(action, Decimal::from(70), quantity_type);
        let _ = account.on_signal(request, &mut out);
    }
    // Whatever waits is done, and the last trade opens a minute at the price before it: what the
    // account is worth now is what it was worth at the end of the last whole minute.
    let last = Decimal::new(cents, 2);
    for second in [50, 60] {
        account
            .on_trade(&trade(last, (length - 1) * 60 + second), &mut out)
            .unwrap();
        prices.push(float(last));
    }
    minutes.push(float(account.equity()));
    let points = out.iter().filter_map(|output| match output {
        Output::Equity(point) => Some(float(point.equity)),
        _ => None,
    });
    let points: Vec<f64> = std::iter::once(BALANCE as f64).chain(points).collect();
    let request = json!({"minutes": minutes, "points": points, "prices": prices});
    (request, account.figures())
}

#[test]
fn figures_are_empyricals() {
    let sessions: Vec<(Value, Figures)> = (1..=25).map(session).collect();
    let asked: Vec<Value> = sessions
        .iter()
        .map(|(request, _)| request.clone())
        .collect();
    let answers = ask(&asked);
    assert_eq!(answers.len(), sessions.len());
    let mut fell = 0;
    for (number, ((_, figures), answer)) in sessions.iter().zip(&answers).enumerate() {
        let close = |name: &str, found: f64, absolute: f64| {
            let expected = answer[name]
                .as_f64()
                .unwrap_or_else(|| panic!("{name}: {answer}"));
            let allowed = RELATIVE * expected.abs().max(1e-3) + absolute;
            assert!(
                (found - expected).abs() <= allowed,
                "session {number}: {name} is {found}, by empyrical {expected}"
            );
        };
        close("sharpe", figures.sharpe.unwrap(), 0.0);
        close("sortino", figures.sortino.unwrap(), 0.0);
        let percent = |value: Decimal| value.to_f64().unwrap();
        close("max_drawdown_pct", percent(figures.max_drawdown_pct), SHOWN);
        close("return_pct", percent(figures.return_pct), SHOWN);
        close(
            "buy_and_hold_pct",
            percent(figures.buy_and_hold_pct.unwrap()),
            SHOWN,
        );
        // Computed from the percentage that is shown.
        let calmar = figures.calmar.unwrap();
        close(
            "calmar",
            calmar,
            calmar.abs() * SHOWN / percent(figures.max_drawdown_pct),
        );
        fell += u32::from(figures.return_pct.is_sign_negative());
    }
    assert!((3..=22).contains(&fell), "{fell} sessions of 25 lost");
}
