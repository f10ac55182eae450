//! `GET /products/{id}/trades`

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::SecondsFormat;
use serde::Serialize;

use super::{Parameters, Refusal, find, number};
use crate::simulator::history::Page;
use crate::simulator::server::Shared;
use crate::trade::{Side, Trade};

/// The longest page, and the page of who doesn't say.
const PAGE: u64 = 1_000;

/// One row. Prices and sizes are padded to eight digits, as Coinbase's documentation shows them.
#[derive(Serialize)]
struct Row {
    trade_id: u64,
    /// The maker's.
    side: &'static str,
    size: String,
    price: String,
    time: String,
}

impl From<&Trade> for Row {
    fn from(trade: &Trade) -> Self {
        Self {
            trade_id: trade.trade_id,
            side: trade.side.map_or("", |side: Side| side.opposite().as_str()),
            size: format!("{:.8}", trade.size),
            price: format!("{:.8}", trade.price),
            time: trade.time.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }
}

/// `after` pages toward older trades, `before` shows only newer ones; the newest first. The cursors
/// name the first and the last trade of the page.
pub(super) async fn trades(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response {
    match page(&shared, &id, &parameters) {
        Ok(trades) => answer(&trades),
        Err(refusal) => refusal.into_response(),
    }
}

fn page(shared: &Shared, id: &str, parameters: &Parameters) -> Result<Vec<Trade>, Refusal> {
    let product = find(shared, id)?.id;
    let limit = number(parameters, "limit")?.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(Refusal::bad(format!("limit must be from 1 to {PAGE}")));
    }
    let page = Page {
        after: number(parameters, "after")?,
        before: number(parameters, "before")?,
        limit: usize::try_from(limit).unwrap_or_default(),
    };
    Ok(shared.hub.history.page(product, page))
}

fn answer(trades: &[Trade]) -> Response {
    let mut cursors = HeaderMap::new();
    if let (Some(newest), Some(oldest)) = (trades.first(), trades.last()) {
        cursors.insert("cb-before", newest.trade_id.into());
        cursors.insert("cb-after", oldest.trade_id.into());
    }
    let rows: Vec<Row> = trades.iter().map(Row::from).collect();
    (cursors, axum::Json(rows)).into_response()
}
