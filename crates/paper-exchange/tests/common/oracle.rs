//! The second implementation in Python, and how it is talked to.

use std::path::PathBuf;
use std::process::Command;

use chrono::{DateTime, SecondsFormat, Utc};
use paper_exchange::{Account, EquityPoint, LedgerHasher, Output};
use serde_json::{Value, json};

use super::{Event, executions};

/// Runs the oracle on a file with `input` and returns its lines.
pub fn oracle(name: &str, input: &str, arguments: &[&str]) -> Vec<Value> {
    let script =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/sma_crossover.py");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, input).unwrap();
    let mut command = Command::new("python3");
    command.arg("-B").arg(script).args(arguments).arg(&file);
    let output = command.output().expect("the oracle needs python3");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// An event as a line of the oracle's order file.
pub fn event_line(event: &Event) -> Value {
    match event {
        Event::Trade(trade) => json!({"trade": {
            "price": trade.price.to_string(),
            "volume": trade.volume.to_string(),
            "time": time_text(trade.time),
        }}),
        Event::Order(order) => json!({"order": {
            "action": order.action.as_str(),
            "quantity": order.quantity.to_string(),
            "quantity_type": order.quantity_type.as_str(),
            "reason": order.reason,
            "time": time_text(order.time),
            "id": order.signal_id.to_string(),
        }}),
        Event::Stop(time) => json!({"stop": time_text(*time)}),
        Event::Fail(time) => json!({"fail": time_text(*time)}),
    }
}

/// An output as the oracle prints it.
pub fn output_line(output: &Output) -> Value {
    let point = |kind, point: &EquityPoint| {
        json!({
            "kind": kind, "sequence": point.sequence, "timestamp": time_text(point.time),
            "price": point.price.to_string(), "cash": point.cash.to_string(),
            "position": point.position.to_string(), "equity": point.equity.to_string(),
        })
    };
    let marker = |kind, time| json!({"kind": kind, "sequence": output.sequence(), "timestamp": time_text(time)});
    match output {
        Output::Started(started) => marker("started", started.time),
        Output::Failed(failed) => marker("failed", failed.time),
        Output::Paused(paused) => marker("paused", paused.time),
        Output::Resumed(resumed) => marker("resumed", resumed.time),
        Output::Risk(hit) => json!({
            "kind": "risk", "sequence": hit.sequence, "timestamp": time_text(hit.time),
            "reason": hit.reason, "halted": hit.halted,
        }),
        Output::Order(e) => json!({
            "kind": "order", "sequence": e.sequence, "timestamp": time_text(e.time),
            "id": e.order_id().to_string(), "status": e.status.as_str(),
            "action": e.action.as_str(), "type": e.kind.as_str(),
            "quantity": e.quantity.map(|q| q.to_string()), "filled": e.filled.to_string(),
            "limit": e.kind.limit().map(|limit| limit.normalize().to_string()),
            "trigger": e.trigger.map(|trigger| trigger.to_string()), "reason": e.reason,
        }),
        Output::Equity(equity) => point("equity", equity),
        Output::Stopped(stopped) => point("stopped", stopped),
        Output::Execution(e) => json!({
            "kind": "execution", "sequence": e.sequence, "timestamp": time_text(e.time),
            "action": e.action.as_str(), "status": e.status.as_str(),
            "quantity": e.quantity.to_string(), "price": e.price.to_string(),
            "fee": e.fee.to_string(), "realized_pnl": e.realized_pnl.to_string(),
            "cash": e.cash.to_string(), "position": e.position.to_string(), "reason": e.reason,
            "order_id": e.order_id().to_string(), "slippage": e.slippage.to_string(),
            "liquidity": e.liquidity.map(|side| side.as_str()),
            "remaining": e.remaining.to_string(),
        }),
    }
}

pub fn summary(account: &Account, outputs: &[Output]) -> Value {
    let mut hasher = LedgerHasher::new();
    executions(outputs)
        .into_iter()
        .for_each(|execution| hasher.push(execution));
    let counts = account.counts();
    json!({
        "kind": "summary",
        "signals": counts.signals.to_string(),
        "fills": counts.fills.to_string(),
        "rejected": counts.rejected.to_string(),
        "final_equity": account.equity().to_string(),
        "ledger_sha256": hasher.finish(),
    })
}
