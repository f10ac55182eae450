//! A session's trades as a file.

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kafka_common::messages::{ExecutedOrder, TradeExecution};
use rust_decimal::Decimal;
use serde::Deserialize;
use service_kit::{Identity, Problem};
use uuid::Uuid;

use crate::parquet::{self, Column, TooWide, Values};
use crate::repository;
use crate::sessions::find;
use crate::state::AppState;

/// Trades in one file; the newest of more.
const MAX_EXPORT: i64 = 50_000;

/// The form of the file.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(crate) struct ExportQuery {
    /// `csv` (where it is missing), `json` or `parquet`.
    format: Option<String>,
}

/// A session's trades as a file, oldest first: the newest 50,000.
#[utoipa::path(get, path = "/v1/sessions/{id}/trades/export", tag = "sessions",
    params(("id" = Uuid, Path), ExportQuery),
    responses((status = 200, content(
            (String = "text/csv"), (String = "application/json"),
            (String = "application/vnd.apache.parquet"))),
        (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn export(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    find(&state, &identity.user_id, id).await?;
    let form = query.format.as_deref().unwrap_or("csv");
    let kind = match form {
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        "parquet" => "application/vnd.apache.parquet",
        other => {
            let detail = format!("`{other}` is not a format");
            return Err(refused("invalid_format", detail).hint("use csv, json or parquet"));
        }
    };
    let mut rows = repository::executions(&state.database, id, i64::MAX, MAX_EXPORT).await?;
    rows.reverse();
    let bytes = match form {
        "json" => {
            let texts: Vec<&str> = rows.iter().map(|(_, data)| data.as_str()).collect();
            format!("[{}]", texts.join(",\n")).into_bytes()
        }
        "parquet" => parquet::write(&columns(&read(&rows)?)).map_err(|TooWide(column)| {
            let detail = format!("the numbers of `{column}` don't fit into one decimal column");
            refused("too_wide", detail).hint("use csv or json, which keep every digit")
        })?,
        _ => csv(&read(&rows)?).into_bytes(),
    };
    let name = format!("attachment; filename=\"trades-{id}.{form}\"");
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, bytes).into_response())
}

fn refused(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).field("format")
}

fn read(rows: &[(i64, String)]) -> Result<Vec<TradeExecution>, Problem> {
    let read = rows.iter().map(|(_, data)| serde_json::from_str(data));
    read.collect::<Result<_, _>>()
        .map_err(|error| Problem::unavailable("the database", error))
}

const COLUMNS: &str = "sequence,time,trade_id,order_id,order_type,leg,action,status,quantity,price,\
                       fee,slippage,realized_pnl,cash,position,liquidity,reason";

