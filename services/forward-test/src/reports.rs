//! A session's figures, and its trades as a file.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use kafka_common::messages::TradeExecution;
use paper_exchange::Account;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_kit::{Identity, Problem};
use uuid::Uuid;

use crate::sessions::find;
use crate::state::AppState;
use crate::{figures, repository, terms};

/// Trades in one file; the newest of more.
const MAX_EXPORT: i64 = 50_000;

/// A UTC day of a session.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(crate) struct DayAnswer {
    day: NaiveDate,
    /// At the end of the day.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    equity: Decimal,
    /// Since the end of the day before.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    return_pct: Decimal,
}

/// A session in figures.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MetricsAnswer {
    #[serde(flatten)]
    #[schema(value_type = crate::figures::FiguresAnswer)]
    session: std::collections::BTreeMap<String, Box<RawValue>>,
    /// The days, oldest first; at most the newest 366.
    days: Vec<DayAnswer>,
}

/// A session's figures, as of its latest output.
#[utoipa::path(get, path = "/v1/sessions/{id}/metrics", tag = "sessions",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = MetricsAnswer), (status = 404, body = Problem)))]
pub(crate) async fn metrics(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<Json<MetricsAnswer>, Problem> {
    let session = find(&state, &identity.user_id, id).await?;
    let text = match repository::metrics(&state.database, id).await? {
        Some(text) => Some(text),
        // It hasn't said anything yet: the figures of one that has just begun.
        None => terms::of_record(
            session.initial_balance,
            session.fee_rate,
            session.terms.map(|terms| terms.0),
        )
        .ok()
        .and_then(|terms| figures::json(Account::new(terms).figures())),
    };
    let unreadable = |error| Problem::unavailable("the database", error);
    let session = serde_json::from_str(text.as_deref().unwrap_or("{}")).map_err(unreadable)?;
    let days = repository::days(&state.database, id).await?;
    Ok(Json(MetricsAnswer { session, days }))
}

/// The form of the file.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(crate) struct ExportQuery {
    /// `csv` (where it is missing) or `json`.
    format: Option<String>,
}

/// A session's trades as a file, oldest first: the newest 50,000.
#[utoipa::path(get, path = "/v1/sessions/{id}/trades/export", tag = "sessions",
    params(("id" = Uuid, Path), ExportQuery),
    responses((status = 200, body = String), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn export(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    find(&state, &identity.user_id, id).await?;
    let mut rows = repository::executions(&state.database, id, i64::MAX, MAX_EXPORT).await?;
    rows.reverse();
    let (kind, extension, text) = match query.format.as_deref().unwrap_or("csv") {
        "csv" => ("text/csv; charset=utf-8", "csv", csv(&rows)?),
        "json" => {
            let texts: Vec<&str> = rows.iter().map(|(_, data)| data.as_str()).collect();
            (
                "application/json",
                "json",
                format!("[{}]", texts.join(",\n")),
            )
        }
        other => {
            let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            let detail = format!("`{other}` is not a format");
            return Err(Problem::new(status, "invalid_format", detail)
                .field("format")
                .hint("use csv or json"));
        }
    };
    let name = format!("attachment; filename=\"trades-{id}.{extension}\"");
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

const COLUMNS: &str = "sequence,time,trade_id,order_id,order_type,leg,action,status,quantity,price,\
                       fee,slippage,realized_pnl,cash,position,liquidity,reason";

fn csv(rows: &[(i64, String)]) -> Result<String, Problem> {
    let mut text = format!("{COLUMNS}\r\n");
    for (sequence, data) in rows {
        let trade: TradeExecution = serde_json::from_str(data)
            .map_err(|error| Problem::unavailable("the database", error))?;
        let number = |value: Option<Decimal>| value.unwrap_or_default().normalize().to_string();
        let order = trade.order.as_deref();
        let fields = [
            sequence.to_string(),
            trade.timestamp.to_rfc3339(),
            trade.trade_id.to_string(),
            order
                .map(|order| order.order_id.to_string())
                .unwrap_or_default(),
            order
                .map(|order| order.order_type.clone())
                .unwrap_or_default(),
            order.map(|order| order.leg.clone()).unwrap_or_default(),
            trade.action.as_str().to_owned(),
            trade.status.as_str().to_owned(),
            trade.quantity.normalize().to_string(),
            trade.price.normalize().to_string(),
            number(trade.fee),
            number(trade.slippage),
            number(trade.realized_pnl),
            number(trade.cash),
            number(trade.position),
            order
                .and_then(|order| order.liquidity.clone())
                .unwrap_or_default(),
            cell(trade.reason.as_deref().unwrap_or_default()),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    Ok(text)
}

/// Free text as a cell: quoted, and never a formula to a spreadsheet.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_cannot_break_out_of_its_cell() {
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
    }
}
