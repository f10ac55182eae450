//! What is to be run: checked, complete, and as the queue keeps it.

use std::collections::BTreeMap;

use backtest::{Axis, Grid, Strategy, Terms};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strategy_engine::Timeframe;
use uuid::Uuid;

use crate::source::Kind;

/// Where the market's past comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Data {
    /// The trades in the log, as far back as it goes.
    #[default]
    Trades,
    /// market-data's candles.
    Candles,
}

/// A backtest as the queue keeps it: whatever happens to the strategy later, it stays the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) strategy_id: Option<Uuid>,
    pub(super) version: Option<i32>,
    pub(super) kind: String,
    pub(super) source: Value,
    pub(super) symbol: String,
    pub(super) data: Data,
    /// Length of the candles, as market-data calls it.
    pub(super) interval: Option<String>,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
    pub(super) timeframe: Timeframe,
    #[serde(with = "rust_decimal::serde::str")]
    pub(super) initial_balance: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    pub(super) fee_rate: Decimal,
    /// Each parameter with its values, in the order in which they are combined.
    pub(super) parameters: Vec<(String, Vec<String>)>,
}

impl Job {
    pub(super) fn strategy(&self) -> Strategy {
        match (self.kind.parse(), &self.source) {
            (Ok(Kind::Script), Value::String(text)) => Strategy::Script(text.clone()),
            _ => Strategy::Graph(self.source.clone()),
        }
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            timeframe: self.timeframe,
            initial_balance: self.initial_balance,
            fee_rate: self.fee_rate,
        }
    }

    /// Every combination of the parameters; none if there are more than any grid may have.
    pub(super) fn combinations(&self) -> Vec<BTreeMap<String, String>> {
        let axes = self.parameters.iter().map(|(name, values)| Axis {
            name: name.clone(),
            values: values.clone(),
        });
        Grid::new(axes.collect())
            .map(|grid| grid.combinations())
            .unwrap_or_default()
    }

    pub(super) fn is_within(&self, time: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}