fn csv(trades: &[TradeExecution]) -> String {
    let mut text = format!("{COLUMNS}\r\n");
    for trade in trades {
        let number = |value: Option<Decimal>| value.unwrap_or_default().normalize().to_string();
        let of_order = |part: fn(&ExecutedOrder) -> String| {
            trade.order.as_deref().map(part).unwrap_or_default()
        };
        let fields = [
            trade.sequence.unwrap_or_default().to_string(),
            trade.timestamp.to_rfc3339(),
            trade.trade_id.to_string(),
            of_order(|order| order.order_id.to_string()),
            of_order(|order| order.order_type.clone()),
            of_order(|order| order.leg.clone()),
            trade.action.as_str().to_owned(),
            trade.status.as_str().to_owned(),
            trade.quantity.normalize().to_string(),
            trade.price.normalize().to_string(),
            number(trade.fee),
            number(trade.slippage),
            number(trade.realized_pnl),
            number(trade.cash),
            number(trade.position),
            of_order(|order| order.liquidity.clone().unwrap_or_default()),
            cell(trade.reason.as_deref().unwrap_or_default()),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

/// Free text as a cell: quoted, and never a formula to a spreadsheet.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// The same columns as in CSV, with types; what a trade doesn't have is null.
fn columns(trades: &[TradeExecution]) -> Vec<Column> {
    let text = |part: fn(&TradeExecution) -> Option<String>| {
        Values::Text(trades.iter().map(part).collect())
    };
    let of_order = |part: fn(&ExecutedOrder) -> Option<String>| {
        let parts = trades.iter().map(|trade| part(trade.order.as_deref()?));
        Values::Text(parts.collect())
    };
    let number = |part: fn(&TradeExecution) -> Option<Decimal>| {
        Values::Decimal(trades.iter().map(part).collect())
    };
    let sequence = |trade: &TradeExecution| {
        let sequence = trade.sequence.unwrap_or_default();
        i64::try_from(sequence).unwrap_or(i64::MAX)
    };
    let times = trades
        .iter()
        .map(|trade| trade.timestamp.timestamp_micros());
    let values = [
        Values::Long(trades.iter().map(sequence).collect()),
        Values::Time(times.collect()),
        text(|trade| Some(trade.trade_id.to_string())),
        of_order(|order| Some(order.order_id.to_string())),
        of_order(|order| Some(order.order_type.clone())),
        of_order(|order| Some(order.leg.clone())),
        text(|trade| Some(trade.action.as_str().to_owned())),
        text(|trade| Some(trade.status.as_str().to_owned())),
        number(|trade| Some(trade.quantity)),
        number(|trade| Some(trade.price)),
        number(|trade| trade.fee),
        number(|trade| trade.slippage),
        number(|trade| trade.realized_pnl),
        number(|trade| trade.cash),
        number(|trade| trade.position),
        of_order(|order| order.liquidity.clone()),
        text(|trade| trade.reason.clone()),
    ];
    let named = COLUMNS.split(',').zip(values);
    named
        .map(|(name, values)| Column { name, values })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn free_text_cannot_break_out_of_its_cell() {
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
    }

    fn trades(count: u64) -> Vec<TradeExecution> {
        let trade = |number: u64| -> TradeExecution {
            let order = json!({"order_id": Uuid::from_u128(number.into()), "order_type": "market",
                "leg": "entry", "liquidity": "taker", "remaining": 0});
            let mut trade = json!({
                "trade_id": Uuid::from_u128(number.into()), "session_id": Uuid::nil(),
                "symbol": "BTCUSD", "action": "BUY", "quantity": 0.5, "price": 87786.04,
                "status": "FILLED", "timestamp": "2026-01-05T00:00:00.123456Z",
                "fee": 0.1234567890123, "cash": -1.5, "sequence": number, "reason": "ä \"quoted\", text",
            });
            if !number.is_multiple_of(3) {
                trade["order"] = order;
                trade["position"] = json!(number);
            }
            serde_json::from_str(&trade.to_string()).unwrap()
        };
        (1..=count).map(trade).collect()
    }

    /// The Python that has pyarrow; installed the first time.
    fn python() -> PathBuf {
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
            || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"),
            PathBuf::from,
        );
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let installed = Command::new(workspace.join("scripts/install-test-tools.sh"))
            .arg("parquet")
            .status();
        assert!(
            installed.unwrap().success(),
            "scripts/install-test-tools.sh could not install pyarrow, see above"
        );
        cache.join("algotrade/parquet-venv/bin/python")
    }

    /// The rows of a file as Apache's own reader has them, each number with its digits.
    fn as_arrow_reads(file: &[u8]) -> Vec<Value> {
        let script = "import json, sys, pyarrow as pa, pyarrow.parquet as pq\n\
            table = pq.read_table(pa.BufferReader(sys.stdin.buffer.read()))\n\
            types = {field.name: str(field.type) for field in table.schema}\n\
            print(json.dumps([types] + table.to_pylist(), default=str))";
        let mut child = Command::new(python())
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(file).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "see above");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[test]
    fn apaches_reader_finds_every_digit_of_a_parquet_file() {
        for count in [0, 1, 1_000] {
            let trades = trades(count);
            let rows = as_arrow_reads(&parquet::write(&columns(&trades)).unwrap());
            assert_eq!(rows.len() as u64, count + 1);
            let types = &rows[0];
            assert_eq!(types["sequence"], "int64");
            assert_eq!(types["time"], "timestamp[us, tz=UTC]");
            assert_eq!(types["reason"], "string");
            if count > 0 {
                assert_eq!(types["price"], "decimal128(38, 2)");
                assert_eq!(types["fee"], "decimal128(38, 13)");
            }
            for (row, trade) in rows[1..].iter().zip(&trades) {
                assert_eq!(row["sequence"].as_u64(), trade.sequence);
                assert_eq!(row["time"], "2026-01-05 00:00:00.123456+00:00");
                assert_eq!(row["price"], "87786.04");
                assert_eq!(row["fee"], "0.1234567890123");
                assert_eq!(row["cash"], "-1.5");
                assert_eq!(row["slippage"], Value::Null);
                assert_eq!(row["reason"], "ä \"quoted\", text");
                let position = trade.position.map_or(Value::Null, |p| json!(p.to_string()));
                assert_eq!(row["position"], position);
                let order = trade.order.as_deref();
                let liquidity = order.and_then(|order| order.liquidity.clone());
                assert_eq!(row["liquidity"], json!(liquidity));
            }
        }
    }
}
