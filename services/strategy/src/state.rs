//! What the handlers share.

use std::sync::Arc;

use kafka_common::past::Past;
use sqlx::PgPool;

use crate::backtests::Backtests;
use crate::compilations::Compiler;
use crate::deployments::Deployments;
use crate::market_data::MarketData;
use crate::values::Values;

#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) backtests: Backtests,
    pub(crate) database: PgPool,
    pub(crate) compiler: Compiler,
    pub(crate) deployments: Deployments,
    pub(crate) market_data: MarketData,
    /// Of the ticks.
    pub(crate) past: Arc<dyn Past>,
    pub(crate) values: Values,
}
