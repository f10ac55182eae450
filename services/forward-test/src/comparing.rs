//! Sessions beside each other.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_kit::{Identity, Problem};
use uuid::Uuid;

use crate::answers::SessionAnswer;
use crate::repository;
use crate::sessions::find;
use crate::state::AppState;

/// Sessions in one comparison.
const MAX_SESSIONS: usize = 10;
/// Points of each curve, about.
const POINTS: i64 = 500;

/// What to compare.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub(crate) struct CompareQuery {
    /// 2 to 10 ids of sessions, with commas between.
    ids: String,
}

/// A point of a curve.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CurvePoint {
    timestamp: DateTime<Utc>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    equity: Decimal,
    /// Since the session's start, in percent of its initial balance.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    return_pct: Decimal,
}

/// A session in a comparison.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ComparedAnswer {
    session: SessionAnswer,
    /// Its figures, as `/v1/sessions/{id}/metrics` shows them; null before its first output.
    #[schema(value_type = Option<crate::figures::FiguresAnswer>)]
    metrics: Option<Box<RawValue>>,
    /// Its equity, thinned out: about 500 points, the first and the last among them.
    curve: Vec<CurvePoint>,
}

/// Sessions beside each other.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ComparisonAnswer {
    /// In the order that was asked for.
    items: Vec<ComparedAnswer>,
}

fn ids(text: &str) -> Result<Vec<Uuid>, Problem> {
    let wrong = |detail: String| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_ids", detail)
            .field("ids")
            .hint(format!(
                "give 2 to {MAX_SESSIONS} different ids of sessions, with commas between"
            ))
    };
    let mut ids: Vec<Uuid> = Vec::new();
    for part in text.split(',') {
        let id = part.trim().parse();
        let id = id.map_err(|_| wrong(format!("`{part}` is not an id")))?;
        if ids.contains(&id) {
            return Err(wrong(format!("{id} is given twice")));
        }
        ids.push(id);
    }
    match (2..=MAX_SESSIONS).contains(&ids.len()) {
        true => Ok(ids),
        false => Err(wrong(format!(
            "{} is not a number of sessions to compare",
            ids.len()
        ))),
    }
}

/// Sessions beside each other: their figures, and their curves from the same start.
#[utoipa::path(get, path = "/v1/sessions/compare", tag = "sessions", params(CompareQuery),
    responses((status = 200, body = ComparisonAnswer), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn compare(
    State(state): State<AppState>,
    identity: Identity,
    Query(query): Query<CompareQuery>,
) -> Result<Json<ComparisonAnswer>, Problem> {
    let mut items = Vec::new();
    for id in ids(&query.ids)? {
        let session = find(&state, &identity.user_id, id).await?;
        let initial = session.initial_balance;
        let text = repository::metrics(&state.database, id).await?;
        let metrics = text.map(RawValue::from_string).transpose();
        let metrics = metrics.map_err(|error| Problem::unavailable("the database", error))?;
        let rows = repository::curve(&state.database, id, POINTS).await?;
        let curve = rows.into_iter().map(|(timestamp, equity)| CurvePoint {
            timestamp,
            equity: equity.normalize(),
            return_pct: return_pct(equity, initial),
        });
        items.push(ComparedAnswer {
            session: session.into(),
            metrics,
            curve: curve.collect(),
        });
    }
    Ok(Json(ComparisonAnswer { items }))
}

/// To 8 decimals, as everywhere.
fn return_pct(equity: Decimal, initial: Decimal) -> Decimal {
    let gain = equity.checked_sub(initial);
    let percent = gain.and_then(|gain| gain.checked_mul(Decimal::ONE_HUNDRED));
    let percent = percent.and_then(|percent| percent.checked_div(initial));
    percent.unwrap_or_default().round_dp(8).normalize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_are_different_ones_and_not_too_many() {
        let list = |count: u128| {
            let ids: Vec<String> = (0..count).map(|n| Uuid::from_u128(n).to_string()).collect();
            ids.join(",")
        };
        assert_eq!(ids(&list(2)).unwrap().len(), 2);
        assert_eq!(ids(&list(10)).unwrap().len(), 10);
        let (one, many) = (list(1), list(11));
        let twice = format!("{one}, {one}");
        for wrong in ["", "x,y", one.as_str(), many.as_str(), twice.as_str()] {
            let problem = ids(wrong).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("ids"), "{wrong}");
        }
    }

    #[test]
    fn a_return_is_in_percent_of_the_balance() {
        let of = |equity: i64| return_pct(Decimal::from(equity), Decimal::from(300));
        assert_eq!(of(301).to_string(), "0.33333333");
        assert_eq!(of(150).to_string(), "-50");
    }
}
