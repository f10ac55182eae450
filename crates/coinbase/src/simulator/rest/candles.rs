//! `GET /products/{id}/candles`

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDateTime};
use rust_decimal::Decimal;

use super::{Parameters, Refusal, find, number};
use crate::simulator::server::Shared;
use crate::trade::Trade;

/// The lengths of a candle that Coinbase knows, in seconds.
const GRANULARITIES: [i64; 6] = [60, 300, 900, 3_600, 21_600, 86_400];

/// How many candles one answer has at most.
const ROWS: i64 = 300;

struct Candle {
    low: Decimal,
    high: Decimal,
    open: Decimal,
    close: Decimal,
    volume: Decimal,
}

impl Candle {
    fn of(trade: &Trade) -> Self {
        Self {
            low: trade.price,
            high: trade.price,
            open: trade.price,
            close: trade.price,
            volume: trade.size,
        }
    }

    fn add(&mut self, trade: &Trade) {
        self.low = self.low.min(trade.price);
        self.high = self.high.max(trade.price);
        self.close = trade.price;
        self.volume += trade.size;
    }

    /// `[time, low, high, open, close, volume]`, in exact numbers.
    fn row(&self, time: i64) -> String {
        let Self {
            low,
            high,
            open,
            close,
            volume,
        } = self;
        format!("[{time},{low},{high},{open},{close},{volume}]")
    }
}

/// The candles that begin from `start` to `end`, the newest first; a minute without a trade has no
/// row. Without the two: the newest 300 minutes (or whatever the granularity is).
pub(super) async fn candles(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response {
    match rows(&shared, &id, &parameters) {
        Ok(rows) => {
            let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
            (json, format!("[{}]", rows.join(","))).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn rows(shared: &Shared, id: &str, parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let product = find(shared, id)?.id;
    let granularity = number(parameters, "granularity")?.unwrap_or(60);
    let granularity = i64::try_from(granularity).unwrap_or_default();
    if !GRANULARITIES.contains(&granularity) {
        return Err(Refusal::bad("Unsupported granularity"));
    }
    let range = match (moment(parameters, "start")?, moment(parameters, "end")?) {
        (Some(start), Some(end)) if start > end => {
            return Err(Refusal::bad("start must be before end"));
        }
        (Some(start), Some(end)) => Some((start, end)),
        (None, None) => None,
        _ => return Err(Refusal::bad("start and end must be given together")),
    };
    if range.is_some_and(|(start, end)| (end - start) / granularity > ROWS) {
        return Err(Refusal::bad(
            "granularity too small for the requested time range. Count of aggregations requested \
             exceeds 300",
        ));
    }
    let mut candles: BTreeMap<i64, Candle> = BTreeMap::new();
    shared.hub.history.each(product, |trade| {
        let time = trade.time.timestamp().div_euclid(granularity) * granularity;
        if range.is_some_and(|(start, end)| !(start..=end).contains(&time)) {
            return;
        }
        candles
            .entry(time)
            .and_modify(|candle| candle.add(trade))
            .or_insert_with(|| Candle::of(trade));
    });
    let newest_first = candles
        .iter()
        .rev()
        .take(usize::try_from(ROWS).unwrap_or_default());
    Ok(newest_first
        .map(|(time, candle)| candle.row(*time))
        .collect())
}

/// Seconds since 1970, or ISO 8601 with or without a zone.
fn moment(parameters: &Parameters, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = parameters.get(name) else {
        return Ok(None);
    };
    let seconds = text.parse().ok();
    let zoned = || Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp());
    let plain = || {
        let plain = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        Some(plain.and_utc().timestamp())
    };
    match seconds.or_else(zoned).or_else(plain) {
        Some(moment) => Ok(Some(moment)),
        None => Err(Refusal::bad(format!("Invalid {name}"))),
    }
}
